"""gofer cron: entries are added, listed, paused, run, kept from a file; and a worker enqueues their
tasks."""
import json
import pathlib
import sqlite3

import pytest

from conftest import wait_for


def names(gofer):
    return [e["name"] for e in gofer.json("cron", "ls")["items"]]


def history(gofer, name):
    return gofer.json("cron", "history", name)["items"]


# ---- check ---------------------------------------------------------------------------------------

def test_check_explains_without_a_broker(gofer):
    out = gofer(
        "cron",
        "check",
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "-n",
        "2",
        "--from",
        "2026-03-28T12:00:00Z",
        env={"GOFER_URL": "redis://127.0.0.1:1"},
    ).out
    assert "at 02:30 every day, Europe/Berlin time" in out
    assert "runs a day, on average: 1\n" in out
    lines = out.splitlines()
    assert lines[-2].split()[:2] == [
        "2026-03-29T03:30:00+02:00",
        "2026-03-29T01:30:00Z",
    ]  # 02:30 is left out that day
    assert lines[-1].split()[:2] == ["2026-03-30T02:30:00+02:00", "2026-03-30T00:30:00Z"]
    check = gofer.json("cron", "check", "@every 90s", "--from", "@1000", "-n", "1")
    assert check["every_ms"] == 90000
    assert [t["at_ms"] for t in check["ticks"]["items"]] == [1090000]


def test_the_trap_of_the_first_field_is_seen(gofer):
    out = gofer("cron", "check", "* 0 * * *").out
    assert "every minute from 00:00 to 00:59 every day" in out
    assert "runs a day, on average: 60\n" in out


@pytest.mark.parametrize("args, words", [
    (["0 0 31 2 *"], "there is no 31 February"),
    (["* * * *"], "has 4 fields"),
    (["0 0 * * 7"], "Sunday is 0"),
    (["@dialy"], "did you mean '@daily'"),
    (["* * * * *", "--tz", "Europe/Berln"], "did you mean 'Europe/Berlin'"),
    (["* * * * *", "--tz", "../../etc/passwd"], "not the name of a time zone"),
])
def test_what_is_wrong_is_refused_with_the_reason(gofer, args, words):
    assert words in gofer("cron", "check", *args, code=2).err
    if len(args) == 1:
        assert words in gofer("cron", "add", "e", args[0], "job", code=2).err


# ---- entries -------------------------------------------------------------------------------------

def test_an_entry_is_added_listed_and_shown(gofer):
    out = gofer(
        "cron",
        "add",
        "nightly",
        "30 2 * * *",
        "backup:all",
        '{"all": true}',
        "--tz",
        "Europe/Berlin",
        "--queue",
        "low",
        "--missed",
        "all",
        "--missed-max",
        "3",
        "--overlap",
        "skip",
        "--jitter",
        "30s",
        "--retry",
        "0",
        "--timeout",
        "2h",
        "--retention",
        "1d",
        "--header",
        "a=b",
        "--expires",
        "1h",
        "--retry-policy",
        "fixed:30s",
        "--on-dead",
        "alarm@ops",
    ).out
    assert out.startswith("nightly: at 02:30 every day, Europe/Berlin time; next at ")
    (entry,) = gofer.json("cron", "ls")["items"]
    assert entry == gofer.json("cron", "show", "nightly")
    expected = dict(
        name="nightly",
        spec="30 2 * * *",
        tz="Europe/Berlin",
        type="backup:all",
        queue="low",
        payload='{"all": true}',
        missed="all",
        missed_max=3,
        overlap="skip",
        jitter_ms=30000,
        max_retry=0,
        timeout_ms=7200000,
        retention_ms=86400000,
        expires_ms=3600000,
        retry="fixed:30s",
        on_dead="alarm",
        on_dead_queue="ops",
        headers={"a": "b"},
        paused=False,
        foreign=False,
        source="api",
    )
    assert {k: entry.get(k) for k in expected} == expected
    assert entry["next_run_at_ms"] > 0
    assert "last_status" not in entry
    listed = gofer("cron", "ls").out
    assert "nightly" in listed and "Europe/Berlin" in listed
    shown = gofer("cron", "show", "nightly").out
    assert "that is     at 02:30 every day" in shown and "jitter      30s" in shown


