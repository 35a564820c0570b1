"""gofer task, queue, stats, worker ls, ping: looking and acting."""
import re


def ids(gofer, *args):
    return [t["id"] for t in gofer.json("task", "ls", *args)["items"]]


# ---- task ls


def test_lists_by_queue_and_state(gofer):
    gofer("enqueue", "a", "--id", "1", "--queue", "q")
    gofer("enqueue", "b", "--id", "2", "--queue", "q", "--in", "1h")
    gofer("enqueue", "c", "--id", "3")
    assert ids(gofer) == ["3", "1", "2"]
    assert ids(gofer, "--queue", "q") == ["1", "2"]
    assert ids(gofer, "--state", "scheduled") == ["2"]
    assert ids(gofer, "--queue", "q", "--state", "pending") == ["1"]
    got = gofer("task", "ls", "--queue", "q")
    assert re.search(r"^ID +QUEUE +TYPE +STATE +WHEN", got.out)
    assert re.search(r"^2 +q +b +scheduled +in 59m", got.out, re.M)


def test_empty_listings(gofer):
    assert gofer("task", "ls").out == ""
    assert gofer.json("task", "ls") == {"items": [], "more": False}
    assert "nowhere" in gofer("task", "ls", "--queue", "nowhere", code=3).err


def test_pages_and_all(gofer):
    gofer("enqueue", "t", "--count", "65")
    first = gofer.json("task", "ls", "--queue", "default", "--state", "pending")
    assert len(first["items"]) == 30 and first["more"] is True
    seen = first["items"]
    cursor = first["next_cursor"]
    while cursor:
        page = gofer.json(
            "task", "ls", "--queue", "default", "--state", "pending", "--cursor", cursor
        )
        seen += page["items"]
        cursor = page.get("next_cursor")
    assert len({t["id"] for t in seen}) == len(seen) == 65
    assert len(ids(gofer, "--all")) == 65 and len(ids(gofer, "--limit", "7")) == 7
    assert (
        "--cursor "
        in gofer("task", "ls", "--queue", "default", "--state", "pending", "--limit", "3").err
    )
    assert "there are more" in gofer("task", "ls").err
    assert "is not a cursor" in gofer("task", "ls", "--cursor", "x", code=2).err
    gofer("task", "ls", "--queue", "default", "--state", "pending", "--cursor", "gar bage", code=2)


def test_more_than_a_page_of_the_library(gofer):
    gofer("enqueue", "t", "--count", "1203")
    assert len(set(ids(gofer, "--all"))) == 1203


# ---- task show


def test_shows_text_as_text_and_bytes_as_hex(gofer):
    id = gofer.enqueue(
        "t", "one\ntwo\x1b[31m\ttab é", "--retention", "1h", "--header", "k=v", "--in", "2h"
    )
    out = gofer("task", "show", id).out
    assert "  one\n  two\\x1b[31m\ttab é\n" in out and "\x1b" not in out
    assert re.search(r"^headers +k=v$", out, re.M) and re.search(r"^retention +1h$", out, re.M)
    assert re.search(r"^next run +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 \(in 1h 59m\)$", out, re.M)
    id = gofer.enqueue("t", "-", input=b"\x00\x01\xfeABC" + b"z" * 1000)
    out = gofer("task", "show", id).out
    assert (
        "not text" in out
        and "00 01 fe 41 42 43" in out
        and "...ABC" in out
        and "the first 512 bytes" in out
    )


def test_long_text_is_cut_on_a_character(gofer):
    id = gofer.enqueue("t", "-", input="é" * 9000 + "x")
    out = gofer("task", "show", id).out
    assert "--payload prints all" in out and "\\x" not in out
    assert gofer("task", "show", id, "--payload").raw == ("é" * 9000 + "x").encode()


def test_show_in_a_queue_and_what_is_not_there(gofer):
    id = gofer.enqueue("t", "--queue", "mail")
    gofer("task", "show", id, "--queue", "mail")
    gofer("task", "show", id, "--queue", "default", code=3)
    assert "no-such" in gofer("task", "show", "no-such", code=3).err
    assert "no result" in gofer("task", "show", id, "--result", code=3).err
    gofer("task", "show", id, "--result", "--payload", code=2)


# ---- run, archive, rm


