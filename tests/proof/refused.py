"""What cannot be is refused before anything is written: keys that are too long, too many or hold a
NUL, limits without sense, plans that are circular or too large. The store is compared byte for byte
before and after each; and what is just within the bounds is taken as it was given."""
from __future__ import annotations

import json
import sqlite3
from typing import Any, Dict, Iterator, List, NamedTuple

from stage import Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"many": 10001}
SMOKE = {"many": 10001}
USAGE = 2
LONG, LONGER = "k" * 255, "k" * 256


class Bad(NamedTuple):
    what: str
    words: List[str]
    text: str = ""


def bad_tasks() -> Iterator[Bad]:
    keys: Dict[str, List[Any]] = {
        "limits": [list("abcde"), [LONGER], [""], ["a\0b"], ["a\nb"], ["queue:q"],
                   ["ok", "a\0b"], "a\0b", [7]],
        "ordered": [LONGER, "", "a\0b", "é" * 128],
        "tenant": [LONGER, "", "a\0b"],
        "queue": [LONGER, "", "a\0b"],
        "type": [LONGER, "", "a\0b"],
        "id": [LONGER, "", "a\0b"],
        "debounce_key": [LONGER, "", "a\0b"],
        "limit_cost": [-1, 1 << 40, 0.5, "many"],
        "priority": [101, -101, 1e9],
    }
    for name, values in keys.items():
        for value in values:
            task = {"type": "t", name: value}
            if name == "debounce_key":
                task["debounce"] = "1m"
            if name == "limit_cost":
                task["limits"] = ["k"]
            yield Bad(f"{name} {str(value)[:20]!r}", ["enqueue", "--batch"], json.dumps(task))
    for words in (["--limit", LONGER], ["--limit", ""], ["--ordered", LONGER], ["--tenant", ""],
                  [word for key in "abcde" for word in ("--limit", key)]):
        yield Bad(" ".join(words)[:20], ["enqueue", "t", *words])


def bad_limits() -> Iterator[Bad]:
    for words in ([LONGER, "--concurrency", "1"], ["", "--concurrency", "1"], ["k"],
                  ["k", "--concurrency", "-1"], ["k", "--concurrency", "x"],
                  ["k", "--concurrency", "99999999999"], ["k", "--rate", "0/1m"],
                  ["k", "--rate", "5/0s"], ["k", "--rate", "5/-1m"], ["k", "--rate", "many"],
                  ["k", "--burst", "5"], ["k", "--rate", "5/1m", "--burst", "-5"],
                  ["queue:q", "--concurrency", "1", "--over", "refuse"],
                  ["k", "--concurrency", "1", "--over", "later"]):
        yield Bad("limit put " + " ".join(words)[:30], ["limit", "put", *words])
    for words in (["put", "t", "--weight", "0"], ["put", "t", "--weight", "101"],
                  ["put", LONGER, "--weight", "2"]):
        yield Bad("tenant " + " ".join(words)[:30], ["tenant", *words])


def step(name: str, **more: Any) -> Dict:
    return {"name": name, "type": "t", **more}


def bad_plans(many: int) -> Iterator[Bad]:
    plans: Dict[str, Any] = {
        "after itself": [step("a", after="a")],
        "two in a circle": [step("a", after="b"), step("b", after="a")],
        "a circle behind others": [step("x"), step("a", after=["x", "c"]), step("b", after="a"),
                                   step("c", after="b")],
        "a name that is not there": [step("a", after="b")],
        "a name twice": [step("a"), step("a")],
        "no name": [{"type": "t"}],
        "a long name": [step("n" * 129)],
        "a name with a NUL": [step("a\0b")],
        "no steps": [],
        "too many steps": [step(f"s{n}") for n in range(many)],
        "too many names": [step(f"s{n}") for n in range(65)] +
                          [step("z", after=[f"s{n}" for n in range(65)])],
        "too many links": [step(f"p{n}") for n in range(500)] +
                          [step(f"z{n}", after="p*") for n in range(401)],
        "too large": [step("a", payload="x" * (1 << 20))],
        "a bad rule": [step("a"), step("b", after={"a": "sometimes"})],
        "a bad last step": [step(f"s{n}") for n in range(999)] + [step("z", limits=[LONGER])],
        "five keys": [step("a"), step("z", limits=list("abcde"))],
        "an id of its own": [step("a", id="x")],
        "a lock of its own": [step("a", unique="1m")],
    }
    for what, steps in plans.items():
        yield Bad("a plan: " + what, ["flow", "start", "-"], json.dumps({"steps": steps}))
    for text in ("", "{", "[]", '{"steps": 7}', '{"steps": [7]}', '{"steps": [{}], "on_dead": 1}'):
        yield Bad(f"a plan: {text!r}", ["flow", "start", "-"], text)
    fine = json.dumps({"steps": [step("a")]})
    for id in ("a/b", "i" * 256, ""):
        yield Bad(f"a flow's id {id[:10]!r}", ["flow", "start", "-", "--id", id], fine)


def content(store: Store) -> Any:
    """All that is in it."""
    if store.kind == "sqlite":
        db = sqlite3.connect(store.db, timeout=60)
        dump = list(db.iterdump())
        db.close()
        return dump
    with store.topology.data[0].connect() as c:
        return {key: c("DUMP", key) for key in sorted(c("KEYS", "*"))}


def taken(store: Store) -> int:
    """What is just within the bounds comes back as it was given, and runs."""
    keys = ["{a}", "}{", "a{b}c", "{", "}}", LONG, "é" * 127 + "x", "a b"]
    for number, key in enumerate(keys):
        task = {"type": "t", "id": f"t{number}", "queue": "q", "limits": [key, "a", "b", "c"],
                "tenant": key}
        store.run("enqueue", "--batch", text=json.dumps(task))
        got = store.json("task", "show", f"t{number}")
        limits = sorted(got["limits"].split("\n"))
        check(limits == sorted([key, "a", "b", "c"]) and got["tenant"] == key,
              f"{key!r} came back as {got['limits']!r} and {got['tenant']!r}")
        store.run("limit", "put", key, "--concurrency", "1")
    with Crew(store, 2, "--concurrency", "4"):
        wait_for(lambda: store.ended() == len(keys), "all to run")
    return len(keys)


def prove(store: Store, many: int) -> str:
    store.run("enqueue", "t", "--queue", "other", "--limit", "k")
    before, count = content(store), 0
    for bad in [*bad_tasks(), *bad_limits(), *bad_plans(many)]:
        done = store.command(*bad.words, text=bad.text)
        said = done.stderr.decode()
        check(done.returncode == USAGE and len(said) > 10,
              f"{bad.what}: ended with {done.returncode} and said {said!r}")
        check(len(said) < 1000, f"{bad.what}: said {len(said)} bytes")
        check(content(store) == before, f"{bad.what}: the store is another one")
        count += 1
    return (f"{count} tasks, limits and plans refused, each with a text, and the store as before;"
            f" {taken(store)} keys at the bounds taken as given, and run")
