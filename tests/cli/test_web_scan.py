"""gofer web: what looks through tasks, on both stores: texts in them, what fails, acts on that."""
import json
import urllib.parse

import pytest
from conftest import PATIENCE, admin_web as web, wait_for  # noqa: F401
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")


def whole(web, path, **query):
    """All items of a bounded scan, call after call; and how many tasks were looked at."""
    items, scanned, cursor = [], 0, None
    for _ in range(1000):
        words = urllib.parse.urlencode({**query, **({"cursor": cursor} if cursor else {})})
        page = web(f"{path}?{words}").json
        items += page["items"]
        scanned += page["scanned"]
        cursor = page.get("next_cursor")
        if not cursor:
            return items, scanned
    raise AssertionError("it goes on for ever")


def batch(store, *tasks):
    store("enqueue", "--batch", input="\n".join(json.dumps(task) for task in tasks))


# ---- texts


def test_a_text_is_found_where_it_stands(web, store):
    batch(store,
          {"type": "mail", "id": "a", "payload": "for Needle@example.org"},
          {"type": "mail", "id": "needle-1", "queue": "q"},
          {"type": "needles", "id": "b"},
          {"type": "mail", "id": "c", "payload": {"base64": "AG5lZWRsZQ=="}},
          {"type": "mail", "id": "big", "payload": "needle" + "x" * 70000},
          {"type": "mail", "id": "d", "payload": "hay"})
    items, scanned = whole(web, "/api/v1/search", text="NEEDLE")
    assert {item["task"]["id"]: item["found_in"] for item in items} == {
        "a": "payload", "needle-1": "id", "b": "type", "c": "payload"}
    assert scanned == 6
    assert [i["task"]["id"] for i in whole(web, "/api/v1/search", text="needle", queue="q")[0]] \
        == ["needle-1"]
    assert whole(web, "/api/v1/search", text="needle", state="archived") == ([], 0)
    assert whole(web, "/api/v1/search", text="nowhere")[0] == []
    assert [i["task"]["id"] for i in
            whole(web, "/api/v1/search", text="needle", type="mail", id="a", younger="1h")[0]] \
        == ["a"]
    for wrong in ("", "text=", f"text={'x' * 257}", "text=a&cursor=nonsense"):
        assert web(f"/api/v1/search?{wrong}").status == 400, wrong


def test_who_may_not_see_payloads_does_not_find_by_them(web, store):
    batch(store, {"type": "mail", "id": "a", "payload": "needle"}, {"type": "needle", "id": "b"})
    token = web.add_token("looker", "see")
    found = web("/api/v1/search?text=needle", token=token).json["items"]
    assert [item["task"]["id"] for item in found] == ["b"]
    assert "payload" not in found[0]["task"]


def test_a_search_of_many_goes_on_by_its_cursor(web, store):
    batch(store, *({"type": "t", "id": f"id{i:05}", "payload": "needle" if i % 10 == 0 else "hay"}
                   for i in range(2000)))
    first = web("/api/v1/search?text=needle").json
    assert 0 < len(first["items"]) < 200 and first["scanned"] < 2000 and first["next_cursor"]
    items, scanned = whole(web, "/api/v1/search", text="needle")
    assert [item["task"]["id"] for item in items] == [f"id{i:05}" for i in range(0, 2000, 10)]
    assert scanned == 2000


# ---- acts on all that hold a text


def acted(web, act, token=None, **what):
    """The end of such a job."""
    began = web.post("/api/v1/acts", {"act": act, **what}, token=token)
    assert began.status == 200, began
    return wait_for(lambda: (got := web(f"/api/v1/acts/{began.json['job']}").json)["state"]
                    not in ("waiting", "running") and got)


def test_all_that_hold_a_text_are_acted_on(web, store):
    batch(store, *({"type": "t", "id": f"id{i:04}", "queue": f"q{i % 2}",
                    "payload": "a Needle" if i % 3 == 0 else "hay"} for i in range(600)))
    counted = acted(web, "count", text="needle")
    assert counted["state"] == "done" and counted["done"] == 200 and counted["looked"] == 600
    assert acted(web, "count", text="needle", queue="q0")["done"] == 100
    assert acted(web, "count", text="needle", id="id00*")["done"] == 34
    assert acted(web, "archive", text="NEEDLE", queue="q0")["done"] == 100
    assert store.states("q0")["archived"] == 100 and store.states("q1")["archived"] == 0
    # Those that are set aside are passed over, or it would find them again for ever.
    assert acted(web, "archive", text="needle")["done"] == 100
    assert acted(web, "run", text="needle", queue="q1")["done"] == 100
    assert acted(web, "cancel", text="needle", queue="q1")["done"] == 100
    assert acted(web, "delete", text="needle", state="archived")["done"] == 200
    for queue in ("q0", "q1"):
        assert store.states(queue)["pending"] == 200 and store.states(queue)["archived"] == 0
    assert acted(web, "delete", text="needle")["done"] == 0
    target = [it["target"] for it in web("/api/v1/audit?act=tasks.delete").json["items"]]
    assert "text=needle state=archived" in target
    wrong = web.post("/api/v1/acts", {"act": "run", "text": "x", "state": "pending"})
    assert wrong.status == 409 and wrong.why == "run: not possible for pending tasks"
    assert web.post("/api/v1/acts", {"act": "run", "text": "x" * 256}).status == 400


