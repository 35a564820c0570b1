"""What a look costs Redis: commands are counted by the server, so that a command that asks every
queue for everything is seen whatever the machine's speed."""
import pytest

QUEUES = 200
FILL = r"""
for i = 0, ARGV[1] - 1 do
    local queue, id = string.format('q%03d', i), string.format('t%03d', i)
    local key = 'asynq:{' .. queue .. '}:'
    redis.call('SADD', 'asynq:queues', queue)
    redis.call('LPUSH', key .. 'pending', id)
    redis.call('HSET', key .. 't:' .. id, 'state', 'pending',
        'msg', '\010\001t\026\004' .. id .. '\034\004' .. queue)
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
    (("task", "show", "t150"), 0, 120),
    (("wait", "t150", "--timeout", "0"), 7, 120),
    (("task", "ls", "--id", "t150"), 0, 120),
    (("task", "ls", "--limit", "1"), 0, 120),
    (("task", "ls", "--queue", "q150"), 0, 120),
    (("task", "archive", "nobody"), 3, 120),
    (("queue", "ls"), 0, 15 * QUEUES),
    (("stats",), 0, 20 * QUEUES),
])
def test_commands_of_a_look(gofer, redis, words, code, most):
    result, commands = cost(redis, gofer, *words, code=code)
    assert commands <= most, (commands, result)


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
