"""A clock on the wall that is set, far ahead and far back, while gofer web runs: the server's own
clock is moved by a library that is loaded before all others."""
import os
import subprocess

import pytest
from conftest import wait_for
from test_web_events import Stream, heard
from webserver import Web

pytestmark = [
    pytest.mark.usefixtures("has_web"),
    pytest.mark.skipif(bool(os.environ.get("GOFER_SANITIZED")),
                       reason="n/a: a sanitizer wants to be loaded first"),
]

DAY = 86400
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void)
{
    char text[32] = "";
    int fd = open(getenv("CLOCK_AHEAD"), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        close(fd);
    }
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int got = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        now->tv_sec += ahead();
    return got;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec t;
    (void)zone;
    int got = clock_gettime(CLOCK_REALTIME, &t);
    *now = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
    return got;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}
"""


class Clock:
    def __init__(self, folder):
        (folder / "clock.c").write_text(SHIM)
        self.file, self.library = folder / "ahead", folder / "clock.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", self.library,
                        folder / "clock.c", "-ldl"], check=True)
        self.env = {"LD_PRELOAD": str(self.library), "CLOCK_AHEAD": str(self.file)}
        self.set(0)

    def set(self, seconds):
        new = self.file.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.file)


@pytest.fixture
def clock(store):
    return Clock(store.folder)


@pytest.fixture
def web(store, clock):
    it = Web(store, env=clock.env)
    yield it
    it.close()


LOOKS = ("/healthz", "/readyz", "/", "/api/v1/me", "/api/v1/overview", "/api/v1/queues",
         "/api/v1/queues/mail/history", "/api/v1/tasks?older=1h", "/api/v1/tasks?younger=1h",
         "/api/v1/stats", "/api/v1/series?hours=1", "/api/v1/series?hours=192",
         "/api/v1/series?minutes=60", "/api/v1/workers",
         "/api/v1/schedules", "/api/v1/audit?since=1h", "/api/v1/failures", "/metrics")


@pytest.mark.parametrize("seconds", [400 * DAY, -400 * DAY, -56 * 365 * DAY])
def test_all_is_answered_and_nothing_is_lost(web, store, clock, seconds):
    token = web.add_token("ann", "admin")
    cookie = web.post("/login", {"token": token}).headers["set-cookie"].partition(";")[0]
    store.enqueue("t", "--id", "a", "--queue", "mail", "--in", "1h")
    stream = Stream(web, token=token)
    heard(store, stream)
    for moment in (seconds, 0):
        clock.set(moment)
        for path in LOOKS:
            answer = web(path, token=token)
            assert answer.status == 200, (moment, path, answer)
        assert web("/api/v1/queues", headers={"Cookie": cookie}).status == 200
        assert web.post("/api/v1/queues/mail/pause", token=token).status == 200
        id = web.post("/api/v1/tasks", {"type": "t", "queue": "mail"}, token=token).json["id"]
        seen = set()
        while id not in seen:                   # the stream goes on
            event, _, data = stream.next()
            seen |= {e.get("id") for e in data.get("events", ())}
        for each in ("a", id):
            assert web(f"/api/v1/queues/mail/tasks/{each}", token=token).status == 200
        items = web("/api/v1/audit", token=token).json["items"]
        assert {"queue.pause", "task.enqueue"} <= {i["act"] for i in items}
    stream.close()


def test_hours_that_were_over_ahead_of_time_are_asked_for_again(web, store, clock):
    """Else they would stay empty once they have come."""
    token = web.add_token("ann", "admin")

    def done():
        items = web("/api/v1/series?hours=48&queue=mail", token=token).json["items"]
        return sum(i["done"] for i in items)

    clock.set(DAY)                              # all hours of today seem to be over
    assert done() == 0
    clock.set(0)
    store.enqueue("t", "--queue", "mail")
    store("worker", "--drain", "--queue", "mail", "--shell", "t=true")
    wait_for(lambda: [t["done"] for t in web("/api/v1/stats", token=token).json["items"]] == [1],
             "the figures")
    assert done() == 1
    clock.set(DAY)
    assert done() == 1
