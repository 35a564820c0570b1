"""Makes the pictures of the page that the documentation shows: fills a store with the work of a
shop that does not exist, opens views in Chromium, light and dark, and writes docs/images/*.webp.

    GOFER_BIN=build/dev/gofer python3 tests/cli/pictures.py [NAME...]

It takes a minute, for the page to see something happen. What the shop did on the days and in the
hours before is put into the store by hand. Needs selenium, Chromium and chromedriver.
"""
import base64
import contextlib
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

from browser import Page, _start, until
from conftest import ROOT, Gofer
from webserver import Web

IMAGES = ROOT / "docs" / "images"
LARGEST = 60 << 10      # bytes of a picture
WATCHED_S = 45          # how long the page sees work before the first picture
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAYS, HOURS, MINUTES = 30, 192, 60

WIDTH, HEIGHT = 1280, 860

# Name, address, heading, what it shows, light or dark.
PICTURES = (
    ("overview-light", "/", "Overview", "mail", "light"),
    ("overview-dark", "/", "Overview", "mail", "dark"),
    ("queue", "/queues/mail", "mail", "mail:receipt", "light"),
    ("tasks", "/tasks?queue=mail", "Tasks", "mail:receipt", "light"),
    ("task", "/queues/reports/tasks/monthly-2026-10", "monthly-2026-10", "attempt", "dark"),
    ("failures", "/failures?state=archived", "Failures", "webhook:deliver", "light"),
    ("schedules", "/schedules", "Schedules", "nightly-backup", "dark"),
    ("workers", "/workers", "Workers", "reports", "light"),
)

# Type, queue, seconds it takes, how many of a hundred fail, and with what.
WORK = (
    ("mail:receipt", "mail", 0.04, 2, "smtp 10.2.0.{m}:587: 451 try again later, id {x}"),
    ("mail:welcome", "mail", 0.06, 1, "no template 'welcome-{n}' in locale 'pt_BR'"),
    ("webhook:deliver", "webhooks", 0.09, 14,
     "POST https://hooks.example.net/{n}: 503 after {n} ms"),
    ("image:resize", "images", 0.15, 3, "order-{n}.png: not a PNG file: 89 50 4e {x}"),
    ("report:daily", "reports", 0.3, 0, ""),
)

TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/reports.py", line 88, in monthly
    rows = ledger.rows(month)
  File "/srv/shop/ledger.py", line 31, in rows
    raise LedgerLocked(f"{month} is being closed by {self.owner}")
shop.ledger.LedgerLocked: 2026-10 is being closed by 'accounts-2'"""

HANDLER = """#!/usr/bin/env bash
case $1 in
encode) for i in {1..600}; do echo "progress $((i + 212)) 900 frames" >&3; sleep 1; done ;;
monthly) echo "log info read 1841 of 3022 rows" >&3; cat traceback >&2; exit 1 ;;
backup) echo "log info 4.2 GiB to s3://shop-backups" >&3; sleep 0.2 ;;
*) read -r seconds fails error
    sleep "$seconds"
    [ "$fails" = 0 ] || { echo "$error" >&2; exit 1; }
    echo '{"ok": true}' ;;
esac
"""


def payload(kind, rng):
    _, _, seconds, share, error = kind
    error = error.format(m=rng.randrange(2, 255), n=rng.randrange(1000, 99999),
                         x=f"{rng.randrange(1 << 40):x}")
    return f"{seconds * rng.uniform(0.4, 2.2):.3f} {int(rng.randrange(100) < share)} {error}"


def tasks(rng, count):
    """Lines of a batch: the shop's usual mix."""
    weights = (10, 3, 5, 4, 1)
    for kind in rng.choices(WORK, weights, k=count):
        yield json.dumps({"type": kind[0], "queue": kind[1], "payload": payload(kind, rng),
                          "retention": "2h", "retry": rng.choice((0, 5)), "timeout": "30s"})


def past(db, rng):
    """Days, hours and minutes before, after the manner of this one."""
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(db, timeout=10)) as store, store:
        for qid, many, failed in store.execute(
                "SELECT qid, processed, failed FROM queue").fetchall():
            for back in range(1, DAYS):
                day = now // DAY_MS - back
                busy = (0.5 if (day + 4) % 7 in (0, 6) else 1) * rng.uniform(0.8, 1.2) * 40
                bad = 6 if back == 9 else rng.uniform(0.6, 1.4)
                store.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?)",
                              (qid, day, int(many * busy), int(failed * busy * bad)))
        for row in store.execute("SELECT * FROM stat").fetchall():
            for back in range(1, HOURS):
                hour = row[2] - back
                busy = (1.3 - abs(hour % 24 - 14) / 12) * rng.uniform(0.8, 1.2) * 3
                store.execute("INSERT OR REPLACE INTO stat VALUES (?, ?, ?, ?, ?, ?, ?)",
                              (*row[:2], hour, int(row[3] * busy), int(row[4] * busy), *row[5:]))
        known = {}              # of each queue and type, minutes to be like
        for row in store.execute("SELECT minute, queue, type, done, failed, wait, run"
                                 " FROM stat_minute").fetchall():
            known.setdefault(row[1:3], []).append(row)
        for (queue, kind), rows in known.items():
            for back in range(1, MINUTES):
                like = rng.choice(rows)
                busy = rng.uniform(0.7, 1.3)
                store.execute("INSERT OR IGNORE INTO stat_minute VALUES (?, ?, ?, ?, ?, ?, ?)",
                              (rows[-1][0] - back, queue, kind, int(like[3] * busy),
                               int(like[4] * busy), *like[5:]))


