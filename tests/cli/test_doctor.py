"""gofer doctor: every defect, made by hand, is found by its word and mended where that is promised;
a healthy store and a busy one have none."""
import os
import shutil
import sqlite3

import pytest

from conftest import ROOT, Running, Setup, needs_redis
from process import wait_for
from proxy import Proxy


def found(result):
    """code -> finding; notes that depend on the machine are left out."""
    return {
        f["code"]: f
        for f in result.json["items"]
        if f["code"]
        not in ("version-unsure", "version-vulnerable", "sqlite-wal-race", "slow", "disk-full")
    }


def doctor(gofer, *args, env=None):
    return found(gofer("doctor", "--json", *args, code=None, env=env))


def judged(gofer, *args, code=0, env=None):
    """The findings, of a server that may be old: that needs attention whatever else is found."""
    result = gofer("doctor", "--json", *args, code=None, env=env)
    assert result.code == (1 if is_old(result) else code), result
    return found(result)


def is_old(result):
    return any(f["code"] == "version-vulnerable" for f in result.json["items"])


# ---- SQLite


def tamper(gofer, *statements):
    db = sqlite3.connect(gofer.db)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


SQLITE = {
    "id-left": ("INSERT INTO ids SELECT qid, 'gone', (qid << 40) + 9999 FROM queue", True),
    "row-unlisted": ("DELETE FROM ids WHERE id = 'a'", True),
    "counts": ("UPDATE queue SET pending = pending + 7, archived = 2", True),
    "tail": ("UPDATE queue SET tail = 0", True),
    "blob-gone": ("DELETE FROM blob", False),
    "state": ("UPDATE later SET state = 9", False),
    "queue-gone": ("DELETE FROM queue", False),
    "lease-over": (
        (
            "INSERT INTO active(seq, token, wid, lease_until, started_ms, since_ms, size,"
            " enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry, failed_ms, retried,"
            " crashes, id, type) SELECT seq, 1, 77, 5, 0, 0, size, enqueued_ms, timeout_ms,"
            " deadline_ms, retention_ms, max_retry, failed_ms, retried, crashes, id, type FROM"
            " ready WHERE id = 'a'"
        ),
        True,
    ),
}


def fill(gofer):
    gofer("enqueue", "t", "x", "--id", "a")
    gofer("enqueue", "t", "-", "--id", "b", input="y" * 5000)
    gofer("enqueue", "t", "x", "--id", "c", "--in", "1h")


def test_a_healthy_file_has_no_findings(gofer):
    fill(gofer)
    gofer("enqueue", "t", "--count", "3", "--priority", "5")
    result = gofer("doctor", "--json")
    assert found(result) == {}
    assert "all is well" in gofer("doctor").err
    assert gofer("doctor", f"sqlite:{gofer.db}", "-q").out == ""


@pytest.mark.parametrize("code", SQLITE)
def test_defects_of_a_file(gofer, code):
    statement, mendable = SQLITE[code]
    fill(gofer)
    tamper(
        gofer,
        statement,
        *(
            ["DELETE FROM ready WHERE id = 'a'", "UPDATE queue SET pending = 1, active = 1"]
            if code == "lease-over"
            else []
        ),
    )
    result = gofer("doctor", "--json", code=1)
    finding = found(result)[code]
    assert (
        finding["count"] >= 1 and finding["repaired"] == 0 and finding["text"] and finding["advice"]
    )
    assert code in gofer("doctor", code=1).out
    if not mendable:
        assert found(gofer("doctor", "--repair", "--json", code=1))[code]["repaired"] == 0
        return
    finding = found(gofer("doctor", "--repair", "--json"))[code]
    assert finding["repaired"] == finding["count"]
    assert doctor(gofer) == {}
    assert gofer.states()["pending"] == 2 and gofer.states()["scheduled"] == 1
    gofer("enqueue", "t", "more")
    if code != "row-unlisted":
        gofer("task", "show", "a")


