"""Every act of a command is in the audit of the store, on both stores; nothing else is."""
import json
import os
import pwd
import re
import socket
import sqlite3
import subprocess

import pytest
from conftest import wait_for
from test_top import Screen

ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()[:60]}"


def audit(gofer, *args):
    return gofer.json("audit", *args)["items"]


def last(gofer, count=1):
    """The latest records, oldest first, without their times."""
    items = audit(gofer, "--limit", str(count))[::-1]
    for each in items:
        assert each.pop("at_ms") > 0 and each.pop("actor") == ME and each.pop("via") == "cli"
    return items[0] if count == 1 else items


def test_acts_on_tasks_named(store):
    store.enqueue("t", "secret", "--id", "a", "--queue", "mail", "--in", "1h")
    store.enqueue("t", "--id", "b", "--in", "1h")
    assert audit(store) == []                       # to use it is no act
    ok = {"outcome": "ok", "count": 1}
    for command, act in (("edit", "edit"), ("reschedule", "reschedule"), ("archive", "archive"),
                         ("run", "run"), ("cancel", "cancel"), ("rm", "delete")):
        more = {"edit": ["secret-2"], "reschedule": ["--in", "2h"]}.get(command, [])
        store("task", command, "a", *more, "--queue", "mail")
        assert last(store) == {"act": f"task.{act}", "queue": "mail", "target": "a", **ok}
    store("task", "run", "b", "none", code=3)
    assert last(store, 2) == [
        {"act": "task.run", "target": "b", **ok},
        {"act": "task.run", "target": "none", "outcome": "ENOTFOUND", "count": 0,
         "message": last(store)["message"]}]
    assert "none" in last(store)["message"]
    assert "secret" not in store("audit", "--limit", "100", "--json").out


def test_acts_on_all_that_match_are_noted_when_they_begin_and_end(store):
    store.enqueue("mail:x", "--queue", "q", "--count", "5", "--in", "1h")
    store("task", "archive", "--type", "mail:*", "--queue", "q*", "--dry-run")
    assert audit(store) == []
    store("task", "archive", "--type", "mail:*", "--queue", "q*", "--older", "0")
    common = {"act": "tasks.archive", "queue": "q*", "target": "type=mail:* older=1ms"}
    assert last(store, 2) == [{**common, "outcome": "begun", "count": 0},
                              {**common, "outcome": "ok", "count": 5}]
    store("task", "rm", "--all", "--state", "archived")
    assert last(store) == {"act": "tasks.delete", "target": "state=archived", "outcome": "ok",
                           "count": 5}
    store.enqueue("t", "--group", "g")
    store("group", "run", "g")
    assert last(store) == {"act": "tasks.run", "queue": "default", "outcome": "ok", "count": 1,
                           "target": "state=aggregating group=g"}


def test_acts_on_queues_schedules_workers_and_the_store(store):
    ok = {"outcome": "ok", "count": 1}
    for command, act in (("pause", "pause"), ("unpause", "unpause"), ("rm", "delete")):
        store("queue", command, "low")
        assert last(store) == {"act": f"queue.{act}", "queue": "low", "target": "low", **ok}
    store("cron", "add", "nightly", "@daily", "report")
    assert last(store) == {"act": "schedule.put", "target": "nightly", **ok}
    store("cron", "add", "nightly", "@daily", "report", code=4)
    assert last(store)["outcome"] == "EEXIST"
    for command, act in (("pause", "pause"), ("unpause", "unpause"), ("run", "run"),
                         ("rm", "delete")):
        store("cron", command, "nightly")
        assert last(store) == {"act": f"schedule.{act}", "target": "nightly", **ok}
    (store.folder / "cron.json").write_text(
        '{"entries":[{"name":"a","spec":"@daily","type":"t"}]}')
    store("cron", "sync", "cron.json")
    assert last(store) == {"act": "schedule.sync", "target": str(store.folder / "cron.json"), **ok}
    store("doctor", code=None)
    assert last(store)["act"] == "schedule.sync"    # to look is no act
    store("doctor", "--repair", code=None)
    assert last(store)["act"] == "store.repair"
    worker = store.worker("--shell", "t=true")
    id = store.json("worker", "ls")["items"][0]["worker"]
    store("worker", "set", id[:13], "concurrency=3", "stop")
    assert last(store, 2) == [{"act": "worker.set", "target": f"{id} concurrency=3", **ok},
                              {"act": "worker.set", "target": f"{id} stop", **ok}]
    assert worker.wait() == 0


def test_a_migration_is_noted_in_both(store):
    store.enqueue("t", "--count", "3")
    store("migrate", store.env["GOFER_URL"], "other.db")
    here, there = last(store, 2), audit(store, "--url", "other.db")
    assert [each["outcome"] for each in here] == ["begun", "ok"]
    assert here[1]["target"].startswith("to ") and here[1]["target"].endswith("other.db")
    assert here[1]["count"] == 3 and len(there) == 2 and there[0]["target"].startswith("from ")


