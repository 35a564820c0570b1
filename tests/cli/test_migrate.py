"""gofer migrate: tasks from broker to broker, and what is left of them when it is killed on the
way."""
import itertools
import json
import pathlib
import select
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import PATIENCE, wait_for

STATES = ("pending", "scheduled", "retry", "completed", "archived")


@pytest.fixture
def redis(server):
    """The URL of an empty store beside the gofer's."""
    url, connection = server
    connection("FLUSHALL")
    return url


def fill(gofer, count):
    """Tasks in every state but active, in two queues."""
    lines = []
    for i in range(count):
        lines.append(
            '{"type":"t%d","payload":"%s","queue":"a","id":"p%05d","headers":{"n":"%d","ü":"é"}}'
            % (i % 7, "x" * (i % 2500), i, i)
        )
    for i in range(count // 4):
        lines.append(
            '{"type":"later","queue":"a","id":"s%05d","in":"%ds","timeout":"1500ms","retry":3}'
            % (i, 3600 + i)
        )
        lines.append('{"type":"old","queue":"b","id":"x%05d"}' % i)
    gofer("enqueue", "--batch", input="\n".join(lines))
    gofer("task", "archive", "--all", "--queue", "b", "--state", "pending")
    lines = []
    for i in range(20):
        lines.append('{"type":"ok","payload":"\\u0001%d","queue":"b","retention":"1h"}' % i)
        lines.append('{"type":"bad","queue":"b"}')
    gofer("enqueue", "--batch", input="\n".join(lines))
    worker = gofer.worker(
        "--queue", "b", "--exec", "ok=cat", "--exec", "bad=sh -c 'echo no >&2; exit 3'"
    )
    wait_for(
        lambda: gofer.states("b")["completed"] == 20 and gofer.states("b")["retry"] == 20,
        "tasks to end",
    )
    worker.stop()


def show(gofer, url, queue, ids):
    """These tasks as they are shown, by their ids; some processes at a time."""
    def one(name):
        return gofer.json("task", "show", name, "--queue", queue, "--url", url)
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(ids, threads.map(one, ids)))


def dump(gofer, url):
    """Every task, as it is shown, in the order of its listing; times in the grain that Redis
    keeps."""
    tasks = {}
    for queue in ("a", "b"):
        for state in STATES:
            listed = gofer.json(
                "task", "ls", "--queue", queue, "--state", state, "--all", "--url", url
            )["items"]
            ids = sorted(row["id"] for row in listed)  # not by place: it may differ within a second
            shown = show(gofer, url, queue, ids if state == "completed" else ids[::50])
            for place, row in enumerate(listed):
                task = shown.get(row["id"], dict(row))
                for field in ("next_run_at_ms", "expires_at_ms"):
                    if field in task:
                        task[field] = -(-task[field] // 1000)
                for field in ("archived_at_ms", "completed_at_ms", "last_failed_at_ms"):
                    if field in task:
                        task[field] //= 1000
                task.pop("enqueued_at_ms", None)        # known to Redis by ids of version 7 only
                if state == "pending":
                    task["place"] = place
                tasks[queue, row["id"]] = task
    return tasks


class Line:
    """Stands between gofer and Redis, and kills gofer at a certain question: before Redis has heard
    it, or when it has answered and gofer not heard that. So it does not matter how fast either
    is."""

    def __init__(self, url):
        self.port = int(url.rpartition(":")[2].partition("/")[0])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()
        self.aim(None, 0, False)

    def aim(self, victim, turn, heard):
        """At the turn-th question from now on; victim None: at none."""
        self.victim, self.left, self.heard = victim, turn, heard

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.talk, args=(here,)))
            self.threads[-1].start()

    def is_the_turn(self):
        with self.lock:
            self.left -= 1
            return self.left == 0

    def talk(self, here):
        """A question is what is said after an answer."""
        with here, socket.create_connection(("127.0.0.1", self.port)) as there:
            asks, kills = False, False
            while True:
                for end in select.select([here, there], [], [])[0]:
                    try:
                        said = end.recv(1 << 20)
                        if end is here and said and not asks:
                            kills = self.is_the_turn()
                        if kills and (end is there or not self.heard):
                            self.victim.kill()
                            self.victim.wait(PATIENCE)
                            return
                        if not said:
                            return
                        asks = end is here
                        (there if end is here else here).sendall(said)
                    except OSError:
                        return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(PATIENCE)


