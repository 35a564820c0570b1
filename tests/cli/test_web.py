"""gofer web: its life, and its JSON interface on both stores."""
import concurrent.futures
import json
import re
import signal
import socket
import time
import urllib.parse

import pytest
import api_page
from conftest import PATIENCE, ROOT, admin_web as web, needs_redis, wait_for  # noqa: F401
from topology import Running
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")


def test_the_first_line_is_its_address_and_a_signal_ends_it(gofer):
    web = Web(gofer)
    assert web.address.startswith("http://127.0.0.1:") and web.address.endswith("/")
    assert web.url.port > 0
    assert web("/healthz").json == {"ok": True}
    assert web.stop() == 0
    assert web.log == ""
    web.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_signal_ends_it_in_good_order(gofer, number):
    web = Web(gofer)
    assert web.stop(number) == 0
    web.close()


def test_several_addresses_and_a_unix_socket(gofer):
    path = gofer.folder / "s.sock"
    web = Web(gofer, "--listen", "127.0.0.1:0", "--listen", "localhost:0", "--listen",
              f"unix:{path}")
    second, third = (web.process.stdout.readline().decode().strip() for _ in range(2))
    assert second.startswith("http://") and third == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(12) == b"HTTP/1.1 200"
    assert web.stop() == 0
    assert not path.exists()
    web.close()


def test_a_unix_socket_of_a_killed_server_is_replaced_and_one_in_use_is_not(gofer):
    path = gofer.folder / "s.sock"
    first = Web(gofer, "--listen", f"unix:{path}")
    refused = gofer("web", "--listen", f"unix:{path}", code=1)
    assert "in use" in refused.why
    first.process.kill()
    first.process.wait()
    second = Web(gofer, "--listen", f"unix:{path}")
    assert second.address == f"unix:{path}"
    first.close()
    second.close()


def test_an_address_that_is_taken_or_none_says_so(gofer):
    web = Web(gofer)
    taken = f"127.0.0.1:{web.url.port}"
    assert "in use" in gofer("web", "--listen", taken, code=1).why
    for wrong in ("nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", ":80", "[::1:80", "unix:",
                  "unix:/" + "x" * 200, "127.0.0.1:99999999"):
        assert "cannot listen" in gofer("web", "--listen", wrong, code=1).why, wrong
    web.close()


def test_the_base_path_is_where_everything_is(gofer):
    web = Web(gofer, "--base", "/gofer")
    assert web.address.endswith("/gofer/")
    assert web("/gofer/healthz").status == 200
    assert web("/healthz").status == 404
    assert web("/goferhealthz").status == 404
    for wrong in ("gofer", "/", "/a/", "/a b", "/" + "x" * 80):
        assert gofer("web", "--listen", "127.0.0.1:0", "--base", wrong, code=2)
    web.close()


# ---- looking


def test_what_there_is(web, store):
    ids = [store.enqueue("mail:a", f"p{i}", "--queue", "q/1") for i in range(5)]
    got = web("/api/v1/overview").json
    assert got["queues"]["items"][0]["queue"] == "q/1"
    assert got["queues"]["items"][0]["pending"] == 5
    assert got["workers"]["items"] == []
    assert [q["size"] for q in web("/api/v1/queues").json["items"]] == [5]
    assert web("/api/v1/queues/q%2F1").json["pending"] == 5
    assert web("/api/v1/queues/q%2F1/history?days=1").status == 200
    assert web("/api/v1/history").status == 200
    task = web(f"/api/v1/queues/q%2F1/tasks/{ids[0]}").json
    assert task["payload"] == "p0" and task["state"] == "pending"
    assert web("/api/v1/stats?hours=2").json["items"] == []
    assert web("/api/v1/check").status == 200
    assert web("/api/v1/queues/q%2F1/groups").json["items"] == []


