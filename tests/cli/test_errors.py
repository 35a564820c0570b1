"""Bad stores and URLs: each gets a clear text and the right exit code, and nothing crashes."""
import os
import socket
import sqlite3
import subprocess
import time

import pytest

COMMANDS = [
    ["queue", "ls"],
    ["enqueue", "t"],
    ["stats"],
    ["ping"],
    ["task", "ls"],
    ["worker", "--drain", "--exec", "t=true"],
]


@pytest.mark.parametrize("words", COMMANDS)
def test_unknown_scheme(gofer, words):
    got = gofer(*words, "--url", "carrier-pigeon://loft", code=2)
    assert "carrier-pigeon" in got.err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_error_is_one_write(gofer, options):
    """The log is written by a thread of its own: its lines must not come in between."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        words = [gofer.bin, "ping", "--url", "carrier-pigeon://loft", *options]
        assert subprocess.run(words, env=gofer.env, stderr=theirs).returncode == 2
        packet = ours.recv(65536).decode()
        assert "carrier-pigeon" in packet and packet.endswith("}}\n" if options else "\n")
        assert packet.startswith('{"error":' if options else "gofer: ")


@pytest.mark.parametrize("url", ["sqlite:", "nonsense", ":", "http"])
def test_malformed_urls(gofer, url):
    assert len(gofer("ping", "--url", url, code=2).err) > 15


@pytest.mark.parametrize("words", COMMANDS)
def test_a_file_that_is_no_database(gofer, words, tmp_path):
    path = tmp_path / "garbage.db"
    path.write_bytes(os.urandom(8192))
    before = path.read_bytes()
    got = gofer(*words, "--url", path, code=1)
    assert "garbage.db" in got.err and path.read_bytes() == before


def test_another_programs_database(gofer, tmp_path):
    path = tmp_path / "foreign.db"
    with sqlite3.connect(path) as db:
        db.execute("create table tasks (other text)")
        db.execute("insert into tasks values ('kept')")
    db.close()
    got = gofer("enqueue", "t", "--url", path, code=1)
    assert "foreign.db" in got.err
    assert gofer("enqueue", "t", "--url", path, "--json", code=1).error["status"] == "ECORRUPT"


def test_a_newer_schema(gofer):
    gofer("enqueue", "t")
    db = sqlite3.connect(gofer.db)
    (version,) = db.execute("pragma user_version").fetchone()
    if not version:
        pytest.fail("the schema's version is not in user_version")
    db.execute(f"pragma user_version = {version + 1000}")
    db.commit()
    db.close()
    assert gofer("ping", "--json", code=1).error["status"] == "EVERSION"


def test_a_folder_that_is_not_there(gofer, tmp_path):
    got = gofer("enqueue", "t", "--url", tmp_path / "no" / "such" / "x.db", code=5)
    assert "no/such" in got.err


def test_a_folder_that_is_not_ours(gofer, tmp_path, as_nobody_special):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    assert (
        "locked"
        in gofer("enqueue", "t", "--url", folder / "x.db", code=6, before=as_nobody_special).err
    )


def test_a_folder_in_place_of_a_file(gofer, tmp_path):
    (tmp_path / "x.db").mkdir()
    got = gofer("ping", "--url", tmp_path / "x.db", code=None)
    assert got.code in (1, 2, 5, 6) and "x.db" in got.err


def test_the_database_is_private(gofer):
    gofer("enqueue", "t")
    assert gofer.db.stat().st_mode & 0o777 == 0o600


def test_ping_gives_up_after_its_timeout(gofer):
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        assert "does not answer" in gofer("ping", "--timeout", "300ms", "--url", url, code=5).err
        assert time.monotonic() - begun < 4.5     # the default is 5 s for one call
    assert "answered" in gofer("ping", "--timeout", "10s").out
    assert "--timeout needs a duration over 0" in gofer("ping", "--timeout", "0", code=2).err


@pytest.mark.parametrize(
    "verb, state",
    [("run", "archived"), ("archive", "retry"), ("rm", "archived"), ("cancel", "pending")],
)
def test_a_state_alone_is_told_what_is_missing(gofer, verb, state):
    got = gofer("task", verb, "--state", state, code=2)
    assert f"--state {state} alone" in got.err and "add --all" in got.err and "--type" in got.err
    assert "an id is missing, or --all" in gofer("task", verb, code=2).err


@pytest.mark.parametrize(
    "theirs, ours",
    [
        (["queue", "list"], ["queue", "ls"]),
        (["queue", "inspect", "default"], ["queue", "show", "default"]),
        (["task", "list"], ["task", "ls"]),
        (["task", "inspect", "x"], ["task", "show", "x"]),
        (["queue", "resume", "--help"], ["queue", "unpause", "--help"]),
        (["cron", "resume", "--help"], ["cron", "unpause", "--help"]),
        (["help", "queue", "resume"], ["help", "queue", "unpause"]),
        (["server", "list"], ["worker", "ls"]),
        (["task", "remove", "nobody"], ["task", "rm", "nobody"]),
        (["group", "list"], ["group", "ls"]),
        (["cron", "list"], ["cron", "ls"]),
        (["cron", "inspect", "nobody"], ["cron", "show", "nobody"]),
    ],
)
def test_the_words_of_other_tools_are_understood(gofer, theirs, ours):
    gofer("enqueue", "t", "--id", "x", "--at", "2099-01-01T00:00:00Z")
    one, two = gofer(*theirs, code=None), gofer(*ours, code=None)
    assert (one.code, one.out, one.err) == (two.code, two.out, two.err)
    assert "there is no command" not in one.err


@pytest.mark.parametrize(
    "words, hint",
    [
        (["task", "deleteall"], "gofer task rm --all --state STATE"),
        (["task", "runall"], "gofer task run --all"),
        (["task", "archiveall"], "gofer task archive --all"),
        (["queue", "history"], "gofer stats --queue NAME"),
        (["list"], "gofer task ls"),
        (["pause", "x"], "gofer queue pause NAME"),
        (["status"], "gofer stats"),
    ],
)
def test_the_words_of_other_tools_are_answered(gofer, words, hint):
    got = gofer(*words, code=2)
    assert "there is no command" in got.err and hint in got.err


def test_dash_is_top(gofer):
    assert gofer("dash", "--help", code=None).out == gofer("top", "--help", code=None).out
