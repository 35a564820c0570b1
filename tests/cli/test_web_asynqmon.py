"""The routes of asynqmon: there only if they are wanted, for whom they are meant, and over a file.

That their answers are asynqmon's own, tests/interop compares on Redis."""
import http.cookies
import json

import pytest
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

API = "/asynqmon/api"


@pytest.fixture
def mon(gofer):
    it = Web(gofer, "--asynqmon", "--anonymous", "admin")
    yield it
    it.close()


def ids(answer):
    return [task["id"] for task in answer.json["tasks"]]


def act(web, path, method="POST", site="same-origin", **how):
    """As asynqmon's page asks: without our header, but its browser says where it comes from."""
    headers = {"X-Gofer": None, "Sec-Fetch-Site": site, **how.pop("headers", {})}
    return web(API + path, method, headers=headers, **how)


def test_they_are_there_if_they_are_wanted(gofer, web, mon):
    assert web(API + "/queues").status == 404 and web(API + "/queues").why
    assert mon(API + "/queues").json == {"queues": []}
    assert mon("/api/v1/routes").json["paths"].keys() == web("/api/v1/routes").json["paths"].keys()


def test_all_queues_and_groups_are_listed_however_many(gofer, mon):
    names = [f"q{n:03}" for n in range(303)]
    gofer("enqueue", "--batch", input="\n".join(
        [json.dumps({"type": "t", "queue": name}) for name in names]
        + [json.dumps({"type": "t", "queue": "q000", "group": f"g{n:04}"}) for n in range(1003)]))
    assert [q["queue"] for q in mon(API + "/queues").json["queues"]] == names
    assert list(mon(API + "/queue_stats").json["stats"]) == names
    groups = mon(API + "/queues/q000/groups").json["groups"]
    assert [g["group"] for g in groups] == [f"g{n:04}" for n in range(1003)]


def test_errors_are_text(mon):
    answer = mon(API + "/queues/none")
    assert answer.status == 500 and answer.headers["content-type"].startswith("text/plain")
    assert answer.text == 'NOT_FOUND: queue "none" does not exist\n'
    assert mon(API + "/nothing").text == "there is nothing at this address\n"
    # The page is not asynqmon's: what is not there is not answered by ours.
    assert mon(API + "/nothing", headers={"Accept": "text/html"}).status == 404


def test_all_works_on_a_file(gofer, mon):
    for n in range(7):
        gofer("enqueue", "t", f'{{"n":{n}}}', "--id", f"w{n}")
        gofer("enqueue", "t", "x", "--id", f"s{n}", "--in", "1h")
        gofer("enqueue", "t", "x", "--id", f"g{n}", "--group", "a" if n < 4 else "b*")
    listed = mon(API + "/queues/default/pending_tasks?size=3&page=2")
    assert ids(listed) == ["w3", "w4", "w5"]
    assert listed.json["tasks"][0]["payload"] == '{"n":3}'
    stats = listed.json["stats"]
    assert (stats["pending"], stats["scheduled"], stats["aggregating"]) == (7, 7, 7)
    assert (stats["size"], stats["groups"], stats["paused"]) == (21, 2, False)
    assert ids(mon(API + "/queues/default/scheduled_tasks?page=3&size=3")) == ["s6"]
    assert ids(mon(API + "/queues/default/scheduled_tasks?page=9999999&size=1000")) == []
    group = API + "/queues/default/groups/{}/aggregating_tasks?size=3&page=2"
    assert ids(mon(group.format("a"))) == ["g3"]
    assert ids(mon(group.format("b%2A"))) == []
    assert ids(mon(group.format("b"))) == []
    assert mon(group.format("a")).json["groups"] == [
        {"group": "a", "size": 4}, {"group": "b*", "size": 3}]
    assert mon(API + "/queues/default/tasks/s1").json["state"] == "scheduled"
    assert len(mon(API + "/queue_stats").json["stats"]["default"]) == 90
    assert mon(API + "/servers").json == {"servers": []}
    for path in ("/redis_info", "/metrics"):
        assert mon(API + path).status == 501

    assert act(mon, "/queues/default:pause").status == 204
    assert act(mon, "/queues/default/pending_tasks/w0:archive").status == 204
    assert act(mon, "/queues/default/scheduled_tasks:run_all").json == {"scheduled": 7}
    answer = act(mon, "/queues/default/archived_tasks:batch_delete",
                 body={"task_ids": ["w0", "none"]})
    assert answer.json == {"deleted_ids": ["w0"], "failed_ids": ["none"]}
    # To gofer.h "b*" is a pattern: what it would mean here is not done, rather than too much.
    assert act(mon, "/queues/default/groups/b%2A/aggregating_tasks:delete_all",
               "DELETE").status == 501
    assert act(mon, "/queues/default/groups/a/aggregating_tasks:delete_all",
               "DELETE").json == {"deleted": 4}
    assert act(mon, "/queues/default", "DELETE").status == 400
    counts = mon("/api/v1/queues/default").json
    assert (counts["pending"], counts["aggregating"], counts["paused"]) == (13, 3, True)


