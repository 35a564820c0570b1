"""/metrics: read by Prometheus' own parser where it can be had, else by what the formats say."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest
from conftest import ROOT, wait_for
from exposition import OPEN, check_families, family_names, samples
from webserver import PATIENCE, Web

pytestmark = pytest.mark.usefixtures("has_web")


@pytest.fixture
def web(store):
    it = Web(store)
    yield it
    it.close()


def test_what_the_store_holds(web, store):
    store.enqueue("t", "x", "--queue", 'a"\\b')
    store.enqueue("t", "x", "--in", "1h")
    store("queue", "bound", "default", "7")
    store.worker("--exec", "t=true", "--queue", "none", "--concurrency", "3")
    text = web("/metrics").text
    check_families(text, opened=False)
    got = samples(text)
    assert got['gofer_tasks{queue="a\\"\\\\b",state="pending"}'] == 1
    assert got['gofer_tasks{queue="default",state="scheduled"}'] == 1
    assert got['gofer_queue_unserved{queue="a\\"\\\\b"}'] == 1
    assert got['gofer_queue_latency_seconds{queue="a\\"\\\\b"}'] > 0
    assert [name for name in got if name.startswith("gofer_queue_max_length")] == [
        'gofer_queue_max_length{queue="default"}']
    assert got['gofer_queue_max_length{queue="default"}'] == 7
    assert got['gofer_workers{state="active"}'] == 1
    assert got['gofer_worker_slots{state="free"}'] == 3
    assert got['gofer_build_info{version="0.1.0"}'] == 1


def test_children_are_not_in_the_slots(web, store):
    program = ROOT / "examples" / "children" / "child.py"
    store.worker("--child", f"t={sys.executable} {program}", "--child-processes", "2",
                 "--concurrency", "3")

    def children():
        got = samples(web("/metrics").text)
        return got if got["gofer_children"] == 2 else None

    got = wait_for(children, "the children")
    assert got['gofer_worker_slots{state="free"}'] == 3
    assert got['gofer_worker_slots{state="busy"}'] == got['gofer_child_slots{state="busy"}'] == 0
    assert got["gofer_child_restarts"] == 0
    wait_for(lambda: children()['gofer_child_slots{state="free"}'] == 2, "both to be ready")


def test_what_types_did_of_late(web, store):
    for name in ("good", "bad"):
        store.enqueue(name, "x", "--retry", "0")
    store("worker", "--drain", "--shell", "good=sleep 0.02", "--exec", "bad=false")
    got = samples(web("/metrics").text)
    at = 'queue="default",type="{}"'.format
    assert got[f'gofer_recent_attempts{{{at("good")},outcome="done"}}'] == 1
    assert got[f'gofer_recent_attempts{{{at("bad")},outcome="failed"}}'] == 1
    assert got[f'gofer_recent_run_seconds{{{at("good")},quantile="0.99"}}'] >= 0.015
    assert f'gofer_recent_wait_seconds{{{at("good")},quantile="0.5"}}' in got


def test_how_many_workers_are_wanted(web, store):
    store.worker("--shell", "slow=sleep 0.2", "--concurrency", "2")
    for _ in range(4):
        store.enqueue("slow", "x")
    wait_for(lambda: samples(web("/metrics").text).get(
        'gofer_recent_attempts{queue="default",type="slow",outcome="done"}') == 4, "figures of 4")
    wait_for(lambda: samples(web("/metrics").text)['gofer_workers_wanted{queue="default"}'] == 0,
             "their end to be seen")
    store("queue", "pause", "default")
    store("enqueue", "--batch", input="\n".join(['{"type": "slow"}'] * 1000))
    # 1000 tasks of 0.2 s within 10 s: 20 slots, 10 workers of two. An answer is good for a second.
    name = 'gofer_workers_wanted{queue="default"}'
    wait_for(lambda: 10 <= samples(web("/metrics").text)[name] <= 14, "the tasks to be seen")


def test_cron_entries_have_their_times(web, store):
    store("cron", "add", "daily", "0 3 * * *", "report")
    store("cron", "add", "off", "0 3 * * *", "report")
    store("cron", "pause", "off")
    got = samples(web("/metrics").text)
    assert got['gofer_schedule_next_run_timestamp_seconds{schedule="daily"}'] > 1.7e9
    assert got['gofer_schedule_paused{schedule="daily"}'] == 0
    assert got['gofer_schedule_paused{schedule="off"}'] == 1


def test_the_room_of_the_store(web, store):
    store.enqueue("t", "x")
    got = samples(web("/metrics").text)
    if store.env["GOFER_URL"].startswith("redis"):
        assert got["gofer_store_size_bytes"] > 1 << 19
        assert "gofer_store_disk_free_bytes" not in got and "gofer_store_size_max_bytes" not in got
        return
    assert got["gofer_store_size_bytes"] >= store.db.stat().st_size
    assert 0 < got["gofer_store_disk_free_bytes"] < got["gofer_store_disk_size_bytes"]
    reserve = pathlib.Path(f"{store.db}-reserve")
    whole = got["gofer_store_reserve_whole_bytes"]
    assert got["gofer_store_reserve_bytes"] == reserve.stat().st_size == whole > 1 << 19
    # As on a full disk, where most of it is given up.
    os.truncate(reserve, int(whole) // 4)
    wait_for(lambda: samples(web("/metrics").text)["gofer_store_reserve_bytes"] == whole // 4,
             "the next answer")


def test_the_memory_that_redis_may_take(gofer, redis):
    web = Web(gofer)
    redis("CONFIG", "SET", "maxmemory", "100mb")
    try:
        got = samples(web("/metrics").text)
        assert got["gofer_store_size_max_bytes"] == 100 << 20
    finally:
        redis("CONFIG", "SET", "maxmemory", "0")
        web.close()


def test_the_names_of_asynqs_exporter(store):
    web = Web(store, "--metrics-compat", "asynq")
    store.enqueue("t", "x")
    got = samples(web("/metrics").text)
    states = ("active", "pending", "scheduled", "retry", "archived", "completed")
    assert [got[f'asynq_tasks_enqueued_total{{queue="default",state="{s}"}}'] for s in states] == [
        0, 1, 0, 0, 0, 0]
    assert got['asynq_queue_size{queue="default"}'] == 1
    assert got['asynq_queue_latency_seconds{queue="default"}'] > 0
    for name in ("asynq_tasks_processed_total", "asynq_tasks_failed_total",
                 "asynq_queue_paused_total"):
        assert got[f'{name}{{queue="default"}}'] == 0
    # What SQLite cannot tell has no series.
    taken = got.get('asynq_queue_memory_usage_approx_bytes{queue="default"}')
    assert taken is None if "sqlite" in store.env["GOFER_URL"] else taken > 0
    assert "asynq" not in web("/metrics", headers=OPEN).text
    web.close()
    web = Web(store)
    assert "asynq" not in web("/metrics").text
    web.close()


def test_the_page_names_what_there_is(web, store):
    fill(store)
    docs = (ROOT / "docs" / "metrics.md").read_text()
    for name in family_names(web("/metrics").text):
        assert f"`{name}" in docs, name


def fill(store):
    store.enqueue("t", "x")
    store("worker", "--drain", "--exec", "t=true")
    store("cron", "add", "daily", "0 3 * * *", "report")
    store("cron", "run", "daily")


def test_boards_and_alerts_name_what_there_is(web, store):
    """Of what the store's server tells, and of what a worker does."""
    fill(store)
    worker = store.worker("--metrics", "unix:w.sock", "--exec", "*=true")
    wait_for(lambda: store.states().get("processed") == 2, "the worker's task")
    told = [web("/metrics").text, of_socket(store.folder / "w.sock")]
    names = {name.partition("{")[0] for text in told for name in samples(text)}
    names |= set(family_names(told[0]))  # of the other store, some have no samples here
    assert worker.stop() == 0
    share = ROOT / "core" / "web" / "share"
    board = json.loads((share / "grafana" / "gofer.json").read_text())
    shown = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    shown += [v["query"]["query"] for v in board["templating"]["list"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 10
    rules = (share / "prometheus" / "alerts.yml").read_text()
    for text in (*shown, rules):
        for name in re.findall(r"\bgofer_\w+", text):
            assert name in names, name
    assert rules.count("- alert: ") == rules.count("summary: ") == rules.count("expr: ") > 5
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "rules", share / "prometheus" / "alerts.yml"],
                       check=True)


