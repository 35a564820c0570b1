"""What gofer web knows of queues without asking for each again, and what that costs the store."""
import json

import pytest
from conftest import needs_redis, wait_for
from test_web_events import Stream
from topology import Running
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

MANY, ASKED, EACH = 300, 20, 30     # a look at all of them takes 1200 commands


@pytest.fixture
def known(gofer):
    """A server that has looked at many queues once, and how many commands its Redis has done."""
    with Running("single") as topology:
        gofer.env["GOFER_URL"] = topology.url
        redis = topology.primaries()[0]
        gofer("enqueue", "--batch", input="\n".join(
            json.dumps({"type": "t", "queue": f"q{i:04}"}) for i in range(MANY)))
        web = Web(gofer)
        web.token = web.add_token("root", "admin")
        assert len(queues(web)) == MANY

        def commands():
            text = redis.call("INFO", "stats").decode()
            return int(text.split("total_commands_processed:")[1].split()[0])

        yield web, commands, redis
        web.close()


def queues(web, age=""):
    answer = web(f"/api/v1/overview{'?age=10m' if age else ''}")
    assert answer.status == 200, answer
    return {q["queue"]: q for q in answer.json["queues"]["items"]}


@needs_redis
def test_what_is_known_costs_little_and_what_changes_is_seen(known, gofer):
    web, commands, redis = known
    before = commands()
    for _ in range(ASKED):
        assert len(queues(web, "10m")) == MANY
        page = web("/api/v1/queues?limit=100&age=10m").json
        assert len(page["items"]) == 100 and page["next_cursor"] == "q0099"
    assert commands() - before < ASKED * EACH
    # What is done here:
    assert web.post("/api/v1/queues/q0290/pause").status == 200
    assert queues(web, "10m")["q0290"]["paused"]
    assert web("/api/v1/queues/q0291", "DELETE", {"force": True}).status == 200
    assert "q0291" not in queues(web, "10m")
    # What is heard of, also of a queue that was not there:
    stream = Stream(web, token=web.token)
    stream.until_event("listening")
    gofer("enqueue", "t", "--queue", "q0292")
    gofer("enqueue", "t", "--queue", "q0000a")
    wait_for(lambda: queues(web, "10m")["q0292"]["pending"] == 2)
    wait_for(lambda: queues(web, "10m").get("q0000a", {}).get("pending") == 1)
    stream.close()
    # What nobody tells of, in its turn, or if it may not be old:
    redis.call("LPUSH", "asynq:{q0007}:pending", "x")
    assert queues(web)["q0007"]["pending"] == 2
    redis.call("SREM", "asynq:queues", "q0008")
    redis.call("DEL", "asynq:{q0008}:pending")
    assert "q0008" not in queues(web)
    totals = web("/api/v1/overview?age=10m").json["totals"]
    assert totals["queues"] == MANY - 1 and totals["pending"] == MANY - 1 + 2


@needs_redis
def test_turns_come_round(known):
    """Queues by the hundred in a minute and a half: the first few at once."""
    web, _, redis = known
    redis.call("LPUSH", "asynq:{q0000}:pending", "x")
    wait_for(lambda: queues(web, "10m")["q0000"]["pending"] == 2)


def test_how_old_it_may_be_is_a_duration(store):
    web = Web(store)
    store.enqueue("t", "x")
    assert web("/api/v1/overview?age=soon").status == 400
    assert web("/api/v1/queues?age=soon").status == 400
    assert queues(web, "10m")["default"]["pending"] == 1
    store.enqueue("t", "x")
    wait_for(lambda: queues(web, "10m")["default"]["pending"] == 2)
    web.close()
