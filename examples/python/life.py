"""A task's life from Python: unique tasks, groups, schedules, results, events, acting on many.

    python examples/python/life.py [URL]        # without one: $GOFER_URL, or a file in your state
    folder

The tasks are run by a worker, which this program starts if gofer is in your PATH (or $GOFER_BIN
names it).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import gofer

app = gofer.Gofer(sys.argv[1] if len(sys.argv) > 1 else None)


# At most one rebuild of an index waits or runs; it is no use after ten minutes.
@app.task(name="index:rebuild", unique="1h", expires="10m", retention="1h")
def rebuild(index: str) -> None: ...


# A failure is tried again soon; when all attempts have failed, another task says so.
@app.task(name="feed:fetch", retry=2, retry_policy="list:10ms,20ms", on_dead="alarm")
def fetch(url: str) -> None: ...


@app.task(name="backup:folder", retention="7d")
def backup(folder: str) -> None: ...


def unique() -> None:
    first = rebuild.enqueue("books")
    try:
        rebuild.enqueue("books")
    except gofer.Duplicate as error:
        print("refused:", error)
    # Who only needs the handle asks for that of the task that is there.
    assert rebuild.options(on_conflict="return").enqueue("books").id == first.id


def groups() -> None:
    for text in ("two invoices", "a reminder", "a receipt"):
        app.enqueue("mail:part", {"text": text}, group="ann")
    for group in app.inspect.groups():
        print("group:", group.group, group.size)


def schedules() -> None:
    print("cron:", gofer.cron_check("30 2 * * 1", tz="Europe/Berlin").text)
    app.schedule("nightly", "30 2 * * *", backup.item("/srv"), tz="Europe/Berlin", overlap="skip")
    for entry in app.schedules:
        print("entry:", entry.name, entry.spec, entry.type)
    app.schedules.run("nightly")  # now, beside its ticks


def many() -> None:
    app.enqueue_many(app.item(f"mail:{n}", queue="mail") for n in range(5))
    app.inspect.reschedule(next(app.inspect.find("mail", type="mail:3")).id, delay="1h")
    cancelled = app.inspect.act(
        "cancel",
        "mail",
        type="mail:*",
        progress=lambda looked, done: print(f"looked at {looked}, cancelled {done}"),
    )
    print("cancelled:", cancelled)


async def results() -> None:
    """Waits do not block the loop: any number go on side by side."""
    async with app.events(timeout="20s") as events:
        handles = [backup.enqueue(f"/srv/{n}") for n in range(3)]
        waits = asyncio.gather(*(handle.wait_async(timeout="60s") for handle in handles))
        async for event in events:
            if event.event == "done" and event.type == "backup:folder":
                print("event:", event.event, event.type)
                break
        for outcome in await waits:
            print("result:", outcome.outcome, outcome.json())


def main() -> None:
    unique()
    groups()
    schedules()
    many()
    binary = os.environ.get("GOFER_BIN", "gofer")
    worker = subprocess.Popen(
        [
            binary,
            "--url",
            app.url,
            "worker",
            "--exec",
            "feed:*=false",
            "--exec",
            "*=cat",
            "--log-level",
            "error",
        ]
    )
    try:
        asyncio.run(results())
        fetched = fetch.enqueue("https://example.invalid/feed").wait(timeout="60s")
        print("feed:", fetched.outcome)
    finally:
        # Live control: told through the store, the worker stops as if it had got TERM.
        for each in app.inspect.workers():
            app.inspect.set_worker(each.worker, "state", "stop")
        print("worker: exit code", worker.wait(timeout=60))


if __name__ == "__main__":
    with app:
        main()