def test_a_page_after_the_other_shows_each_task_once(web, store):
    lines = "\n".join(json.dumps({"type": f"t{i % 3}", "id": f"id{i:04}"}) for i in range(250))
    store("enqueue", "--batch", input=lines)
    seen, cursor = [], ""
    while cursor is not None:
        page = web(f"/api/v1/tasks?queue=default&state=pending&limit=100{cursor}").json
        seen += [task["id"] for task in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None
    assert sorted(seen) == [f"id{i:04}" for i in range(250)]
    some = web("/api/v1/tasks?type=t1&limit=1000").json["items"]
    assert len(some) == 83 and {task["type"] for task in some} == {"t1"}
    assert web("/api/v1/tasks?id=id000*").json["items"][-1]["id"] == "id0009"


def pages(web, path):
    """The records of all pages."""
    got, cursor = [], ""
    while True:
        page = web(path + cursor).json
        got += page["items"]
        if "next_cursor" not in page:
            return got
        cursor = f"&cursor={urllib.parse.quote(page['next_cursor'])}"


def test_groups_come_by_pages(web, store):
    names = [f"g{i:02}" for i in range(24)] + ["%é &="]
    store("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": "q", "group": name}) for name in names))
    path = "/api/v1/queues/q/groups"
    assert len(web(path + "?limit=10").json["items"]) == 10
    assert [g["group"] for g in pages(web, path + "?limit=10")] == sorted(names)
    assert len(web(path).json["items"]) == 25
    assert web(path + "?limit=1001").status == 400


def test_cron_entries_come_by_pages(web, store):
    names = [f"e{i:04}" for i in range(1003)]
    (store.folder / "entries.json").write_text(json.dumps(
        {"entries": [{"name": n, "spec": "@daily", "type": "t"} for n in names]}))
    store("cron", "sync", str(store.folder / "entries.json"))
    path = "/api/v1/schedules"
    assert len(web(path).json["items"]) == 1000
    assert [e["name"] for e in pages(web, path + "?limit=400")] == names
    assert web(path + "?limit=0").status == web(path + "?cursor=none").status == 400
    assert [e["name"] for e in store.json("cron", "ls")["items"]] == names
    assert store("cron", "ls").out.count("SPEC") == 2
    assert store("completion", "schedules").out.split() == names


def test_workers_come_by_pages(web, store):
    pids = {store.worker("--shell", "t=true").process.pid for _ in range(3)}
    wait_for(lambda: len(web("/api/v1/workers").json["items"]) == 3, "3 workers")
    workers = pages(web, "/api/v1/workers?limit=1")
    assert {w["pid"] for w in workers} == pids and len(workers) == 3
    assert workers == web("/api/v1/workers").json["items"]
    assert {w["pid"] for w in store.json("worker", "ls")["items"]} == pids


def test_queries_that_are_wrong_are_refused(web):
    for query, words in {
        "limit=0": "limit=0 is not a number from 1 to 1000", "limit=1001": "1 to 1000",
        "limit=x": "not a number", "state=nonsense": "nonsense", "sort=up": "'sort'",
        "queue=a&queue=b": "twice", "older=5x": "older", "cursor=nonsense": "cursor",
        "queue=%FF": "UTF-8",
    }.items():
        answer = web(f"/api/v1/tasks?{query}")
        assert answer.status == 400, (query, answer)
        assert words in answer.why, (query, answer)
        assert answer.json["error"]["code"] == "EINVAL"
    assert web("/api/v1/queues/none").status == 404
    assert web("/api/v1/queues/none/tasks/x").json["error"]["code"] == "ENOTFOUND"
    assert web("/api/v1/stats?hours=169").status == 400
    assert web("/api/v1/nothing").status == 404
    assert web("/healthz?x=1").status == 400


# ---- enqueueing


def test_a_task_is_enqueued(web, store):
    answer = web.post("/api/v1/tasks", {"type": "mail", "payload": {"to": "ä"}, "queue": "q",
                                        "id": "a", "in": "1h", "headers": {"k": "v"}})
    assert answer.json == {"id": "a", "effect": "created"}
    task = web("/api/v1/queues/q/tasks/a").json
    assert task["payload"] == '{"to": "\\u00e4"}' and task["state"] == "scheduled"
    assert task["headers"] == {"k": "v"}
    assert len(web.post("/api/v1/tasks", {"type": "mail"}).json["id"]) == 36
    again = web.post("/api/v1/tasks", {"type": "other", "queue": "q", "id": "a"})
    assert again.status == 409 and again.json["error"]["code"] == "EEXIST"


