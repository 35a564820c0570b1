"""test_carry - the trace context of a task goes on into the tasks that its function puts in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gofer
import pytest

IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
TRACE = f"00-{IDS}-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
KEPT = "kept"  # no worker here serves this queue, so they end with tasks in it
BOTH = {"traceparent": TRACE, "tracestate": "a=1"}


def headers_of(handle: gofer.Handle[Any]) -> dict[str, str]:
    return dict(handle.info().headers)


@pytest.mark.parametrize("hooked", [False, True])
def test_all_ways_of_putting_in_carry_it(app: gofer.Gofer, hooked: bool) -> None:
    """Also where there are hooks, which come first."""
    made: dict[str, gofer.Handle[Any] | None] = {}
    if hooked:

        @app.on_enqueue
        def mark(item: gofer.Item) -> gofer.Item | None:
            return item.with_headers({"traceparent": OTHER}) if item.type == "marked" else None

    def item(payload: str = "", **options: Any) -> gofer.Item:
        return app.item("next", payload, queue=KEPT, **options)

    def many(name: str) -> list[gofer.Item]:
        return [item(name), item(name, headers={"traceparent": OTHER})]

    @app.task(retry=0)
    def plain() -> None:
        made["one"] = app.enqueue("next", b"1", queue=KEPT, headers={"x": "y"})
        made["marked"] = app.enqueue("marked", queue=KEPT)
        made["many"], made["own"] = (result.handle for result in app.enqueue_many(many("a")))
        with app.batch() as batch:
            batch.enqueue("next", b"c", queue=KEPT)
        made["batch"] = batch.results[0].handle
        made["item"] = item("d").enqueue()

    @app.task(retry=0)
    async def later() -> None:
        made["aone"] = await app.aenqueue("next", b"2", queue=KEPT)
        made["amany"], made["aown"] = [r.handle for r in await app.aenqueue_many(many("b"))]
        made["thread"] = await asyncio.to_thread(item("e").enqueue)

    for task in (plain, later):
        task.options(headers=BOTH).enqueue()
    app.worker(threads=1, tasks=1).run(drain=True)
    got = {name: headers_of(handle) for name, handle in made.items() if handle is not None}
    assert got.pop("one") == {"x": "y", **BOTH}
    assert got.pop("own") == got.pop("aown") == {"traceparent": OTHER}
    assert got.pop("marked")["traceparent"] == (OTHER if hooked else TRACE)
    assert set(got) == {"many", "batch", "item", "aone", "amany", "thread"}
    assert all(headers == BOTH for headers in got.values()), got
    assert headers_of(app.enqueue("next", b"4", queue=KEPT)) == {}  # the thread has none of its own


@pytest.mark.parametrize(
    "parent, goes_on",
    [
        (f"00-{IDS}-00", True),
        (f"01-{IDS}-01", True),
        (f"cc-{IDS}-01-and-more", True),
        (f"00-{IDS}-01-and-more", False),
        (f"cc-{IDS}-01x", False),
        (f"ff-{IDS}-01", False),
        (f"00-{IDS}-01\n", False),
        (f"00-{IDS}-1", False),
        (TRACE.upper(), False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", False),
        ("", False),
    ],
)
def test_what_is_malformed_does_not_go_on(parent: str, goes_on: bool) -> None:
    with gofer.Gofer("memory:") as app:
        made: list[gofer.Handle[Any]] = []

        @app.task(retry=0)
        def first() -> None:
            made.append(app.enqueue("next", queue=KEPT))

        first.options(headers={"traceparent": parent, "tracestate": "a=1"}).enqueue()
        app.worker(threads=1).run(drain=True)
        want = {"traceparent": parent, "tracestate": "a=1"} if goes_on else {}
        assert headers_of(made[0]) == want


SHOP = """
import gofer

app = gofer.Gofer()

@app.task(name="first")
def first() -> None:
    app.enqueue("second")

@app.task(name="second", isolation="process")
def second() -> None:
    app.enqueue("third")

@app.task(name="third")
async def third() -> None:
    await app.aenqueue("last", queue="kept")
"""


def test_a_chain_in_a_workers_processes(app: gofer.Gofer, url: str, tmp_path: Path) -> None:
    binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")
    (tmp_path / "shop.py").write_text(SHOP, "utf-8")
    app.enqueue("first", headers=BOTH)
    command = [binary, "--url", url, "worker", "--drain", "--python", "shop:app"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**os.environ, "GOFER_PYTHON": sys.executable, "GOFER_URL": url},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (last,) = app.inspect.tasks(KEPT, "pending")
    assert dict(last.headers) == BOTH
