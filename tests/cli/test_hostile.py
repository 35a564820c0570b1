"""What other programs may leave in a store - names over the limit or not UTF-8, NULL columns,
numbers near 2^63, keys of another type - never crashes a command and never hides what stands beside
it. Every store meets every command."""
import json
import sqlite3

import pytest

from conftest import wait_for

LIMIT = 255
HUGE = 2 ** 63 - 1
BOTH = ["aaa", "zzz"]  # sound queues, in front of and behind the others

# (words, what the exit code may be)
COMMANDS = [
    (("queue", "ls"), {0}),
    (("queue", "show", "aaa"), {0}),
    (("task", "ls", "--all"), {0}),
    (("task", "ls", "--limit", "1"), {0}),
    (("task", "ls", "--queue", "zzz"), {0}),
    *[
        (("task", "ls", "--all", "--state", state), {0})
        for state in (
            "pending",
            "scheduled",
            "active",
            "retry",
            "completed",
            "archived",
            "aggregating",
        )
    ],
    (("task", "ls", "--type", "t*"), {0}),
    (("task", "show", "sound-zzz"), {0}),
    (("task", "show", "hostile"), {0, 1, 3}),
    (("wait", "sound-zzz", "--timeout", "0"), {7}),
    (("wait", "hostile", "--timeout", "0"), {0, 1, 3, 4, 7}),
    (("task", "cancel", "nobody"), {3}),
    (("task", "run", "hostile"), {0, 1, 3, 4}),
    (("task", "edit", "sound-aaa", "other"), {0}),
    (("task", "rm", "hostile"), {0, 1, 3, 4}),
    (("group", "ls"), {0}),
    (("worker", "ls"), {0}),
    (("cron", "ls"), {0}),
    (("stats", "--days", "90", "--hours", "100"), {0}),
    (("ping",), {0}),
    (("doctor",), {0, 1}),
]

DRAWN = [
    ("queue", "ls"),
    ("task", "ls", "--all"),
    ("task", "show", "hostile"),
    ("stats", "--days", "90", "--hours", "100"),
]


def check(gofer, words, codes):
    # What prints a table has much to go wrong in it.
    for form in ((), ("--json",)) if words in DRAWN else (("--json",),):
        done = gofer(*words, *form, code=None)
        assert "Sanitizer" not in done.err and "runtime error" not in done.err, done
        assert done.code in codes, (words, done)
        done.raw.decode()
        if form and done.code == 0 and done.raw.strip():
            json.loads(done.out)


def meet_every_command(gofer, nowhere=()):
    listed = gofer("task", "ls", "--all", "--json").json["items"]
    ids = [t["id"] for t in listed]
    for queue in BOTH:
        assert f"sound-{queue}" in ids and f"later-{queue}" in ids
        assert queue in [q["queue"] for q in gofer.json("queue", "ls")["items"]]
    for words, codes in COMMANDS:
        check(gofer, words, codes)
    for id in nowhere:
        check(gofer, ("task", "rm", id), {3})
    worker = gofer.worker("--queue", "aaa", "--queue", "zzz", "--exec", "t=true", ready=False)
    wait_for(lambda: not {"sound-aaa", "sound-zzz"} & waiting(gofer), "the sound tasks to be done")
    assert worker.stop() == 0, worker.log
    assert "Sanitizer" not in worker.log and "runtime error" not in worker.log, worker.log


def waiting(gofer):
    return {t["id"] for state in ("pending", "active", "retry", "archived")
            for t in gofer("task", "ls", "--all", "--json", "--state", state).json["items"]}


def fill(gofer):
    for queue in BOTH:
        gofer("enqueue", "t", "x", "--queue", queue, "--id", f"sound-{queue}")
        gofer("enqueue", "t", "x", "--queue", queue, "--id", f"later-{queue}", "--in", "5000d")


# ---- Redis

def varint(n):
    n &= 2 ** 64 - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def message(id, queue, type=b"t", **numbers):
    """Asynq's TaskMessage; numbers by their field."""
    out = b""
    for field, data in ((1, type), (2, b"x"), (3, id), (4, queue)):
        out += bytes([field << 3 | 2]) + varint(len(data)) + data
    for field, n in {5: 25, **numbers}.items():
        out += varint(int(field) << 3) + varint(n)
    return out