@pytest.mark.parametrize("site, origin, status", [
    ("same-origin", True, 204), ("cross-site", True, 403), ("same-site", True, 403),
    ("none", False, 403), (None, True, 403), (None, False, 403)])
def test_without_our_header_only_a_page_of_this_server_acts(gofer, mon, site, origin, status):
    gofer("enqueue", "t", "--id", "x")
    headers = {"Origin": mon.address.rstrip("/")} if origin else {}
    assert act(mon, "/queues/default:pause", site=site, headers=headers).status == status
    assert mon("/api/v1/queues/default").json["paused"] == (status == 204)
    # What holds for these routes holds for no others.
    ours = {"X-Gofer": None, "Sec-Fetch-Site": site, **headers}
    assert mon("/api/v1/queues/default/pause", "POST", headers=ours).status == 403


def test_a_program_sends_the_header(gofer, mon):
    gofer("enqueue", "t", "--id", "x")
    assert mon.post(API + "/queues/default/pending_tasks/x:archive").status == 204


def test_a_body_is_json(mon):
    path = "/queues/default/pending_tasks:batch_delete"
    assert act(mon, path, body='{"task_ids":[]}', headers={"Content-Type": "text/plain"}
               ).status == 400
    for body in ({"ids": []}, {"task_ids": "x"}, {"task_ids": [1]}, []):
        assert act(mon, path, body=body).status == 400


def test_each_role_may_what_it_may(gofer):
    web = Web(gofer, "--asynqmon")
    tokens = {role: web.add_token(role, role) for role in ("see", "operate", "admin")}
    gofer("enqueue", "t", "secret", "--id", "a")
    gofer("enqueue", "t", "secret", "--id", "b")
    path = "/queues/default/pending_tasks"
    assert web(API + path).status == 401
    shown = {role: web(API + path, token=token).json["tasks"][0]["payload"]
             for role, token in tokens.items()}
    assert shown == {"see": "hidden", "operate": "secret", "admin": "secret"}
    for role, archives, deletes in (("see", 403, 403), ("operate", 204, 403), ("admin", 204, 204)):
        task = "b" if role == "admin" else "a"
        assert act(web, f"{path}/{task}:archive", token=tokens[role]).status == archives
        assert act(web, f"/queues/default/archived_tasks/{task}", "DELETE",
                   token=tokens[role]).status == deletes
    denied = act(web, path + ":delete_all", "DELETE", token=tokens["operate"])
    assert denied.text == "operate may not do this\n"
    assert web.add_token("late", "admin")
    web.close()


