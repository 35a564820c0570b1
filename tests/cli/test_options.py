"""Option parsing: places, forms, wrong words, wrong values."""
import re

import pytest


@pytest.mark.parametrize("words", [
    ["--json", "queue", "ls"], ["queue", "--json", "ls"], ["queue", "ls", "--json"],
])
def test_global_options_stand_anywhere(gofer, words):
    assert gofer(*words).json == {"items": []}


def test_url_option_wins_over_the_environment(gofer, tmp_path):
    other = tmp_path / "other.db"
    for url in (["--url", f"sqlite:{other}"], [f"--url={other}"], ["-u", str(other)]):
        gofer(*url, "enqueue", "t", "--queue", "elsewhere")
    assert gofer.json("queue", "ls") == {"items": []}
    assert gofer.json("queue", "ls", "--url", other)["items"][0]["pending"] == 3


def test_without_any_url_the_state_folder_is_used(gofer, tmp_path):
    env = {"GOFER_URL": "", "XDG_STATE_HOME": str(tmp_path / "state")}
    gofer("enqueue", "t", env=env)
    assert (tmp_path / "state" / "gofer" / "tasks.db").exists()


def test_option_values_may_follow_an_equals_sign(gofer):
    id = gofer.enqueue("t", "--queue=mail", "--retention=1h", "--id=x")
    assert gofer.json("task", "show", id)["queue"] == "mail"


def test_two_dashes_end_the_options(gofer):
    id = gofer.enqueue("t", "--", "--json")
    assert gofer("task", "show", id, "--payload").out == "--json"


@pytest.mark.parametrize("words, hint", [
    (["enqueue", "t", "--qeue", "x"], "--queue"),
    (["enqueue", "t", "--retenton=1h"], "--retention"),
    (["worker", "--concurency", "3"], "--concurrency"),
    (["worker", "--conc", "3"], "--concurrency"),
    (["task", "ls", "--stat", "x"], "--state"),
    (["--jsno", "stats"], "--json"),
    (["stats", "--day", "3"], "--days"),
])
def test_unknown_options_are_answered_with_the_nearest(gofer, words, hint):
    got = gofer(*words, code=2)
    assert f"did you mean '{hint}'?" in got.err


@pytest.mark.parametrize(
    "words, text",
    [
        (["enqueue", "t", "--zzzzzz"], "has no option '--zzzzzz'; see 'gofer enqueue --help'"),
        (["enqueue", "t", "-z"], "has no option '-z'"),
        (["enqueue", "t", "--queue"], "'--queue' needs a value"),
        (["enqueue", "--json=1", "t"], "'--json=1' takes no value"),
        (["enqueue", "t", "--retry", "many"], "--retry cannot be 'many': a whole number"),
        (["enqueue", "t", "--retry", "-1"], "--retry cannot be '-1'"),
        (["enqueue", "t", "--retry", "99999999999"], "from 0 to 1000000 is needed"),
        (
            ["enqueue", "t", "--retry", "1000001"],
            "--retry cannot be '1000001': a whole number from 0 to 1000000",
        ),
        (["cron", "add", "a", "@daily", "t", "--retry", "1000001"], "from 0 to 1000000"),
        (["enqueue", "t", "--max-payload", "513M"], "a size from 1 B to 512 MiB is needed"),
        (
            ["worker", "--max-payload", "1G", "--shell", "t=true"],
            "a size from 1 B to 512 MiB is needed",
        ),
        (
            ["enqueue", "t", "--expires", "1s", "--in", "1h"],
            "--expires is over before --in lets the task run",
        ),
        (
            ["enqueue", "t", "--expires", "1s", "--at", "2099-01-01" " 00:00"],
            "--expires is over before --at lets the task run",
        ),
        (["enqueue", "t", "--retry", "3.5"], "--retry cannot be '3.5'"),
        (["enqueue", "t", "--count", "0"], "--count cannot be '0'"),
        (["enqueue", "t", "--in", "-5m"], "--in"),
        (["enqueue", "t", "--in", "soon"], "soon"),
        (["enqueue", "t", "--in", ""], "--in"),
        (["enqueue", "t", "--timeout", "999999999999999999999d"], "--timeout"),
        (["enqueue", "t", "--retention", "200000w"], "--retention"),
        (["enqueue", "t", "--at", "yesterday"], "yesterday"),
        (["enqueue", "t", "--at", "2026-02-30T00:00:00Z"], "--at"),
        (["enqueue", "t", "--in", "5m", "--at", "@5"], "exclude each other"),
        (["enqueue", "t", "--max-payload", "12 parsecs"], "a size from 1 B to 512 MiB"),
        (["enqueue", "t", "--header", "novalue"], "KEY=VALUE"),
        (["enqueue"], "TYPE is missing"),
        (["enqueue", "a", "b", "c"], "'c' is one argument too many"),
        (["task", "show"], "an argument is missing; usage: gofer task show ID"),
        (["task", "ls", "--state", "archvied"], "did you mean 'archived'?"),
        (["task", "ls", "--state", "zzz"], "one of pending|scheduled"),
        (["task", "ls", "--limit", "0"], "--limit cannot be '0'"),
        (["task", "rm"], "an id is missing"),
        (["task", "rm", "--all"], "--all needs --state"),
        (["task", "rm", "--all", "--state", "retry", "x"], "exclude each other"),
        (["task", "rm", "x", "--dry-run"], "belong to --all"),
        (["queue", "pause"], "an argument is missing"),
        (["stats", "--days", "91"], "from 1 to 90"),
        (["stats", "--log-format", "xml"], "one of text|json"),
        (["stats", "--log-level", "warning"], "one of debug|info|warn|error"),
        (["ping", "now"], "one argument too many"),
    ],
)
def test_wrong_words_are_told_with_the_reason(gofer, words, text):
    got = gofer(*words, code=2)
    assert text in got.err and got.out == ""
    assert text.split("'")[-1] in gofer("--json", *words, code=2).error["message"]


