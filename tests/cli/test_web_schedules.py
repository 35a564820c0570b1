"""gofer web: cron entries, and the server's settings, on both stores."""
import pytest
from conftest import admin_web as web, wait_for  # noqa: F401
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

AT = "/api/v1/schedules/nightly"


def test_an_entry_is_put_and_replaced(web, store):
    entry = {"spec": "0 3 * * *", "tz": "Europe/Berlin", "type": "report", "payload": {"n": 1},
             "queue": "low", "retry": 2, "timeout": "1m", "missed": "all", "missed_max": 5,
             "overlap": "skip", "jitter": "30s", "paused": True, "headers": {"k": "v"}}
    assert web(AT, "PUT", entry).json == {"ok": True}
    got = web(AT).json
    assert {k: got[k] for k in ("spec", "tz", "type", "payload", "queue", "max_retry", "missed",
                                "missed_max", "overlap", "jitter_ms", "paused", "headers")} == {
        "spec": "0 3 * * *", "tz": "Europe/Berlin", "type": "report", "payload": '{"n": 1}',
        "queue": "low", "max_retry": 2, "missed": "all", "missed_max": 5, "overlap": "skip",
        "jitter_ms": 30000, "paused": True, "headers": {"k": "v"}}
    assert web(AT, "PUT", {**entry, "new": True}).status == 409
    assert web(AT, "PUT", {"spec": "@hourly", "type": "other"}).status == 200
    got = web(AT).json
    assert got["spec"] == "@hourly" and got["type"] == "other" and got["missed"] == "once"
    assert web("/api/v1/schedules/second", "PUT",
               {"spec": "@daily", "type": "t", "new": True}).status == 200


def test_an_entry_that_is_wrong_is_refused(web, store):
    good = {"spec": "@daily", "type": "t"}
    for wrong, words in (
        ({"type": "t"}, "needs 'spec'"), ({"spec": "@daily"}, "'type' is missing"),
        ({**good, "spec": "0 0 31 2 *"}, "31 February"), ({**good, "tz": "Nowhere"}, "Nowhere"),
        ({**good, "missed": "never"}, "'missed'"), ({**good, "overlap": 5}, "'overlap'"),
        ({**good, "missed_max": 0}, "'missed_max'"), ({**good, "jitter": "x"}, "'jitter'"),
        ({**good, "paused": "yes"}, "'paused'"), ({**good, "colour": 1}, "'colour'"),
        ({**good, "queue": "{"}, "queue"), ({**good, "id": "x"}, ""), ({**good, "in": "1h"}, ""),
        ([], "not a JSON object"),
    ):
        answer = web(AT, "PUT", wrong)
        assert answer.status == 400 and words in answer.why, (wrong, answer)
    twice = '{"spec":"@daily","spec":"@daily","type":"t"}'
    assert "twice" in web(AT, "PUT", twice, headers={"Content-Type": "application/json"}).why
    assert web(AT, "PUT").status == 400
    assert web(AT).status == 404
    assert web(AT, "PUT", good, token=web.add_token("looker", "see")).status == 403
    assert web(AT, "PUT", good, token=web.add_token("operator", "operate")).status == 200


def test_an_expression_is_told_in_words_and_ticks(web):
    got = web("/api/v1/cron?spec=0+3+*+*+1-5&tz=Europe/Berlin&count=3").json
    assert len(got["ticks"]["items"] if "items" in got["ticks"] else got["ticks"]) == 3
    assert got["tz"] == "Europe/Berlin" and "03:00" in got["text"]
    for wrong, words in {"": "spec=", "spec=nonsense": "nonsense", "spec=@daily&tz=Nowhere":
                         "Nowhere", "spec=@daily&count=101": "from 0 to 100"}.items():
        answer = web(f"/api/v1/cron?{wrong}")
        assert answer.status == 400 and words in answer.why, (wrong, answer)


def test_what_became_of_ticks(web, store):
    assert web(AT + "/ticks").status == 404
    store("cron", "add", "nightly", "@every 1s", "t", "--retention", "1h")
    assert web(AT + "/ticks").json == {"items": []}
    store.worker("--exec", "t=true")

    def ticks():
        return web(AT + "/ticks?limit=3").json["items"]

    got = wait_for(lambda: len(got := ticks()) >= 2 and got[-1]["state"] == "completed" and got,
                   "ticks")
    assert [t["tick_ms"] for t in got] == sorted((t["tick_ms"] for t in got), reverse=True)
    assert all(t["id"].startswith("cron:nightly:") for t in got if "id" in t)
    assert {t["state"] for t in got} <= {"completed", "pending", "active", "left out"}
    assert web(AT + "/ticks?limit=101").status == 400


def test_settings_are_told_without_secrets(store):
    web = Web(store, "--read-only", "--host", "gofer.example.org", "--base", "/gofer",
              "--mask", "user:*.password")
    token = web.add_token("looker", "see")
    answer = web("/gofer/api/v1/settings", token=token)
    got = answer.json
    assert got["read_only"] is True and got["hosts"] == ["gofer.example.org"]
    assert got["base"] == "/gofer" and got["tls"] is False and got["tokens"] is True
    assert got["masks"] == ["user:*.password"] and got["user_header"] is None
    assert got["limits"]["streams"] == 64
    assert got["listen"] == [web.address]      # the port that was free
    assert str(store.folder / "web-tokens") not in answer.text
    web.close()

