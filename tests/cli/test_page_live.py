"""The page while things change around it, in a real Chromium: events, a server and a store that go
away and come back, a tab that nobody looks at."""
import contextlib
import os
import signal
import sqlite3
import time

import pytest
from browser import until
from conftest import needs_redis, wait_for
from proxy import DELAY, PASS, Proxy
from test_children import child
from topology import Running, Setup
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

AWAY = "gofer web does not answer"


def test_what_happens_is_seen_as_it_happens(page, store):
    store.enqueue("t", "x")
    page.open("/")
    page.sees("Waiting\n1", ".cards")
    page.sees("live", "header")
    store("enqueue", "--batch", input='{"type":"t"}\n' * 10)
    page.sees("Waiting\n11", ".cards")
    page.sees("1.0 enqueued/s", ".rates")


def test_what_runs_tells_how_far_it_is(page, store):
    """In the view of the task and in that of its worker, until it ends. A worker tells the store
    every five seconds what it runs."""
    (store.folder / "handler").write_text(
        "#!/bin/sh\necho 'progress 3 10 rows' >&3\necho 'log info halfway' >&3\n"
        "while [ ! -e go ]; do sleep 0.05; done\n")
    (store.folder / "handler").chmod(0o755)
    store.enqueue("slow", "x", "--id", "one", "--retention", "1h")
    page.open("/queues/default/tasks/one", "one")
    page.sees("live", "header")
    store.worker("--exec", "slow=./handler")
    page.sees("3 of 10 rows")
    page.sees("halfway")
    assert page.run("const bar = document.querySelector('progress'); return [bar.value, bar.max]") \
        == [3, 10]
    page.go("/workers", "Workers")
    page.sees("Tasks of ")          # once it has told the store
    page.run("document.querySelector('main details').open = true")
    page.sees("slow one since", "details")
    page.sees(" ago", "details")
    page.click("slow one", "details")
    page.ready("one")
    (store.folder / "go").touch()
    page.sees("completed")
    page.misses("3 of 10")


WAITS = r"""
import os, sys, time
sys.path.insert(0, EXAMPLES)
from child import *

def wait(task):
    while not os.path.exists("go"):
        time.sleep(0.05)

Child({"wait": wait}).serve("waiting")
"""


def test_children_are_seen_and_that_one_died(page, store):
    """How many there are and what they run, each with its PID, and one that stands in for another.
    """
    store.enqueue("wait", "x", "--id", "one", "--retention", "1h")
    worker = store.worker("--concurrency", "1", "--child", child(store, WAITS, "waiting.py"))
    page.open("/workers", "Workers")
    page.sees("1 run 1 of 1", "tbody")
    page.misses("restart", "tbody")

    def process():
        return store.live(worker.process.pid)["child_processes"]["items"][0]

    first = wait_for(lambda: (it := process())["running"] == 1 and it, "the child to run it")
    page.run("for (const it of document.querySelectorAll('main details')) it.open = true")
    page.sees(f"PID {first['pid']}, ready: 1 of 1", "details")
    page.go("/queues/default", "default")
    page.sees("1, 1 of 2 slots busy")     # its own is free
    page.go("/workers", "Workers")
    os.kill(first["pid"], signal.SIGKILL)
    page.sees(", 1 restart", "tbody")
    page.run("for (const it of document.querySelectorAll('main details')) it.open = true")
    page.misses(f"PID {first['pid']}", "details")
    (store.folder / "go").touch()
    store.enqueue("wait", "x")      # the first is tried again only later
    page.sees("ready: 0 of 1, 1 task,", "details")


def test_ticks_that_were_missed_are_seen(page, gofer):
    """Of an entry whose worker was away for longer than a tick may be late: all of them in one."""
    gofer("cron", "add", "often", "@every 1s", "t", "--retention", "1h")
    worker = gofer.worker("--exec", "t=true")

    def ticked():
        return gofer.json("cron", "history", "often")["items"]

    wait_for(ticked, "a tick")
    worker.stop()
    with contextlib.closing(sqlite3.connect(gofer.db)) as db, db:
        db.execute("UPDATE tick SET tick_ms = tick_ms - 600000")
        db.execute("UPDATE ticked SET tick_ms = tick_ms - 600000")
    before = len(ticked())
    gofer.worker("--exec", "t=true")
    wait_for(lambda: len(ticked()) > before, "a tick after the gap")
    page.open("/schedules/often", "often")
    page.sees("left out ", "ol.strip")
    said = page.text("ol.strip").split("left out ")[1]
    count = int(said.split(" ticks, ")[0].replace(",", ""))
    assert 500 <= count < 700 and " to " in said


def test_a_queue_tells_who_paused_it(admin, gofer):
    gofer.enqueue("t", "x")
    gofer("queue", "pause", "default")
    admin.go("/queues/default", "default")
    admin.sees(" ago, by ", "dl")
    admin.sees("@", "dl")
    admin.click("Unpause")
    admin.misses(", by ", "dl")
    admin.click("Pause")
    admin.sees(", by ", "dl")
    admin.misses("@", "dl")


def test_a_queue_refuses_what_is_plain(admin, gofer):
    gofer.enqueue("t", "x")
    admin.go("/queues/default", "default")
    admin.click("Refuse plain payloads")
    admin.click("Do so")
    admin.sees("refused", "dl")
    gofer.enqueue("t", "x", code=6)
    admin.click("Accept plain payloads")
    admin.click("Do so")
    admin.misses("refused", "dl")
    gofer.enqueue("t", "x")


