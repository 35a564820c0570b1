#!/usr/bin/env python3
"""schedule.py - a tutorial in one file: four kinds of background jobs, scheduled from Python.

    python examples/python/schedule.py sqlite:/tmp/tasks.db

The URL says where the tasks go: the first argument, else $GOFER_URL, else a file of yours. It only
schedules; a worker runs them, and its handlers may be in any language. To see them arrive:

    gofer --url sqlite:/tmp/tasks.db queue ls
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta, timezone

import gofer

# An application: the store and the tasks that go to it. It is opened at the first use.
app = gofer.Gofer(sys.argv[1] if len(sys.argv) > 1 else None)


# A task is a function with a name. The name is what a handler is found by: here they are written in
# other languages, so the body only says what the arguments are. What a task should have every time
# stands in the decorator: the queue, how often it is tried again, how long one run may take.
@app.task(name="email:welcome", queue="mail", retry=8, timeout="30s")
def send_welcome(to: str, name: str, locale: str = "en") -> None: ...


# With a retention the task stays after it is done, for so long, and with it what its handler left
# as its result: the page, here.
@app.task(name="report:monthly", queue="reports", timeout="10m", retention="7d")
def monthly_report(month: date, formats: list[str]) -> None: ...


# A backup that cannot be done by a certain time is better not done during the day.
@app.task(name="backup:folder", queue="low", retry=2, deadline="6h", retention=timedelta(days=30))
def backup(folder: str) -> None: ...


@app.task(name="maintenance:expire", queue="low")
def expire_files(folder: str, older_than_s: float) -> None: ...


def main() -> int:
    # Now. enqueue takes exactly the arguments of the function, and your type checker knows them.
    # They travel as one JSON object, {"to": "ann@example.org", "name": "Ann", "locale": "it"}.
    # When this line is done, the task is on the disk.
    welcome = send_welcome.enqueue("ann@example.org", name="Ann", locale="it")
    print("email        ", welcome.id, welcome.info().state)

    # Later. A delay is seconds, a timedelta, or text like "5m"; dates and the like become text in
    # the payload.
    report = monthly_report.enqueue_in("2s", month=date(2026, 11, 1), formats=["html"])
    print("report       ", report.id, report.info().state)

    # At a certain time: the next 02:30 UTC. (A datetime without a time zone would be local time.)
    now = datetime.now(timezone.utc)
    night = now.replace(hour=2, minute=30, second=0, microsecond=0)
    if night <= now:
        night += timedelta(days=1)

    # An id of your own makes it safe to run this twice: the same task with the
    # same id is added once.
    nightly = backup.options(id=f"backup-{night:%Y-%m-%d}").enqueue_at(night, "/srv/data")
    print("backup       ", nightly.id, nightly.info().next_run_at)

    # Many at once, in one step, each with its own fate. Tasks also go by name, without a function:
    # a payload is anything that JSON can hold, or bytes as they are.
    folders = ["/var/cache/shop", "/tmp/uploads"]
    items = [expire_files.item(folder, older_than_s=86400.0) for folder in folders]
    items.append(app.item("maintenance:vacuum", {"tables": ["orders"]}, queue="low"))
    for result in app.enqueue_many(items):
        print("maintenance  ", result.handle or f"refused: {result.error}")

    # The same backup with other arguments is another task, and its id is taken.
    try:
        backup.options(id=nightly.id).enqueue_at(night, "/srv/other")
    except gofer.TaskExists as error:
        print("refused      ", error)

    # What is waiting now.
    for queue in app.inspect.queues():
        print(f"queue {queue.queue:<8} {queue.pending} pending, {queue.scheduled} scheduled")
    return 0


if __name__ == "__main__":
    with app:
        sys.exit(main())