def test_payloads_nobody_needs_are_kept(gofer):
    fill(gofer)
    tamper(gofer, "INSERT INTO blob(data) VALUES(x'00')")
    assert found(gofer("doctor", "--repair", "--json"))["blob-orphan"]["repaired"] == 0
    assert "blob-orphan" in doctor(gofer)


def test_a_damaged_file_is_called_so(gofer):
    gofer("enqueue", "t", "--count", "3000")
    data = bytearray(gofer.db.read_bytes())
    for at in range(40 * 4096, min(len(data), 60 * 4096), 4096):
        data[at:at + 200] = b"\xff" * 200
    gofer.db.write_bytes(bytes(data))
    result = gofer("doctor", "--json", code=None)
    assert result.code == 1
    assert "damaged" in result.out + result.err


def test_files_that_others_may_read(gofer):
    fill(gofer)
    os.chmod(gofer.db, 0o604)
    assert "604" in found(gofer("doctor", "--json", code=1))["permissions"]["text"]


def test_a_log_that_grew_is_checkpointed(gofer):
    fill(gofer)
    reader = sqlite3.connect(gofer.db)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM ready").fetchall()
    worker = gofer.worker("--shell", "none=true")  # keeps the log from being removed at the end
    big = "z" * 8_000_000
    for i in range(10):
        gofer("enqueue", "t", "-", input=big)
    assert "wal-large" in found(gofer("doctor", "--json", code=1))
    reader.close()
    assert found(gofer("doctor", "--json", "--repair"))["wal-large"]["repaired"] == 1
    assert doctor(gofer) == {}
    worker.stop()


def test_a_busy_file_has_no_findings(gofer):
    gofer("enqueue", "t", "--count", "2000")
    worker = gofer.worker("--shell", "t=true", "--concurrency", "4")
    for _ in range(5):
        assert found(gofer("doctor", "--json")) == {}
    worker.stop()


def test_doctor_says_what_it_cannot_open(gofer):
    assert gofer("doctor", "redis://127.0.0.1:1", code=5).err
    gofer("doctor", "nonsense://x", code=2)
    gofer("doctor", "a", "b", code=2)


# ---- Redis

@pytest.fixture
def redis(redis):
    for name, value in SETTINGS.items():
        redis("CONFIG", "SET", name, value)
    return redis


SETTINGS = {
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
}
Q = "asynq:{default}:"


def field(redis, id, name):
    return redis("HGET", f"{Q}t:{id}", name)


def take(redis, id, lease):
    redis("LREM", Q + "pending", 0, id)
    redis("LPUSH", Q + "active", id)
    redis("HSET", f"{Q}t:{id}", "state", "active")
    if lease:
        redis("ZADD", Q + "lease", lease, id)


def into_group(redis, id, key):
    redis("LREM", Q + "pending", 0, id)
    redis("HSET", f"{Q}t:{id}", "state", "aggregating", "group", "g")
    redis("ZADD", Q + key, 1700000000, id)


def copy_to_other_queue(redis):
    fields = redis("HGETALL", Q + "t:a")
    redis("HSET", "asynq:{other}:t:a", *fields)
    redis("LPUSH", "asynq:{other}:pending", "a")
    redis("SADD", "asynq:queues", "other")


LANE = 201 * 2**44         # behind all that may be taken
SET = "g:g:01234567-89ab-4def-8123-456789abcdef"

