#!/usr/bin/env python3
"""Schedules an email and a report from Python; quickstart.sh runs it. The tutorial for scheduling
from Python is ../python/schedule.py.

    schedule.py CSV-FILE HTML-FILE

The broker is $GOFER_URL. Prints the id of each task.
"""

import sys

from tasks import app, welcome


# Handled in Lua, so the function has no body: its arguments, as one JSON object, are the payload.
@app.task(name="report:sales", retry=2, timeout="1m", retention="1h")
def sales_report(input: str, output: str) -> None: ...


def main(csv: str, html: str) -> None:
    mail = welcome.enqueue("ada@example.org", "Welcome to gofer", "It works.\n")
    print(mail.id, " email:welcome")
    report = sales_report.enqueue(csv, html)
    print(report.id, " report:sales")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with app:
        main(sys.argv[1], sys.argv[2])
