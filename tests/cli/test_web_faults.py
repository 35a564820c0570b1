"""A store that is away, silent, full, read-only or crowded: the page and /healthz come at once, the
interface says what is wrong, nothing is lost, and all goes on by itself when the store does."""
import os
import resource
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PATIENCE, let_files_grow, wait_for
from proxy import DELAY, PASS, SWALLOW, Proxy
from test_web_events import Stream, heard
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

AT_ONCE = 5     # seconds: without the store it takes milliseconds, but machines are busy
WITHIN = 15     # some questions to the store, of two seconds each


def timed(web, path, **how):
    begun = time.monotonic()
    return web(path, **how), time.monotonic() - begun


def lives(web):
    """What does not need the store is there whatever becomes of it."""
    for path, type in (("/healthz", "application/json"), ("/", "text/html")):
        answer, took = timed(web, path, headers={"Accept": type})
        assert answer.status == 200 and took < AT_ONCE, (path, answer, took)


def fails(web, token, code=503):
    """Whatever needs it says so, and in time: several that wait at once, too."""
    ways = [("/api/v1/overview", "GET"), ("/api/v1/queues", "GET"), ("/readyz", "GET"),
            ("/metrics", "GET"), ("/api/v1/queues/mail/pause", "POST"),
            ("/api/v1/tasks?queue=mail", "GET"), ("/api/v1/audit", "GET")]
    with ThreadPoolExecutor(len(ways)) as pool:
        answers = [pool.submit(timed, web, path, method=method, token=token)
                   for path, method in ways]
        lives(web)
        for (path, _), answer in zip(ways, answers):
            got, took = answer.result(PATIENCE)
            assert got.status == code and got.why and took < WITHIN, (path, got, took)


def recovers(web, token):
    wait_for(lambda: web("/readyz").status == 200, "the store to answer again")
    assert web("/api/v1/queues/mail/pause", "POST", token=token).status == 200


@pytest.fixture
def proxied(gofer, redis):
    """The store behind a proxy, which may lose, delay or refuse."""
    host, port = gofer.env["GOFER_URL"].split("//")[1].split("/")[0].rsplit(":", 1)
    direct = gofer.env["GOFER_URL"]
    proxy = Proxy((host, int(port)))
    gofer.env["GOFER_URL"] = f"redis://{proxy.address}"
    yield proxy, direct
    proxy.mode = PASS
    proxy.refuse()


def test_a_store_that_is_away(gofer, proxied, web):
    proxy, _ = proxied
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    recovers(web, token)
    proxy.refuse()
    fails(web, token)
    proxy.listen()
    recovers(web, token)
    assert web("/api/v1/queues/mail/tasks/a", token=token).json["id"] == "a"


@pytest.mark.parametrize("mode", [SWALLOW, DELAY])
def test_a_store_that_does_not_answer_in_time(gofer, proxied, web, mode):
    proxy, direct = proxied
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    recovers(web, token)
    proxy.delay_s, proxy.mode = 4.0, mode
    fails(web, token)
    proxy.mode = PASS
    proxy.cut_all()
    recovers(web, token)
    assert gofer.json("task", "show", "a", "--url", direct)["state"] == "scheduled"


def test_a_store_without_memory(gofer, redis, web):
    """What adds is refused in words; what makes room is done, and is in the audit."""
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis("CONFIG", "SET", "maxmemory", "1")
    try:
        answer = web("/api/v1/tasks", "POST", {"type": "t", "queue": "mail"}, token=token)
        assert answer.status == 507 and answer.json["error"]["code"] == "ENOSPACE", answer
        assert web("/api/v1/tasks", "POST", [{"type": "t"}], token=token).status == 507
        assert web("/api/v1/queues/mail", token=token).json["scheduled"] == 1
        assert web("/api/v1/queues/mail/tasks/a", "DELETE", token=token).status == 200
        (item,) = web("/api/v1/audit", token=token).json["items"]
        assert (item["act"], item["outcome"]) == ("task.delete", "ok")
        lives(web)
    finally:
        redis("CONFIG", "SET", "maxmemory", "0")
    assert web("/api/v1/tasks", "POST", {"type": "t", "queue": "mail"}, token=token).status == 200