def count(gofer, *stores):
    queues = [
        queue for store in stores for queue in gofer.json("queue", "ls", "--url", store)["items"]
    ]
    return sum(queue[state] for queue in queues for state in STATES)


def move_under_fire(gofer, source, target, line, turns):
    """Moves, killed at each of these questions, and at last not; some kill comes when tasks are in
    both stores."""
    whole, twice = count(gofer, source), 0
    for turn, heard in itertools.product(turns, (False, True)):
        with line.lock:                                # before its first question
            process = subprocess.Popen(
                [gofer.bin, "migrate", source, target, "-q"],
                env=gofer.env,
                cwd=gofer.folder,
                stdout=subprocess.DEVNULL,
            )
            line.aim(process, turn, heard)
        assert process.wait(PATIENCE) == -signal.SIGKILL
        line.aim(None, 0, False)
        there = count(gofer, source, target)
        assert there >= whole
        twice += there > whole
    assert twice > 0
    return gofer.json("migrate", source, target, "--unpause")


def test_nothing_is_lost_or_doubled_when_it_is_killed(gofer, redis):
    fill(gofer, 4000)
    here, back = gofer.env["GOFER_URL"], f"sqlite:{gofer.folder / 'back.db'}"
    before = dump(gofer, here)
    assert len(before) == 4000 + 2000 + 40
    line = Line(redis)
    try:
        there = move_under_fire(gofer, here, line.url, line, (3, 9, 10, 11, 12, 15, 18))
        assert 0 < there["moved"] < len(before)        # the others had been moved before a kill
        assert dump(gofer, redis) == before
        again = move_under_fire(gofer, line.url, back, line, (3, 12, 15, 18, 20, 21, 22, 23))
        assert 0 < again["moved"] < len(before)
    finally:
        line.close()
    assert dump(gofer, back) == before
    assert dump(gofer, here) == {} and dump(gofer, redis) == {}
    assert [q["paused"] for q in gofer.json("queue", "ls", "--url", back)["items"]] == [
        False,
        False,
    ]


def test_copying_keeps_what_is_there(gofer, redis):
    fill(gofer, 40)
    before = dump(gofer, gofer.env["GOFER_URL"])
    there = gofer.json("migrate", gofer.env["GOFER_URL"], redis, "--copy")
    assert there["moved"] == len(before) and there["repeated"] == 0
    assert dump(gofer, gofer.env["GOFER_URL"]) == before == dump(gofer, redis)
    again = gofer.json("migrate", gofer.env["GOFER_URL"], redis, "--copy")
    assert again["repeated"] == again["moved"] == len(before)
    assert dump(gofer, redis) == before


def test_only_the_queues_named(gofer, redis):
    gofer.enqueue("t", "--queue", "a")
    gofer.enqueue("t", "--queue", "b")
    got = gofer("migrate", gofer.env["GOFER_URL"], redis, "--queue", "b")
    assert got.out == "b: 1 moved (0 B)\n"
    assert gofer.states("a")["pending"] == 1
    assert (
        "nowhere"
        in gofer("migrate", gofer.env["GOFER_URL"], redis, "--queue", "nowhere", code=3).err
    )