def test_names_are_kept_apart(gofer):
    gofer("cron", "add", "e", "@daily", "job")
    refused = gofer("cron", "add", "e", "@hourly", "job", code=4)
    assert "already" in refused.err and "--replace" in refused.err
    assert gofer.json("cron", "add", "e", "@hourly", "job", "--replace") == {"name": "e"}
    assert gofer.json("cron", "show", "e")["spec"] == "@hourly"
    gofer("cron", "add", "f", "@daily", "job", "--missed-max", "3", code=2)
    gofer("cron", "add", "f", "@daily", "job", "--overlap", "sikp", code=2)
    gofer("cron", "add", "f", "@daily", code=2)
    assert names(gofer) == ["e"]


def test_pause_resume_run_rm(gofer):
    gofer("cron", "add", "e", "@daily", "job", "data", "--paused", "--queue", "q")
    assert gofer.json("cron", "show", "e")["paused"] is True
    assert "next_run_at_ms" not in gofer.json("cron", "show", "e")
    assert gofer("cron", "resume", "e").out == "resumed e\n"
    assert gofer("cron", "unpause", "e").out == "resumed e\n"
    assert gofer.json("cron", "show", "e")["paused"] is False
    assert gofer("cron", "pause", "e").out == "paused e\n"
    task = gofer.json("task", "show", gofer("cron", "run", "e").out.strip())
    assert (task["type"], task["queue"], task["payload"], task["schedule"]) == (
        "job",
        "q",
        "data",
        "e",
    )
    assert gofer.json("cron", "run", "e")["name"] == "e"
    assert history(gofer, "e") == []
    for command in ("show", "history", "run", "pause", "resume", "rm"):
        assert "there is no cron entry 'none'" in gofer("cron", command, "none", code=3).err
    result = gofer("cron", "rm", "e", "none", "--json", code=3).json["items"]
    assert result[0] == {"name": "e", "done": "removed"} and result[1]["error"] == "ENOTFOUND"
    assert names(gofer) == []
    assert gofer("cron", "ls").out == ""


def test_a_worker_enqueues_and_runs_them(gofer):
    worker = gofer.worker("--exec", "job=cat", "--queue", "default", "--queue", "q")
    gofer("cron", "add", "tick", "@every 1s", "job", "x", "--queue", "q", "--retention", "1h")
    wait_for(lambda: len(history(gofer, "tick")) >= 2, "two ticks")
    first, second = history(gofer, "tick")[-1], history(gofer, "tick")[-2]
    assert second["tick_ms"] - first["tick_ms"] == 1000
    assert first["id"].startswith("cron:tick:20") and first["id"].endswith("Z")
    wait_for(
        lambda: gofer.json("task", "show", first["id"])["state"] == "completed",
        "the first task's end",
    )
    assert gofer.json("task", "show", first["id"])["schedule"] == "tick"
    assert gofer.json("cron", "show", "tick")["last_status"].startswith(("enqueued", "due"))
    gofer("cron", "rm", "tick")
    assert worker.stop() == 0


def test_a_worker_may_be_told_not_to(gofer):
    worker = gofer.worker("--exec", "job=cat", "--set", "schedule=0")
    gofer("cron", "add", "tick", "@every 1s", "job")
    other = gofer.worker("--exec", "job=cat")
    wait_for(lambda: history(gofer, "tick"), "a tick")
    assert other.stop() == 0
    seen = len(history(gofer, "tick"))
    wait_for(
        lambda: gofer.json("cron", "show", "tick").get("last_status", "").startswith("due"),
        "a tick that is due",
    )
    assert len(history(gofer, "tick")) == seen
    assert worker.stop() == 0