def test_a_server_that_goes_and_comes_back(browse, gofer):
    first = Web(gofer)
    page = browse(first.address)
    page.expects("net::ERR_|503")
    page.open("/queues", "Queues")
    gofer.enqueue("t", "x", "--queue", "before")
    page.sees("before")
    first.stop()
    began = time.monotonic()
    page.sees(AWAY)
    # It is the stream that tells, not the next look, which is five seconds away.
    assert time.monotonic() - began < 4
    page.sees("before")         # what was known is still there
    # Another view, which has never been shown, says it, too.
    page.click("Types", "nav")
    page.sees(AWAY)
    gofer.enqueue("t", "x", "--queue", "meanwhile")
    second = Web(gofer, "--listen", first.url.netloc)
    page.misses(AWAY)
    page.click("Queues", "nav")
    page.sees("meanwhile")
    gofer.enqueue("t", "x", "--queue", "after")
    page.sees("after")
    page.leave()
    second.close()
    first.close()


def test_a_server_that_forgot_who_is_logged_in(browse, gofer):
    first = Web(gofer)
    page = browse(first.address)
    page.expects("net::ERR_|401|503")
    token = first.add_token("ann", "operate")
    page.open("/queues", "Log in")
    page.log_in(token)
    first.stop()
    second = Web(gofer, "--listen", first.url.netloc)
    page.sees("Log in", "h1")
    page.log_in(token)
    page.ready("Queues")
    page.leave()
    second.close()
    first.close()


def test_a_token_that_is_taken_away(page, web, gofer):
    page.expects("401")
    token = web.add_token("ann", "operate")
    web.add_token("other", "see")
    page.open("/queues", "Log in")
    page.log_in(token)
    page.ready("Queues")
    gofer("web", "token", "rm", "ann", "--tokens", gofer.folder / "web-tokens")
    page.sees("Log in", "h1")


@needs_redis
def test_a_store_that_goes_and_comes_back(browse, gofer):
    with Running("single", Setup(appendonly=True)) as topology:
        gofer.env["GOFER_URL"] = topology.url
        gofer.enqueue("t", "x", "--queue", "before")
        web = Web(gofer)
        page = browse(web.address)
        page.expects("503")
        page.open("/queues", "Queues")
        page.sees("before")
        server = topology.data[0]
        server.stop()
        page.sees("The store does not answer")
        page.sees("before")
        server.start()
        page.misses("The store does not answer")
        gofer.enqueue("t", "x", "--queue", "after")
        page.sees("after")
        page.leave()
        web.close()


def test_a_repair_that_is_slow_is_a_job(browse, gofer, redis):
    """The doctor says as which, waits for its end, and shows what it found."""
    host, port = gofer.env["GOFER_URL"].split("//")[1].split("/")[0].rsplit(":", 1)
    proxy = Proxy((host, int(port)))
    gofer.env["GOFER_URL"] = f"redis://{proxy.address}"
    web = Web(gofer)
    token = web.add_token("root", "admin")
    page = browse(web.address)
    page.expects("401")  # before the login
    page.open()
    page.log_in(token)
    gofer.enqueue("t", "--queue", "lost", "--in", "1h")
    redis("SREM", "asynq:queues", "lost")
    page.go("/doctor", "Doctor")
    page.sees("queue-unlisted")
    proxy.delay_s, proxy.mode = 0.4, DELAY
    page.click("Mend what can be mended")
    page.sees("Mending, as job 1")
    proxy.mode = PASS
    page.sees("1 mended.")
    assert redis("SISMEMBER", "asynq:queues", "lost") == 1
    page.go("/jobs", "Jobs")
    page.sees("store.repair")
    page.sees("done", "tbody")
    page.leave()
    web.close()
    proxy.refuse()


def test_a_file_that_is_moved_away(page, gofer):
    """What is known of it is shown still, and that nothing more is written."""
    gofer.enqueue("t", "x")
    page.expects("/check .* 503")       # the doctor's own look
    page.open("/", "Overview")
    page.sees("Waiting\n1", ".cards")
    page.misses("was moved")
    away = gofer.db.with_name("away.db")
    gofer.db.rename(away)
    page.open("/", "Overview")
    page.sees("was moved", "main [role=alert]")
    page.sees("Waiting\n1", ".cards")
    away.rename(gofer.db)
    page.open("/", "Overview")
    page.sees("Waiting\n1", ".cards")
    page.misses("was moved")


def test_nobody_looks(page, gofer):
    # Looks that are due in any case come ten times as often, and are counted.
    script = page.devtools("Page.addScriptToEvaluateOnNewDocument", source="""
        const every = setInterval, ask = fetch;
        window.asked = 0;
        window.setInterval = (act, ms) => every(act, ms / 10);
        window.fetch = (...what) => (window.asked++, ask(...what));""")
    gofer.enqueue("t", "x")
    page.open("/")
    until(lambda: page.run("return asked") > 5, "looks that are due in any case")
    page.sees("live", "header")
    page.hide()
    page.misses("live", "header")
    asked = page.run("return asked")
    gofer.enqueue("t", "x")
    time.sleep(1)
    assert page.run("return asked") == asked
    assert "Waiting\n1" in page.text(".cards")
    page.hide(False)
    page.sees("Waiting\n2", ".cards")
    page.sees("live", "header")
    page.devtools("Page.removeScriptToEvaluateOnNewDocument", **script)
