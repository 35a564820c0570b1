"""Queues with pending tasks that no live worker serves: a worker, `queue ls` and `doctor` tell."""
from conftest import wait_for

WORDS = "no live worker serves"


def told(text):
    return [line for line in text.splitlines() if WORDS in line]


def unserved(store):
    return [q["queue"] for q in store.json("queue", "ls")["items"] if q.get("unserved")]


def test_a_worker_tells_at_its_start(store):
    store("enqueue", "t", "--queue", "mail")
    store("enqueue", "t", "--queue", "mai")
    store("enqueue", "t", "--queue", "orphan")
    store("enqueue", "t", "--queue", "later", "--in", "1h")
    first = store.worker("--queue", "mail", "--queue", "mai*", "--shell", "t=true")
    wait_for(lambda: told(first.log), "the warning")
    # One that serves the rest has nothing to tell: the other serves what it does not.
    store("enqueue", "t", "--queue", "mail", "--in", "1s")
    second = store.worker("--queue", "orphan", "--shell", "t=sleep 1", "--set", "log_level=debug")
    wait_for(lambda: store.states("orphan").get("pending") == 0, "the orphan to be taken")
    second.stop()
    lines = told(first.log)
    assert len(lines) == 1 and "WARN" in lines[0], lines
    assert "queues=orphan" in lines[0], lines
    assert not told(second.log), second.log


def test_ten_queues_are_named(store):
    for i in range(12):
        store("enqueue", "t", "--queue", f"orphan{i:02}")
    lines = wait_for(lambda: told(store.workers[0].log if store.workers else
                                  store.worker("--shell", "t=true").log), "the warning")
    assert lines[0].count("orphan") == 10 and "..." in lines[0], lines
    note = told(store("queue", "ls").err)
    assert len(note) == 1 and note[0].count("orphan") == 10 and "12 queues" in note[0], note


def test_queue_ls_and_doctor_tell(store):
    store("enqueue", "t", "--queue", "mail")
    store("enqueue", "t", "--queue", "mail more")
    store("enqueue", "t", "--queue", "later", "--in", "1h")
    note = f"tasks are pending in queues that {WORDS}: mail, mail more"
    assert told(store("queue", "ls").err) == [note]
    assert told(store("doctor", code=None).err) == [note]
    assert unserved(store) == ["mail", "mail more"]
    assert not told(store("queue", "ls", "--json").err)
    store("queue", "pause", "mail more")
    worker = store.worker("--queue", "mail more", "--shell", "t=true")
    assert unserved(store) == ["mail"]
    worker.stop()
    assert unserved(store) == ["mail", "mail more"]


def test_a_doctor_that_finds_nothing_else_ends_well(gofer):
    gofer("enqueue", "t")
    result = gofer("doctor")
    assert result.code == 0 and told(result.err) and "all is well" in result.err, result