def add(redis, queue, id, state="pending", msg=None, **fields):
    queue, id = (s.encode() if isinstance(s, str) else s for s in (queue, id))
    base = b"asynq:{" + queue + b"}:"
    redis("SADD", "asynq:queues", queue)
    if state in ("pending", "active"):
        redis("LPUSH", base + state.encode(), id)
    else:
        redis("ZADD", base + state.encode(), fields.pop("score", 1700000000), id)
    redis("HSET", base + b"t:" + id, "msg", msg or message(id, queue), "state", state,
          *[word for pair in fields.items() for word in pair])


def long_names(redis):
    for size in (LIMIT + 1, 300, 320, 321, 1000, 100000):
        add(redis, "q" * size, "hostile")


def odd_names(redis):
    for name in (
        b"m\xff\xfe",
        b"m\x00n",
        b"",
        b"\xf0\x9f",
        b"m\nn",
        b"m{n}o",
        b"m}:t:n",
        b"\xc2\x80",
    ):
        add(redis, name, "hostile")


def long_ids(redis):
    for i, id in enumerate(
        (b"i" * 256, b"i" * 300, b"j" * 1000, b"k\xff", b"k\x00l", b"", b"k\nl", b"i" * 100000)
    ):
        for state in ("pending", "scheduled", "retry", "archived", "completed"):
            add(redis, "mmm", id + state.encode()[:1], state)
    add(redis, "mmm", b"a" * 300, "active")


def long_groups(redis):
    for name in (
        b"g" * 255,
        b"g" * 256,
        b"g" * 290,
        b"g" * 300,
        b"h" * 1000,
        b"\xff",
        b"",
        b"g\x00h",
    ):
        id = b"in-" + name[:20]
        redis("SADD", "asynq:{aaa}:groups", name)
        redis("ZADD", b"asynq:{aaa}:g:" + name, 1700000000, id)
        redis(
            "HSET",
            b"asynq:{aaa}:t:" + id,
            "msg",
            message(id, b"aaa"),
            "state",
            "aggregating",
            "group",
            name,
        )
        set_key = b"asynq:{aaa}:g:" + name + b":01234567-0123-4123-8123-0123456789ab"
        redis("ZADD", "asynq:{aaa}:aggregation_sets", 1700000000, set_key)
        redis("ZADD", set_key, 1700000000, id + b"s")


def long_types(redis):
    for i, type in enumerate((b"y" * 256, b"y" * 70000, b"")):
        add(redis, "mmm", f"type{i}", msg=message(b"type%d" % i, b"mmm", type))
        redis("HSET", f"asynq:{{mmm}}:gofer:stats:{hour()}", b"d " + type, 7, b"w3 " + type, 7)


def hour():
    import time
    return int(time.time()) // 3600


def huge_numbers(redis):
    import time
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for queue in ("aaa", "mmm", "nnn"):
        for name in ("processed", "failed", f"processed:{today}", f"failed:{today}"):
            redis("SET", f"asynq:{{{queue}}}:{name}", HUGE)
        redis("SET", f"asynq:{{{queue}}}:paused", HUGE)
        add(redis, queue, f"huge{queue}", msg=message(f"huge{queue}".encode(), queue.encode(),
            **{"5": HUGE, "6": HUGE, "8": HUGE, "9": HUGE, "11": HUGE, "12": HUGE, "13": HUGE}),
            pending_since=HUGE, **{"gofer:crashes": HUGE, "gofer:progress": f"{HUGE} {HUGE} x",
                                   "gofer:worker": f"{HUGE} w"})
        for state in ("scheduled", "retry", "archived", "completed"):
            for score in ("inf", "-inf", "1e308", str(HUGE), "-1", "0"):
                add(
                    redis,
                    queue,
                    f"{state}{score}",
                    state,
                    score=score,
                    msg=message(
                        f"{state}{score}".encode(), queue.encode(), **{"12": HUGE, "13": HUGE}
                    ),
                )
        for k in range(5):
            redis(
                "HSET",
                f"asynq:{{{queue}}}:gofer:stats:{hour() - k}",
                "d t",
                HUGE,
                "f t",
                HUGE,
                "w3 t",
                HUGE,
                "r9 t",
                HUGE,
            )
    redis("DEL", "asynq:{aaa}:paused")


