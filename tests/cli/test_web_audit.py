"""What is changed by the web interface is in the audit and in the log, on both stores."""
import json
import re
import sqlite3
import time

import pytest
from conftest import wait_for
from test_audit import audit
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")


@pytest.fixture
def ann(web):
    """The token of somebody who may do anything."""
    return web.add_token("ann", "admin")


def last(gofer):
    (item,) = audit(gofer, "--limit", "1")
    assert item.pop("at_ms") > 0
    assert [item.pop(key) for key in ("actor", "via", "address")] == ["ann", "web", "127.0.0.1"]
    return item


def job(web, token, **body):
    number = web("/api/v1/acts", "POST", body, token=token).json["job"]
    return wait_for(lambda: (lambda j: j if j["state"] not in ("waiting", "running") else None)(
        web(f"/api/v1/acts/{number}", token=token).json), "the job to end")


def test_every_act_is_noted(store, web, ann):
    """All routes that change something, as the server's own list has them."""
    store.enqueue("t", "--id", "a", "--in", "1h")
    store("cron", "add", "nightly", "@daily", "report")
    worker = store.worker("--shell", "never=true", "--queue", "other")      # and not the task
    id = store.json("worker", "ls")["items"][0]["worker"]
    task, ok = "/api/v1/queues/default/tasks/a", {"outcome": "ok", "count": 1}
    on_task = {"queue": "default", "target": "a", **ok}
    on_queue = {"queue": "low", "target": "low", **ok}
    done = [
        ("POST", f"{task}/reschedule", {"in": "2h"}, "task.reschedule", on_task),
        ("PATCH", task, {"payload": "secret"}, "task.edit", on_task),
        ("POST", f"{task}/run", None, "task.run", on_task),
        ("POST", f"{task}/archive", None, "task.archive", on_task),
        ("POST", f"{task}/cancel", None, "task.cancel",
         {**on_task, "outcome": "ESTATE", "count": 0}),
        ("DELETE", task, None, "task.delete", on_task),
        ("POST", "/api/v1/tasks", {"type": "x", "queue": "low", "payload": "secret"},
         "task.enqueue", {"queue": "low", "target": "x", **ok}),
        ("POST", "/api/v1/queues/low/pause", None, "queue.pause", on_queue),
        ("POST", "/api/v1/queues/low/unpause", None, "queue.unpause", on_queue),
        ("POST", "/api/v1/queues/low/shard", {"shards": 1}, "queue.shard", on_queue),
        ("POST", "/api/v1/queues/low/age", {"age": "5m"}, "queue.age", on_queue),
        ("POST", "/api/v1/queues/low/bound", {"max_length": 9}, "queue.bound", on_queue),
        ("POST", "/api/v1/queues/low/encrypt", {"required": True}, "queue.encrypt", on_queue),
        ("DELETE", "/api/v1/queues/low", {"force": True}, "queue.delete", on_queue),
        ("PATCH", f"/api/v1/workers/{id}", {"concurrency": 3, "state": "quiet"}, "worker.set",
         {"target": f"{id} concurrency=3 state=quiet", **ok}),
        ("POST", "/api/v1/schedules/nightly/pause", None, "schedule.pause",
         {"target": "nightly", **ok}),
        ("POST", "/api/v1/schedules/nightly/unpause", None, "schedule.unpause",
         {"target": "nightly", **ok}),
        ("POST", "/api/v1/schedules/nightly/run", None, "schedule.run",
         {"target": "nightly", **ok}),
        ("PUT", "/api/v1/schedules/nightly", {"spec": "@daily", "type": "report"}, "schedule.put",
         {"target": "nightly", **ok}),
        ("DELETE", "/api/v1/schedules/nightly", None, "schedule.delete",
         {"target": "nightly", **ok}),
        ("POST", "/api/v1/check/repair", None, "store.repair", {"outcome": "ok", "count": 0}),
    ]
    limit, key = "/api/v1/limits/api", "/api/v1/limits/keys/api"
    done_of_limits = [
        ("PUT", limit, {"concurrency": 2}, "limit.put", {"target": "api", **ok}),
        ("POST", f"{key}/pause", {"for": "1h"}, "limit.pause", {"target": "api", **ok}),
        ("POST", f"{key}/unpause", None, "limit.unpause", {"target": "api", **ok}),
        ("DELETE", limit, None, "limit.delete", {"target": "api", **ok}),
    ]
    if store("limit", "ls", code=None).code == 0:      # not every store has limits
        done += done_of_limits
    done_of_flows = [
        ("POST", "/api/v1/flows", {"id": "f", "steps": [{"name": "s", "type": "x"}]}, "flow.start",
         {"target": "f", **ok}),
        ("POST", "/api/v1/flows/f/pause", None, "flow.pause", {"target": "f", **ok}),
        ("POST", "/api/v1/flows/f/unpause", None, "flow.unpause", {"target": "f", **ok}),
        ("POST", "/api/v1/flows/f/cancel", None, "flow.cancel", {"target": "f", **ok}),
        ("POST", "/api/v1/flows/f/retry", {"step": "s"}, "flow.retry", {"target": "f", **ok}),
    ]
    tenant = "/api/v1/queues/mail/tenants/acme"
    of_tenant = {"queue": "mail", "target": "acme", **ok}
    done += done_of_flows + [
        ("PUT", tenant, {"weight": 4}, "tenant.put", of_tenant),
        ("DELETE", tenant, None, "tenant.delete", of_tenant),
        ("POST", "/api/v1/types/mail%3A*/pause", None, "type.pause", {"target": "mail:*", **ok}),
        ("POST", "/api/v1/types/mail%3A*/unpause", None, "type.unpause",
         {"target": "mail:*", **ok}),
        ("PUT", "/api/v1/hours/queue%3Anight", {"hours": "22:00-06:00"}, "hours.put",
         {"target": "queue:night", **ok}),
        ("DELETE", "/api/v1/hours/queue%3Anight", None, "hours.delete",
         {"target": "queue:night", **ok}),
    ]
    for method, path, body, act, wanted in done:
        assert web(path, method, body, token=ann).status == (
            409 if wanted["outcome"] == "ESTATE" else 200), path
        item = last(store)
        item.pop("message", None)
        assert item == {"act": act, **wanted}, path
    seen = {act for _, _, _, act, _ in done + done_of_limits}
    listed = {way["x-gofer-act"] for ways in
              web("/api/v1/routes", token=ann).json["paths"].values()
              for way in ways.values() if "x-gofer-act" in way}
    assert {act for act in listed if not act.startswith("asynqmon")} - seen == {"tasks.*"}
    assert "secret" not in store("audit", "--limit", "100", "--json").out + web.log
    worker.stop()