def test_a_dry_run_only_counts(gofer, redis):
    gofer.enqueue("t", "--queue", "a")
    assert gofer.json("migrate", gofer.env["GOFER_URL"], redis, "--dry-run")["queues"] == [
        {"queue": "a", "tasks": 1, "active": 0}]
    assert gofer.json("queue", "ls", "--url", redis)["items"] == []
    assert gofer.states("a")["paused"] is False


def test_all_queues_are_gone_through_however_many(gofer, redis):
    names = [f"q{i:04}" for i in range(1003)]
    gofer("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": name}) for name in names))
    queues = gofer.json("migrate", gofer.env["GOFER_URL"], redis, "--dry-run")["queues"]
    assert [q["queue"] for q in queues] == names


def test_another_task_of_the_id_stays(gofer, redis):
    gofer.enqueue("t", "one", "--id", "same", "--queue", "a")
    gofer.enqueue("t", "two", "--id", "same", "--queue", "a", env={"GOFER_URL": redis})
    gofer.enqueue("t", "--id", "other", "--queue", "a")
    got = gofer("migrate", gofer.env["GOFER_URL"], redis, code=4)
    assert (
        got.out == "a: 1 moved (0 B), 1 left\n"
        and "same: the other store has another task of this id" in got.err
    )
    assert gofer.states("a")["pending"] == 1


def test_the_same_store_twice_is_refused(gofer, redis):
    gofer.enqueue("t", "--id", "1")
    link = gofer.folder / "link.db"
    link.symlink_to(gofer.db)
    for one, two in (
        (gofer.env["GOFER_URL"], f"sqlite:{link}"),
        (redis, redis.replace("127.0.0.1", "localhost")),
    ):
        gofer.enqueue("t", env={"GOFER_URL": one})
        assert "the same store" in gofer("migrate", one, two, "--unpause", code=2).err
        assert gofer.json("queue", "ls", "--url", one)["items"][0]["pending"] > 0