def test_a_browser_that_has_logged_in_acts(gofer):
    web = Web(gofer, "--asynqmon")
    gofer("enqueue", "t", "--id", "x")
    answer = web.post("/login", {"token": web.add_token("ann", "operate")})
    (name, morsel), = http.cookies.SimpleCookie(answer.headers["set-cookie"]).items()
    cookie = {"Cookie": f"{name}={morsel.value}"}
    assert act(web, "/queues/default:pause").status == 401
    assert act(web, "/queues/default:pause", headers=cookie).status == 204
    assert act(web, "/queues/default:pause", headers=cookie, site="cross-site").status == 403
    web.close()


def test_read_only_is_for_these_too(gofer):
    web = Web(gofer, "--asynqmon", "--anonymous", "admin", "--read-only")
    gofer("enqueue", "t", "--id", "x")
    assert ids(web(API + "/queues/default/pending_tasks")) == ["x"]
    assert act(web, "/queues/default/pending_tasks/x", "DELETE").status in (401, 403)
    assert act(web, "/queues/default:pause").status in (401, 403)
    web.close()


def test_a_token_for_some_queues_sees_those_alone(gofer):
    web = Web(gofer, "--asynqmon")
    token = gofer("web", "token", "add", "ann", "--role", "operate", "--queues", "mail*",
                  "--tokens", gofer.folder / "web-tokens").out.strip()
    for queue in ("mail", "other"):
        gofer("enqueue", "t", "--queue", queue, "--id", queue)
    queues = web(API + "/queues", token=token).json["queues"]
    assert [queue["queue"] for queue in queues] == ["mail"]
    assert web(API + "/queue_stats", token=token).json["stats"].keys() == {"mail"}
    assert web(API + "/queues/mail/pending_tasks", token=token).status == 200
    assert act(web, "/queues/mail/pending_tasks:archive_all", token=token).json == {"archived": 1}
    for path in ("/queues/other", "/queues/other/pending_tasks", "/servers", "/redis_info"):
        assert web(API + path, token=token).status == 403
    assert act(web, "/queues/other:pause", token=token).status == 403
    web.close()


def test_what_is_masked_is_masked_here_too(gofer):
    web = Web(gofer, "--asynqmon", "--mask", "user:*.password")
    gofer("enqueue", "user:new", '{"name":"ada","password":"secret"}', "--id", "a")
    gofer("enqueue", "user:new", "secret", "--id", "b")
    gofer("enqueue", "other", '{"password":"plain"}', "--id", "c")
    shown = [task["payload"] for task in web(API + "/queues/default/pending_tasks").json["tasks"]]
    assert "secret" not in "".join(shown)
    assert '"ada"' in shown[0] and "***" in shown[0] and shown[1] == "***"
    assert shown[2] == '{"password":"plain"}'
    web.close()


def test_acts_are_in_the_audit(gofer):
    web = Web(gofer, "--asynqmon")
    token = web.add_token("ann", "admin")
    for n in range(4):
        gofer("enqueue", "t", "--id", f"t{n}")
    path = "/queues/default/pending_tasks"
    act(web, path + "/t0:archive", token=token)
    act(web, path + "/none:archive", token=token)
    act(web, path + ":batch_delete", body={"task_ids": ["t1", "none"]}, token=token)
    act(web, path + ":archive_all", token=token)
    act(web, "/queues/default:pause", token=token)
    web.close()
    noted = [(note["actor"], note["act"], note["queue"], note["target"], note["outcome"],
              note["count"]) for note in gofer.json("audit")["items"] if note["via"] == "web"]
    assert noted[::-1] == [
        ("ann", "task.archive", "default", "t0", "ok", 1),
        ("ann", "task.archive", "default", "none", "ENOTFOUND", 0),
        ("ann", "queue.tasks.delete", "default", "state=pending", "ok", 1),
        ("ann", "queue.tasks.archive", "default", "state=pending", "ok", 2),
        ("ann", "queue.pause", "default", "default", "ok", 1)]