def wrong_types(redis):
    rests = [
        "pending",
        "active",
        "lease",
        "scheduled",
        "retry",
        "archived",
        "completed",
        "groups",
        "aggregation_sets",
        "paused",
        "processed",
        "failed",
        "t:hostile",
        "g:x",
        "gofer:waits",
        "gofer:line",
        f"gofer:stats:{hour()}",
        "gofer:end:hostile",
        "unique:x",
        "gofer:cron:x",
        "gofer:set:x",
    ]
    for i, rest in enumerate(rests):
        queue = f"m{i}"
        add(redis, queue, "hostile")
        key = f"asynq:{{{queue}}}:{rest}"
        redis("DEL", key)
        redis("XADD", key, "*", "no", "Asynq")
    redis("SADD", "asynq:{mx}:groups", "x")
    redis("SADD", "asynq:queues", "mx")
    redis("SET", "asynq:{mx}:g:x", "no")
    redis("SADD", "asynq:{mall}:x", "no")
    redis("SADD", "asynq:queues", "mall")
    for rest in rests:
        redis("SET", f"asynq:{{mall}}:{rest}", "no")


def strange_workers(redis):
    redis(
        "ZADD",
        "asynq:servers",
        HUGE,
        "asynq:servers:{h:1:x}",
        HUGE,
        b"\xff",
        HUGE,
        "asynq:servers:{" + "w" * 2000 + "}",
    )
    redis("ZADD", "asynq:workers", HUGE, "asynq:workers:{h:1:x}", HUGE, "", HUGE, "k")
    redis("SET", "asynq:servers:{h:1:x}", b"\x0a\xff")
    redis("SET", "asynq:workers:{h:1:x}", "no hash")
    add(redis, "mmm", "hostile", "active")


REDIS = [
    long_names,
    odd_names,
    long_ids,
    long_groups,
    long_types,
    huge_numbers,
    wrong_types,
    strange_workers,
]
TOLD = {
    long_names: "queue-name",
    odd_names: "queue-name",
    long_ids: "name",
    long_groups: "name",
    wrong_types: "key-type",
}


@pytest.mark.parametrize("store", REDIS, ids=lambda f: f.__name__)
def test_hostile_redis(gofer, redis, store):
    fill(gofer)
    store(redis)
    if store in TOLD:
        assert TOLD[store] in {f["code"] for f in gofer("doctor", "--json", code=1).json["items"]}
    meet_every_command(gofer)


@pytest.mark.parametrize("size", [LIMIT + 1, 300, 320, 1000])
def test_nothing_is_deleted_where_the_queue_cannot_be_named(gofer, redis, size):
    fill(gofer)
    add(redis, "q" * size, "one")
    for words in (
        ("task", "show", "one"),
        ("wait", "one", "--timeout", "1s"),
        ("task", "rm", "one"),
    ):
        gofer(*words, code=3)
    assert redis("EXISTS", "asynq:{" + "q" * size + "}:t:one") == 1
    finding = {f["code"]: f for f in gofer("doctor", "--json", code=1).json["items"]}["queue-name"]
    assert finding["count"] == 1 and finding["examples"].startswith("qqq")


@pytest.mark.parametrize(
    "key", ["asynq:queues", "asynq:servers", "asynq:workers", "asynq:schedulers"]
)
def test_a_list_of_names_of_another_type(gofer, redis, key):
    fill(gofer)
    redis("DEL", key)
    redis("SET", key, "no")
    for words, _ in COMMANDS:
        check(gofer, words, {0, 1, 2, 3, 4, 5, 7})


def test_a_name_at_the_limit_is_none_beyond_it(gofer, redis):
    queue, id = "q" * LIMIT, "i" * LIMIT
    gofer("enqueue", "t", "x", "--queue", queue, "--id", id)
    add(redis, queue + "q", id + "i")
    assert gofer("task", "show", id, "--json").json["queue"] == queue
    assert [q["queue"] for q in gofer.json("queue", "ls")["items"]] == [queue]
    gofer("task", "rm", id)
    assert redis("EXISTS", f"asynq:{{{queue}q}}:t:{id}i") == 1


# ---- SQLite


