"""`gofer tenant`, and tasks that name their tenant."""
import json
import re

import pytest


def ids_done(store, *words):
    """In the order in which one slot takes them."""
    store("worker", "--drain", "--concurrency", "1", *words, "--shell",
          '*=echo "$GOFER_TASK_ID" >>done.txt')
    return (store.folder / "done.txt").read_text().split()


def test_a_weight_is_put_listed_and_removed(store):
    store("tenant", "put", "acme", "big", "--weight", "4", "--queue", "mail")
    store.enqueue("t", "--queue", "mail", "--tenant", "small")
    rows = [line.split() for line in store("tenant", "ls", "--queue", "mail").out.splitlines()]
    assert rows == [["TENANT", "QUEUE", "WEIGHT", "WAITING"], ["acme", "mail", "4", "0"],
                    ["big", "mail", "4", "0"], ["small", "mail", "1", "1"]]
    assert store.json("tenant", "show", "small", "--queue", "mail")["items"] == [
        {"tenant": "small", "queue": "mail", "weight": 1, "waiting": 1}]
    store("tenant", "rm", "acme", "--queue", "mail")
    assert "acme" in store("tenant", "rm", "acme", "--queue", "mail", code=3).why
    store("tenant", "show", "acme", "--queue", "mail", code=3)
    store("tenant", "ls", "--queue", "none", code=3)


@pytest.mark.parametrize("words", [
    ("put", "acme", "--weight", "0"), ("put", "acme", "--weight", "101"), ("put", ""),
    ("put", "x" * 256)])
def test_a_wrong_weight_or_name_is_refused(store, words):
    store("tenant", *words, code=2)


def test_tenants_take_turns(store):
    store("tenant", "put", "b", "--weight", "2")
    lines = [{"type": "t", "id": f"{name}{number}", "tenant": name}
             for name in "ab" for number in range(4)]
    store("enqueue", "--batch", input="\n".join(map(json.dumps, lines)))
    store.enqueue("t", "--id", "c0", "--tenant", "c")
    assert re.search(r"^tenant +c$", store("task", "show", "c0").out, re.M)
    order = ids_done(store)
    # Of b two while one is of a: who is first of equals is the store's.
    assert [each for each in order if each[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert sorted(order[:4]) == ["a0", "b0", "b1", "c0"] and sorted(order[4:7]) == [
        "a1", "b2", "b3"]


def test_a_line_of_a_batch_needs_a_text(store):
    lines = [{"type": "t", "tenant": 5}, {"type": "t", "tenant": ""}]
    got = store("enqueue", "--batch", input="\n".join(map(json.dumps, lines)), code=2)
    assert re.search(r"line 1: .*'tenant' must be", got.err) and "line 2" in got.err


def test_a_cron_entry_has_a_tenant(store):
    store("cron", "add", "nightly", "@daily", "t", "--tenant", "acme")
    assert re.search(r"^tenant +acme$", store("cron", "show", "nightly").out, re.M)
    (store.folder / "cron.json").write_text(json.dumps({"entries": [
        {"name": "hourly", "spec": "@hourly", "type": "t", "tenant": "small"}]}))
    store("cron", "sync", "cron.json")
    assert store.json("cron", "show", "hourly")["tenant"] == "small"
    store("cron", "run", "hourly")
    assert store.json("task", "ls")["items"][0]["tenant"] == "small"
    (store.folder / "bad.json").write_text(json.dumps({"entries": [
        {"name": "x", "spec": "@hourly", "type": "t", "tenant": 5}]}))
    assert "'tenant' must be" in store("cron", "sync", "bad.json", code=2).why
