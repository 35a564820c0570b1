"""Help, the manual and docs/cli.md come from the same tables and answer every question."""
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

COMMANDS = [
    "worker",
    "worker ls",
    "worker set",
    "enqueue",
    "wait",
    "watch",
    "events",
    "task ls",
    "task show",
    "task edit",
    "task reschedule",
    "task run",
    "task archive",
    "task rm",
    "task cancel",
    "group ls",
    "group run",
    "group archive",
    "group rm",
    "queue ls",
    "queue show",
    "queue pause",
    "queue unpause",
    "queue rm",
    "stats",
    "ping",
    "doctor",
    "migrate",
    "completion",
    "version",
    "help",
]
TOPICS = ["exit-codes", "values", "brokers", "signals", "retries", "commands", "environment"]


def test_alone_it_shows_an_overview_and_is_a_usage_error(gofer):
    got = gofer(code=2)
    assert got.out == ""
    for command in COMMANDS:
        assert f"  {command} " in got.err


def test_help_lists_commands_options_and_topics(gofer):
    for got in (gofer("help"), gofer("--help"), gofer("-h")):
        assert got.err == ""
        for word in COMMANDS + TOPICS + ["--url", "--json", "--log-format", "--no-color"]:
            assert word in got.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_examples(gofer, command):
    got = gofer(*command.split(), "--help")
    assert got.out.startswith(f"Usage: gofer {command}")
    assert "Examples:\n" in got.out and "Options of every command:" in got.out
    text, examples = got.out.split("Examples:\n")
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(rf"gofer {command}\b", examples)
    assert gofer("help", *command.split()).out.startswith(got.out)


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_is_there(gofer, topic):
    assert len(gofer("help", topic).out) > 60


def test_exit_codes_are_documented(gofer):
    text = gofer("help", "exit-codes").out
    for code in range(7):
        assert re.search(rf"^  {code}  \w", text, re.M)


def test_groups_explain_their_verbs(gofer):
    assert "task show" in gofer("task", "--help").out
    assert "queue pause" in gofer("help", "queue").out
    missing = gofer("task", code=2)
    assert missing.out == "" and "task archive" in missing.err


@pytest.mark.parametrize(
    "words, hint",
    [
        (["enqeue"], "enqueue"),
        (["task", "lss"], "task ls"),
        (["queue", "pasue"], "queue pause"),
        (["wroker"], "worker"),
        (["worker", "lss"], "worker ls"),
        (["tsak"], "task"),
        (["help", "exit-code"], "exit-codes"),
    ],
)
def test_unknown_commands_are_answered_with_the_nearest(gofer, words, hint):
    got = gofer(*words, code=None)
    assert got.code in (2, 3) and f"did you mean" in got.err and hint in got.err


def test_unknown_command_without_a_neighbour(gofer):
    assert "there is no command 'xyzzy'" in gofer("xyzzy", code=2).err
    assert "gofer help" in gofer("help", "xyzzy", code=3).err


def test_version(gofer):
    assert gofer("version").out.startswith("gofer 0.")
    assert gofer("--version").out == gofer("version").out == gofer("-V").out
    assert set(gofer.json("version")) == {
        "version", "library", "plugin_abi", "lua", "top", "web", "otlp", "webhooks",
    }


def test_manual_page_is_clean(gofer):
    page = gofer("help", "--man").out
    for command in COMMANDS:
        assert ".SS \"gofer " + command in page
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed: the page was not linted")
    lint = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"], input=page.encode(), capture_output=True
    )
    complaints = [line for line in lint.stdout.decode().splitlines() if "missing date" not in line]
    assert complaints == []


def test_reference_in_docs_is_current(gofer):
    version = gofer.json("version")
    if not version["lua"] or not version["top"]:
        pytest.skip("n/a: built without Lua or top: the reference tells of both")
    docs = (ROOT / "docs" / "cli.md").read_text()
    assert docs == gofer("help", "--markdown").out, "run: gofer help --markdown > docs/cli.md"
