"""Cron entries on a real Redis that forgets (FLUSHALL) and that does not answer for some seconds,
served by two real workers.

    servers.py single -- faults.py GOFER          (GOFER_TEST_REDIS names the server)
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds; only ever waited for in full when something is broken
GOFER, URL = sys.argv[1], os.environ["GOFER_TEST_REDIS"]


def gofer(*args):
    done = subprocess.run(
        [GOFER, *args, "--url", URL, "--json"], capture_output=True, text=True, timeout=PATIENCE
    )
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None


def redis(*words):
    host, port = re.match(r"redis://([\d.]+):(\d+)", URL).groups()
    with socket.create_connection((host, int(port))) as s:
        s.sendall(
            b"".join(
                [b"*%d\r\n" % len(words)]
                + [b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)]
            )
        )
        return s.recv(1000)


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    sys.exit(f"waited {PATIENCE} s for {what}")


def ticks(name):
    """The seconds of an entry's ticks so far, ascending."""
    found = gofer("cron", "history", name, "--limit", "1000")
    return sorted(t["tick_ms"] // 1000 for t in found["items"]) if found else []


def contiguous(seconds):
    return seconds == list(range(seconds[0], seconds[-1] + 1))


def main():
    folder = tempfile.mkdtemp(prefix="gofer-faults-")
    logs = [open(f"{folder}/worker{i}.log", "w+") for i in range(2)]
    workers = [
        subprocess.Popen(
            [GOFER, "worker", "--exec", "job=true", "--url", URL], stderr=log, stdout=log
        )
        for log in logs
    ]
    try:
        gofer("cron", "add", "pulse", "@every 1s", "job")
        wait_for(lambda: len(ticks("pulse")) >= 3, "the first ticks")

        # It does not answer for three seconds: the ticks are late, and none is
        # missed or done twice.
        assert redis("CLIENT", "PAUSE", "3000", "ALL").startswith(b"+OK")
        before = wait_for(lambda: ticks("pulse"), "an answer")
        after = wait_for(
            lambda: len(ticks("pulse")) >= len(before) + 4 and ticks("pulse"),
            "ticks after the pause",
        )
        assert contiguous(after), after

        # It forgets everything: the workers remember, and nothing that was done is done again.
        last = ticks("pulse")[-1]
        assert redis("FLUSHALL").startswith(b"+OK")
        wait_for(lambda: gofer("cron", "show", "pulse"), "the entry to be put back")
        again = wait_for(
            lambda: len(ticks("pulse")) >= 3 and ticks("pulse"), "ticks after it was lost"
        )
        assert again[0] > last and contiguous(again), (last, again)
        assert any("has lost cron entries" in open(log.name).read() for log in logs)

        # One that is removed stays so, although the workers remember it: each looks every 5 s for
        # what the store has forgotten, so two looks of each are waited for.
        gofer("cron", "rm", "pulse")
        end = time.monotonic() + 11
        while time.monotonic() < end:
            assert gofer("cron", "ls")["items"] == []
            time.sleep(0.5)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(PATIENCE)
        for log in logs:
            log.close()
            os.remove(log.name)
        os.rmdir(folder)
    print("cron entries outlive a Redis that pauses and one that forgets")


main()
