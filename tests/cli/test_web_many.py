"""A store with very many queues: pages, sums, metrics and the list of the command line are served
soon, and no answer holds them all in memory. What is timed has ten times the time it takes; with
100,000 of them it is measured by tests/bench/web.sh many."""
import json
import os
import sqlite3
import time

import pytest
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

MANY, PAGE, BUSY = 10_000, 1000, 7
SOON_S = 10
KNOWN_S = 120     # in the background, on a machine that has other things to do
GROWN_MIB = 16


def name_of(number):
    return f"many:{number:06}"


def fill(store, request):
    """Queues without tasks by the store's own means, and a few with tasks behind them all."""
    names = [name_of(i) for i in range(MANY)]
    store("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": f"zz{i}", "payload": "x"}) for i in range(BUSY)))
    if store.env["GOFER_URL"].startswith("redis"):
        connection = request.getfixturevalue("redis")
        for at in range(0, MANY, PAGE):
            connection("SADD", "asynq:queues", *names[at:at + PAGE])
        return
    db = sqlite3.connect(store.db)
    with db:
        db.executemany("INSERT INTO queue(name) VALUES(?)", ((name,) for name in names))
    db.close()


def memory_of(web, field):
    with open(f"/proc/{web.process.pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def once_known(look):
    end = time.monotonic() + KNOWN_S
    while not (seen := look()):
        assert time.monotonic() < end, "all queues were not counted"
        time.sleep(0.1)
    return seen


def soon(web, path):
    began = time.monotonic()
    answer = web(path)
    assert answer.status == 200 and time.monotonic() - began < SOON_S, path
    return answer


@pytest.fixture
def filled(store, request):
    fill(store, request)
    return store


def check_pages(web):
    page = soon(web, "/api/v1/queues").json
    assert len(page["items"]) == PAGE and page["next_cursor"] == name_of(PAGE - 1)
    page = soon(web, f"/api/v1/queues?limit=3&cursor={name_of(MANY - 2)}").json
    assert [it["queue"] for it in page["items"]] == [name_of(MANY - 1), "zz0", "zz1"]
    page = soon(web, "/api/v1/queues?name=zz*").json
    assert len(page["items"]) == BUSY and "next_cursor" not in page
    assert all(it["pending"] == 1 and it["unserved"] for it in page["items"])
    assert soon(web, "/api/v1/queues?name=zz").json["items"] == []
    assert web("/api/v1/queues?limit=1001").status == 400


def check_overview(web):
    def known():
        seen = soon(web, "/api/v1/overview").json
        return seen if seen["totals"] else None
    seen = once_known(known)
    totals = seen["totals"]
    assert totals["queues"] == MANY + BUSY
    assert totals["pending"] == totals["unserved"] == totals["size"] == BUSY
    assert abs(totals["at_ms"] - time.time() * 1000) < 600_000
    assert totals["oldest"].startswith("zz") and totals["latency_ms"] > 0
    shown = seen["queues"]["items"]
    assert 0 < len(shown) <= 100
    assert {it["queue"] for it in shown[:BUSY]} == {f"zz{i}" for i in range(BUSY)}
    assert seen["history"]["items"] == [] or seen["history"]["items"][0]["processed"] == 0


def check_metrics(web):
    def known():
        lines = soon(web, "/metrics").text.splitlines()
        return lines if f"gofer_queues {MANY + BUSY}" in lines else None
    lines = once_known(known)
    assert f'gofer_tasks{{queue="_other",state="pending"}} {BUSY}' in lines
    assert "gofer_series_limited 1" in lines
    assert sum(line.startswith("gofer_queue_paused{") for line in lines) == PAGE + 1


def check_list(filled):
    whole = filled.json("queue", "ls")
    items = whole["items"]
    assert len(items) == MANY + BUSY and list(whole) == ["items"]
    assert [items[i]["queue"] for i in (0, PAGE)] == [name_of(0), name_of(PAGE)]
    assert items[-1]["queue"] == f"zz{BUSY - 1}"
    shown = filled("queue", "ls")
    lines = shown.out.splitlines()
    assert sum(line.startswith("QUEUE ") for line in lines) == MANY // PAGE + 1
    assert sum(line.startswith("(all) ") for line in lines) == 1
    assert lines[-1].split()[:2] == ["(all)", str(BUSY)]
    assert "queues that no live worker serves: zz0, zz1" in shown.err


def check_stats(filled):
    """The first queues, and the sums of all."""
    shown = filled("stats").out.splitlines()
    heads = next(at for at, line in enumerate(shown) if line.startswith("(all) "))
    assert heads == PAGE + 1 and shown[heads].split()[1] == str(BUSY)
    assert shown[heads + 1] == f"and {MANY + BUSY - PAGE} more queues: gofer queue ls"
    told = filled.json("stats")
    assert len(told["queues"]) == PAGE and told["more_queues"] == MANY + BUSY - PAGE


def check_doctor(filled):
    said = filled("doctor", code=None).err
    assert "queues that no live worker serves: zz0, zz1" in said


def test_many_queues_are_served_soon(filled):
    check_list(filled)
    check_stats(filled)
    check_doctor(filled)
    web = Web(filled, "--anonymous", "see,payload,metrics")
    try:
        web("/healthz")
        before = memory_of(web, "VmRSS")
        check_pages(web)
        check_overview(web)
        check_metrics(web)
        grown = memory_of(web, "VmHWM") - before
        assert grown < GROWN_MIB or os.environ.get("GOFER_SANITIZED"), grown
    finally:
        web.close()