def test_a_store_that_has_become_a_replica(gofer, redis, web):
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    recovers(web, token)
    redis("REPLICAOF", "127.0.0.1", "1")
    try:
        answer = web("/api/v1/queues/mail/unpause", "POST", token=token)
        assert answer.status == 503 and answer.why, answer
        lives(web)
    finally:
        redis("REPLICAOF", "NO", "ONE")
    recovers(web, token)


def test_a_server_that_is_stopped_for_a_while(gofer, redis, web):
    """SIGSTOP, as of a machine that hangs: connections stay, nothing answers."""
    token = web.add_token("ann", "admin")
    recovers(web, token)
    pid = int(dict(line.split(":", 1) for line in redis("INFO", "server").decode().splitlines()
                   if ":" in line)["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        fails(web, token)
    finally:
        os.kill(pid, signal.SIGCONT)
    recovers(web, token)


def test_a_limit_on_the_size_of_files(gofer):
    """To SQLite it is a write that failed: the store takes nothing more, and the server says so and
    opens it again by itself; at once, and when it fails anew, after a while."""
    web = Web(gofer)
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    recovers(web, token)
    cookie = web.post("/login", {"token": token}).headers["set-cookie"].split(";")[0]
    stream = Stream(web, token)
    let_files_grow(gofer, web.process.pid, 200_000)
    big = {"type": "t", "payload": "x" * 1_000_000}
    answer = web("/api/v1/tasks", "POST", big, token=token)
    assert answer.status == 503 and answer.why, answer
    wait_for(lambda: "was opened again" in web.log, "the store to be opened again")
    recovers(web, token)
    while stream.next():                            # the reader is let go
        pass
    assert web("/api/v1/me", headers={"Cookie": cookie}).json["name"] == "ann"
    # Again, and that is soon.
    assert web("/api/v1/tasks", "POST", big, token=token).status == 503
    ready = web("/readyz")
    assert ready.status == 503 and "had an I/O error" in ready.why, ready
    assert "had an I/O error" in web("/api/v1/overview", token=token).json["fault"]
    assert web("/api/v1/queues/mail/tasks/a", token=token).json["id"] == "a"
    lives(web)
    resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recovers(web, token)
    assert web.log.count("was opened again") == 2
    assert "fault" not in web("/api/v1/overview", token=token).json
    assert web("/api/v1/tasks", "POST", big, token=token).status == 200
    web.close()


def test_a_file_that_a_foreign_program_keeps_locked(gofer):
    """Who looks waits for nobody."""
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    web = Web(gofer)
    token = web.add_token("ann", "admin")
    lock = sqlite3.connect(gofer.db, isolation_level=None)
    lock.execute("begin immediate")                 # a foreign program holds it
    try:
        answer, took = timed(web, "/api/v1/queues/mail/pause", method="POST", token=token)
        assert answer.status == 503 and answer.why and took < WITHIN, (answer, took)
        assert web("/api/v1/queues/mail/tasks/a", token=token).json["id"] == "a"
        lives(web)
    finally:
        lock.execute("rollback")
        lock.close()
    recovers(web, token)
    web.close()


# ---- files and disks


SIDE = ("", "-wal", "-shm")         # what SQLite has of a store


def move(gofer, old, new):
    for end in SIDE:
        if os.path.exists(f"{gofer.db}{old}{end}"):
            os.rename(f"{gofer.db}{old}{end}", f"{gofer.db}{new}{end}")


def test_a_file_that_is_moved_away_and_back(gofer):
    """What was written to it meanwhile would be lost, so nothing is."""
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    web = Web(gofer)
    token = web.add_token("ann", "admin")
    recovers(web, token)
    move(gofer, "", ".away")
    for method, path, body in (("GET", "/readyz", None),
                               ("POST", "/api/v1/queues/mail/pause", None),
                               ("POST", "/api/v1/tasks", {"type": "t", "queue": "mail"}),
                               ("DELETE", "/api/v1/queues/mail/tasks/a", None)):
        answer, took = timed(web, path, method=method, body=body, token=token)
        assert answer.status == 503 and "moved" in answer.why and took < WITHIN, (path, answer)
    assert "moved" in web("/api/v1/overview", token=token).json["fault"]
    lives(web)
    move(gofer, ".away", "")
    recovers(web, token)
    assert web("/api/v1/queues/mail/tasks/a", token=token).json["state"] == "scheduled"
    web.close()


@pytest.fixture
def disk(gofer):
    """A small file system of its own, at the path that is given; who may not mount skips."""
    folder = gofer.folder / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder],
                          capture_output=True, check=False)
    if made.returncode:
        pytest.skip("n/a: to mount needs root")
    gofer.db = folder / "tasks.db"
    gofer.env["GOFER_URL"] = f"sqlite:{gofer.db}"
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full(gofer, disk):
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    web = Web(gofer)
    token = web.add_token("ann", "admin")
    recovers(web, token)
    with open(disk / "filler", "wb") as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(65536))
            filler.flush()
    answer = web("/api/v1/tasks", "POST", {"type": "t", "queue": "mail"}, token=token)
    assert answer.status == 507 and answer.json["error"]["code"] == "ENOSPACE", answer
    assert web("/api/v1/queues/mail/tasks/a", token=token).json["id"] == "a"
    assert any(f["code"] == "disk-full" for f in web("/api/v1/check", token=token).json["items"])
    lives(web)
    assert web("/api/v1/queues/mail/tasks/a", "DELETE", token=token).status == 200
    os.unlink(disk / "filler")
    recovers(web, token)
    assert web("/api/v1/tasks", "POST", {"type": "t", "queue": "mail"}, token=token).status == 200
    web.close()


