"""Acts of gofer web that are jobs because they take long: a queue with many tasks, a repair. How
far they are, how they are stopped, and what the audit has of them."""
import json

import pytest
from conftest import wait_for
from proxy import DELAY, PASS, Proxy
from test_audit import audit
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

MANY = 1001         # one more than are deleted at once


@pytest.fixture
def ann(web):
    web.token = web.add_token("ann", "admin")


def fill(gofer, count, queue="mail", **more):
    gofer("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": queue, **more}) for _ in range(count)))


def remove(web, queue="mail"):
    return web(f"/api/v1/queues/{queue}", "DELETE", {"force": True})


def ended(web, number):
    def look():
        job = web(f"/api/v1/acts/{number}").json
        return None if job["state"] in ("waiting", "running") else job
    return wait_for(look, "the job to end")


def noted(gofer, act, *words):
    return [(i["outcome"], i["count"]) for i in audit(gofer, *words) if i["act"] == act]


def test_a_queue_with_few_tasks_goes_at_once(web, store, ann):
    fill(store, MANY - 1)
    assert web("/api/v1/queues/mail", "DELETE").status == 409
    assert remove(web).json == {"ok": True}
    assert web("/api/v1/queues/mail").status == remove(web).status == 404
    assert web("/api/v1/acts").json == {"items": []}
    assert noted(store, "queue.delete") == [("ENOTFOUND", 0), ("ok", 1), ("ESTATE", 0)]


def test_a_queue_with_many_tasks_goes_as_a_job(web, store, ann):
    fill(store, MANY - 1)
    fill(store, 1, **{"in": "1h"})
    assert web("/api/v1/queues/mail", "DELETE").status == 409      # it is not forced
    answer = remove(web)
    assert answer.status == 202, answer
    begun = answer.json
    assert (begun["act"], begun["by"], begun["total"]) == ("queue.delete", "ann", MANY)
    end = ended(web, begun["job"])
    assert (end["state"], end["done"]) == ("done", MANY), end
    assert web("/api/v1/queues/mail").status == 404
    wait_for(lambda: noted(store, "queue.delete") == [("ok", MANY), ("begun", 0), ("ESTATE", 0)],
             "the audit")
    fill(store, 1)                          # a new one of its name is not paused
    assert not web("/api/v1/queues/mail").json["paused"]


def test_a_name_with_an_asterisk_is_that_queue_alone(web, store, ann):
    fill(store, MANY, queue="ma*")
    fill(store, 1, queue="mail")
    assert ended(web, remove(web, "ma*").json["job"])["state"] == "done"
    assert web("/api/v1/queues/ma*").status == 404
    assert web("/api/v1/queues/mail").json["pending"] == 1


@pytest.mark.parametrize("paused", [False, True])
def test_with_a_task_that_runs_nothing_is_deleted(web, store, ann, paused):
    worker = store.worker("--queue", "mail", "--concurrency", "1", "--shell", "t=sleep 60")
    fill(store, 1)
    wait_for(lambda: web("/api/v1/queues/mail").json["active"] == 1, "the task to run")
    fill(store, MANY)
    if paused:
        web.post("/api/v1/queues/mail/pause")
    end = ended(web, remove(web).json["job"])
    assert (end["state"], end["done"]) == ("failed", 0) and "active" in end["error"], end
    queue = web("/api/v1/queues/mail").json
    # The worker may have taken more than it runs.
    assert (queue["pending"] + queue["active"], bool(queue["paused"])) == (MANY + 1, paused)
    worker.process.kill()


def test_who_stops_it_keeps_the_rest(web, store, ann):
    fill(store, 20000)
    number = remove(web).json["job"]
    assert web(f"/api/v1/acts/{number}", "DELETE").status in (200, 409)
    end = ended(web, number)
    if end["state"] == "stopped":           # else it was quicker
        queue = web("/api/v1/queues/mail").json
        assert queue["pending"] == 20000 - end["done"] and not queue["paused"]
        wait_for(lambda: noted(store, "queue.delete") in ([], [("stopped", end["done"]),
                                                               ("begun", 0)]), "the audit")


def test_a_repair_that_is_quick_is_answered_at_once(web, store, ann):
    answer = web.post("/api/v1/check/repair")
    assert answer.status == 200 and isinstance(answer.json["items"], list)
    (job,) = web("/api/v1/acts").json["items"]
    assert (job["act"], job["state"]) == ("store.repair", "done") and "items" not in job
    assert web(f"/api/v1/acts/{job['job']}").json["items"] == answer.json["items"]
    assert noted(store, "store.repair") == [("ok", 0)]


def test_a_repair_that_is_slow_goes_on_as_a_job(gofer, redis):
    host, port = gofer.env["GOFER_URL"].split("//")[1].split("/")[0].rsplit(":", 1)
    direct = gofer.env["GOFER_URL"]
    proxy = Proxy((host, int(port)))
    gofer.env["GOFER_URL"] = f"redis://{proxy.address}"
    web = Web(gofer)
    web.token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--queue", "mail", "--in", "1h")
    redis("SREM", "asynq:queues", "mail")   # which a repair mends
    proxy.delay_s, proxy.mode = 0.4, DELAY
    stopped = web.post("/api/v1/check/repair").json["job"]
    assert web(f"/api/v1/acts/{stopped}", "DELETE").status == 200
    assert ended(web, stopped)["state"] == "stopped"
    wait_for(lambda: noted(gofer, "store.repair", "--url", direct) == [
        ("stopped", 0), ("begun", 0)], "the audit")
    answer = web.post("/api/v1/check/repair")
    proxy.mode = PASS
    assert answer.status == 202 and answer.json["act"] == "store.repair", answer
    end = ended(web, answer.json["job"])
    assert end["state"] == "done" and end["done"] == 1, end
    assert [f["repaired"] for f in end["items"] if f["code"] == "queue-unlisted"] == [1], end
    assert redis("SISMEMBER", "asynq:queues", "mail") == 1
    wait_for(lambda: noted(gofer, "store.repair", "--url", direct)[:2] == [
        ("ok", 1), ("begun", 0)], "the audit")
    web.close()
    proxy.refuse()
