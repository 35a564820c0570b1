"""A queue that is spread over shards: one queue to every command, and to the web interface."""
from conftest import admin_web as web  # noqa: F401


def test_a_sharded_queue_is_one(gofer, redis):
    assert gofer("queue", "shard", "mail", "4").out == "sharded mail\n"
    ids = gofer("enqueue", "mail:send", "--queue", "mail", "--count", "30").out.split()
    gofer("enqueue", "mail:send", "--queue", "other")
    shown = gofer.json("queue", "show", "mail")
    assert (shown["pending"], shown["shards"]) == (30, 4)
    assert [q["queue"] for q in gofer.json("queue", "ls")["items"]] == ["mail", "other"]
    shards = gofer.json("queue", "ls", "--shards")["items"]
    assert [s["queue"] for s in shards] == ["mail", "mail:1", "mail:2", "mail:3", "other"]
    assert [s["shard"] for s in shards] == [0, 1, 2, 3, 0]
    assert sum(s["pending"] for s in shards) == 31 and all(s["pending"] for s in shards)
    for queue in ("mail", "mail:1", "mail:2", "mail:3"):
        assert redis("LLEN", "asynq:{%s}:pending" % queue) > 0
    table = gofer("queue", "ls", "--shards").out.split()
    assert "mail:3" in table and "mail:3" not in gofer("queue", "ls").out
    assert gofer.json("task", "show", ids[7])["queue"] == "mail"
    assert len(gofer.json("task", "ls", "--queue", "mail", "--limit", "100")["items"]) == 30
    gofer("queue", "pause", "mail")
    assert gofer.json("queue", "show", "mail")["paused"] is True
    gofer("queue", "unpause", "mail")
    gofer("worker", "--drain", "--exec", "mail:*=cat", "--queue", "mail")
    shown = gofer.json("queue", "show", "mail")
    assert (shown["pending"], shown["processed"]) == (0, 30)
    assert gofer("audit", "--act", "queue.shard").out.count("queue.shard") == 1


def test_a_worker_follows_more_and_fewer_shards(gofer, redis):
    worker = gofer.worker("--exec", "t=cat", "--queue", "q", "--concurrency", "2")
    for shards in ("1", "5", "12", "2", "1"):
        gofer("queue", "shard", "q", shards)
        ids = gofer("enqueue", "t", "--queue", "q", "--count", "20", "--retention", "1h").out
        for id in ids.split():
            gofer("wait", id, "--queue", "q", "--timeout", "20s")
    shards = gofer.json("queue", "ls", "--shards")["items"]
    assert len(shards) == 12 and [s.get("draining", False) for s in shards][:2] == [False, True]
    assert gofer.json("queue", "show", "q")["completed"] == 100
    assert worker.stop() == 0


def test_what_is_wrong_is_told(gofer, redis):
    assert "from 1 to 128" in gofer("queue", "shard", "mail", "129", code=2).err
    assert "'none' is not a number" in gofer("queue", "shard", "mail", "none", code=2).err
    gofer("queue", "shard", "mail", "3")
    assert "is a slot of the sharded queue 'mail'" in gofer(
        "queue", "shard", "mail:1", "2", code=2
    ).err


def test_a_file_has_one_shard(gofer):
    gofer("enqueue", "t", "--queue", "mail")
    assert gofer("queue", "shard", "mail", "1").out == "sharded mail\n"
    assert "cannot be spread" in gofer("queue", "shard", "mail", "2", code=2).err
    assert [s["queue"] for s in gofer.json("queue", "ls", "--shards")["items"]] == ["mail"]


def test_the_web_interface_spreads_a_queue(web, store, has_web):
    path = "/api/v1/queues/mail/shard"
    store.enqueue("t", "x", "--queue", "mail")
    for body in ({}, {"shards": 0}, {"shards": 1.5}, {"shards": "2"}, {"shards": 129}):
        assert web.post(path, body).status == 400, body
    assert web.post(path, {"shards": 2}, token=web.add_token("o", "operate")).status == 403
    assert web.post(path, {"shards": 1}).status == 200
    spread = web.post(path, {"shards": 2})
    if store.env["GOFER_URL"].startswith("redis"):
        assert spread.status == 200 and web("/api/v1/queues/mail").json["shards"] == 2
    else:
        assert spread.status == 400 and "cannot be spread" in spread.why
    audit = web("/api/v1/audit?act=queue.shard").json["items"]
    assert {(a["actor"], a["queue"]) for a in audit} == {("root", "mail")}
