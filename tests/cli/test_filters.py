"""Filters on listings and bulk actions; counting and asking first."""
import os
import pty
import re
import select
import subprocess
import time

import pytest
from conftest import PATIENCE


def ids(gofer, *args):
    return [t["id"] for t in gofer.json("task", "ls", *args)["items"]]


@pytest.fixture
def filled(gofer):
    gofer("enqueue", "--batch", "--in", "1h", input="".join(
        '{"type":"%s:%s","queue":"%s","id":"%s-%s"}\n' % (kind, queue, queue, kind, queue)
        for queue in ("mail:in", "mail:out", "reports") for kind in ("send", "read")))
    return gofer


# ---- listings


@pytest.mark.parametrize("words, want", [
    (["--type", "send:*"], 3),
    (["--type", "send:reports"], 1),
    (["--type", "send"], 0),
    (["--queue", "mail:*"], 4),
    (["--queue", "mail:*", "--type", "read:*"], 2),
    (["--id", "send-mail:in"], 1),
    (["--id", "send-*", "--queue", "reports"], 1),
    (["--newer", "1h"], 6),
    (["--older", "1h"], 0),
    (["--error", "disk"], 0),
    (["--group", "g"], 0),
    (["--state", "pending"], 0),
    (["--state", "scheduled", "--type", "*"], 6),
])
def test_listings_are_filtered(filled, words, want):
    assert len(ids(filled, *words)) == want


def test_a_cursor_goes_on_over_queues_and_filters(filled):
    seen, cursor = [], []
    while True:
        page = filled.json("task", "ls", "--type", "send:*", "--limit", "2", *cursor)
        seen += [t["id"] for t in page["items"]]
        if not page.get("next_cursor"):
            break
        cursor = ["--cursor", page["next_cursor"]]
    assert sorted(seen) == ["send-mail:in", "send-mail:out", "send-reports"]
    filled("task", "ls", "--queue", "reports", *cursor, code=2)


def test_errors_are_searched(gofer):
    gofer("enqueue", "bad", "--id", "b", "--retry", "0")
    gofer("enqueue", "worse", "--id", "w", "--retry", "0")
    gofer(
        "worker",
        "--drain",
        "--shell",
        "bad=echo no space left >&2; exit 1",
        "--shell",
        "worse=exit 1",
    )
    assert ids(gofer, "--error", "space left") == ["b"]
    assert ids(gofer, "--state", "archived", "--error", "exit code") == ids(gofer)


def test_errors_of_one_kind_are_found(gofer):
    for kind in ("full", "gone"):
        for number in (17, 4242):
            gofer("enqueue", kind, str(number), "--id", f"{kind}-{number}", "--retry", "0")
    gofer("worker", "--drain", "--shell", "full=echo disk has $(cat) bytes too few >&2; exit 1",
          "--shell", "gone=echo file $(cat) is gone >&2; exit 1")
    failed = {t["id"]: t["last_error"] for t in gofer.json("task", "ls")["items"]}
    assert len(failed) == 4 and "17" in failed["gone-17"], failed
    kind = failed["gone-17"].splitlines()[-1].replace("17", "#")
    assert sorted(ids(gofer, "--fingerprint", kind)) == ["gone-17", "gone-4242"], failed
    assert ids(gofer, "--fingerprint", kind + "x") == ids(gofer, "--fingerprint", "") == []
    assert gofer("task", "run", "--fingerprint", kind, "--dry-run").out == (
        "would have made pending 2 matching tasks\n")


# ---- bulk actions