def loosen(db):
    """No table refuses NULL, a text for a number, or anything else any more."""
    db.execute("PRAGMA writable_schema = on")
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), ') STRICT', ')')"
        " WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID%' AND name NOT LIKE 'sqlite%'"
    )
    db.commit()


def tamper(gofer, *statements):
    db = sqlite3.connect(gofer.db)
    loosen(db)
    db.close()
    db = sqlite3.connect(gofer.db)
    for statement in statements:
        db.execute(*([statement] if isinstance(statement, str) else statement))
    db.commit()
    db.close()


def seed(gofer):
    fill(gofer)
    gofer("enqueue", "t", "x", "--queue", "mmm", "--id", "hostile")
    gofer("enqueue", "t", "x", "--queue", "mmm", "--id", "later", "--in", "5000d")
    gofer("enqueue", "t", "x", "--queue", "mmm", "--id", "grouped", "--group", "g")
    gofer("enqueue", "t", "x", "--queue", "nnn", "--retention", "1h")
    gofer.worker("--drain", "--queue", "nnn", "--exec", "t=true", ready=False).wait()


M = "(SELECT qid FROM queue WHERE name = 'mmm')"
HERE = f"seq >> 40 = {M}"
NUMBERS = (
    "size",
    "enqueued_ms",
    "timeout_ms",
    "deadline_ms",
    "retention_ms",
    "max_retry",
    "failed_ms",
    "retried",
    "crashes",
)
COUNTS = (
    "pending",
    "active",
    "scheduled",
    "retry",
    "completed",
    "archived",
    "aggregating",
    "processed",
    "failed",
)


def each(table, columns, value, where="1"):
    return [(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,)) for column in columns]