# code: how it is made, whether --repair mends it, what must be so afterwards
REDIS = {
    "ghost": (
        lambda r: r("DEL", Q + "t:a"),
        True,
        lambda r: r("LRANGE", Q + "pending", 0, -1) == [b"b"],
    ),
    "unreadable": (
        lambda r: r("HSET", Q + "t:a", "msg", b"\xff\xff"),
        True,
        lambda r: field(r, "a", "msg") == b"\xff\xff" and r("ZSCORE", Q + "archived", "a"),
    ),
    "state-word": (
        lambda r: r("HSET", Q + "t:a", "state", "PENDING"),
        True,
        lambda r: field(r, "a", "state") == b"pending",
    ),
    "score": (
        lambda r: [
            r("ZADD", Q + "scheduled", "4000000000.5", "s"),
            r("ZADD", Q + "scheduled", 4000000000123, "s2"),
        ],
        True,
        lambda r: [r("ZSCORE", Q + "scheduled", x) for x in ("s", "s2")] == [b"4000000001"] * 2,
    ),
    "twice": (
        lambda r: [r("LPUSH", Q + "pending", "a"), r("ZADD", Q + "retry", 4000000000, "b")],
        True,
        lambda r: sorted(r("LRANGE", Q + "pending", 0, -1)) == [b"a", b"b"]
        and not r("EXISTS", Q + "retry"),
    ),
    "other-queue": (copy_to_other_queue, False, lambda r: True),
    "no-lease": (
        lambda r: take(r, "a", None),
        True,  # recovered, or given a lease until then
        lambda r: r("LLEN", Q + "pending") == 2 or r("ZSCORE", Q + "lease", "a"),
    ),
    "no-active": (
        lambda r: r("ZADD", Q + "lease", 1700000000, "x"),
        True,
        lambda r: not r("EXISTS", Q + "lease"),
    ),
    "lease-over": (
        lambda r: take(r, "a", 1700000000),
        True,
        lambda r: r("LLEN", Q + "pending") == 2,
    ),
    "group-empty": (
        lambda r: r("SADD", Q + "groups", "g"),
        True,
        lambda r: not r("EXISTS", Q + "groups"),
    ),
    "group-unlisted": (
        lambda r: into_group(r, "a", "g:g"),
        True,
        lambda r: r("SMEMBERS", Q + "groups") == [b"g"],
    ),
    "set-stale": (
        lambda r: [into_group(r, "a", SET), r("ZADD", Q + "aggregation_sets", 1700000000, Q + SET)],
        True,
        lambda r: r("ZCARD", Q + "g:g") == 1 and not r("EXISTS", Q + SET),
    ),
    "orphan": (
        lambda r: r("LREM", Q + "pending", 0, "a"),
        True,
        lambda r: r("ZSCORE", Q + "archived", "a"),
    ),
    "lock-left": (
        lambda r: r("SET", Q + "unique:t:0", "gone"),
        True,
        lambda r: not r("EXISTS", Q + "unique:t:0"),
    ),
    "wait-unseen": (
        lambda r: [
            r("LREM", Q + "pending", 0, "b"),
            r("HSET", Q + "t:b", "state", "scheduled", "gofer:held", "qx", "gofer:rank", LANE),
            r("ZADD", Q + "scheduled", 4000000000, "b"),
            r("ZADD", Q + "gofer:line", LANE, "b"),
        ],
        True,
        lambda r: r("ZSCORE", Q + "gofer:wakes", "qx") == b"0",
    ),
    "counter": (
        lambda r: r("SET", Q + "processed:2026-01-01", "x", "EX", 1000),
        True,
        lambda r: r("GET", Q + "processed:2026-01-01") == b"0"
        and r("TTL", Q + "processed:2026-01-01") > 0,
    ),
    "key-type": (
        lambda r: r("SET", Q + "retry", "x"),
        False,
        lambda r: r("GET", Q + "retry") == b"x",
    ),
    "queue-unlisted": (
        lambda r: r("SREM", "asynq:queues", "default"),
        True,
        lambda r: r("SISMEMBER", "asynq:queues", "default") == 1,
    ),
}

NOTES = {
    "claim-left": lambda r: r("HSET", Q + "t:a", "gofer:claim", "0", "gofer:worker", "1 w"),
    "turn-left": lambda r: r("HSET", Q + "gofer:turns", "ordered:k", "gone"),
    "leftover": lambda r: r("SET", Q + "gofer:new", "x"),
    "stale-records": lambda r: r("ZADD", "asynq:servers", 1700000000, "asynq:servers:{x}"),
    "unreadable-archived": lambda r: [r("HSET", Q + "t:z", "state", "archived", "msg", b"\xff"),
                                      r("ZADD", Q + "archived", 4000000000, "z")],
}


