"""gofer web --mask: fields of payloads, results and headers that nobody is shown, not even who may
see all the rest."""
import json

import pytest
from test_web_events import Stream
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")
TASK = "/api/v1/queues/default/tasks/"


@pytest.fixture
def web(store):
    it = Web(store, "--mask", "user:*.password", "--mask", "*.card.number")
    it.token = it.add_token("root", "admin")
    yield it
    it.close()


def put(gofer, payload, *words, type_="user:create", id_="a"):
    gofer.enqueue(type_, payload if isinstance(payload, str) else json.dumps(payload), "--id", id_,
                  *words)


def payload(web, id_="a"):
    return web(TASK + id_).json["payload"]


def test_a_field_is_masked_wherever_a_task_is_shown(web, store):
    put(store, {"password": "secret", "name": "Ada", "n": 12345678901234567890}, "--header",
        "password=secret", "--retention", "1h")
    assert json.loads(payload(web)) == {"password": "***", "name": "Ada", "n": 12345678901234567890}
    assert web(TASK + "a").json["headers"] == {"password": "***"}
    stream = Stream(web, token=web.token)
    store("worker", "--drain", "--shell",
          'user:*=echo "{\\"password\\":\\"secret\\",\\"ok\\":1}"')
    assert json.loads(web(TASK + "a").json["result"]) == {"password": "***", "ok": 1}
    for path in ("/api/v1/tasks", "/api/v1/overview", "/api/v1/workers", TASK + "a"):
        assert "secret" not in web(path).text, path
    counts = {}
    while "done" not in counts:
        message = stream.next()
        assert "secret" not in json.dumps(message)
        counts.update(message[2]["counts"])
    stream.close()
    # The command line is for who has the store itself.
    assert "secret" in store("task", "show", "a").out


def test_of_other_types_nothing_is_masked(web, store):
    put(store, {"password": "shown"}, type_="mail")
    assert payload(web) == '{"password": "shown"}'


def test_lists_are_looked_into(web, store):
    put(store, {"items": [{"card": [{"number": "4111", "x": 1}]}]}, type_="pay")
    assert json.loads(payload(web)) == {"items": [{"card": [{"number": "***", "x": 1}]}]}


@pytest.mark.parametrize("text", ["plain secret", '"secret"', '{"password": "secret"'])
def test_what_cannot_be_looked_into_is_hidden(web, store, text):
    put(store, text)
    assert payload(web) == "***"


def test_binary_payloads_are_hidden_if_there_may_be_something(web, store):
    for type_, id_ in (("user:x", "a"), ("mail", "b")):
        store("enqueue", "--batch", input=json.dumps(
            {"type": type_, "id": id_, "payload": {"base64": "gaFwoXM/"}}))
    assert payload(web, "a") == "***"
    assert payload(web, "b") == "***"       # of '*.card.number': it may be in any type
    other = Web(store, "--mask", "user:*.password", token=web.token)
    assert other(TASK + "a").json["payload"] == "***"
    assert other(TASK + "b").json["payload"] == {"base64": "gaFwoXM/"}
    other.close()


def test_cron_entries_have_payloads_too(web, store):
    store("cron", "add", "nightly", "@daily", "user:clean", '{"password": "secret"}')
    assert "secret" not in web("/api/v1/schedules").text
    assert json.loads(web("/api/v1/schedules/nightly").json["payload"]) == {"password": "***"}


def test_a_mask_does_not_overwrite_what_is_behind_it(web, store):
    """Who edits what he was shown sends the mask back."""
    put(store, {"password": "secret", "name": "Ada"})
    shown = json.loads(payload(web))
    shown["name"] = "Bob"
    answer = web(TASK + "a", "PATCH", {"payload": shown})
    assert answer.status == 409 and "***" in answer.why
    assert "secret" in store("task", "show", "a").out
    assert web(TASK + "a", "PATCH", {"payload": {**shown, "password": "new"}}).status == 200
    assert json.loads(payload(web)) == {"password": "***", "name": "Bob"}
    assert "new" in store("task", "show", "a").out
    assert web(TASK + "none", "PATCH", {"payload": 1}).status == 404


def test_a_cron_entry_does_not_get_masks_for_values_either(web, store):
    """Who changes one on the page sends all of it back: payload, headers, tasks in the payload."""
    entry, batch = "/api/v1/schedules/nightly", [{"type": "user:x", "payload": {"password": "s3"}}]
    whole = {"spec": "@daily", "type": "user:clean", "headers": {"password": "s1", "x": "y"},
             "payload": {"password": "s2", "more": batch}}
    assert web(entry, "PUT", whole).status == 200
    shown = web(entry).json
    assert shown["headers"] == {"password": "***", "x": "y"}
    back = json.loads(shown["payload"])
    assert back == {"password": "***", "more": [{"type": "user:x", "payload": {"password": "***"}}]}
    held = [{"headers": shown["headers"]}, {"payload": back}, {"payload": shown["payload"]},
            {"payload": {**back, "password": "new"}}, {"payload": "***"},
            {"headers": {"PassWord": "***"}}, {"payload": {"password": "s2", "more": back["more"]}}]
    for part in held:
        answer = web(entry, "PUT", {**whole, "spec": "@hourly", **part})
        assert answer.status == 409 and "***" in answer.why, (part, answer)
    kept = store.json("cron", "show", "nightly")
    assert kept["spec"] == "@daily" and kept["headers"] == {"password": "s1", "x": "y"}
    assert json.loads(kept["payload"]) == whole["payload"]
    fine = {"payload": {"password": "new", "name": "***"}, "headers": {"x": "***"}}
    assert web(entry, "PUT", {**whole, **fine}).status == 200
    assert store.json("cron", "show", "nightly")["headers"] == {"x": "***"}
    # Of a type without masks they are words like others.
    mail = {**whole, "type": "mail", "headers": {"password": "***"}}
    assert web(entry, "PUT", mail).status == 200


def test_a_search_does_not_tell_what_is_masked(web, store):
    """Neither by what it shows nor by what it finds: else one could guess, letter by letter."""
    put(store, {"password": "s3cret", "name": "s3cret-name"}, "--header", "password=s3cret")
    put(store, {"password": "s3cret"}, type_="user", id_="b")      # 'user:*' is not its mask,
    put(store, {"n": {"number": "s3cret"}}, type_="pay", id_="c")  # '*.card.number' may be any's
    put(store, "s3cret text", "--queue", "q", "--retention", "1h", type_="user:x", id_="d")
    store("worker", "--drain", "--queue", "q", "--shell", "user:x=echo s3cret result")
    for text in ("s3cret", "S3CRET", "s3", "cret", "result", "***", "name"):
        answer = web(f"/api/v1/search?text={text}")
        assert answer.status == 200 and answer.json["items"] == [], (text, answer)
    (found,) = web("/api/v1/search?text=user:c").json["items"]     # by its type
    assert "s3cret" not in json.dumps(found) and found["task"]["id"] == "a"
    other = Web(store, "--mask", "user:*.password", token=web.token)
    found = {f["task"]["id"]: f["found_in"] for f in
             other("/api/v1/search?text=s3cret").json["items"]}
    assert found == {"b": "payload", "c": "payload"}               # of types that no mask is about
    other.close()


def test_a_mask_that_is_none(gofer):
    for mask in ("", "user", ".x", "user:*", "a."):
        assert "--mask" in gofer("web", "--listen", "127.0.0.1:0", "--mask", mask, code=2).why