SQLITE = {
    "a queue without a name": ["UPDATE queue SET name = NULL WHERE name = 'mmm'"],
    "an empty name": ["UPDATE queue SET name = '' WHERE name = 'mmm'"],
    "a name over the limit": [f"UPDATE queue SET name = '{'q' * 256}' WHERE name = 'mmm'"],
    "a very long name": [f"UPDATE queue SET name = '{'q' * 100000}' WHERE name = 'mmm'"],
    "a name that is not UTF-8": [
        "UPDATE queue SET name = CAST(x'6dfffe' AS TEXT) WHERE name = 'mmm'"
    ],
    "a name with a NUL": ["UPDATE queue SET name = CAST(x'6d006d' AS TEXT) WHERE name = 'mmm'"],
    "a name that is a number": ["UPDATE queue SET name = 7 WHERE name = 'mmm'"],
    "ids and types that are NULL": [
        f"UPDATE ready SET id = NULL, type = NULL WHERE {HERE}",
        f"UPDATE later SET id = NULL, type = NULL WHERE {HERE}",
    ],
    "ids and types that are long": (
        [
            f"UPDATE {t} SET id = '{'i' * 1000}' || seq, type = '{'t' * 1000}' WHERE {HERE}"
            for t in ("ready", "later")
        ]
        + [f"UPDATE ids SET id = '{'i' * 1000}' || seq WHERE qid = {M}"]
    ),
    "ids and types that are not UTF-8": (
        [
            f"UPDATE {t} SET id = CAST(x'ff' || id AS TEXT), type = CAST(x'80' AS TEXT),"
            f" error = CAST(x'c3' AS TEXT) WHERE {HERE}"
            for t in ("ready", "later")
        ]
        + [f"UPDATE ids SET id = CAST(x'ff' || id AS TEXT) WHERE qid = {M}"]
    ),
    "huge numbers": (
        each("ready", NUMBERS + ("since_ms",), HUGE, HERE)
        + each("later", NUMBERS + ("sort_ms", "expires_ms"), HUGE, HERE)
    ),
    "numbers far below 0": (
        each("ready", NUMBERS + ("since_ms",), -HUGE - 1, HERE)
        + each("later", NUMBERS + ("expires_ms",), -HUGE - 1, HERE)
    ),
    "numbers that are NULL": (
        each("ready", NUMBERS + ("since_ms", "bid", "xid"), None, HERE)
        + each("later", NUMBERS + ("expires_ms", "bid", "xid", "rbid"), None, HERE)
    ),
    "numbers that are texts": each("ready", NUMBERS + ("since_ms",), "no number", HERE),
    "huge counts": (
        each("queue", COUNTS + ("paused_ms",), HUGE, "name NOT IN ('aaa', 'zzz')")
        + each("day", ("processed", "failed"), HUGE)
    ),
    "huge counts of sound queues": each("queue", COUNTS[2:], HUGE),
    "counts that are NULL": each("queue", COUNTS, None, "name = 'mmm'"),
    "a huge tail": each("queue", ("tail",), HUGE, "name = 'mmm'"),
    "a tail far below 0": each("queue", ("tail",), -HUGE - 1, "name = 'mmm'"),
    "a queue's number out of range": [f"UPDATE queue SET qid = {1 << 23} WHERE name = 'mmm'"],
    "a queue's number at the end": [f"UPDATE queue SET qid = {HUGE} WHERE name = 'mmm'"],
    "a queue's number below 0": ["UPDATE queue SET qid = -5 WHERE name = 'mmm'"],
    "a task's number out of range": [
        f"UPDATE ready SET seq = {HUGE} WHERE {HERE}",
        f"UPDATE ids SET seq = {HUGE} WHERE id = 'hostile'",
    ],
    "figures without names": [
        "CREATE TABLE s2 AS SELECT * FROM stat",
        "DROP TABLE stat",
        "CREATE TABLE stat(queue, type, hour, done, failed, wait, run)",
        "INSERT INTO stat SELECT * FROM s2",
        (
            "INSERT INTO stat VALUES(NULL, NULL, 900000000, 1, 1, x'', x''),"
            "('zzz', NULL, 900000000, 1, 1, NULL, NULL), (NULL, 't', 900000000, NULL, NULL, 1, 1)"
        ),
        "CREATE UNIQUE INDEX s3 ON stat(queue, type, hour)",
    ],
    "huge figures": [
        f"INSERT INTO stat VALUES('zzz', 't', {900000000 + k}, {HUGE}, {HUGE}, x'01ffffffff',"
        " x'ff01')"
        for k in range(40)
    ],
    "a worker of huge numbers": [
        (
            f"INSERT INTO worker VALUES({HUGE // 2}, 'w', 'h', {HUGE}, {HUGE}, 's', {HUGE}, {HUGE},"
            f" 'q', 1, {HUGE}, 'children {HUGE}' || char(10) || 'name ' || char(27) || '[2J')"
        ),
        f"INSERT INTO worker VALUES(77, {', '.join(['NULL'] * 11)})",
        (
            "INSERT INTO active(seq, token, wid, lease_until, started_ms, since_ms, size,"
            " enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry, failed_ms, retried,"
            f" crashes, id, type) SELECT seq, 1, {HUGE}, {HUGE}, {HUGE}, {HUGE}, 1, 1, {HUGE},"
            f" {HUGE}, {HUGE}, 1, 1, 1, {HUGE}, id, type FROM ready WHERE {HERE}"
        ),
        f"DELETE FROM ready WHERE {HERE}",
    ],
    "groups without names": ["UPDATE task_group SET name = NULL, turn = NULL"],
    "a group over the limit": [f"UPDATE task_group SET name = '{'g' * 1000}'"],
    "entries without names": [
        "INSERT INTO entry VALUES(NULL, NULL), ('x', 'no record'), (x'ff', x'ff')"
    ],
    "extras of nobody": [f"UPDATE ready SET xid = {HUGE}, bid = {HUGE} WHERE {HERE}"],
}
TOLD_SQLITE = {
    "an empty name": "queue-name",
    "a name over the limit": "queue-name",
    "a name that is not UTF-8": "queue-name",
    "a queue without a name": "queue-name",
    "a name with a NUL": "queue-name",
    "a huge tail": "tail",
    "ids and types that are long": "name",
    "a queue's number at the end": "queue-number",
    "a group over the limit": "name",
    "huge counts": "counts",
}


@pytest.mark.parametrize("store", SQLITE)
def test_hostile_file(gofer, store):
    seed(gofer)
    tamper(gofer, *SQLITE[store])
    if store in TOLD_SQLITE:
        assert TOLD_SQLITE[store] in {
            f["code"] for f in gofer("doctor", "--json", code=1).json["items"]
        }
    meet_every_command(gofer)