def test_active_tasks_stay_or_are_waited_for(gofer, redis):
    gofer.enqueue("slow", "--id", "1", "--retention", "1h")
    gofer.enqueue("slow", "--id", "2", "--retention", "1h")
    go = gofer.folder / "go"
    worker = gofer.worker(
        "--concurrency", "1", "--exec", f"slow=sh -c 'until test -e {go}; do sleep 0.05; done'"
    )
    wait_for(lambda: gofer.states()["active"] == 1, "a task to run")
    got = gofer("migrate", gofer.env["GOFER_URL"], redis, code=4)
    assert "1 active stay" in got.out and "--wait" in got.err
    waiting = subprocess.Popen(
        [gofer.bin, "migrate", gofer.env["GOFER_URL"], redis, "--wait"],
        env=gofer.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert b"waiting for 1 active task" in waiting.stderr.readline()
    pathlib.Path(go).touch()
    assert waiting.wait(PATIENCE) == 0
    waiting.stderr.close()
    worker.stop()
    there = gofer.json("queue", "ls", "--url", redis)["items"][0]
    assert (there["pending"], there["completed"], there["paused"]) == (1, 1, False)


def paused(gofer, url):
    return {q["queue"]: q["paused"] for q in gofer.json("queue", "ls", "--url", url)["items"]}


@pytest.mark.parametrize("options", [(), ("--copy",)])
def test_a_paused_queue_stays_paused(gofer, redis, options):
    """Also one without tasks; others are taken from at once."""
    here, back = gofer.env["GOFER_URL"], f"sqlite:{gofer.folder / 'back.db'}"
    for queue in ("still", "going"):
        gofer.enqueue("t", "--queue", queue)
    for queue in ("still", "empty"):
        gofer("queue", "pause", queue)
    got = gofer("migrate", here, redis, *options)
    assert "still stays paused in TO, as it was in FROM" in got.err and "going stays" not in got.err
    assert (
        paused(gofer, redis)
        == paused(gofer, here)
        == {"still": True, "empty": True, "going": False}
    )
    gofer("worker", "--drain", "--queue", "going", "--shell", "*=true", "--url", redis)
    assert gofer.json("queue", "show", "still", "--url", redis)["pending"] == 1
    gofer("migrate", redis, back, *options)
    assert paused(gofer, back)["still"] is True
    assert paused(gofer, back)["going"] is False


def test_a_pause_may_end_on_the_way(gofer, redis):
    gofer.enqueue("t", "--queue", "a")
    gofer("queue", "pause", "a")
    gofer("migrate", gofer.env["GOFER_URL"], redis, "--unpause")
    assert paused(gofer, redis) == paused(gofer, gofer.env["GOFER_URL"]) == {"a": False}


def test_settings_and_paused_types_are_taken_along(gofer, redis):
    def types(url):
        return [one["type"] for one in gofer.json("type", "ls", "--url", url)["items"]]

    def hours(url):
        items = gofer.json("hours", "ls", "--url", url)["items"]
        return {one["name"]: one["hours"] for one in items}

    here = gofer.env["GOFER_URL"]
    gofer.enqueue("mail:send", "--queue", "a")
    gofer("queue", "bound", "a", "5")
    gofer("queue", "age", "a", "30s")
    gofer("type", "pause", "mail:*", "report")
    gofer("hours", "put", "queue:a", "00:00-24:00; not 2099-12-25")
    gofer("hours", "put", "type:night", "22:00-06:00 Europe/Rome")
    gofer("migrate", here, redis, "--dry-run")
    gofer("migrate", here, redis, "--queue", "a", "--copy")
    assert types(redis) == []            # they are of all queues
    assert list(hours(redis)) == ["queue:a"]
    got = gofer("migrate", here, redis)
    assert "types that are paused in TO as well: 2" in got.err
    assert types(redis)[:2] == types(here)[:2] == ["mail:*", "report"]
    assert hours(redis) == hours(here) and len(hours(here)) == 2
    there = gofer.json("queue", "show", "a", "--url", redis)
    assert there["max_length"] == 5 and there["age_ms"] == 30000
    assert there["pending"] == 1 and not there["paused"]


# ---- encrypted tasks ----------------------------------------------------------------------------

OLD = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW = "new://////////////////////////////////////////8="
UNIQUE = ("--unique", "1h", "--queue", "a")


def fill_encrypted(gofer):
    """Tasks in all states but active; one of them has a result, one a checkpoint, one a lock."""
    keys = {"GOFER_KEYS": OLD}
    lines = [
        {"type": "ok", "payload": "done", "id": "completed", "retention": "1h"},
        {"type": "half", "payload": "half", "id": "retry", "retry_policy": "fixed:1h"},
        {"type": "bad", "payload": "dead", "id": "archived", "retry": 0},
        {"type": "later", "payload": "\0\u00ff" + "x" * 5000, "id": "scheduled", "in": "2h"},
    ]
    gofer("enqueue", "--batch", "--queue", "a", env=keys, input="\n".join(map(json.dumps, lines)))
    worker = gofer.worker(
        *("--queue", "a", "--shell", "ok=echo fine", "--shell", "bad=exit 100"),
        *("--shell", "half=echo checkpoint-text row 17 >&3; exit 1"),
        env=keys,
    )
    wait_for(lambda: [gofer.states("a")[state] for state in ("retry", "archived", "completed")]
             == [1, 1, 1], "tasks to end")
    worker.stop()
    gofer.enqueue("work", "once", "--id", "locked", *UNIQUE, env=keys)
    return keys


def envelopes(gofer, url):
    """Of each task that the store has without any key, what is in it byte for byte."""
    found = {}
    for state in STATES:
        for row in gofer.json("task", "ls", "--queue", "a", "--state", state, "--all", "--url",
                              url)["items"]:
            task = gofer.json("task", "show", row["id"], "--queue", "a", "--url", url)
            assert task["encrypted"] and not task.get("decrypted"), task
            found[row["id"]] = {name: value for name, value in task.items()
                                if name.startswith(("payload", "result", "checkpoint"))}
    return found


def test_envelopes_travel_as_they_are(gofer, redis):
    """And nobody on the way needs a key."""
    keys = fill_encrypted(gofer)
    gofer("queue", "encrypt", "a", "require")
    here, back = gofer.env["GOFER_URL"], f"sqlite:{gofer.folder / 'back.db'}"
    before = envelopes(gofer, here)
    assert set(before) == {*STATES, "locked"} - {"pending"}
    for source, target in ((here, redis), (redis, back)):
        assert gofer.json("migrate", source, target)["left"] == 0
        assert envelopes(gofer, target) == before
        gofer.enqueue("work", "once", *UNIQUE, code=4, env={**keys, "GOFER_URL": target})
        gofer.enqueue("work", "plain", "--queue", "a", code=6, env={"GOFER_URL": target})
    assert envelopes(gofer, here) == {}
    both, new = {"GOFER_KEYS": f"{NEW} {OLD}"}, {"GOFER_KEYS": NEW}
    got = gofer.json("rekey", "a", "--url", back, env=both)
    assert (got["rewritten"], got["left"]) == (5, 0)
    done = gofer.json("task", "show", "completed", "--queue", "a", "--url", back, env=new)
    assert (done["payload"], done["result"]) == ("done", "fine\n")
    for name in ("retry", "archived", "scheduled"):
        gofer("task", "run", name, "--queue", "a", "--url", back)
    gofer("worker", "--queue", "a", "--drain", "--url", back, "--shell",
          'half=printf %s "$GOFER_CHECKPOINT" | base64 -d >row', "--shell", "*=cat >>seen", env=new)
    assert (gofer.folder / "row").read_text() == "row 17"
    seen = (gofer.folder / "seen").read_bytes()
    assert b"once" in seen and b"dead" in seen and "\0\u00ffxx".encode() in seen


def entries(gofer, url):
    return {e["name"]: e for e in gofer.json("cron", "ls", "--url", url)["items"]}


def test_cron_entries_are_taken_along(gofer, redis):
    here = gofer.env["GOFER_URL"]
    gofer("cron", "add", "nightly", "0 3 * * *", "report", '{"all":true}', "--queue", "a")
    gofer("cron", "add", "still", "@every 1h", "t", "--paused")
    gofer.enqueue("t", "--queue", "a")
    before = entries(gofer, here)
    got = gofer("migrate", here, redis, "--queue", "a")
    assert "cron entries stay" in got.err and len(entries(gofer, here)) == 2
    assert "cron entries to be moved: 2" in gofer("migrate", here, redis, "--dry-run").err
    got = gofer("migrate", here, redis)
    assert "cron entries moved: 2" in got.err and "not taken along" in got.err
    there = entries(gofer, redis)
    assert entries(gofer, here) == {} and set(there) == {"nightly", "still"}
    for name in there:
        for field in ("spec", "type", "queue", "paused", "payload"):
            assert there[name].get(field) == before[name].get(field)
    assert gofer("migrate", redis, here, "--copy").err.count("copied, to tick in both: 2") == 1
    assert set(entries(gofer, redis)) == set(entries(gofer, here)) == {"nightly", "still"}


def test_another_cron_entry_of_the_name_stays(gofer, redis):
    here = gofer.env["GOFER_URL"]
    gofer("cron", "add", "same", "0 3 * * *", "one")
    gofer("cron", "add", "other", "0 4 * * *", "one")
    gofer("cron", "add", "same", "0 3 * * *", "two", env={"GOFER_URL": redis})
    got = gofer("migrate", here, redis, code=4)
    assert "same: the other store has another cron entry of this name" in got.err
    assert set(entries(gofer, here)) == {"same"} and entries(gofer, redis)["same"]["type"] == "two"
    assert set(entries(gofer, redis)) == {"same", "other"}