def fill_redis(gofer):
    for id in "ab":
        gofer("enqueue", "t", "x", "--id", id)
    for id in ("s", "s2"):
        gofer("enqueue", "t", "x", "--id", id, "--in", "1h")


def test_a_healthy_redis_has_no_findings(gofer, redis):
    fill_redis(gofer)
    gofer("enqueue", "t", "--count", "3", "--priority", "5")
    assert judged(gofer) == {}
    if not is_old(gofer("doctor", "--json", code=None)):
        assert "all is well" in gofer("doctor").err


@pytest.mark.parametrize("code", REDIS)
def test_defects_of_a_redis(gofer, redis, code):
    make, mendable, mended = REDIS[code]
    fill_redis(gofer)
    make(redis)
    findings = judged(gofer, code=1)
    assert list(findings) == [code]
    finding = findings[code]
    assert (
        finding["queue"] in ("default", "other")
        and finding["repaired"] == 0
        and finding["text"]
        and finding["advice"]
    )
    finding = judged(gofer, "--repair", code=0 if mendable else 1)[code]
    assert finding["repaired"] == (finding["count"] if mendable else 0)
    assert mended(redis)
    if mendable:
        left = judged(gofer)
        assert all(f["severity"] == "note" for f in left.values()), left


@pytest.mark.parametrize("code", NOTES)
def test_notes_need_no_attention(gofer, redis, code):
    fill_redis(gofer)
    NOTES[code](redis)
    assert judged(gofer)[code]["severity"] == "note"
    if not is_old(gofer("doctor", "--json", code=None)):
        assert gofer("doctor", "-q").out == ""


def test_times_that_redis_rounds_are_told(gofer, redis):
    words = "on Redis tasks start in whole seconds"
    for args in (
        ["--in", "250ms"],
        ["--in", "1.5s", "--count", "3"],
        ["--at", "2099-01-01T00:00:00.250Z"],
    ):
        assert words in gofer("enqueue", "t", *args).err, args
    assert (
        gofer(
            "enqueue", "--batch", input='{"type":"t","in":0.25}\n{"type":"t","in":"250ms"}\n'
        ).err.count(words)
        == 1
    )
    id = gofer.enqueue("t", "--in", "1h")
    assert words in gofer("task", "reschedule", id, "--in", "500ms").err
    for args in (["--in", "2s"], ["--at", "2099-01-01T00:00:00Z"], [], ["--in", "250ms", "-q"]):
        assert gofer("enqueue", "t", *args).err == "", args
    assert gofer("enqueue", "t", "--in", "250ms", "--url", f"sqlite:{gofer.db}").err == ""


@pytest.mark.parametrize("code, name, value", [
    ("eviction", "maxmemory-policy", "allkeys-lru"), ("no-persistence", "appendonly", "no"),
    ("fsync-no", "appendfsync", "no"),
])
def test_settings_that_lose_tasks(gofer, redis, code, name, value):
    redis("CONFIG", "SET", name, value)
    assert code in judged(gofer, code=1)


def test_memory_that_is_nearly_full(gofer, redis):
    used = next(
        line
        for line in redis("INFO", "memory").decode().splitlines()
        if line.startswith("used_memory:")
    )
    redis("CONFIG", "SET", "maxmemory", used.split(":")[1])
    assert "memory-full" in judged(gofer, code=1)


def test_snapshots_are_not_enough(gofer, redis):
    redis("CONFIG", "SET", "appendonly", "no")
    redis("CONFIG", "SET", "save", "3600 1")
    assert "snapshots-only" in judged(gofer, code=1)
    redis("CONFIG", "SET", "appendonly", "yes")
    redis("CONFIG", "SET", "appendfsync", "everysec")
    assert judged(gofer)["fsync-everysec"]["severity"] == "note"