def test_an_act_by_a_text_is_on_what_one_may_see(store):
    """Nobody acts on others' queues so, nor learns from it what is masked."""
    batch(store, {"type": "mail", "id": "a", "payload": "needle"},
          {"type": "user", "id": "b", "payload": '{"password": "needle"}'},
          {"type": "mail", "id": "c", "payload": "needle", "queue": "q"})
    web = Web(store, "--mask", "user.password")
    web.token = web.add_token("root", "admin")
    assert acted(web, "count", text="needle")["done"] == 2
    some = store("web", "token", "add", "some", "--role", "operate", "--queues", "q",
                 "--tokens", store.folder / "web-tokens").out.strip()
    assert acted(web, "archive", some, text="needle")["done"] == 1
    assert store.states()["pending"] == 2 and store.states("q")["archived"] == 1
    assert acted(web, "archive", text="needle")["done"] == 1
    assert store.states()["pending"] == 1
    web.close()


# ---- what fails


def fail(store, *tasks, archived=False):
    """They fail, and are set aside or wait for an hour."""
    state = "archived" if archived else "retry"

    def count():
        return sum(store.states(queue).get(state, 0) for queue in ("default", "q"))

    want = count() + len(tasks)
    batch(store, *({"retry": 0 if archived else 3, "retry_policy": "fixed:1h", **task}
                   for task in tasks))
    worker = store.worker(
        "--shell",
        "bad*=read p; echo \"cannot reach host $p after $GOFER_TASK_ATTEMPT tries\" >&2; exit 1",
        "--queue", "default", "--queue", "q").process
    wait_for(lambda: count() == want, "failures")
    worker.terminate()
    worker.wait(PATIENCE)


@pytest.fixture
def failures(web, store):
    fail(store, *({"type": "bad:a", "payload": f"10.0.0.{i}\n"} for i in range(5)), archived=True)
    fail(store, {"type": "bad:a", "payload": "10.0.0.9\n"},
         {"type": "bad:b", "payload": "'x y'\n", "queue": "q"})
    return web


def test_failures_are_grouped_by_type_and_kind_of_error(failures, store):
    batch(store, {"type": "by-hand", "id": "h"})
    store("task", "archive", "h")
    items, scanned = whole(failures, "/api/v1/failures")
    assert scanned == 8        # what somebody set aside was looked at, and has not failed
    got = {item["type"]: item for item in items if item["archived"]}
    assert list(got) == ["bad:a"]
    group = got["bad:a"]
    assert group["count"] == group["retry"] + group["archived"] and group["archived"] == 5
    assert "10.0.0" not in group["fingerprint"] and "cannot reach host #" in group["fingerprint"]
    assert "cannot reach host 10.0.0." in group["error"]
    assert 0 < group["first_ms"] <= group["last_ms"]
    assert failures(f"/api/v1/queues/default/tasks/{group['id']}").json["type"] == "bad:a"
    assert {i["type"] for i in whole(failures, "/api/v1/failures", queue="q")[0]} == {"bad:b"}
    assert {i["type"] for i in whole(failures, "/api/v1/failures", state="retry")[0]} \
        == {"bad:a", "bad:b"}
    assert {i["archived"] for i in whole(failures, "/api/v1/failures", type="bad:a",
                                         state="archived")[0]} == {5}
    assert failures("/api/v1/failures?state=pending").status == 400
    assert failures("/api/v1/failures?cursor=nonsense").status == 400


def test_the_tasks_of_a_group_are_listed_and_acted_on(failures, store):
    group = next(i for i in whole(failures, "/api/v1/failures")[0] if i["archived"])
    words = {"type": "bad:a", "fingerprint": group["fingerprint"], "state": "archived"}
    listed = failures(f"/api/v1/tasks?{urllib.parse.urlencode(words)}").json["items"]
    assert len(listed) == 5

    def act(**what):
        job = failures.post("/api/v1/acts", what).json["job"]
        return wait_for(lambda: (got := failures(f"/api/v1/acts/{job}").json)["state"] not in
                        ("waiting", "running") and got, "the job's end")["done"]

    assert act(act="count", **{**words, "fingerprint": "another kind"}) == 0
    assert act(act="run", **words) == 5
    assert store.states()["pending"] == 5 and store.states()["archived"] == 0


def test_who_may_not_see_errors_sees_types(failures):
    token = failures.add_token("looker", "see")
    items = failures("/api/v1/failures", token=token).json["items"]
    assert {item["type"] for item in items} == {"bad:a", "bad:b"}
    assert not any("error" in item or "fingerprint" in item for item in items)
    assert failures("/api/v1/tasks?fingerprint=x", token=token).status == 403


def test_failures_of_many_kinds_and_tasks_are_told_call_by_call(web, store):
    """Each message is a kind of its own, so that a call ends before it has them all."""
    words = [a + b for a in "bcdfghjklm" for b in "aeiou"]
    batch(store, *({"type": f"bad:{a}", "payload": f"{b}{a}{b}\n", "retry": 0}
                   for a in words for b in words[:24]))
    store("worker", "--drain", "--concurrency", "20", "--exec",
          "bad*=/bin/sh -c \"cat >&2; exit 1\"")
    items, scanned = whole(web, "/api/v1/failures")
    assert scanned == 1200 and sum(item["count"] for item in items) == 1200
    assert len({(i["type"], i["fingerprint"]) for i in items}) == 1200
    first = web("/api/v1/failures").json
    assert len(first["items"]) < 1200 and first["next_cursor"]