def test_tasks_have_each_its_own_fate(web, store):
    store.enqueue("t", "x", "--id", "taken")
    tasks = [{"type": "t", "id": "a"}, {"typ": "t"}, {"type": "t", "payload": "y", "id": "taken"},
             {"type": "t", "payload": {"base64": "AP8="}}, 5, {"type": "t", "in": "x"}]
    got = web.post("/api/v1/tasks", tasks).json
    assert got["added"] == 2 and got["refused"] == 4
    assert got["items"][0] == {"id": "a", "effect": "created"}
    assert "did you mean 'type'" in got["items"][1]["error"]["message"]
    assert got["items"][2]["error"]["code"] == "EEXIST"
    assert "id" in got["items"][3]
    assert got["items"][4]["error"]["code"] == got["items"][5]["error"]["code"] == "EINVAL"
    assert web.post("/api/v1/tasks", []).json == {"items": [], "added": 0, "refused": 0}


def test_what_was_done_is_told(web, store):
    one = {"type": "t", "debounce": "1h", "max_wait": "2h"}
    made = web.post("/api/v1/tasks", {**one, "payload": "first"}).json
    assert made["effect"] == "created"
    assert web.post("/api/v1/tasks", {**one, "payload": "last"}).json == {
        "id": made["id"], "effect": "replaced"}
    assert web.post("/api/v1/tasks", {**one, "debounce_mode": "keep"}).json["effect"] == "kept"
    assert web(f"/api/v1/queues/default/tasks/{made['id']}").json["payload"] == "last"
    got = web.post("/api/v1/tasks", [
        {"type": "t", "id": "mine"}, {"type": "t", "id": "mine", "payload": "x", "replace": True},
        one, {"type": "t", "replace": True}, {**one, "in": "1h"}, {**one, "debounce_key": "\0"},
    ]).json
    assert [item.get("effect") for item in got["items"]] == [
        "created", "replaced", "replaced", None, None, None]
    assert "'replace' needs 'id'" in got["items"][3]["error"]["message"]
    assert "'debounce' and 'in' exclude each other" in got["items"][4]["error"]["message"]
    assert "without NUL" in got["items"][5]["error"]["message"]


def test_so_many_tasks_at_a_time(web, store):
    assert web.post("/api/v1/tasks", [{"type": "t"}] * 1000).json["added"] == 1000
    assert web.post("/api/v1/tasks", [{"type": "t"}] * 1001).status == 413
    assert store.states()["pending"] == 1000


def test_tasks_that_are_wrong_are_refused(web):
    for wrong in ("x", 5, None, {}, {"type": 5}, {"type": "t", "retry": -1},
                  {"type": "t", "queue": "{"}, {"type": "t", "colour": 1}):
        answer = web.post("/api/v1/tasks", json.dumps(wrong),
                          headers={"Content-Type": "application/json"})
        assert answer.status == 400, wrong


# ---- acting


def test_acts_on_tasks(web, store):
    store.enqueue("t", "1", "--id", "a", "--in", "1h")
    at = "/api/v1/queues/default/tasks/a"
    assert web.post(at + "/run").json == {"ok": True}
    assert web(at).json["state"] == "pending"
    assert web.post(at + "/run").status == 409
    assert web(at, "PATCH", {"payload": {"n": 1, "big": 12345678901234567890}}).status == 200
    assert web(at).json["payload"] == '{"n": 1, "big": 12345678901234567890}'
    assert web(at, "PATCH", {"payload": {"base64": "AP8="}}).status == 200
    assert web(at).json["payload"] == {"base64": "AP8="}
    assert web(at, "PATCH", {"payload": "a\x00b"}).status == 200
    assert web(at).json["payload"] == {"base64": "YQBi"}
    assert web(at, "PATCH", {"payload": {"base64": "!"}}).status == 400
    assert web(at, "PATCH", {}).status == 400
    assert web.post(at + "/reschedule", {"in": "2h"}).status == 200
    assert web(at).json["state"] == "scheduled"
    assert web.post(at + "/reschedule", {"at": "2040-01-01T00:00:00Z"}).status == 200
    assert web(at).json["next_run_at_ms"] == 2208988800000
    for wrong in ({}, {"in": "1h", "at": "@1"}, {"in": 5}, {"in": "x"}, {"on": "1h"}):
        assert web.post(at + "/reschedule", wrong).status == 400, wrong
    assert web.post(at + "/archive").status == 200
    assert web(at).json["state"] == "archived"
    assert web.post(at + "/cancel").status == 409
    assert web(at, "DELETE").status == 200
    assert web(at, "DELETE").status == 404