def test_run_archive_rm_by_id(gofer):
    gofer("enqueue", "t", "--id", "a", "--in", "1h")
    assert gofer("task", "run", "a").out == "made pending a\n"
    assert gofer("task", "archive", "a").out == "archived a\n"
    assert gofer.states()["archived"] == 1
    gofer("task", "run", "a")
    gofer("task", "run", "a", code=4)
    assert gofer("task", "rm", "a").out == "deleted a\n"
    gofer("task", "rm", "a", code=3)


def test_each_id_has_its_own_fate(gofer):
    gofer("enqueue", "t", "--id", "a")
    gofer("enqueue", "t", "--id", "b")
    got = gofer("task", "rm", "a", "nope", "b", "--json", code=3)
    assert [("error" in i, i["id"]) for i in got.json["items"]] == [
        (False, "a"),
        (True, "nope"),
        (False, "b"),
    ]
    assert got.json["items"][1]["error"] == "ENOTFOUND"
    assert gofer.states()["pending"] == 0


def test_bulk_actions(gofer):
    for queue in ("q", "r"):
        gofer("enqueue", "t", "--count", "3", "--queue", queue, "--in", "1h")
    dry = gofer.json("task", "rm", "--all", "--state", "scheduled", "--dry-run")
    assert dry["count"] == 6 and dry["dry_run"] is True and len(ids(gofer)) == 6
    assert (
        gofer("task", "run", "--all", "--state", "scheduled", "--queue", "q").out
        == "made pending 3 scheduled tasks\n"
    )
    assert gofer.states("q")["pending"] == 3 and gofer.states("r")["scheduled"] == 3
    assert gofer.json("task", "archive", "--all", "--state", "pending")["count"] == 3
    assert gofer.json("task", "rm", "--all", "--state", "archived", "--queue", "q")["count"] == 3
    assert gofer.json("task", "rm", "--all", "--state", "scheduled")["count"] == 3
    assert ids(gofer) == []
    gofer("task", "rm", "--all", "--state", "retry", "--queue", "nowhere", code=3)


# ---- queues


def test_queue_table_and_show(gofer):
    gofer("enqueue", "t", "--queue", "mail", "--count", "2")
    gofer("enqueue", "t", "--queue", "low", "--in", "1h")
    out = gofer("queue", "ls").out
    assert re.search(r"^mail +2 +0 +0", out, re.M) and re.search(r"^low +0 +0 +1", out, re.M)
    assert re.search(r"^\(all\) +2 +0 +1", out, re.M)
    assert re.search(r"^pending +2$", gofer("queue", "show", "mail").out, re.M)
    assert gofer.json("queue", "show", "mail")["pending"] == 2
    gofer("queue", "show", "nope", code=3)


def test_pause_and_unpause(gofer):
    assert gofer("queue", "pause", "mail", "new").out == "paused mail\npaused new\n"
    assert gofer.states("new")["paused"] is True
    assert "paused  since" in re.sub(" +", "  ", gofer("queue", "show", "mail").out).replace(
        "since  ", "since "
    )
    gofer("queue", "unpause", "mail", "new")
    assert not gofer.states("mail")["paused"]


def test_queue_rm(gofer):
    gofer("enqueue", "t", "--queue", "q")
    assert "q" in gofer("queue", "rm", "q", code=4).err
    assert gofer("queue", "rm", "q", "--force").out == "removed q\n"
    gofer("queue", "rm", "q", code=3)


# ---- stats, ping, workers


def test_stats(gofer):
    assert "no queues yet" in gofer("stats").out
    gofer("enqueue", "t")
    got = gofer.json("stats", "--days", "3")
    assert set(got) == {
        "processed",
        "failed",
        "processed_total",
        "failed_total",
        "archive_deleted",
        "queues",
        "history",
        "types",
        "workers",
    }
    assert got["queues"][0]["pending"] == 1 and len(got["history"]) <= 3
    out = gofer("stats").out
    for word in (
        "QUEUE",
        "today",
        "in all",
        "History",
        "Types, last hour",
        "Workers",
        "none is live",
    ):
        assert word in out
    gofer("enqueue", "t", "--queue", "other")
    assert [q["queue"] for q in gofer.json("stats", "--queue", "default")["queues"]] == ["default"]
    gofer("stats", "--queue", "nobody", code=3)


def test_ping(gofer):
    assert "answered in" in gofer("ping").out
    assert gofer.json("ping")["ok"] is True


def test_no_workers(gofer):
    assert gofer.json("worker", "ls") == {"items": []}
    assert gofer("worker", "ls").err == "no worker is live\n"