def test_a_version_is_looked_up(gofer, redis):
    """What is said of which version is in tests/unit/redis_doctor_test.c; here, that a real server
    tells one."""
    told = dict(
        line.split(":", 1) for line in redis("INFO", "server").decode().splitlines() if ":" in line
    )
    version = told.get("valkey_version", told["redis_version"])
    for finding in gofer("doctor", "--json", code=None).json["items"]:
        if finding["code"].startswith("version-"):
            assert f" {version}" in finding["text"]


def test_a_clock_that_is_off(gofer, redis):
    host, port = gofer.env["GOFER_URL"].split("//")[1].split("/")[0].rsplit(":", 1)
    between = Proxy((host, int(port)))
    url = f"redis://{between.address}/0"
    gofer("enqueue", "t", "--id", "a", "--in", "1h")
    assert judged(gofer, url) == {}
    for ahead, words in ((120, " s ahead of ours"), (-120, " s behind ours")):
        between.ahead_s = ahead
        finding = judged(gofer, url, code=1)
        assert list(finding) == ["clock-skew"] and words in finding["clock-skew"]["text"]
        assert any(f" {n}." in finding["clock-skew"]["text"] for n in range(100, 121))


@needs_redis
def test_a_disk_that_cannot_be_written(gofer):
    """The server's folder goes away under it, as with a file system that was taken off or is
    full."""
    with Running("single") as topology:
        server = topology.data[0]
        gofer.env["GOFER_URL"] = topology.url
        gofer("enqueue", "t")
        assert "persistence-fails" not in doctor(gofer)
        with server.connect() as redis:
            shutil.rmtree(server.folder)
            redis("CONFIG", "SET", "save", "3600 1")
            redis("BGSAVE")
            wait_for(
                lambda: b"rdb_last_bgsave_status:err" in redis("INFO", "persistence"),
                "the snapshot to fail",
            )
        finding = judged(gofer, code=1)["persistence-fails"]
        assert finding["severity"] == "error" and server.address in finding["text"]
        assert "MISCONF" in gofer("enqueue", "t", code=5).err
        assert gofer.states()["pending"] == 1


@needs_redis
def test_replicas(gofer):
    """Behind Sentinel, with two replicas, one, none; and what a replica says of itself."""
    with Running("sentinel", Setup(appendonly=True)) as topology:
        gofer.env["GOFER_URL"] = url = topology.url
        joint = "&" if "?" in url else "?"
        assert judged(gofer)["replication-async"]["severity"] == "note"
        assert judged(gofer, f"{url}{joint}wait-replicas=2") == {}
        missing = judged(gofer, f"{url}{joint}wait-replicas=3", code=1)["replicas-missing"]
        assert (
            missing["severity"] == "error"
            and "has 2 replicas and the URL waits for 3" in missing["text"]
        )
        primary = topology.primaries()[0]
        primary.call(
            "CONFIG", "SET", "min-replicas-to-write", "1"
        )  # refuses writes, and waits for none
        assert judged(gofer).keys() == {"replication-async"}
        primary.call("CONFIG", "SET", "min-replicas-to-write", "0")
        replicas = [server for server in topology.data if server is not primary]
        replica = judged(gofer, f"redis://{replicas[0].address}/0", code=1)
        assert replica["replica"]["severity"] == "error"
        gofer("enqueue", "t")
        wait_for(lambda: replicas[0].call("EXISTS", "asynq:queues"), "the replica to have it")
        assert judged(gofer, f"redis://{replicas[0].address}/0", code=1).keys() == {"replica"}
        for server in replicas:
            server.stop()
        wait_for(lambda: primary.call("ROLE")[2] == [], "the replicas to be gone")
        assert judged(gofer, code=1)["no-replica"]["severity"] == "warning"