def test_a_folder_that_is_read_only(gofer, disk):
    """Nothing can be served from it, and the reason is said at the start."""
    gofer.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused = gofer("web", "--listen", "127.0.0.1:0", code=6)
    assert "Read-only file system" in refused.why and not refused.out, refused
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    web = Web(gofer)
    recovers(web, web.add_token("ann", "admin"))
    assert web("/api/v1/queues/mail", token=web.add_token("bob", "see")).json["scheduled"] == 1
    web.close()


# ---- restarts under a stream


def message(gofer, reader):
    """The number of the message that tells of a task."""
    return heard(gofer, reader)[1]


def test_a_server_that_starts_again_has_its_readers_look_anew(store):
    """It has not heard what came meanwhile, and its numbers are not those of the one before."""
    web = Web(store)
    reader = Stream(web)
    last = message(store, reader)
    web.close()
    assert reader.next() is None
    reader.close()
    web = Web(store, "--listen", f"127.0.0.1:{web.url.port}")
    reader = Stream(web, last=last)
    assert reader.next()[0] == "reset"
    last = message(store, reader)                   # and it goes on
    reader.close()
    again = Stream(web, last=last)
    assert again.next()[0] != "reset"
    again.close()
    web.close()


def test_a_store_that_starts_again_has_readers_look_anew(gofer, proxied, web):
    """Also who was not there when it was away."""
    proxy, _ = proxied
    reader = Stream(web)
    last = message(gofer, reader)
    reader.close()
    proxy.refuse()
    away = Stream(web)
    away.until_event("away")
    proxy.listen()
    again = Stream(web, last=last)
    assert again.next()[0] in ("reset", "away", "listening")
    message(gofer, away)
    away.close()
    again.close()