def test_a_filter_is_enough_for_a_bulk_action(filled):
    assert (
        filled("task", "run", "--type", "send:*", "--dry-run").out
        == "would have made pending 3 matching tasks\n"
    )
    assert filled("task", "run", "--type", "send:*").out == "made pending 3 matching tasks\n"
    assert len(ids(filled, "--state", "pending")) == 3
    assert (
        filled("task", "archive", "--queue", "mail:*", "--type", "*").out
        == "archived 4 matching tasks\n"
    )
    assert (
        filled("task", "cancel", "--queue", "reports", "--type", "*").out
        == "cancelled 2 matching tasks\n"
    )
    assert len(ids(filled, "--state", "archived")) == 6
    got = filled.json("task", "rm", "--state", "archived", "--id", "send-*")
    assert got == {"action": "rm", "queue": None, "state": "archived", "dry_run": False, "count": 3}
    assert len(ids(filled)) == 3


@pytest.mark.parametrize(
    "words, code, text",
    [
        (["task", "rm", "--type", "x"], 2, "a filter needs --state"),
        (["task", "run", "--all"], 2, "--all needs --state"),
        (["task", "run", "x", "--type", "t"], 2, "exclude each other"),
        (["task", "run", "x", "--yes"], 2, "belong to --all or a filter"),
        (["task", "run", "--state", "pending", "--type", "t"], 4, "not possible for pending tasks"),
        (
            ["task", "cancel", "--state", "archived", "--type", "t"],
            4,
            "not possible for archived tasks",
        ),
        (["task", "archive", "--older", "soon"], 2, "--older"),
        (["task", "ls", "--type", ""], 2, "type of the filter"),
        (["task", "ls", "--error", ""], 2, "error of the filter"),
        (["task", "run", "--all", "--state", "retry", "--queue", "nowhere"], 3, "nowhere"),
    ],
)
def test_what_is_not_clear_is_refused(gofer, words, code, text):
    gofer("enqueue", "t", "--id", "x")
    got = gofer(*words, code=code)
    assert text in got.err and got.out == ""
    assert gofer.states()["pending"] == 1


def test_many_are_acted_on_and_none_is_left(gofer):
    lines = "".join('{"type":"%s"}\n' % ("odd" if i % 2 else "even") for i in range(3000))
    gofer("enqueue", "--batch", input=lines, code=0)
    assert gofer.json("task", "archive", "--type", "odd", "--state", "pending")["count"] == 1500
    assert gofer.states()["pending"] == 1500 and gofer.states()["archived"] == 1500
    assert gofer.json("task", "rm", "--type", "odd", "--state", "archived")["count"] == 1500
    assert len(ids(gofer, "--all", "--type", "even")) == 1500


# ---- asking, on a terminal


def converse(gofer, *args, answer):
    """Run gofer on a terminal; answer its question. Returns what was shown and the exit code."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([gofer.bin, *args], stdin=follower, stdout=follower, stderr=follower,
                               env=gofer.env, close_fds=True)
    os.close(follower)
    shown, end, answered = b"", time.monotonic() + PATIENCE, False
    while time.monotonic() < end:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                shown += os.read(leader, 4096)
            except OSError:
                break
        if b"[y/N]" in shown and not answered:
            os.write(leader, answer)
            answered = True
    os.close(leader)
    return shown.decode(), process.wait(PATIENCE)


def test_on_a_terminal_it_asks_with_the_count(filled):
    shown, code = converse(filled, "task", "rm", "--all", "--state", "scheduled", answer=b"n\n")
    assert "delete 6 scheduled tasks? [y/N]" in shown and "nothing was done" in shown and code == 1
    assert len(ids(filled)) == 6
    shown, code = converse(filled, "task", "run", "--type", "send:*", answer=b"y\n")
    assert (
        "run 3 matching tasks? [y/N]" in shown
        and re.search("made pending 3 matching tasks", shown)
        and code == 0
    )


def test_with_yes_or_nothing_to_do_it_does_not_ask(filled):
    shown, code = converse(
        filled, "task", "rm", "--all", "--state", "scheduled", "--yes", answer=b""
    )
    assert "[y/N]" not in shown and "deleted 6 scheduled tasks" in shown and code == 0
    shown, code = converse(filled, "task", "rm", "--all", "--state", "scheduled", answer=b"")
    assert "[y/N]" not in shown and "deleted 0 scheduled tasks" in shown and code == 0