def test_errors_are_json_with_json(gofer):
    error = gofer("--json", "enqueue", "t", "--retry", "x", code=2).error
    assert error["exit"] == 2 and error["status"] == "EINVAL" and "--retry" in error["message"]
    error = gofer("task", "show", "none", "--json", code=3).error
    assert error["exit"] == 3 and error["status"] == "ENOTFOUND"


def test_quiet_prints_errors_only(gofer):
    assert gofer("-q", "enqueue", "t", "--id", "a").out == ""
    assert gofer("queue", "pause", "default", "--quiet").out == ""
    assert gofer("-q", "ping").out == ""
    assert "nothing" in gofer("-q", "task", "show", "nothing", code=3).err


def options_with_a_range(gofer):
    """(words that need it last, option, least, most) of every option that is a number, asked of the
    binary itself."""
    sizes = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
    commands = re.findall(
        r"^  ((?:[a-z]+ )?[a-z]+)  ", gofer("--help").out.partition("Options of")[0], re.M
    )
    assert len(commands) > 35
    for command in commands:
        for option in re.findall(
            r"--([a-z-]+)(?: N| SIZE)\b", gofer(*command.split(), "--help").out
        ):
            got = gofer(*command.split(), f"--{option}", "x", code=2)
            found = re.search(r"from (-?\d+)(?: (\w+))? to (\d+)(?: (\w+))? is needed", got.err)
            if not found:
                assert "worker setting" in got.err or "no handler" in got.err, got
                continue
            least, unit, most, units = found.groups()
            yield command.split(), option, int(least) * sizes[unit or "B"], int(most) * sizes[
                units or "B"
            ]


def test_a_number_in_its_range_is_not_refused_by_another(gofer):
    """What the command line takes the library takes: else it is refused in words of C, which name
    another range."""
    seen = 0
    words = {
        "enqueue": ["t"],
        "cron add": ["e", "@daily", "t"],
        "cron check": ["@daily"],
        "cron history": ["e"],
        "task edit": ["x", "p"],
        "worker": ["--exec", "t=true", "--drain"],
        "bench": "memory: --phase bulk --time 10ms --tasks 1 --rounds 1".split(),
    }
    for command, option, least, most in options_with_a_range(gofer):
        if (command, option) in [(["enqueue"], "count"), (["events"], "count")]:
            continue    # so many tasks, and for ever
        for value in (least, most):
            got = gofer(
                *command, *words.get(" ".join(command), []), f"--{option}", str(value), code=None
            )
            assert "must be from" not in got.err and "GOFER_" not in got.err, got
            gofer("cron", "rm", "e", code=None)
            seen += 1
    assert seen > 20