def test_looking_by_actor_act_and_time(store):
    store("queue", "pause", "a", "b")
    store("queue", "unpause", "a")
    acts = [(each["act"], each["target"]) for each in audit(store)]
    assert acts == [("queue.unpause", "a"), ("queue.pause", "b"), ("queue.pause", "a")]
    assert len(audit(store, "--act", "queue.p*")) == 2
    assert len(audit(store, "--actor", ME, "--act", "queue.unpause")) == 1
    assert audit(store, "--actor", "nobody") == []
    assert len(audit(store, "--since", "1h")) == 3
    assert audit(store, "--since", "2099-01-01 00:00") == []
    first = store.json("audit", "--limit", "2")
    assert first["more"] and len(first["items"]) == 2
    rest = store.json("audit", "--cursor", first["next_cursor"])
    assert not rest["more"] and [each["target"] for each in rest["items"]] == ["a"]
    shown = store("audit").out
    assert re.search(rf"{ME} +cli +queue.pause +b ", shown), shown
    assert "--since" in store("audit", "--since", "soon", code=2).why
    assert "cursor" in store("audit", "--cursor", "x", code=2).why


def test_the_latest_are_kept(store):
    assert "1000001" in store("audit", "--keep", "1000001", code=2).why
    store("audit", "--keep", "3")
    assert last(store) == {"act": "audit.keep", "target": "3", "outcome": "ok", "count": 1}
    for name in "abcde":
        store("queue", "pause", name)
    assert [each["target"] for each in audit(store)] == ["e", "d", "c"]
    assert store("audit", "--keep", "3", "--act", "x", code=2).why


def test_an_act_that_cannot_be_noted_is_done(store, request):
    store.enqueue("t", "--id", "a", "--in", "1h")
    if store.env["GOFER_URL"].startswith("redis"):
        request.getfixturevalue("redis")("SET", "asynq:gofer:audit", "x")
    else:
        db = sqlite3.connect(store.db)
        db.execute("create trigger no before insert on audit begin select raise(abort, 'no'); end")
        db.commit()
        db.close()
    done = store("task", "run", "a")
    assert "made pending a" in done.out
    assert "WARN" in done.err and "not in the audit" in done.err and "task.run" in done.err
    assert store.json("task", "show", "a")["state"] == "pending"
    done = store("task", "rm", "a", "--json")
    assert done.json["items"] == [{"id": "a", "done": "deleted"}]


def test_a_store_that_cannot_be_written_is_told_once(gofer):
    gofer.enqueue("t", "--id", "a", "--in", "1h")
    gofer.env["GOFER_URL"] = "redis://127.0.0.1:1"
    done = gofer("queue", "pause", "a", code=5)
    assert "audit" not in done.err


def test_on_redis_who_may_not_note_may_act(gofer, redis):
    gofer.enqueue("t", "--id", "a", "--in", "1h")
    redis("ACL", "SETUSER", "few", "on", ">pw", "+@all", "~asynq:queues", "~asynq:{*",
          "~asynq:workers", "~asynq:servers", "&*")
    url = gofer.env["GOFER_URL"].replace("redis://", "redis://few:pw@")
    try:
        done = gofer("task", "run", "a", "--url", url)
        assert "made pending a" in done.out and "not in the audit" in done.err
    finally:
        redis("ACL", "DELUSER", "few")
    assert audit(gofer) == []


def test_hostile_names_stay_text(store):
    text = "<script>\u202e\t\n\x1b[2J"
    store("task", "rm", "--state", "archived", "--error", text)
    assert last(store)["target"] == f"state=archived error={text}"
    assert "\x1b" not in store("audit").out
    assert "\u202e" not in store("audit").out


def test_asynqs_tools_see_queues_and_servers_only(gofer, redis):
    gofer.enqueue("t", "--id", "a")
    gofer("queue", "pause", "default")
    assert redis("TYPE", "asynq:gofer:audit") == b"list"
    assert redis("SMEMBERS", "asynq:queues") == [b"default"]
    assert not [each for each in gofer.json("doctor", code=None)["items"]
                if "audit" in json.dumps(each)]


@pytest.mark.usefixtures("store")
def test_what_is_done_in_top(store):
    store("queue", "pause", "mail")
    screen = Screen(store)
    try:
        screen.shows("mail")
        screen.keys("p")
        screen.shows("unpaused mail")
        item = wait_for(lambda: [e for e in audit(store) if e["via"] == "top"], "the record")[0]
        assert (item["act"], item["queue"], item["actor"]) == ("queue.unpause", "mail", ME)
    finally:
        screen.close()


def test_it_is_read_while_it_is_written(store):
    """Pages neither skip nor repeat a record when others come meanwhile."""
    for name in "abcdef":
        store("queue", "pause", name)
    cursor, seen = [], []
    for _ in range(3):
        page = store.json("audit", "--limit", "2", *cursor)
        seen += [each["target"] for each in page["items"]]
        cursor = ["--cursor", page.get("next_cursor", "")]
        store("queue", "unpause", "a")
    assert seen == list("fedcba")


def test_the_help_names_it(gofer):
    assert subprocess.run([gofer.bin, "audit", "--help"], capture_output=True).returncode == 0