def test_a_job_is_noted_when_it_begins_and_ends(store, web, ann):
    store.enqueue("mail:x", "--queue", "q", "--count", "5", "--in", "1h")
    assert job(web, ann, act="count", queue="q")["done"] == 5
    assert audit(store) == []
    assert job(web, ann, act="archive", queue="q", type="mail:*")["done"] == 5
    end, begin = wait_for(lambda: (lambda i: i if len(i) == 2 else None)(audit(store)), "both")
    common = {"act": "tasks.archive", "queue": "q", "target": "type=mail:*", "actor": "ann"}
    assert begin | common | {"outcome": "begun", "count": 0} == begin
    assert end | common | {"outcome": "ok", "count": 5} == end


def test_looking_is_for_admins(store, web, ann):
    bob = web.add_token("bob", "operate")
    for name in "abc":
        web(f"/api/v1/queues/{name}/pause", "POST", token=bob)
    web("/api/v1/queues/a/unpause", "POST", token=ann)
    assert web("/api/v1/audit", token=bob).status == 403
    assert web("/api/v1/audit").status == 401
    page = web("/api/v1/audit?limit=2", token=ann).json
    assert [(i["actor"], i["act"], i["target"]) for i in page["items"]] == [
        ("ann", "queue.unpause", "a"), ("bob", "queue.pause", "c")]
    page = web(f"/api/v1/audit?cursor={page['next_cursor']}", token=ann).json
    assert [i["target"] for i in page["items"]] == ["b", "a"] and "next_cursor" not in page
    for query, count in (("actor=bob", 3), ("act=queue.*", 4), ("act=queue.unpause", 1),
                         ("since=1h", 4), ("since=2099-01-01T00:00:00Z", 0)):
        assert len(web(f"/api/v1/audit?{query}", token=ann).json["items"]) == count, query
    for query in ("limit=0", "limit=1001", "cursor=x", "since=soon", "actor="):
        assert web(f"/api/v1/audit?{query}", token=ann).status == 400, query


def test_what_is_refused_is_logged_and_fills_nothing(store, web, ann):
    see = web.add_token("see", "see")
    assert web("/api/v1/queues/mail/pause", "POST", token=see).status == 403
    assert web("/api/v1/acts", "POST", {"act": "run"}, token=see).status == 403
    assert web("/api/v1/queues/mail", "DELETE", {"farce": True}, token=ann).status == 400
    assert web("/api/v1/tasks", "POST", {"no": "type"}, token=ann).status == 400
    assert audit(store) == []
    wait_for(lambda: web.log.count("an act has failed") == 4, "the log")
    assert re.search(r"actor=see .*act=queue.pause .*queue=mail .*outcome=EDENIED", web.log)
    assert web("/api/v1/queues/mail/tasks/none/run", "POST", token=ann).status == 404
    assert last(store)["outcome"] == "ENOTFOUND"