def test_acts_on_queues(web, store):
    store.enqueue("t", "1", "--id", "a")
    assert web.post("/api/v1/queues/default/pause").status == 200
    assert web("/api/v1/queues/default").json["paused"] is True
    assert web.post("/api/v1/queues/default/unpause").status == 200
    assert web("/api/v1/queues/default").json["paused"] is False
    assert web("/api/v1/queues/default", "DELETE").status == 409
    assert web("/api/v1/queues/default", "DELETE", {"force": "yes"}).status == 400
    assert web("/api/v1/queues/default", "DELETE", {"force": True}).status == 200
    assert web("/api/v1/queues/default").status == 404


def test_acts_on_workers(web, store):
    store.worker("--exec", "t=true", "--concurrency", "3")
    worker = web("/api/v1/workers").json["items"][0]
    at = f"/api/v1/workers/{worker['worker']}"
    assert worker["concurrency"] == 3
    assert web(at, "PATCH", {"concurrency": 5}).status == 200
    assert web(at, "PATCH", {"state": "quiet"}).status == 200
    wait_for(lambda: web("/api/v1/workers").json["items"][0]["state"] == "quiet", "quiet")
    wait_for(lambda: web("/api/v1/workers").json["items"][0]["concurrency"] == 5, "5 slots")
    for wrong in ({}, {"concurrency": 0}, {"state": "asleep"}, {"colour": 1}, {"queues": None}):
        assert web(at, "PATCH", wrong).status == 400, wrong
    assert web("/api/v1/workers/none", "PATCH", {"concurrency": 5}).status == 404


def test_acts_on_schedules(web, store):
    store("cron", "add", "daily", "0 3 * * *", "report")
    assert web("/api/v1/schedules").json["items"][0]["name"] == "daily"
    assert web("/api/v1/schedules/daily").json["spec"] == "0 3 * * *"
    assert web.post("/api/v1/schedules/daily/pause").status == 200
    assert web("/api/v1/schedules/daily").json["paused"] is True
    assert web.post("/api/v1/schedules/daily/unpause").status == 200
    task = web.post("/api/v1/schedules/daily/run").json["id"]
    assert web(f"/api/v1/queues/default/tasks/{task}").json["schedule"] == "daily"
    assert web("/api/v1/schedules/daily/history").json["items"] == []  # of ticks alone
    assert web("/api/v1/schedules/daily", "DELETE").status == 200
    assert web("/api/v1/schedules/daily").status == 404


def test_how_many_slots_a_queue_wants(web, store):
    assert web("/api/v1/scale?queue=default").status == 404
    for _ in range(10):
        store.enqueue("slow", "x")
    before = web("/api/v1/scale?queue=default").json
    assert before["slots"] == 1 and before["pending"] == 10 and before["active"] == 0
    store("worker", "--drain", "--shell", "slow=sleep 0.2", "--concurrency", "10")
    for _ in range(10):
        store.enqueue("slow", "x")
    # 10 tasks of 0.2 s within half a second: 4 slots, or 5 if they were a little slower.
    assert 4 <= web("/api/v1/scale?queue=default&wanted=500ms").json["slots"] <= 8
    assert web("/api/v1/scale").status == 400
    assert web("/api/v1/scale?queue=default&wanted=0").status == 400


def test_the_list_of_routes_is_an_openapi_document(web):
    document = web("/api/v1/routes").json
    assert document["openapi"].startswith("3.")
    task = document["paths"]["/api/v1/queues/{queue}/tasks/{id}"]
    assert set(task) == {"get", "patch", "delete"}
    assert [p["name"] for p in task["get"]["parameters"]] == ["queue", "id"]
    assert task["delete"]["security"] == [{"token": ["admin"]}]
    for name, made, words in (("api.md", api_page.page, ""),
                              ("openapi.json", api_page.openapi, " --openapi")):
        docs = (ROOT / "docs" / name).read_text()
        assert docs == made(document), (
            f"run: python3 tests/cli/api_page.py GOFER{words} > docs/{name}")


# ---- acts on all that match