def of_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(str(path))
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while chunk := s.recv(65536):
            got += chunk
    return got.decode().partition("\r\n\r\n")[2]


def commands(redis):
    """How many commands the server has run."""
    stats = redis("INFO", "commandstats").decode()
    return sum(int(n) for name, n in re.findall(r"cmdstat_(\S+?):calls=(\d+)", stats)
               if not name.startswith(("info", "ping", "hello", "client")))


def test_ten_scrapes_at_once_cost_as_one(gofer, redis):
    gofer.enqueue("t", "x")
    costs = []
    for scrapers in (1, 10):
        web = Web(gofer)
        before = commands(redis)
        with concurrent.futures.ThreadPoolExecutor(scrapers) as threads:
            answers = list(threads.map(lambda _: web("/metrics"), range(scrapers)))
        costs.append(commands(redis) - before)
        assert {answer.status for answer in answers} == {200}
        web.close()
    # A machine that is busy may take longer than the second for which an answer is good.
    assert 0 < costs[0] <= costs[1] <= 3 * costs[0], costs


def test_openmetrics_by_accept(web, store):
    store.enqueue("t", "x")
    answer = web("/metrics", headers=OPEN)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    check_families(answer.text, opened=True)
    assert samples(answer.text)['gofer_queue_processed_total{queue="default"}'] == 0
    plain = web("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples(plain.text).keys() == samples(answer.text).keys()


def test_prometheus_own_parser_reads_both(web, store):
    parser = pytest.importorskip("prometheus_client.parser")
    opened = pytest.importorskip("prometheus_client.openmetrics.parser")
    store.enqueue("t", "x", "--queue", 'a"\\b\u00e4')
    text = web("/metrics").text
    names = {f.name for f in parser.text_string_to_metric_families(text)}
    assert {"gofer_tasks", "gofer_queue_processed", "gofer_workers"} <= names
    families = list(opened.text_string_to_metric_families(web("/metrics", headers=OPEN).text))
    assert {f.name for f in families} == names


def test_a_flood_of_queues_is_no_flood_of_series(web, store):
    count = 1200
    lines = "\n".join(json.dumps({"type": "t", "queue": f"q{i:05}"}) for i in range(count))
    store("enqueue", "--batch", input=lines)
    other = 'gofer_tasks{queue="_other",state="pending"}'
    # All that are more are counted after the others, and a scrape does not wait for that for ever.
    wait_for(lambda: other in samples(web("/metrics").text), "the others to be counted")
    got = samples(web("/metrics").text)
    pending = {k: v for k, v in got.items() if 'state="pending"' in k}
    assert len(pending) == 1001
    assert pending[other] == count - 1000
    assert sum(pending.values()) == count
    assert got["gofer_queues"] == count
