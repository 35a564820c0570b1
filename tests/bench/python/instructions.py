#!/usr/bin/env python3
"""instructions.py [WHAT...] - how many instructions one enqueueing takes, which is the same beside
any load: counted by valgrind, as the difference between runs of many and of few.

It runs with the Python that has the package, on a store in memory, and the argument has 64 bytes.
WHAT: item, enqueue, many (a hundred in a call), put (the call of C alone, with the library and its
store); none: all.
"""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

FEW, MANY, BATCH = 200, 600, 100
COUNTED = re.compile(r"Collected : (\d+)")


def run(what: str, count: int) -> None:
    import gofer
    from gofer.native import lib

    def noop(text: str) -> None: ...

    app = gofer.Gofer("memory:")
    task = app.task(name="noop", retry=0)(noop)
    text = "x" * 62
    task.enqueue(text)
    client, item = app._connection.ready, task.item(text)
    assert client is not None

    def many() -> None:
        app.enqueue_many([task.item(text) for _ in range(BATCH)])

    def put() -> None:
        lib.gofer_py_put(client._gate, 0, item.mold.c(), item.payload, 64)

    call = {"item": partial(task.item, text), "enqueue": partial(task.enqueue, text), "many": many,
            "put": put}[what]  # fmt: skip
    for _ in range(count // BATCH if what == "many" else count):
        call()


def counted(what: str, count: int) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [*valgrind, sys.executable, str(Path(__file__)), what, str(count)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    found = COUNTED.search(done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(done.stderr)
    return int(found[1])


def main(words: "list[str]") -> None:
    if len(words) == 2 and words[1].isdigit():
        return run(words[0], int(words[1]))
    for what in words or ("item", "enqueue", "many", "put"):
        each = (counted(what, MANY) - counted(what, FEW)) // (MANY - FEW)
        print(f"{what:8} {each:8,} instructions", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
