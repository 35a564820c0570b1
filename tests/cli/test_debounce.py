"""Debounced tasks, and tasks that replace others, by the command line."""

import json
import subprocess

import pytest


def payload(gofer, id):
    return gofer.json("task", "show", id)["payload"]


def test_of_many_calls_there_is_one_task(gofer):
    first = gofer.enqueue("export", "one", "--debounce", "1h", "--max-wait", "2h")
    assert gofer.enqueue("export", "two", "--debounce", "1h", "--max-wait", "2h") == first
    assert payload(gofer, first) == "two"
    got = gofer.json("enqueue", "export", "three", "--debounce", "1h", "--debounce-mode", "keep")
    assert got == {"id": first, "queue": "default", "type": "export", "effect": "kept"}
    assert payload(gofer, first) == "two"
    other = gofer.json("enqueue", "export", "--debounce", "1h", "--debounce-key", "mine")
    assert other["effect"] == "created" and other["id"] != first
    assert gofer.states()["scheduled"] == 2


def test_what_is_due_is_run_and_the_next_call_makes_another(gofer):
    first = gofer.enqueue("export", "one", "--debounce", "1h")
    gofer("task", "run", first)
    assert gofer.enqueue("export", "two", "--debounce", "1h") != first
    assert gofer.states()["pending"] == 1 and gofer.states()["scheduled"] == 1


def test_a_task_that_waits_is_replaced(gofer):
    words = ("enqueue", "t", "--id", "mine")
    assert gofer.json(*words, "--replace")["effect"] == "created"
    assert gofer.json(*words)["effect"] == "kept"
    got = gofer("enqueue", "t", "other", "--id", "mine", code=4)
    assert "'mine' is taken" in got.err
    assert gofer.json("enqueue", "u", "other", "--id", "mine", "--replace", "--in", "1h") == {
        "id": "mine", "queue": "default", "type": "u", "effect": "replaced"}
    task = gofer.json("task", "show", "mine")
    assert (task["type"], task["payload"], task["state"]) == ("u", "other", "scheduled")
    gofer("task", "archive", "mine")
    got = gofer("enqueue", "t", "--id", "mine", "--replace", code=4)
    assert "does not wait" in got.err


def test_a_batch_has_lines_of_all_kinds(gofer):
    lines = [
        {"type": "t", "debounce": "1h", "payload": "1"},
        {"type": "t", "id": "mine"},
        {"type": "t", "debounce": "1h", "payload": "2", "debounce_mode": "replace"},
        {"type": "t", "id": "mine", "replace": True, "payload": "x"},
        {"type": "t", "debounce": "1h", "debounce_key": "k", "max_wait": 7200},
        {"type": "t", "max_wait": "1h"},
        {"type": "t", "debounce": "1h", "debounce_mode": "last"},
        {"type": "t", "debounce": "1h", "unique": "1h"},
        {"type": "t", "debounce": "1h", "max_wait": "1m"},
        {"type": "t", "debuonce": "1h"},
    ]
    got = gofer("enqueue", "--batch", "--json", code=2,
                input="".join(json.dumps(line) + "\n" for line in lines)).json
    items = {item["line"]: item for item in got["items"]}
    assert [items[n].get("effect") for n in range(1, 6)] == [
        "created", "created", "replaced", "replaced", "created"]
    assert items[3]["id"] == items[1]["id"]
    for line, text in ((6, "need 'debounce'"), (7, "earliest"), (8, "exclude each other"),
                       (9, "max_wait_ms is below"), (10, "did you mean 'debounce'?")):
        assert text in items[line]["message"], items[line]
    assert got["added"] == 5 and got["refused"] == 5


@pytest.mark.parametrize("words, text", [
    (["--max-wait", "1h"], "need --debounce"),
    (["--debounce-key", "k"], "need --debounce"),
    (["--debounce-mode", "keep"], "need --debounce"),
    (["--debounce", "0"], "--debounce needs a duration over 0"),
    (["--debounce", "1h", "--max-wait", "1m"], "--max-wait is shorter"),
    (["--debounce", "1h", "--debounce-mode", "kept"], "did you mean 'keep'?"),
    (["--debounce", "1h", "--in", "1h"], "--debounce and --in exclude"),
    (["--debounce", "1h", "--at", "@9999999999"], "--debounce and --at exclude"),
    (["--debounce", "1h", "--unique", "1h"], "--debounce and --unique exclude"),
    (["--debounce", "1h", "--group", "g"], "--debounce and --group exclude"),
    (["--debounce", "1h", "--debounce-mode", "keep", "--expires", "2h"], "--expires exclude"),
    (["--debounce", "1h", "--id", "x", "--replace"], "--debounce and --replace exclude"),
    (["--debounce", "1h", "--debounce-key", "k" * 256], "debounce_key"),
    (["--replace"], "--replace needs --id"),
    (["--replace", "--id", "x", "--unique", "1h"], "--replace and --unique exclude"),
])
def test_what_makes_no_sense_is_refused(gofer, words, text):
    assert text in gofer("enqueue", "t", *words, code=2).err


def test_the_longest_key_and_the_shortest(gofer):
    for key in ("k" * 255, "{x}", "1"):
        first = gofer.enqueue("t", "--debounce", "1h", "--debounce-key", key)
        assert gofer.enqueue("t", "--debounce", "1h", "--debounce-key", key) == first


def test_a_replaced_task_is_an_event(gofer):
    listener = subprocess.Popen(
        [gofer.bin, "events", "--json", "--event", "replaced", "--count", "1"],
        stdout=subprocess.PIPE, cwd=gofer.folder, env=gofer.env)
    while listener.poll() is None:  # events are published while somebody listens
        gofer.enqueue("t", "--debounce", "1h")
    event = json.loads(listener.communicate()[0])
    assert event["event"] == "replaced" and event["id"] == gofer.enqueue("t", "--debounce", "1h")
