"""gofer hours: queues and types of which tasks are taken at certain hours alone."""
from conftest import wait_for

NEVER = "00:00-00:01; not 1970-01-01..9999-12-31"
ALWAYS = "00:00-24:00"


def hours(store, *words):
    return {one["name"]: one for one in store.json("hours", *(words or ("ls",)))["items"]}


def test_a_closed_queue_and_a_closed_type_wait(store):
    assert "all are open" in store("hours", "ls").err
    assert store("hours", "put", "queue:night", NEVER).out == "put queue:night\n"
    store("hours", "put", "type:mail:*", NEVER)
    store.enqueue("other", "--id", "night", "--queue", "night")
    store.enqueue("mail:send", "--id", "mail")
    store.enqueue("other", "--id", "free", "--retention", "1h")
    store.worker("--queue", "night", "--queue", "default", "--shell", "mail:send=true",
                 "--shell", "other=true")
    wait_for(lambda: store.json("queue", "show", "default")["completed"], "the free one to end")
    wait_for(lambda: hours(store)["type:mail:*"]["waiting"] == 1, "the mail to wait")
    assert store.json("task", "show", "mail")["waits_for"] == "type:mail:*"
    assert store.json("queue", "show", "night")["pending"] == 1
    store("hours", "put", "queue:night", ALWAYS)
    store("hours", "rm", "type:mail:*")
    for queue in ("night", "default"):
        wait_for(lambda queue=queue: store.json("queue", "show", queue)["size"] == 0, "the end")
    assert hours(store) == {
        "queue:night": {"name": "queue:night", "hours": ALWAYS, "closed": False}}


def test_what_is_closed_says_so(store):
    store.enqueue("other", "--queue", "night")
    store.enqueue("other", "--queue", "day")
    # In one of the two it is open, whatever the time.
    store("hours", "put", "queue:night", "00:00-12:00")
    store("hours", "put", "queue:day", "12:00-24:00")
    store("hours", "put", "type:mail:*", NEVER)
    store("type", "pause", "mail:x")
    seen = hours(store)
    assert seen["queue:night"]["closed"] != seen["queue:day"]["closed"]
    for name, one in seen.items():
        until = "closed_until_ms" if one["closed"] else "open_until_ms"
        assert (until in one) == (name != "type:mail:*")
    assert hours(store, "show", "queue:day") == {"queue:day": seen["queue:day"]}
    for name in ("night", "day"):
        queue, one = store.json("queue", "show", name), seen[f"queue:{name}"]
        for field in ("hours", "closed", "closed_until_ms", "open_until_ms"):
            assert queue.get(field) == one.get(field)
        shown = store("queue", "show", name).out
        assert ("closed" if one["closed"] else "open") + " " in shown and one["hours"] in shown
    assert "CLOSED UNTIL" in store("queue", "ls").out
    types = {one["type"]: one for one in store.json("type", "ls")["items"]}
    assert types["mail:*"] == {"type": "mail:*", "waiting": 0, "closed": True}
    assert "closed" not in types["mail:x"] and "paused_at_ms" in types["mail:x"]
    table = store("hours", "ls").out.splitlines()
    assert table[0].split() == ["OF", "NOW", "UNTIL", "WAITING", "HOURS"]
    assert table[3].split()[:2] == ["type:mail:*", "closed"]


def test_what_is_wrong_is_refused(store):
    wrong = store("hours", "put", "queue:a", "mon-fri 25:00-05:00", code=2).err
    assert "character 9, '25:00-05:00'" in wrong
    assert "did you mean 'Europe/Rome'" in store(
        "hours", "put", "queue:a", "mon Europe/Rme", code=2).err
    assert "no window" in store("hours", "put", "queue:a", "not 2026-12-25", code=2).err
    assert "'queue:mail'" in store("hours", "put", "mail", "mon", code=2).err
    assert "before its end" in store("hours", "put", "type:a*b", "mon", code=2).err
    assert "several queues" in store("hours", "put", "queue:a*", "mon", code=2).err
    store("hours", "show", "queue:a", code=3)
    assert "queue:a" in store("hours", "rm", "queue:a", code=3).err
    for n in range(100):
        store("hours", "put", f"queue:q{n:03}", "mon")
    assert "as many as may" in store("hours", "put", "queue:more", "mon", code=4).err
    store("hours", "put", "queue:q007", "tue")       # has some already
    assert hours(store, "show", "queue:q007")["queue:q007"]["hours"] == "tue"
    store("hours", "rm", *(f"queue:q{n:03}" for n in range(100)))
