"""gofer web for who has some queues only: what is of others he neither sees nor touches, whichever
way he asks. The table of routes is walked."""
import json
import re

import pytest
from conftest import wait_for
from test_web_events import Stream
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

MINE, OTHER = "mail:a", "zzq"
# Whatever is of the other queue has this in its name.
SIGN = "zz"


def fill(store):
    store("enqueue", "--batch", input="\n".join(json.dumps(line) for line in [
        {"type": "mine", "queue": MINE, "id": "m1", "payload": "a"},
        {"type": "mine", "queue": MINE, "id": "m2", "payload": "b"},
        {"type": "mine", "queue": "report", "id": "r1", "payload": "c"},
        {"type": "zztype", "queue": OTHER, "id": "zz1", "payload": "zzpayload"},
        {"type": "zztype", "queue": OTHER, "id": "zz2", "payload": "x", "in": "1h"},
    ]))
    store("cron", "add", "mine", "@daily", "mine", "--queue", MINE)
    store("cron", "add", "zzentry", "@daily", "zztype", "--queue", OTHER)


@pytest.fixture
def web(store):
    fill(store)
    it = Web(store)
    it.root = it.add_token("root", "admin")
    it.token = store("web", "token", "add", "ann", "--role", "admin", "--queues", "mail*,report",
                     "--tokens", store.folder / "web-tokens").out.strip()
    yield it
    it.close()


def state_of(store):
    return {it["queue"]: {name: it[name] for name in ("pending", "scheduled", "archived", "paused")}
            for it in store.json("queue", "ls")["items"]}


def routes(web):
    for path, ways in web("/api/v1/routes").json["paths"].items():
        for method, way in ways.items():
            right = way.get("security", [{"token": [None]}])[0]["token"][0]
            query = [it["name"] for it in way.get("parameters", ()) if it["in"] == "query"]
            yield method.upper(), path, right, query


WORDS = {"queue": OTHER, "id": "zz1", "name": "zzentry", "job": "1"}


def test_every_route_keeps_others_out(web, store):
    """Each route, with the other queue in its path, in its query, and with neither."""
    job = web.post("/api/v1/acts", {"act": "count", "queue": OTHER}, token=web.root).json["job"]
    before = state_of(store)
    store.worker("--shell", "zztype=sleep 60", "--queue", OTHER, "--concurrency", "1")
    worker = web("/api/v1/workers", token=web.root).json["items"][0]["worker"]
    words = {**WORDS, "job": str(job), "worker": worker}
    walked = 0
    for method, path, right, query in routes(web):
        if right is None:
            continue
        named = re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], "zz"), path)
        asked = [named] if "{" in path else []
        asked += [named + f"?queue={OTHER}", named + "?queue=*"] if "queue" in query else []
        for target in asked:
            answer = web(target, method)
            assert answer.status in (403, 404), (method, target, answer)
            assert "payload" not in answer.text
            walked += 1
        if "{" not in path and method == "GET":
            answer = web(path)
            assert answer.status in (200, 400, 403), (path, answer)
            assert SIGN not in answer.text, (path, answer)
            walked += 1
    assert walked > 30
    for queue, was in before.items():
        assert state_of(store)[queue]["paused"] == was["paused"]


def test_bodies_that_name_another_queue(web, store):
    before = state_of(store)[OTHER]
    for body in ({"type": "t", "queue": OTHER}, {"type": "t"},
                 {"type": "t", "queue": MINE, "on_dead": f"t@{OTHER}"}):
        answer = web.post("/api/v1/tasks", body)
        assert answer.status == 403 and "ann" in answer.why, body
    many = web.post("/api/v1/tasks", [{"type": "t", "queue": OTHER}, {"type": "t", "queue": MINE},
                                      {"type": "t", "queue": "report", "on_dead": "x@mailing"}])
    assert many.json["added"] == 2 and many.json["items"][0]["error"]["code"] == "EDENIED"
    for queue in (OTHER, "*", "z*", "m*"):
        assert web.post("/api/v1/acts", {"act": "archive", "queue": queue}).status == 403, queue
    assert state_of(store)[OTHER] == before


def done(web, job):
    wait_for(lambda: web(f"/api/v1/acts/{job}").json["state"] in ("done", "failed"))
    return web(f"/api/v1/acts/{job}").json


def test_an_act_on_all_is_on_all_of_his(web, store):
    before = state_of(store)[OTHER]
    job = web.post("/api/v1/acts", {"act": "archive"}).json["job"]
    assert done(web, job)["done"] == 3
    assert state_of(store)[OTHER] == before
    assert state_of(store)[MINE]["archived"] == 2 and state_of(store)["report"]["archived"] == 1
    job = web.post("/api/v1/acts", {"act": "delete", "queue": "mail*"}).json["job"]
    assert done(web, job)["done"] == 2
    job = web.post("/api/v1/acts", {"act": "delete"}).json["job"]
    assert done(web, job)["done"] == 1
    assert state_of(store)[OTHER] == before


