"""gofer web: series for plots, on both stores."""
import contextlib
import json
import os

import pytest
from conftest import admin_web as web, needs_redis  # noqa: F401
from topology import Running
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

HOUR_MS = 3600 * 1000
MINUTE_MS = 60 * 1000


def test_hours_and_minutes_come_from_the_store(web, store):
    store("enqueue", "--batch", input="\n".join(
        json.dumps({"type": t, "queue": q, "retry": 0}) for q in "ab" for t in ("good", "bad") * 3))
    store("worker", "--drain", "--queue", "a", "--queue", "b", "--exec", "good=true",
          "--exec", "bad=false")

    def sums(query):
        answer = web(f"/api/v1/series?{query}").json
        assert answer["step_ms"] == (HOUR_MS if "hours" in query else MINUTE_MS)
        assert answer["since_ms"] == answer["items"][0]["at_ms"]
        return {k: sum(item[k] for item in answer["items"]) for k in ("done", "failed")}

    for query, want in {
        "hours=2": (6, 6), "hours=24": (6, 6), "hours=192": (6, 6), "hours=24&queue=a": (3, 3),
        "hours=24&queue=a&type=good": (3, 0), "hours=24&type=bad": (0, 6),
        "hours=24&queue=none": (0, 0), "minutes=60": (6, 6), "minutes=60&queue=a": (3, 3),
        "minutes=60&queue=a&type=good": (3, 0), "minutes=60&type=bad": (0, 6),
    }.items():
        assert sums(query) == {"done": want[0], "failed": want[1]}, query
    for unit, count, step_ms in ("hours", 192, HOUR_MS), ("minutes", 60, MINUTE_MS):
        items = web(f"/api/v1/series?{unit}={count}").json["items"]
        assert len(items) == count
        apart = {b["at_ms"] - a["at_ms"] for a, b in zip(items, items[1:])}
        assert apart == {step_ms} == {item["ms"] for item in items[:-1]}
        assert 0 <= items[-1]["ms"] <= step_ms
        assert max(item["run_max_ms"] for item in items) > 0
        assert all(item["run_p50_ms"] <= item["run_p99_ms"] <= item["run_max_ms"]
                   for item in items)


def test_minutes_are_the_same_from_every_server(web, store):
    """They are the store's: a server that starts anew has all of them."""
    store.enqueue("good", "x")
    store("worker", "--drain", "--exec", "good=true")
    first = web("/api/v1/series?minutes=60").json["items"]
    with contextlib.closing(Web(store)) as other:
        other.token = web.token
        second = other("/api/v1/series?minutes=60").json["items"]
    done = [{item["at_ms"]: item["run_max_ms"] for item in items if item["done"]}
            for items in (first, second)]
    assert done[0] == done[1] and len(done[0]) == 1


def test_of_the_last_hour_it_knows_what_it_has_watched(web, store):
    """How it watches is in tests/unit/web_recent_test.c, in shorter steps."""
    store.enqueue("t", "x")
    for query in ("", "?hours=1", "?queue=default", "?queue=none&hours=1"):
        first = web(f"/api/v1/series{query}").json
        assert first == {"step_ms": 10000, "since_ms": None, "items": []}, query


def test_what_is_wrong_is_refused(web):
    assert "from 1 to 192" in web("/api/v1/series?hours=0").why
    assert web("/api/v1/series?hours=193").status == 400
    assert "minutes=60" in web("/api/v1/series?type=t").why
    assert "from 1 to 60" in web("/api/v1/series?minutes=61").why
    assert "not both" in web("/api/v1/series?hours=2&minutes=60").why
    assert web("/api/v1/series?hours=24&queue=%7B").status == 400


@needs_redis
def test_an_open_plot_costs_the_store_little_and_the_server_too(gofer):
    """Many queues, some looked at: what is over is asked for once."""
    with Running("single") as topology:
        gofer.env["GOFER_URL"] = topology.url
        redis = topology.primaries()[0]
        gofer("enqueue", "--batch", input="\n".join(
            json.dumps({"type": "t", "queue": f"q{i:04}"}) for i in range(300)))
        web = Web(gofer)
        web("/api/v1/series?hours=192")

        def commands():
            text = redis.call("INFO", "stats").decode()
            return int(text.split("total_commands_processed:")[1].split()[0])

        before = commands()
        for _ in range(50):
            assert web("/api/v1/series?hours=192").status == 200
        assert commands() - before < 20
        for i in range(40):     # more than are kept
            assert web(f"/api/v1/series?hours=24&queue=q{i:04}").status == 200
        status = open(f"/proc/{web.process.pid}/status").read()
        kib = int(status.split("VmRSS:")[1].split()[0])
        assert kib < 32 << 10 or os.environ.get("GOFER_SANITIZED"), kib
        web.close()