def finished(web, job):
    return wait_for(lambda: (got := web(f"/api/v1/acts/{job}").json)["state"] not in
                    ("waiting", "running") and got, "the job's end")


def test_an_act_on_all_that_match(web, store):
    lines = "\n".join(json.dumps({"type": f"t{i % 2}", "id": f"id{i:05}"}) for i in range(2500))
    store("enqueue", "--batch", input=lines)
    counted = web.post("/api/v1/acts", {"act": "count", "type": "t1"}).json
    assert finished(web, counted["job"])["done"] == 1250
    job = web.post("/api/v1/acts", {"act": "archive", "queue": "default", "state": "pending",
                                    "type": "t1"}).json
    assert job["act"] == "archive" and job["by"] == "root"
    ended = finished(web, job["job"])
    assert ended["state"] == "done" and ended["done"] == 1250 and ended["looked"] >= 1250
    assert store.states()["archived"] == store.states()["pending"] == 1250
    assert finished(web, web.post("/api/v1/acts", {"act": "delete"}).json["job"])["done"] == 2500
    assert [j["act"] for j in web("/api/v1/acts").json["items"]] == ["delete", "archive", "count"]


def test_an_act_that_is_wrong_is_refused_and_one_that_fails_says_why(web, store):
    store.enqueue("t", "x")
    for wrong in ({}, {"act": "explode"}, {"act": "run", "older": "x"}, {"act": "run", "type": 5},
                  {"act": "run", "colour": "x"}, {"act": "run", "queue": "q" * 256}):
        assert web.post("/api/v1/acts", wrong).status == 400, wrong
    job = web.post("/api/v1/acts", {"act": "run", "state": "nonsense"}).json["job"]
    ended = finished(web, job)
    assert ended["state"] == "failed" and "nonsense" in ended["error"]
    operator = web.add_token("operator", "operate")
    assert web.post("/api/v1/acts", {"act": "delete"}, token=operator).status == 403
    assert web.post("/api/v1/acts", {"act": "run"}, token=operator).status == 200
    assert web("/api/v1/acts/99").status == web("/api/v1/acts/x").status == 404
    assert web(f"/api/v1/acts/{job}", "DELETE").status == 409
    assert web("/api/v1/acts/99", "DELETE").status == 404


def test_jobs_wait_for_each_other_are_stopped_and_are_so_many(web, store):
    lines = "\n".join(json.dumps({"type": "t"}) for _ in range(3000))
    store("enqueue", "--batch", input=lines)
    jobs = [web.post("/api/v1/acts", {"act": "count"}) for _ in range(80)]
    numbers = [answer.json["job"] for answer in jobs if answer.status == 200]
    assert {answer.status for answer in jobs} <= {200, 503}
    assert len(numbers) >= 32
    stopped = web(f"/api/v1/acts/{numbers[-1]}", "DELETE")
    assert stopped.status in (200, 409)
    assert finished(web, numbers[-1])["state"] in ("stopped", "done")
    assert len(web("/api/v1/acts").json["items"]) == 32


# ---- bodies


def test_bodies_that_are_wrong_are_refused(web, store):
    store.enqueue("t", "1", "--id", "a")
    at = "/api/v1/queues/default/tasks/a"
    js = {"Content-Type": "application/json"}
    for body, words in {
        b"": "needs 'payload'", b"{": "not a JSON object", b"[]": "not a JSON object",
        b"{}x": "not a JSON object", b"\xff": "not a JSON object",
        b'{"payload":1,"payload":2}': "twice", b'{"other":1}': "not known here",
        b'{"payload":"\\ud800"}': "not a JSON object",
        b"[" * 100000: "not a JSON object",
    }.items():
        answer = web(at, "PATCH", body, headers=js)
        assert answer.status == 400 and words in answer.why, (body[:40], answer)
    assert web(at, "PATCH", b" " * (1 << 20), headers=js).status == 400
    assert web(at, "PATCH", b" " * ((1 << 20) + 1), headers=js).status == 413
    big = web(at, "PATCH", b'{"payload":"' + b"x" * ((1 << 20) - 14) + b'"}', headers=js)
    assert big.status == 200
    assert web("/api/v1/queues", "GET", b"x").status == 400
    assert web(at + "/run", "POST", b"{}", headers=js).status == 400