def test_jobs_of_others_are_not_his(web):
    theirs = web.post("/api/v1/acts", {"act": "count", "queue": OTHER}, token=web.root).json["job"]
    shared = web.post("/api/v1/acts", {"act": "count", "queue": MINE}, token=web.root).json["job"]
    everything = web.post("/api/v1/acts", {"act": "count"}, token=web.root).json["job"]
    own = web.post("/api/v1/acts", {"act": "count"}).json["job"]
    assert {it["job"] for it in web("/api/v1/acts").json["items"]} == {shared, own}
    for job in (theirs, everything):
        assert web(f"/api/v1/acts/{job}").status == 404
        assert web(f"/api/v1/acts/{job}", "DELETE").status == 404
    assert len(web("/api/v1/acts", token=web.root).json["items"]) == 4


def test_of_his_own_queues_he_sees_and_does_everything(web, store):
    assert [it["queue"] for it in web("/api/v1/queues").json["items"]] == [MINE, "report"]
    tasks = web("/api/v1/tasks").json["items"]
    assert {it["id"] for it in tasks} == {"m1", "m2", "r1"}
    assert {it["id"] for it in web("/api/v1/tasks?queue=mail*").json["items"]} == {"m1", "m2"}
    assert web(f"/api/v1/queues/{MINE}/tasks/m1").json["payload"] == "a"
    overview = web("/api/v1/overview").json
    assert [it["queue"] for it in overview["queues"]["items"]] == [MINE, "report"]
    assert web.post(f"/api/v1/queues/{MINE}/pause").status == 200
    assert web(f"/api/v1/queues/{MINE}/tasks/m1", "DELETE").status == 200
    assert web.post("/api/v1/tasks", {"type": "t", "queue": "mail"}).status == 200
    assert [it["name"] for it in web("/api/v1/schedules").json["items"]] == ["mine"]
    assert web("/api/v1/schedules/mine").json["queue"] == MINE
    assert web.post("/api/v1/schedules/mine/run").status == 200
    assert web("/api/v1/schedules/mine/history").status == 200
    assert web.post("/api/v1/schedules/mine/pause").status == 200
    assert web("/api/v1/schedules/mine", "DELETE").status == 200
    assert web("/api/v1/scale?queue=report").status == 200
    me = web("/api/v1/me").json
    assert me["grants"] == [{"queues": "mail*,report", "rights": me["rights"]}]


def test_no_cursor_tells_what_is_others(web, store):
    for queue in (MINE, OTHER):
        store.worker("--shell", "none=true", "--queue", queue)
    for path in ("schedules", "workers"):
        everything = web(f"/api/v1/{path}", token=web.root).json["items"]
        own = web(f"/api/v1/{path}").json
        assert own["items"] and len(own["items"]) < len(everything)
        page = web(f"/api/v1/{path}?limit=1").json
        assert page == own and "next_cursor" not in page


def test_a_page_of_tasks_skips_those_of_others_and_goes_on(web, store):
    store("enqueue", "--batch", input="\n".join(json.dumps(
        {"type": "t", "queue": MINE if i % 3 == 0 else OTHER, "id": f"n{i}"}) for i in range(60)))
    seen, cursor = [], ""
    for _ in range(100):
        page = web(f"/api/v1/tasks?limit=7{cursor}").json
        seen += [it["id"] for it in page["items"]]
        assert {it["queue"] for it in page["items"]} <= {MINE, "report"}
        if not page.get("next_cursor"):
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(it for it in seen if it[0] == "n") == sorted(f"n{i}" for i in range(0, 60, 3))
    assert len(seen) == len(set(seen))


def test_the_days_are_those_of_his_queues(web, store):
    store("task", "rm", "zz2", "--queue", OTHER)
    store("worker", "--drain", "--shell", "*=true", "--queue", OTHER, "--queue", MINE)
    mine = store.json("queue", "show", MINE)["processed"]
    assert mine == 2
    for days in (web("/api/v1/history").json, web("/api/v1/overview").json["history"]):
        assert sum(it["processed"] for it in days["items"]) == mine
    assert sum(it["processed"] for it in web("/api/v1/history", token=web.root).json["items"]) == 3
    stats = web("/api/v1/stats").json["items"]
    assert {it["queue"] for it in stats} == {MINE}


