"""gofer type: types of which no task is taken."""
from conftest import wait_for


def waiting(store):
    return {one["type"]: one["waiting"] for one in store.json("type", "ls")["items"]}


def test_a_paused_type_waits(store):
    assert "no type is paused" in store("type", "ls").err
    assert store("type", "pause", "mail:*").out == "paused mail:*\n"
    for n in range(3):
        store.enqueue("mail:send", "--id", f"held-{n}")
    store.enqueue("other", "--id", "free", "--retention", "1h")
    store.worker("--shell", "mail:send=true", "--shell", "other=true")
    wait_for(lambda: store.json("queue", "show", "default")["completed"], "the other one to end")
    wait_for(lambda: waiting(store) == {"mail:*": 3}, "the three to wait")
    table = store("type", "ls").out.splitlines()
    assert table[0].split() == ["TYPE", "PAUSED", "CLOSED", "UNTIL", "WAITING"]
    assert table[1].split()[0] == "mail:*"
    assert store.json("task", "show", "held-0")["waits_for"] == "type:mail:*"
    assert store.json("queue", "show", "default")["pending"] == 3
    assert store("type", "unpause", "mail:*").out == "unpaused mail:*\n"
    wait_for(lambda: store.json("queue", "show", "default")["size"] == 0, "the three to end")
    assert waiting(store) == {}


def test_what_cannot_be_a_type_is_refused(store):
    refused = store("type", "pause", "a*b", code=2)
    assert "before its end" in refused.err
    assert "250" in store("type", "pause", "x" * 251, code=2).err
    for n in range(100):
        store("type", "pause", f"t{n:03}")
    assert "100 types are paused" in store("type", "pause", "more", code=4).err
    store("type", "pause", "t007")       # is so already
    store("type", "unpause", *(f"t{n:03}" for n in range(100)))


def test_the_keys_of_types_are_nobody_elses(store):
    assert "is of a type" in store("enqueue", "t", "--limit", "type:t", code=2).err
    assert "pause the type" in store("limit", "pause", "type:t", "1h", code=2).err
    assert "no limit is of it" in store("limit", "put", "type:*", "--rate", "1/s", code=2).err
