"""What an open page costs its store while nothing happens, in a real Chromium."""
import json
import time

import pytest

pytestmark = pytest.mark.usefixtures("has_web")

WATCHED_S = 12      # longer than the time between two looks
MOST = 10           # commands a second, those inside scripts too


def test_an_idle_page_costs_redis_little(redis, admin, gofer):
    gofer("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": f"q{i}"}) for i in range(5)))

    def commands():
        text = redis("INFO", "stats").decode()
        return int(text.split("total_commands_processed:")[1].split()[0])

    admin.open("/", "Overview")
    admin.sees("q4")
    admin.sees("In steps of ten seconds")       # the first looks, which cost more, are over
    before = commands()
    time.sleep(WATCHED_S)
    assert commands() - before < MOST * WATCHED_S
