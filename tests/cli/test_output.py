"""What reaches the terminal, the pipe, the full disk."""
import fcntl
import os
import pty
import struct
import subprocess
import termios
import unicodedata

import pytest


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def on_terminal(gofer, *args, env=None, columns=100):
    """Run with standard output on a terminal; returns what it showed."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [gofer.bin, *args],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=subprocess.PIPE,
        env={**gofer.env, **(env or {})},
    )
    os.close(side)
    shown = b""
    while True:
        try:
            more = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        shown += more
    os.close(main)
    process.stderr.close()
    assert process.wait(30) == 0
    return shown.decode().replace("\r\n", "\n")


def test_colour_is_for_terminals(gofer):
    gofer("enqueue", "t")
    assert "\x1b[1mQUEUE" in on_terminal(gofer, "queue", "ls")
    assert "\x1b" not in gofer("queue", "ls").out


@pytest.mark.parametrize(
    "args, env", [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})]
)
def test_colour_can_be_refused(gofer, args, env):
    gofer("enqueue", "t")
    assert "\x1b" not in on_terminal(gofer, *args, "queue", "ls", env=env)


def test_rows_fit_the_terminal_and_columns_count_characters(gofer):
    gofer("enqueue", "wide", "--id", "ключ-日本")
    gofer("enqueue", "wide", "--id", "plain")
    gofer.worker(
        "--drain", "--shell", "wide=echo " + "日本語 " * 60 + " >&2; exit 100", ready=False
    ).wait()
    lines = on_terminal(gofer, "--no-color", "task", "ls", columns=120).splitlines()
    assert len(lines) == 3
    assert all(width(line) <= 120 for line in lines)
    starts = {width(line[:line.index("default")]) for line in lines[1:]}
    assert len(starts) == 1 and lines[1].endswith("…")


def test_control_characters_never_reach_the_terminal(gofer):
    gofer("enqueue", "t", "-", "--id", "x", input="\x1b]0;pwned\x07\u202egnp.exe\u009b31m".encode())
    shown = on_terminal(gofer, "--no-color", "task", "show", "x")
    assert (
        "\x1b" not in shown
        and "\x07" not in shown
        and "\u202e" not in shown
        and "\u009b" not in shown
    )
    assert "\\x1b]0;pwned\\x07\\u202egnp.exe\\u009b31m" in shown
    assert "\x1b" not in gofer("task", "show", "\x1b[2J", code=2).err


def test_a_closed_pipe_is_noticed(gofer):
    gofer("enqueue", "t", "--count", "2000")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            [gofer.bin, "task", "ls", "--all", "--json"],
            stdout=out,
            stderr=subprocess.PIPE,
            env=gofer.env,
        )
    assert done.returncode == 1 and b"cannot write to standard output" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "args", [["help"], ["version"], ["queue", "ls"], ["task", "show", "x"], ["help", "--man"]]
)
def test_a_full_disk_is_noticed(gofer, args):
    gofer("enqueue", "t", "--id", "x")
    with open("/dev/full", "wb") as out:
        done = subprocess.run([gofer.bin, *args], stdout=out, stderr=subprocess.PIPE, env=gofer.env)
    assert done.returncode == 1 and b"No space left" in done.stderr


def test_closed_standard_descriptors_do_no_harm(gofer):
    script = f'exec "{gofer.bin}" enqueue t hello --id x <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", script], env=gofer.env)
    assert done.returncode == 1  # the id could not be printed
    assert gofer.json("task", "show", "x")["payload"] == "hello"


def test_json_is_json_whatever_is_in_it(gofer):
    gofer("enqueue", 'ty"pe\\', "-", "--id", 'i"d', "--queue", 'q"\\', input=b'"\x01\\\xc3\xa9')
    for args in (
        ["task", "ls"],
        ["task", "show", 'i"d'],
        ["queue", "ls"],
        ["stats"],
        ["task", "archive", 'i"d'],
        ["task", "run", "--all", "--state", "archived", "--queue", 'q"\\'],
        ["queue", "pause", 'q"\\'],
    ):
        got = gofer.json(*args)
        assert isinstance(got, dict)
    assert gofer("task", "show", os.fsdecode(b"\xff"), "--json", code=None).error["message"]
