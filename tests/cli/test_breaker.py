"""gofer breaker: a type whose attempts fail is left alone for a while, and tried again."""
from conftest import wait_for


def breakers(store):
    return {one["type"]: one for one in store.json("breaker", "ls")["items"]}


def state(store):
    return breakers(store)["shop:*"]["state"]


def test_a_breaker_opens_and_closes_by_itself(store, tmp_path):
    up = tmp_path / "up"
    store("breaker", "put", "type:shop:*", "--failures", "50%", "--min", "4", "--open", "2s")
    assert state(store) == "closed"
    for number in range(60):
        store.enqueue("shop:order", "--id", f"o{number}", "--retry", "0", "--retention", "1h")
    store.enqueue("other", "--id", "other", "--retention", "1h")
    store.worker("--concurrency", "2", "--shell", f"shop:*=test -e {up}", "--shell", "other=true")
    wait_for(lambda: state(store) != "closed", "the breaker to open")
    wait_for(lambda: store.json("task", "show", "other")["state"] == "completed",
             "another type to go on")
    held = store.json("queue", "show", "default")
    assert held["pending"] > 0 and held["archived"] >= 4
    up.touch()
    for number in range(20):             # it closes after some that succeed
        store.enqueue("shop:order", "--retry", "0", "--retention", "1h")
    wait_for(lambda: state(store) == "closed", "the breaker to close")
    wait_for(lambda: store.json("queue", "show", "default")["size"] == 0, "the others to run")
    ended = store.json("queue", "show", "default")
    assert ended["completed"] + ended["archived"] == 81 and ended["completed"] > 20


def test_it_is_closed_by_hand_and_taken_away(store, tmp_path):
    store("breaker", "put", "type:shop:*", "--min", "1", "--open", "1h")
    store.enqueue("shop:order", "--retry", "0")
    store.enqueue("shop:order", "--id", "second", "--retry", "0", "--retention", "1h")
    store.worker("--concurrency", "1", "--shell", f"shop:*=test -e {tmp_path / 'up'}")
    wait_for(lambda: state(store) == "open", "the breaker to open")
    (tmp_path / "up").touch()
    store("breaker", "close", "type:shop:*")
    wait_for(lambda: store.json("task", "show", "second")["state"] != "pending", "it to be tried")
    store("breaker", "rm", "type:shop:*")
    assert breakers(store) == {}
    assert store("breaker", "rm", "type:shop:*", code=None).code == 3


def test_what_is_none_is_refused(store):
    for words in (("shop",), ("type:a*b",), ("type:a", "--failures", "0%"),
                  ("type:a", "--failures", "101%"), ("type:a", "--min", "0"),
                  ("type:a", "--open", "1s")):
        assert store("breaker", "put", *words, code=None).code == 2, words
    store("breaker", "put", "type:shop:*")
    got = store("breaker", "put", "type:shop:order", code=None)
    assert got.code == 4 and "shop:*" in got.err
    assert list(breakers(store)) == ["shop:*"]
