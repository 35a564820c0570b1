"""On a terminal of 80 columns everything fits, whatever names and numbers are like; help fits
anywhere."""
import fcntl
import os
import pty
import re
import sqlite3
import struct
import subprocess
import termios
import unicodedata

import pytest

from conftest import wait_for

COLUMNS = 80
LONG = "a-name-that-goes-on-" * 9      # 180
WIDE = "仕事の列" * 12


def on_terminal(gofer, *args, columns=COLUMNS, code=0):
    """What the binary writes to a terminal of so many columns."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [gofer.bin, *args],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=subprocess.PIPE,
        env={**gofer.env, "NO_COLOR": "1"},
        cwd=gofer.folder,
    )
    os.close(side)
    out = b""
    try:
        while piece := os.read(main, 65536):
            out += piece
    except OSError:     # the end of a terminal
        pass
    os.close(main)
    error = process.communicate()[1]
    assert process.returncode == code, error
    return out.decode().replace("\r\n", "\n")


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def fits(text, columns=COLUMNS):
    too_wide = [line for line in text.splitlines() if width(line) > columns]
    assert not too_wide, text
    return text


def commands(gofer):
    found = re.findall(
        r"^  ((?:[a-z]+ )?[a-z]+)  ", gofer("--help").out.partition("Options of")[0], re.M
    )
    assert len(found) > 35
    return found


def test_every_help_page_fits(gofer):
    fits(gofer("--help").out)
    fits(gofer(code=2).err)
    nouns = {name.split()[0] for name in commands(gofer)}
    topics = re.findall(
        r"^  ([a-z-]+) ", gofer("help").out.partition("Topics of")[2].partition("In two")[0], re.M
    )
    assert len(topics) > 5
    for words in (
        [name.split() for name in commands(gofer)]
        + [[noun] for noun in nouns]
        + [[topic] for topic in topics]
    ):
        fits(gofer("help", *words).out)
    for name in commands(gofer):
        fits(gofer(*name.split(), "--help").out)


@pytest.fixture
def crowded(gofer):
    """Names as long as they may be, numbers as large, errors of many lines, every state."""
    trace = (
        "Traceback (most recent call last):\n  File \"x.py\", line 3, in f\n    g()\nValueError: "
        + "a long reason " * 20
    )
    (gofer.folder / "fail").write_text(f"#!/bin/sh\ncat >&2 <<'E'\n{trace}\nE\nexit 1\n")
    (gofer.folder / "fail").chmod(0o755)
    for queue in ("default", LONG, WIDE):
        for type in ("t", LONG, WIDE):
            gofer(
                "enqueue",
                type,
                "x" * 5000,
                "--queue",
                queue,
                "--retention",
                "1h",
                "--retry",
                "1000000",
            )
    gofer("enqueue", "fails", "--id", "i" * 200, "--queue", "fails", "--on-dead", LONG)
    gofer("enqueue", "t", "--group", LONG, "--queue", LONG)
    gofer("enqueue", "t", "--in", "5000h", "--queue", WIDE)
    gofer(
        "cron",
        "add",
        LONG,
        "1,2,3,4,5,6,7,8,9 1,2,3,4,5,6,7 1,2,3,4,5 * *",
        LONG,
        "--queue",
        LONG,
        "--tz",
        "America/North_Dakota/New_Salem",
    )
    gofer("cron", "run", LONG)
    gofer("queue", "pause", LONG)
    worker = gofer.worker(
        "--queue",
        "fails",
        "--queue",
        LONG + "*",
        "--exec",
        "fails=./fail",
        "--exec",
        LONG + "=true",
        "--retry",
        "fails=fixed:1000h",
        "--concurrency",
        "10000",
    )
    wait_for(lambda: gofer.states("fails").get("retry") == 1, "the failure")
    db = sqlite3.connect(gofer.db)
    with db:
        db.execute(
            "UPDATE queue SET pending = 500000000000000000, archived = 123456789012 WHERE name = ?",
            (WIDE,),
        )
    db.close()
    yield gofer
    worker.stop()


LISTINGS = [
    ["queue", "ls"],
    ["task", "ls"],
    ["task", "ls", "--state", "retry"],
    ["stats"],
    ["stats", "--hours", "168"],
    ["cron", "ls"],
    ["cron", "check", "@daily"],
    ["cron", "history", LONG],
    ["worker", "ls"],
    ["group", "ls"],
    ["queue", "show", WIDE],
]


def test_every_listing_fits(crowded):
    for words in LISTINGS:
        fits(on_terminal(crowded, *words))
        fits(on_terminal(crowded, *words, columns=132), 132)


def test_children_fit(crowded):
    many = "children:256\tchild_restarts:123456\tchildren_want:2560000\tchildren_busy:1234567\n"
    one = (
        f"name={WIDE[:20]}\tnumber:255\tpid:4194304\tstate=starting\trunning:10000\twant:10000\t"
        "processed:123456789012\tmemory:123456789012\tstarted_at_ms:1\n"
    )
    db = sqlite3.connect(crowded.db)
    with db:
        db.execute("UPDATE worker SET children = ?", (many + 3 * one,))
    db.close()
    workers = fits(on_terminal(crowded, "worker", "ls"))
    assert "256 run" in workers
    children = fits(on_terminal(crowded, "worker", "ls", "--children"))
    assert children.count("10000/10000") == 3 and "123G" in children
    fits(on_terminal(crowded, "worker", "ls", "--children", columns=132), 132)


def test_what_is_told_stays_readable(crowded):
    queues = on_terminal(crowded, "queue", "ls")
    assert "500P" in queues and "123G" in queues and "PAUSED" in queues and "yes" in queues
    tasks = on_terminal(crowded, "task", "ls", "--state", "retry")
    assert "ValueError: a long reason" in tasks and "Traceback" not in tasks
    pending = crowded.json("task", "ls", "--state", "scheduled")["items"]
    assert len(pending) == 1 and pending[0]["id"] in on_terminal(
        crowded, "task", "ls", "--state", "scheduled"
    )
    # Into a pipe nothing is cut or shortened.
    piped = crowded("queue", "ls").out
    assert "500000000000000000" in piped and LONG in piped and "…" not in piped


def test_ordinary_queues_fit_without_a_terminal(gofer):
    for queue in ("default", "mail", "images"):
        gofer("enqueue", "t", "--queue", queue)
    fits(gofer("queue", "ls").out)


def test_an_errors_informative_end_is_shown(crowded):
    show = crowded("task", "show", "i" * 200).out
    attempts = show.partition("attempts")[2].partition("\nlog ")[0]
    assert "exit code 1: ValueError: a long reason" in attempts and "Traceback" not in attempts
    assert "Traceback" in show.partition("attempts")[0]     # the whole of it is there, too