def fill(gofer, rng):
    (gofer.folder / "handler").write_text(HANDLER)
    (gofer.folder / "handler").chmod(0o755)
    (gofer.folder / "traceback").write_text(TRACEBACK)
    for name, spec, kind, queue in (
            ("nightly-backup", "30 2 * * *", "backup:database", "backups"),
            ("daily-report", "0 6 * * 1-5", "report:daily", "reports"),
            ("monthly-report", "0 4 1 * *", "report:monthly", "reports"),
            ("flush-metrics", "@every 15s", "metrics:flush", "default"),
            ("clear-carts", "@every 15m", "cart:clear", "default")):
        gofer("cron", "add", name, spec, kind, "--queue", queue, "--tz", "Europe/Berlin")
    gofer("cron", "pause", "clear-carts")
    gofer("cron", "run", "nightly-backup")
    gofer.enqueue("report:monthly", '{"month": "2026-10", "currency": "EUR",'
                  ' "sections": ["sales", "refunds", "tax"], "recipients":'
                  ' [{"name": "Ada", "mail": "ada@example.net"}]}', "--queue", "reports", "--id",
                  "monthly-2026-10", "--retry-policy", "fixed:2s", "--retry", "2",
                  "--header", "requested-by=ada")
    gofer.enqueue("video:encode", '{"clip": 7731}', "--queue", "images", "--id", "clip-7731")
    gofer.enqueue("newsletter", "{}", "--queue", "mail", "--in", "3h")
    gofer.enqueue("import:orders", "{}", "--queue", "imports", "--id", "shop-eu")
    handlers = [word for kind in (*(work[0] for work in WORK), "metrics:flush")
                for word in ("--exec", f"{kind}=./handler usual")]
    for kind, name in (("report:monthly", "monthly"), ("backup:database", "backup"),
                       ("video:encode", "encode")):
        handlers += ["--exec", f"{kind}=./handler {name}"]
    queues = [word for queue in ("mail=6", "webhooks=3", "images=2", "reports=1", "backups=1",
                                 "default=1") for word in ("--queue", queue)]
    for slots in ("8", "4"):
        gofer.worker(*queues, *handlers, "--concurrency", slots)
    gofer("enqueue", "--batch", input="\n".join(tasks(rng, 400)))
    until(lambda: gofer.json("task", "show", "monthly-2026-10")["state"] == "archived",
          "the report to have failed for good")
    time.sleep(6)           # workers have handed over what they counted
    past(gofer.db, rng)


class Customers(threading.Thread):
    """Work goes on while the page is looked at."""

    def __init__(self, gofer, rng):
        super().__init__(daemon=True)
        self.gofer, self.rng, self.ends = gofer, rng, threading.Event()

    def run(self):
        wave = 0
        while not self.ends.wait(0.5):
            wave += 1
            many = max(1, int(8 + 6 * random.Random(wave // 8).uniform(-1, 1)))
            self.gofer("enqueue", "--batch", input="\n".join(tasks(self.rng, many)))


def shoot(page, name, where, scheme):
    page.devtools("Emulation.setEmulatedMedia", features=[
        {"name": "prefers-color-scheme", "value": scheme}])
    full = page.run("return Math.ceil(document.getElementById('main')"
                    ".getBoundingClientRect().bottom) + 8")
    height = min(HEIGHT, full)
    for quality in (85, 75, 60):
        data = base64.b64decode(page.devtools(
            "Page.captureScreenshot", format="webp", quality=quality,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1})["data"])
        if len(data) <= LARGEST:
            break
        height = min(height, HEIGHT * 3 // 4)
    (where / f"{name}.webp").write_bytes(data)
    print(f"{name}.webp: {len(data) / 1024:.1f} KiB")


def pictures(gofer, folder, wanted):
    web = Web(gofer)
    driver = _start(folder / "chromium")
    customers = Customers(gofer, random.Random(2))
    try:
        page = Page(driver, web.address)
        page.devtools("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT,
                      deviceScaleFactor=1, mobile=False)
        page.devtools("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")
        token = web.add_token("ada", "operate")
        page.open("/")
        page.log_in(token)
        customers.start()
        time.sleep(WATCHED_S)
        for name, path, title, sees, scheme in PICTURES:
            if wanted and name not in wanted:
                continue
            if path != page.path:
                page.open(path, title)
            page.sees(sees)
            time.sleep(1)
            shoot(page, name, IMAGES, scheme)
    finally:
        customers.ends.set()
        driver.quit()
        web.close()


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gofer-pictures-"))
    IMAGES.mkdir(exist_ok=True)
    gofer = Gofer(folder)
    gofer.db = folder / "shop.db"
    gofer.env.update(GOFER_URL="sqlite:shop.db", TZ="Europe/Berlin")
    try:
        fill(gofer, random.Random(1))
        pictures(gofer, folder, sys.argv[1:])
    finally:
        for worker in gofer.workers:
            worker.signal(9)
            worker.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
