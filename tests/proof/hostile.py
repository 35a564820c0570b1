"""Names that break out of what they stand in - control characters, the edges of UTF-8, the signs of
Lua, SQL, JSON, patterns and Redis' slots, 255 bytes - as types, queues, ids, tenants, limit keys,
ordered keys and steps of flows. Each is refused with a text and nothing written, or comes back byte
for byte from the handler and in JSON; and no control character reaches a terminal."""
from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections import Counter
from typing import Any, Dict, Iterator, List, Set

from stage import GOFER, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"every": 1}
SMOKE = {"every": 8}        # of the names, begun with any
SIGNS = [
    "\x01", "a\x1b[31mb", "\x1b]0;title\x07", "a\nb", "a\r\nb", "a\tb", "\x7f", "a\x9b31mb",
    "a\x85b", "\u202eabc", "a\u2028b", "\ufeffa", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000",
    "\uffff", "\U00010000", "\U0010ffff", "é", "e\u0301", "a b", " a ", "%s%n%d%%", "%1$s",
    "]]..error('x')..[[", "' .. redis.call('FLUSHALL') .. '", "--[[", "^.*$", "%w+", "'; DROP TABLE"
    " ready; --", '"a"', "NULL", "%_", "\\", "\\u0000", '","x":"', "{}", "{a", "a}b", "}{", "a:t:b",
    "a*b", "a?b", "[a]", "a=b", "a,b", "a@b", "a;b", "$(id)", "`id`", "-a", "--help", "#a", "a'b",
    "0", "-1", "9223372036854775808", "1e999", "nan", "true", "../../etc", "asynq:queues",
]
LONG = 255
# What moves a cursor, colours, or ends a line too early.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def names() -> List[str]:
    return SIGNS + ["x" * LONG, "é" * (LONG // 2) + "x", "𝄞" * (LONG // 4)]


def clipped(name: str, size: int) -> str:
    return name.encode()[:size].decode("utf-8", "ignore")


def tasks(name: str, number: int) -> Iterator[Dict[str, Any]]:
    """A name as each thing that has one."""
    base = {"payload": f"0 0 {number}"}
    for part in ("type", "queue", "id", "tenant", "limits", "ordered", "debounce_key", "all"):
        task = {**base, "type": "t", "queue": "q", "id": f"{part}.{number}"}
        if part == "all":
            task |= {"type": name, "queue": name, "id": clipped(name, 250) + ".all",
                     "tenant": name, "limits": [name]}
        else:
            task[part] = [name] if part == "limits" else name
        if part == "debounce_key":
            task["debounce"] = "1ms"
        yield task


def put(store: Store, task: Dict[str, Any]) -> bool:
    """False: it was refused with a text."""
    done = store.command("enqueue", "--batch", text=json.dumps(task))
    said = done.stderr.decode()
    check(done.returncode in (0, 2), f"{task} ended with {done.returncode}: {said}")
    check(not CONTROL.search(said), f"a refusal has control characters: {said!r}")
    check(done.returncode == 0 or len(said) > 10, f"{task} was refused without a text")
    return done.returncode == 0


def shown_on_a_terminal(store: Store, *words: str) -> None:
    """Printed to one, and to a file: nothing that a terminal would act upon."""
    reader, terminal = os.openpty()
    env = {**store.env, "TERM": "xterm", "NO_COLOR": "1"}
    command = subprocess.Popen([GOFER, *words], env=env, stdin=subprocess.DEVNULL,
                               stdout=terminal, stderr=terminal)
    os.close(terminal)
    said = b""
    while True:
        try:
            read = os.read(reader, 65536)
        except OSError:     # the other side is closed
            break
        said += read
        if not read:
            break
    os.close(reader)
    command.wait()
    for text in (said.replace(b"\r\n", b"\n").decode(), store.run(*words)):
        found = CONTROL.search(text)
        check(not found, f"gofer {' '.join(words)[:60]} prints {found and found[0]!r}")


def listed(store: Store, kept: List[Dict[str, Any]]) -> None:
    """All that waits, in JSON byte for byte, and as text without harm."""
    items = {item["id"]: item for item in store.json("task", "ls", "--all")["items"]}
    for task in kept:
        item = items.get(task["id"])
        check(item, f"{task['id']!r} is not listed")
        for field in ("type", "queue"):
            check(item[field] == task[field], f"{task[field]!r} is listed as {item[field]!r}")
        got = store.json("task", "show", "--queue", task["queue"], "--", task["id"])
        for field, want in (("tenant", task.get("tenant")), ("payload", task["payload"]),
                            ("limits", "\n".join(task.get("limits", [])) or None)):
            check(got.get(field) == want, f"{field} {want!r} is shown as {got.get(field)!r}")
        shown_on_a_terminal(store, "task", "show", "--queue", task["queue"], "--", task["id"])
    queues = {item["queue"] for item in store.json("queue", "ls")["items"]}
    missing = {task["queue"] for task in kept} - queues
    check(not missing, f"queues are not listed: {sorted(missing)[:3]}")


def texts(store: Store, queues: Set[str]) -> None:
    for words in (("task", "ls", "--all"), ("queue", "ls"), ("limit", "blocked", "--all"),
                  ("limit", "ls"), ("stats",), ("group", "ls"), ("flow", "ls"),
                  ("flow", "show", "f")):
        shown_on_a_terminal(store, *words)
    for queue in queues:
        shown_on_a_terminal(store, "tenant", "ls", "--queue", queue)


def plan(fit: List[str]) -> Dict[str, Any]:
    """Each name is a step, its type and its queue, one after the other."""
    steps: List[Dict[str, Any]] = []
    for number, name in enumerate(fit):
        step = {"name": clipped(name.replace("*", ""), 100) + f" {number}", "type": name,
                "queue": name, "tenant": name, "limits": [name], "payload": f"0 0 step {number}"}
        if steps:
            step["after"] = [steps[-1]["name"]]
        steps.append(step)
    return {"steps": steps}


def ran(store: Store, kept: List[Dict[str, Any]]) -> None:
    """Each once, and all bytes as they were given."""
    got = Counter((n.id, n.queue, n.type, n.payload) for n in store.notes() if n.what == "e")
    for task in kept:
        want = (task["id"], *(task[part].encode() for part in ("queue", "type", "payload")))
        check(got[want] == 1, f"{want} ran {got[want]} times")


def put_all(store: Store, some: List[str]) -> "tuple[List[Dict[str, Any]], List[str], int]":
    """What was taken, the names that all things may have, and how many were refused."""
    kept: List[Dict[str, Any]] = []
    fit, refused = [], 0
    for number, name in enumerate(some):
        for task in tasks(name, number):
            if not put(store, task):
                refused += 1
                continue
            kept.append(task)
            if task["id"].endswith(".all"):
                fit.append(name)
    return kept, fit, refused


def prove(store: Store, every: int) -> str:
    some = names()[random.randrange(every)::every]
    kept, fit, refused = put_all(store, some)
    queues = {task["queue"] for task in kept}
    listed(store, [task for task in kept if "debounce" not in task])
    for name in fit:
        if "*" not in name:     # in the name of a limit it is not a sign like others
            store.run("limit", "put", "--concurrency", "1", "--", name)
    steps = plan(fit)
    store.run("flow", "start", "-", "--id", "f", text=json.dumps(steps))
    texts(store, queues)
    with Crew(store, 2, "--queue", "*", "--concurrency", "4") as crew:
        store.run("flow", "wait", "f", "--timeout", "5m")
        wait_for(lambda: store.ended() >= len(kept) + len(steps["steps"]), "all to run", 300)
        log = crew.log()
    check(not CONTROL.search(log), f"the log has control characters: {log!r}")
    ran(store, kept)
    shown = store.json("flow", "show", "f")["steps"]["items"]
    check([(s["name"], s["type"], s["queue"]) for s in shown] ==
          [(s["name"], s["type"], s["queue"]) for s in steps["steps"]], "the flow is another one")
    texts(store, queues)
    return (f"{len(some)} names: {len(kept)} tasks and a flow of {len(shown)} steps carried byte"
            f" for byte, {refused} tasks refused with a text, nothing that a terminal would act"
            " upon")