def test_workers_are_his_as_far_as_they_serve_his_queues(web, store):
    for queues in ([OTHER], [OTHER, MINE], ["mail", "report=2"]):
        words = [word for queue in queues for word in ("--queue", queue)]
        store.worker("--shell", "none=true", "--concurrency", "1", *words)
    wait_for(lambda: len(web("/api/v1/workers", token=web.root).json["items"]) == 3)
    workers = {it["queues"]: it["worker"] for it in web("/api/v1/workers").json["items"]}
    both, own = workers.pop(f"{MINE}=1"), workers.popitem()[1]
    assert not workers
    # What else they serve is not told; that there is something else is, for who would set them.
    assert {it["worker"]: it.get("serves_others") for it in web("/api/v1/workers").json["items"]} \
        == {both: True, own: None}
    assert not any("serves_others" in it
                   for it in web("/api/v1/workers", token=web.root).json["items"])
    path = f"/api/v1/workers/{own}"
    assert web(f"/api/v1/workers/{both}", "PATCH", {"concurrency": 2}).status == 403
    assert web(path, "PATCH", {"concurrency": 2}).status == 200
    assert web(path, "PATCH", {"queues": f"mail=1 {OTHER}=9"}).status == 403
    assert web(path, "PATCH", {"queues": "*"}).status == 403
    assert web(path, "PATCH", {"queues": "mail=1 mail:a=9"}).status == 200


def test_events_are_those_of_his_queues(web, store):
    mine, everything = Stream(web, token=web.token), Stream(web, token=web.root)
    for reader in (mine, everything):
        reader.until_event("listening")
    store.enqueue("zztype", "x", "--queue", OTHER, "--id", "zz9")
    store.enqueue("mine", "x", "--queue", MINE, "--id", "m9")
    counts, seen = 0, ""
    while "m9" not in seen:
        _, _, data = mine.next()
        counts += data.get("counts", {}).get("enqueued", 0)
        seen += json.dumps(data)
    assert counts == 1 and SIGN not in seen
    seen = ""
    while "m9" not in seen:
        seen += json.dumps(everything.next()[2])
    assert "zz9" in seen
    for reader in (mine, everything):
        reader.close()


def test_metrics_are_those_of_his_queues(web):
    text = web("/metrics").text
    assert f'gofer_tasks{{queue="{MINE}",state="pending"}} 2' in text
    assert SIGN not in text and "gofer_build_info{" in text
    assert not re.search(r"^gofer_(queues|workers|worker_slots|schedule_\w+)[ {]", text, re.M)
    everything = web("/metrics", token=web.root).text
    assert SIGN in everything and "\ngofer_queues 3\n" in everything


def test_a_proxy_s_groups_may_have_different_queues(store):
    fill(store)
    web = Web(store, "--auth-header", "X-User", "--role-header", "X-Groups", "--role-map",
              "all=see", "--role-map", "mailers=operate:mail*", "--trusted-proxy", "127.0.0.1")

    def ask(path, method="GET", groups="all,mailers"):
        return web(path, method, headers={"X-User": "ann", "X-Groups": groups})
    assert len(ask("/api/v1/queues").json["items"]) == 3
    assert ask(f"/api/v1/queues/{MINE}/tasks/m1").json["payload"] == "a"
    assert "payload" not in ask(f"/api/v1/queues/{OTHER}/tasks/zz1").json
    assert ask("/api/v1/tasks?error=x").status == 403
    assert ask(f"/api/v1/tasks?error=x&queue={MINE}").status == 200
    assert ask(f"/api/v1/queues/{MINE}/pause", "POST").status == 200
    assert ask(f"/api/v1/queues/{OTHER}/pause", "POST").status == 403
    assert [it["queue"] for it in ask("/api/v1/queues", groups="mailers").json["items"]] == [MINE]
    web.close()


def test_the_file_keeps_the_queues(gofer):
    path = gofer.folder / "tokens"

    def add(name, queues, code=0):
        return gofer("web", "token", "add", name, "--queues", queues, "--tokens", path, code=code)
    add("ann", "mail*,report")
    gofer("web", "token", "add", "bob", "--tokens", path)
    assert gofer.json("web", "token", "ls", "--tokens", path)["items"] == [
        {"name": "ann", "role": "see", "queues": "mail*,report"}, {"name": "bob", "role": "see"}]
    assert gofer("web", "token", "ls", "--tokens", path).out.splitlines()[0].split() == [
        "ann", "see", "mail*,report"]
    for wrong in (",", "a,", "a b", "x" * 256):
        assert "queues" in add("carl", wrong, 1).why
    add("carl", "", 2)
    # A line whose queues cannot be read is none, rather than one for all.
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.replace("mail*,report", "") for line in lines) + "\n")
    assert [it["name"] for it in gofer.json("web", "token", "ls", "--tokens", path)["items"]] == [
        "bob"]