NAMES = (".", "..", "~.", "~~..", "~a", "...", "a/b", "/", "a b", "50%", "%2E", "%2f",
         "\u00e4\u20ac\U0001f600", "a?b#c", "a+b&c=d;e", "a:b", "\\")


def word(name):
    """A name as a word of a path, as docs/api.md has it."""
    return urllib.parse.quote(f"~{name}" if re.fullmatch(r"~*\.\.?", name) else name, safe="")


def test_whatever_its_name_it_has_an_address(web):
    for name in NAMES:
        has_an_address(web, name)


def has_an_address(web, name):
    """A queue, a task and a schedule of this name; as a client sees it that leaves out dots."""
    queue, task = f"/api/v1/queues/{word(name)}", f"/api/v1/queues/{word(name)}/tasks/{word(name)}"
    for path in (queue, task):
        assert urllib.parse.urljoin(web.address, path) == web.address.rstrip("/") + path
    made = web.post("/api/v1/tasks", {"type": "t", "queue": name, "id": name, "payload": "x"})
    assert made.status == 200, made
    assert web(queue).json["queue"] == name
    assert web(task).json["id"] == name and web(task).json["queue"] == name
    assert web.post(f"{task}/archive").status == 200
    assert web(f"{queue}").json["archived"] == 1
    assert web(task, "PATCH", {"payload": "y"}).status == 200
    assert web.post(f"{queue}/pause").status == 200 and web(queue).json["paused"]
    assert web(task, "DELETE").status == 200 and web(task).status == 404
    assert web(queue, "DELETE", {}).status == 200 and web(queue).status == 404
    entry = f"/api/v1/schedules/{word(name)}"
    assert web(entry, "PUT", {"spec": "@daily", "type": "t", "queue": name}).status == 200
    assert web(entry).json["name"] == name and web(entry).json["queue"] == name
    assert web.post(f"{entry}/run").status == 200 and web(queue).json["pending"] == 1
    assert web(entry, "DELETE").status == 200 and web(entry).status == 404


def test_a_chunked_body_is_read(web, store):
    store.enqueue("t", "1", "--id", "a")
    answer = web.raw(
        "PATCH /api/v1/queues/default/tasks/a HTTP/1.1\r\nHost: localhost\r\nX-Gofer: 1\r\n"
        f"Authorization: Bearer {web.token}\r\nContent-Type: application/json\r\n"
        'Transfer-Encoding: chunked\r\n\r\n8\r\n{"payloa\r\n8\r\nd":"yes"\r\n1\r\n}\r\n0\r\n\r\n')
    assert " 200 " in answer, answer
    assert web("/api/v1/queues/default/tasks/a").json["payload"] == "yes"


# ---- the store away


@needs_redis
def test_without_its_store_it_says_so_at_once_and_recovers(gofer):
    with Running("single") as topology:
        gofer.env["GOFER_URL"] = topology.url
        web = Web(gofer)
        store = topology.primaries()[0]
        assert web("/readyz").status == 200
        store.freeze()
        start = time.monotonic()
        away = [web(path) for path in ("/readyz", "/api/v1/queues", "/metrics", "/api/v1/stats")]
        assert time.monotonic() - start < PATIENCE
        assert {answer.status for answer in away} == {503}
        assert all(answer.json["error"]["code"] in ("EBROKER", "ETIMEOUT") for answer in away), away
        assert web("/healthz").status == 200
        assert web("/api/v1/me").status == 200
        store.thaw()
        wait_for(lambda: web("/readyz").status == 200, "the store to be back")
        store.stop()
        assert web("/readyz").status == 503
        store.restart()
        wait_for(lambda: web("/api/v1/queues").status == 200, "the store to be back")
        web.close()


@needs_redis
def test_a_slow_store_keeps_nobody_from_what_needs_none(gofer):
    """More requests than there are threads wait for the store; the others are answered beside."""
    with Running("single") as topology:
        gofer.env["GOFER_URL"] = topology.url
        web = Web(gofer)
        topology.primaries()[0].freeze()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            slow = [pool.submit(web, "/api/v1/queues") for _ in range(20)]
            assert web("/healthz").status == 200
            assert not all(request.done() for request in slow)
            topology.primaries()[0].thaw()
            assert {request.result().status for request in slow} <= {200, 503}
        assert web("/api/v1/queues").status == 200
        web.close()