def test_rights_that_are_missing(gofer, redis):
    rules = [
        line
        for line in (ROOT / "tests/redis/acl.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]
    url = gofer.env["GOFER_URL"].replace("redis://", "redis://doc:secret@")
    redis("ACL", "SETUSER", "doc", "reset", "on", ">secret", *rules)
    redis("CONFIG", "SET", "appendonly", "yes")
    redis("CONFIG", "SET", "appendfsync", "always")
    redis("ACL", "SETUSER", "doc", "+config|get")
    assert judged(gofer, url).keys() == set()
    redis("CONFIG", "SET", "appendfsync", "no")
    assert judged(gofer, url, code=1).keys() == {"fsync-no"}
    # What it may not look at is not well, but not known.
    redis("ACL", "SETUSER", "doc", "-config")
    assert judged(gofer, url).keys() == {"config-unseen"}
    redis("CONFIG", "SET", "appendfsync", "always")
    redis("ACL", "SETUSER", "doc", "-lrem", "-zadd")
    text = judged(gofer, url, code=1)["rights"]["text"]
    assert "LREM" in text and "ZADD" in text and "HSET" not in text and "secret" not in text
    # What the doctor needs itself is among them, and the rest is looked at all the same.
    for right in (
        "time",
        "smembers",
        "hget",
        "hgetall",
        "llen",
        "scan",
        "evalsha",
        "zcount",
        "info",
        "exists",
    ):
        redis("ACL", "SETUSER", "doc", f"-{right}")
        found = judged(gofer, url, code=1)
        assert right.upper() in found["rights"]["text"] and "LREM" in found["rights"]["text"], (
            right,
            found,
        )
        redis("ACL", "SETUSER", "doc", f"+{right}")
    redis("ACL", "SETUSER", "doc", "resetkeys", "~other:*")
    assert "HGET" in judged(gofer, url, code=1)["rights"]["text"]
    redis("ACL", "SETUSER", "doc", "resetkeys", "~asynq:*")
    redis("ACL", "SETUSER", "doc", "-acl")
    assert "LREM" in judged(gofer, url, code=1)["rights"]["text"]
    redis("ACL", "DELUSER", "doc")


def test_a_busy_redis_has_no_findings(gofer, redis):
    gofer("enqueue", "t", "--count", "4000")
    gofer("enqueue", "t", "--count", "500", "--in", "1s")
    gofer("enqueue", "t", "--count", "500", "--priority", "5")
    workers = [gofer.worker("--shell", "t=true", "--concurrency", "4") for _ in range(2)]
    for _ in range(8):
        left = judged(gofer, "--repair")
        assert all(f["severity"] == "note" for f in left.values()), left
    for worker in workers:
        worker.stop()


def test_many_of_a_kind_are_one_finding(gofer, redis):
    for i in range(1200):
        redis.send("LPUSH", Q + "pending", f"ghost{i}")
        redis.send("ZADD", Q + "retry", 4000000000 + i, f"late{i}")
    for _ in range(2400):
        redis.reply()
    redis("SADD", "asynq:queues", "default")
    finding = judged(gofer, code=1)["ghost"]
    assert finding["count"] == 2400 and len(finding["examples"].split()) == 10
    assert judged(gofer, "--repair")["ghost"]["repaired"] == 2400
    assert redis("EXISTS", Q + "pending", Q + "retry") == 0


@needs_redis
def test_every_node_of_a_cluster_is_looked_at(gofer):
    with Running("cluster", Setup(appendonly=True)) as topology:
        gofer.env["GOFER_URL"] = topology.url
        for i in range(6):
            gofer("enqueue", "t", "--queue", f"q{i}", "--count", "3")
        assert judged(gofer) == {}
        for server in topology.data:
            with server.connect() as node:
                for key in node("KEYS", "asynq:*:t:*"):
                    node("DEL", key)
                for key in node("KEYS", "asynq:queues"):
                    node("DEL", key)
        result = gofer("doctor", "--json", code=1)
        seen = {(f["queue"], f["code"]) for f in result.json["items"] if "queue" in f}
        assert seen == {(f"q{i}", code) for i in range(6) for code in ("ghost", "queue-unlisted")}
        judged(gofer, "--repair")
        assert judged(gofer) == {}
        assert len(gofer.json("queue", "ls")["items"]) == 6
