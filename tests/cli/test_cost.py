"""What a look costs Redis: commands are counted by the server, so that a command that asks every
queue for everything is seen whatever the machine's speed."""
import os
import resource

import pytest

QUEUES = 200
FEW = 5
FILL = r"""
for i = 0, ARGV[1] - 1 do
    local queue, id = string.format('q%03d', i), string.format('t%03d', i)
    local key = 'asynq:{' .. queue .. '}:'
    redis.call('SADD', 'asynq:queues', queue)
    redis.call('LPUSH', key .. 'pending', id)
    redis.call('HSET', key .. 't:' .. id, 'state', 'pending',
        'msg', '\010\001t\026\004' .. id .. '\034\004' .. queue)
    if ARGV[2] then
        redis.call('ZADD', key .. 'archived', 2000000000, 'a' .. id)
        redis.call('HSET', key .. 't:a' .. id, 'state', 'archived',
            'msg', '\010\001t\026\005a' .. id .. '\034\004' .. queue)
    end
end
"""


@pytest.fixture
def redis(redis):
    """The store with a task in each of its queues."""
    redis("EVAL", FILL, 0, QUEUES)
    return redis


def cost(redis, gofer, *words, code=0):
    redis("CONFIG", "RESETSTAT")
    result = gofer(*words, code=code)
    stats = redis("INFO", "commandstats").decode()
    return result, sum(
        int(line.split("calls=")[1].split(",")[0])
        for line in stats.split()
        if line.startswith("cmdstat_")
    )


@pytest.mark.parametrize("words, code, most", [
    (("task", "show", "t150"), 0, 50),
    (("wait", "t150", "--timeout", "0"), 7, 50),
    (("task", "ls", "--id", "t150"), 0, 50),
    (("task", "ls", "--limit", "1"), 0, 120),
    (("task", "ls", "--queue", "q150"), 0, 120),
    (("task", "archive", "nobody"), 3, 20),
    (("queue", "ls"), 0, 15 * QUEUES),
    (("stats",), 0, 20 * QUEUES),
])
def test_commands_of_a_look(gofer, redis, words, code, most):
    result, commands = cost(redis, gofer, *words, code=code)
    assert commands <= most, (commands, result)


ONE_TASK = """
    task show t003
    task ls --id t003
    task run at003
    task archive t003
    task rm t003
    task cancel t003
    task reschedule t003 --in 1h
"""
ONE_QUEUE = """
    task show t003 --queue q003
    task run at003 --queue q003
    task ls --queue q003
    task ls --queue q003 --type t
    task run --all --yes --state archived --queue q003
    task archive --all --yes --state pending --queue q003
    stats --queue q003
    group ls --queue q003
    queue show q003
    queue pause q003
    queue unpause q003
    enqueue t
    enqueue t --queue q003
    enqueue t --queue new
    cron add name @daily t
    cron ls
    worker ls
    audit
    ping
"""


def lines(text):
    return [line.strip() for line in text.strip().splitlines()]


def grows(gofer, redis, words):
    """By how many commands it costs more with many queues than with few."""
    counts = []
    for queues in (FEW, QUEUES):
        redis("FLUSHALL")
        redis("EVAL", FILL, 0, queues, 1)
        counts.append(cost(redis, gofer, *words.split())[1])
    return counts[1] - counts[0]


@pytest.mark.parametrize("words", lines(ONE_TASK))
def test_a_task_is_found_among_many_queues(gofer, redis, words):
    """Its queue is found by halves: a few commands more for forty times the queues."""
    assert grows(gofer, redis, words) <= 8


@pytest.mark.parametrize("words", lines(ONE_QUEUE))
def test_who_needs_one_queue_asks_for_no_other(gofer, redis, words):
    assert abs(grows(gofer, redis, words)) <= 2


def test_an_id_in_several_queues_and_in_thousands(gofer, redis):
    redis("FLUSHALL")
    redis("EVAL", FILL, 0, 3000)
    for queue, state in (("q000", "retry"), ("q1500", "archived"), ("q2999", "completed")):
        redis("HSET", f"asynq:{{{queue}}}:t:twin", "state", state,
              "msg", b"\012\001t\032\004twin\042" + bytes([len(queue)]) + queue.encode())
        redis("ZADD", f"asynq:{{{queue}}}:{state}", 2000000000, "twin")
        found = gofer("task", "ls", "--id", "twin", "--state", state, "--json").json["items"]
        assert [task["queue"] for task in found] == [queue]
    assert gofer("task", "show", "t2077", "--json").json["queue"] == "q2077"
    gofer("task", "show", "nobody", code=3)


def test_a_long_listing_is_printed_in_pieces(gofer):
    """What it shows is not kept, so its memory does not grow with the tasks."""
    count = 25000
    gofer("enqueue", "t", "--count", str(count), "--quiet")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sanitized = os.environ.get("GOFER_SANITIZED")     # keeps what is freed
    out = gofer("task", "ls", "--all").out.splitlines()
    assert len(out) == count + 1 and out[0].startswith("ID ")
    assert not any(line.startswith("ID ") for line in out[1:])
    assert len({line.index("pending") for line in out[1:]}) == 1
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert sanitized or most <= max(before, 14 * 1024) + 12 * 1024


def test_the_costs_of_one_task_do_not_grow_with_the_listing(gofer, redis):
    listing = gofer("task", "ls", "--all", "--json").json["items"]
    assert [t["id"] for t in listing] == [f"t{i:03}" for i in range(QUEUES)]
    cursor, seen = None, []
    while True:
        page = gofer(
            "task", "ls", "--limit", "7", "--json", *(["--cursor", cursor] if cursor else [])
        ).json
        seen += [t["id"] for t in page["items"]]
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert seen == [t["id"] for t in listing]
