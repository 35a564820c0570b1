"""Where `gofer worker --drain` ends although tasks are left: those that none of its handlers
matches."""


def drain(gofer, *words):
    worker = gofer.worker("--drain", "--shell", "known=true", *words, ready=False)
    code = worker.wait()
    return code, [line for line in worker.log.splitlines() if "types without a handler" in line]


def test_tasks_of_unknown_types_do_not_hold_a_drain(store):
    store("enqueue", "known", "--count", "20")
    store("enqueue", "known", "--in", "2s")
    store("enqueue", "other:a", "--count", "3")
    store("enqueue", "other:b", "--in", "1h")
    code, told = drain(store)
    assert code == 4 and len(told) == 1, told
    assert "other:a" in told[0] and "other:b" in told[0] and "tasks=4" in told[0], told
    # Nothing of its own was left behind, the one of later neither.
    left = store.json("task", "ls", "--all")["items"]
    assert sorted(t["type"] for t in left) == 3 * ["other:a"] + ["other:b"], left


def test_ten_types_are_named(store):
    for i in range(12):
        store("enqueue", f"other:{i:02}", "--count", "20", "--in", "1h")
    code, told = drain(store)
    assert code == 4 and len(told) == 1, told
    assert told[0].count("other:") == 10 and "..." in told[0] and "tasks=240" in told[0], told


def test_a_drain_that_leaves_nothing_ends_well(store):
    store("enqueue", "known", "--count", "5")
    store("enqueue", "other", "--queue", "elsewhere")
    assert drain(store) == (0, [])


def test_the_figures_tell_what_was_left(gofer):
    gofer("enqueue", "other", "--count", "2")
    result = gofer("worker", "--drain", "--shell", "known=true", "--json", code=4)
    assert result.json["unhandled"] == 2, result