def test_many_workers_enqueue_each_tick_once(gofer):
    gofer("cron", "add", "tick", "@every 1s", "job", "--retention", "1h")
    workers = [gofer.worker("--exec", "job=true") for _ in range(4)]
    wait_for(lambda: len(history(gofer, "tick")) >= 2, "ticks")
    workers[0].process.kill()
    wait_for(lambda: len(history(gofer, "tick")) >= 4, "more ticks")
    gofer("cron", "rm", "tick")
    for worker in workers[1:]:
        assert worker.stop() == 0
    gofer("worker", "--drain", "--exec", "job=true")
    with sqlite3.connect(gofer.db) as db:
        ticks = [
            row[0] for row in db.execute("SELECT id FROM ids") if str(row[0]).startswith("cron:")
        ]
    assert len(ticks) == len(set(ticks)) >= 4


# ---- files ---------------------------------------------------------------------------------------

def write(path, entries):
    path.with_suffix(".new").write_text(json.dumps({"entries": entries}))
    path.with_suffix(".new").rename(path)


def test_sync_makes_entries_what_a_file_says(gofer):
    path = gofer.folder / "schedule.json"
    gofer("cron", "add", "mine", "@daily", "job")
    write(
        path,
        [
            {"name": "a", "spec": "@daily", "type": "job", "payload": {"n": 1}},
            {"name": "b", "spec": "@daily", "type": "job"},
        ],
    )
    assert gofer("cron", "sync", path).out == "2 added, 0 changed, 0 removed, 0 unchanged\n"
    write(path, [{"name": "a", "spec": "@daily", "type": "job", "payload": {"n": 2}}])
    assert gofer.json("cron", "sync", path) == {
        "added": 0,
        "changed": 1,
        "removed": 1,
        "unchanged": 0,
    }
    shown = gofer.json("cron", "show", "a")
    assert (shown["payload"], shown["source"]) == ('{"n":2}', str(path.resolve()))
    assert names(gofer) == ["a", "mine"]
    write(path, [{"name": "a", "spec": "@daily", "tpye": "job"}])
    error = gofer("cron", "sync", path, code=2).err
    assert "cron entry 'a': there is no key 'tpye'; did you mean 'type'?" in error
    write(path, [{"name": "mine", "spec": "@daily", "type": "job"}])
    assert "'mine' is there already" in gofer("cron", "sync", path, code=4).err
    gofer("cron", "sync", gofer.folder / "none.json", code=3)
    gofer("cron", "sync", "-", code=2)
    assert gofer.json("cron", "sync", "-", "--source", "x", input='{"entries":[]}')["removed"] == 0
    assert names(gofer) == ["a", "mine"]


def test_a_worker_follows_a_file(gofer):
    path = gofer.folder / "schedule.json"
    gofer("worker", "--exec", "job=true", "--schedule", path, code=3)
    path.write_text("{")
    assert "not JSON" in gofer("worker", "--exec", "job=true", "--schedule", path, code=2).err
    write(path, [{"name": "a", "spec": "@every 1s", "type": "job"}])
    assert (
        "schedule"
        in gofer(
            "worker", "--exec", "job=true", "--schedule", path, "--set", "schedule=0", code=2
        ).err
    )
    worker = gofer.worker("--exec", "job=true", "--schedule", path)
    wait_for(lambda: names(gofer) == ["a"], "the file's entry")
    wait_for(lambda: history(gofer, "a"), "its tick")
    path.write_text("{")
    wait_for(lambda: "was not taken over" in worker.log, "the complaint")
    assert names(gofer) == ["a"]
    write(path, [{"name": "b", "spec": "@daily", "type": "job"}])
    wait_for(lambda: names(gofer) == ["b"], "the new entry")
    assert worker.stop() == 0
    assert pathlib.Path(gofer.json("cron", "show", "b")["source"]) == path.resolve()