def test_each_act_is_a_line_of_the_log(store, web, ann):
    web("/api/v1/queues/mail/pause", "POST", token=ann)
    assert re.search(r"INFO +an act +actor=ann +address=127.0.0.1 +act=queue.pause +queue=mail "
                     r"+target=mail +outcome=ok +count=1", web.log)
    store.enqueue("t", "--id", "x\" outcome=ok", "--in", "1h")
    web("/api/v1/queues/default/tasks/x%22%20outcome=ok/run", "POST", token=ann)
    wait_for(lambda: r'target="x\" outcome=ok"' in web.log, "the quoted target")


def test_tasks_that_come_one_after_the_other_are_noted_together(store):
    web = Web(store)
    ann = web.add_token("ann", "admin")
    many = [{"type": "a"}, {"type": "b", "queue": "q"}, {"type": "a"}]
    assert web("/api/v1/tasks", "POST", many, token=ann).json["added"] == 3
    assert last(store) == {"act": "task.enqueue", "target": "several types", "outcome": "ok",
                           "count": 3}
    for _ in range(4):
        web("/api/v1/tasks", "POST", {"type": "a"}, token=ann)
    web("/api/v1/queues/mail/pause", "POST", token=ann)
    assert len(audit(store)) == 2
    web.close()                                     # what has waited is noted at the end
    assert last(store) == {"act": "task.enqueue", "queue": "default", "target": "a",
                           "outcome": "ok", "count": 4}


def test_an_act_that_cannot_be_noted_is_done(store, web, ann, request):
    if store.env["GOFER_URL"].startswith("redis"):
        request.getfixturevalue("redis")("SET", "asynq:gofer:audit", "x")
    else:
        db = sqlite3.connect(store.db)
        db.execute("create trigger no before insert on audit begin select raise(abort, 'no'); end")
        db.commit()
        db.close()
    assert web("/api/v1/queues/mail/pause", "POST", token=ann).json == {"ok": True}
    assert store.json("queue", "show", "mail")["paused"]
    wait_for(lambda: "queue.pause of ann is not in the audit" in web.log, "the warning")
    assert "gofer_web_audit_missing_total 1\n" in web("/metrics", token=ann).text


def test_a_job_that_is_stopped_says_by_whom(store, web, ann):
    store.enqueue("t", "--count", "5000", "--in", "1h")
    bob = web.add_token("bob", "operate")
    number = web("/api/v1/acts", "POST", {"act": "archive"}, token=ann).json["job"]
    web(f"/api/v1/acts/{number}", "DELETE", token=bob)
    state = wait_for(lambda: (lambda s: s if s not in ("waiting", "running") else None)(
        web(f"/api/v1/acts/{number}", token=ann).json["state"]), "the end")
    web.close()                                     # all is noted by then
    items = [(i["outcome"], i["actor"], i.get("message")) for i in audit(store)]
    begun, end = ("begun", "ann", None), ("stopped", "ann", "by bob")
    # It was quicker, or stopped on its way, or before it had begun.
    assert items in {"done": [[("ok", "ann", None), begun]],
                     "stopped": [[end, begun], []]}[state]


def test_the_time_is_the_stores_and_the_order_that_of_the_acts(store, web, ann):
    before = time.time() * 1000
    for name in "abcdef":
        web(f"/api/v1/queues/{name}/pause", "POST", token=ann)
    items = web("/api/v1/audit", token=ann).json["items"]
    assert [i["target"] for i in items] == list("fedcba")
    assert all(before - 2000 <= i["at_ms"] <= time.time() * 1000 + 2000 for i in items)
    assert json.dumps(items)


def test_who_paused_a_queue(store, web, ann):
    """For who may pause it: since when, and the first who did; if nobody noted it, since when."""
    at = "/api/v1/queues/low/pause"
    store.enqueue("t", "--queue", "low")
    store.enqueue("t", "--queue", "other")
    bob, eve = web.add_token("bob", "operate"), web.add_token("eve", "see")
    assert web(at, token=bob).json == {"paused": False}
    web(at, "POST", token=ann)
    told = web(at, token=bob).json
    assert told == {"paused": True, "actor": "ann", "via": "web",
                    "paused_at_ms": store.states("low")["paused_at_ms"]}
    store("queue", "pause", "other")
    store("queue", "pause", "low", code=None)
    assert web(at, token=bob).json == told
    assert web(at, token=eve).status == 403
    web("/api/v1/queues/low/unpause", "POST", token=ann)
    store("queue", "pause", "low")
    told = web(at, token=bob).json
    assert told["via"] == "cli" and "@" in told["actor"]
    assert web("/api/v1/queues/none/pause", token=bob).status == 404


def test_a_pause_that_nobody_noted(gofer, redis):
    """A Go program's."""
    gofer.enqueue("t", "--queue", "low")
    redis("SET", "asynq:{low}:paused", "1700000000")
    web = Web(gofer)
    ann = web.add_token("ann", "operate")
    assert web("/api/v1/queues/low/pause", token=ann).json == {
        "paused": True, "paused_at_ms": 1700000000000}
    web.close()
