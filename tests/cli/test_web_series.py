"""gofer web: series for plots, on both stores."""
import json
import os

import pytest
from conftest import admin_web as web, needs_redis  # noqa: F401
from topology import Running
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

HOUR_MS = 3600 * 1000


def test_hours_come_from_the_store(web, store):
    store("enqueue", "--batch", input="\n".join(
        json.dumps({"type": t, "queue": q, "retry": 0}) for q in "ab" for t in ("good", "bad") * 3))
    store("worker", "--drain", "--queue", "a", "--queue", "b", "--exec", "good=true",
          "--exec", "bad=false")

    def sums(query):
        answer = web(f"/api/v1/series?{query}").json
        assert answer["step_ms"] == HOUR_MS and answer["since_ms"] == answer["items"][0]["at_ms"]
        return {k: sum(item[k] for item in answer["items"]) for k in ("done", "failed")}

    for query, want in {
        "hours=2": (6, 6), "hours=24": (6, 6), "hours=192": (6, 6), "hours=24&queue=a": (3, 3),
        "hours=24&queue=a&type=good": (3, 0), "hours=24&type=bad": (0, 6),
        "hours=24&queue=none": (0, 0),
    }.items():
        assert sums(query) == {"done": want[0], "failed": want[1]}, query
    items = web("/api/v1/series?hours=192").json["items"]
    assert len(items) == 192
    assert [b["at_ms"] - a["at_ms"] for a, b in zip(items, items[1:])] == [HOUR_MS] * 191
    assert {item["ms"] for item in items[:-1]} == {HOUR_MS} and 0 <= items[-1]["ms"] <= HOUR_MS
    assert max(item["run_max_ms"] for item in items) > 0
    assert all(item["run_p50_ms"] <= item["run_p99_ms"] <= item["run_max_ms"] for item in items)


def test_of_the_last_hour_it_knows_what_it_has_watched(web, store):
    """How it watches is in tests/unit/web_recent_test.c, in shorter steps."""
    store.enqueue("t", "x")
    for query in ("", "?hours=1", "?queue=default", "?queue=none&hours=1"):
        first = web(f"/api/v1/series{query}").json
        assert first == {"step_ms": 10000, "since_ms": None, "items": []}, query


def test_what_is_wrong_is_refused(web):
    assert "from 1 to 192" in web("/api/v1/series?hours=0").why
    assert web("/api/v1/series?hours=193").status == 400
    assert "hours=2" in web("/api/v1/series?type=t").why
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
