"""gofer completion: the scripts at work in real shells."""
import json
import os
import shutil
import subprocess

import pytest

QUEUES = ["mail", "mail:out", "$(touch pwned)", "it's", "two words"]


def complete_in_bash(gofer, line):
    """What bash would offer at the end of the line."""
    script = f"""
source <("$GOFER" completion bash)
COMP_LINE=$1 COMP_POINT=${{#1}}
_gofer
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    path = os.path.dirname(gofer.bin) + ":" + gofer.env["PATH"]
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", line],
        capture_output=True,
        text=True,
        cwd=gofer.folder,
        env={**gofer.env, "GOFER": gofer.bin, "PATH": path},
        timeout=30,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("line, wanted, unwanted", [
    ("gofer ", ["worker", "task", "enqueue", "completion"], ["ls", "--queue"]),
    ("gofer ta", ["task"], ["worker"]),
    ("gofer task ", ["ls", "show", "reschedule"], ["pause"]),
    ("gofer --quiet task r", ["run", "rm", "reschedule"], ["ls"]),
    ("gofer task ls --", ["--queue", "--older", "--json"], ["--concurrency"]),
    ("gofer worker --con", ["--concurrency"], ["--confirm"]),
    ("gofer worker ls --", ["--json"], ["--concurrency"]),
    ("gofer task ls --state ", ["pending", "archived"], ["done"]),
    ("gofer task ls --state=ar", ["archived"], ["pending"]),
    ("gofer --log-level ", ["debug", "error"], []),
    ("gofer completion ", ["bash", "zsh", "fish"], []),
    ("gofer enqueue t --unique-until ", ["start", "ttl"], []),
])
def test_bash_completes_commands_options_and_words(gofer, line, wanted, unwanted):
    got = complete_in_bash(gofer, line)
    assert set(wanted) <= set(got) and not set(unwanted) & set(got)


def test_bash_offers_the_names_of_queues_and_runs_none_of_them(gofer):
    for queue in QUEUES:
        gofer("enqueue", "t", "--queue", queue)
    got = complete_in_bash(gofer, "gofer task ls --queue ")
    assert len(got) == len(QUEUES) and "mail" in got
    assert complete_in_bash(gofer, "gofer queue pause mai") == ["mail", "mail:out"]
    # bash replaces what stands behind the colon only
    assert complete_in_bash(gofer, "gofer queue show mail:o") == ["out"]
    assert not (gofer.folder / "pwned").exists()
    assert sorted(gofer("completion", "queues").out.splitlines()) == sorted(QUEUES)


def test_of_too_many_queues_those_are_offered_that_begin_so(gofer):
    gofer("enqueue", "--batch", "--quiet", input="\n".join(
        json.dumps({"type": "t", "queue": f"q{i:04}"}) for i in range(1001)))
    offered = gofer("completion", "queues").out.splitlines()
    assert offered == [f"q{i:04}" for i in range(1000)]
    assert gofer("completion", "queues", "q1").out == "q1000\n"
    assert gofer("completion", "queues", "nobody").out == ""
    assert complete_in_bash(gofer, "gofer queue show q100") == ["q1000"]
    assert "one word too many" in gofer("completion", "bash", "x", code=2).err


def test_bash_asks_the_broker_that_the_line_names(gofer):
    other = gofer.folder / "other.db"
    gofer("enqueue", "t", "--queue", "elsewhere", "--url", f"sqlite:{other}")
    assert complete_in_bash(gofer, f"gofer --url sqlite:{other} queue show ") == ["elsewhere"]
    assert complete_in_bash(gofer, "gofer queue show ") == []


def test_names_of_workers_and_schedules_are_known(gofer):
    gofer("cron", "add", "nightly", "@daily", "backup")
    worker = gofer.worker("--exec", "t=true")
    assert complete_in_bash(gofer, "gofer cron show ni") == ["nightly"]
    assert complete_in_bash(gofer, "gofer worker set ") == [
        gofer.live(worker.process.pid)["worker"]
    ]


def test_files_are_completed(gofer):
    (gofer.folder / "handlers.lua").touch()
    assert complete_in_bash(gofer, "gofer worker --plugin han") == ["handlers.lua"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_the_shell_reads(gofer, shell):
    script = gofer("completion", shell).out
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed: its script was not read")
    done = subprocess.run([shell, "-n"], input=script.encode(), capture_output=True, timeout=30)
    assert done.returncode == 0 and done.stderr == b""


def test_fish_completes(gofer):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed: its completion was not tried")
    gofer("enqueue", "t", "--queue", "mail")
    (gofer.folder / "gofer.fish").write_text(gofer("completion", "fish").out)

    def complete(line):
        path = os.path.dirname(gofer.bin) + ":" + gofer.env["PATH"]
        done = subprocess.run(
            ["fish", "--no-config", "-c", 'source gofer.fish; complete -C $argv[1]', line],
            cwd=gofer.folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={**gofer.env, "PATH": path, "HOME": str(gofer.folder)},
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return {row.split("\t")[0] for row in done.stdout.splitlines()}

    assert {"worker", "task", "enqueue"} <= complete("gofer ")
    assert {"ls", "show"} <= complete("gofer task ")
    assert {"--queue", "--older"} <= complete("gofer task ls --")
    assert {"pending", "archived"} <= complete("gofer task ls --state ")
    assert complete("gofer queue pause ") == {"mail"} == complete("gofer task ls --queue ")


def test_zsh_completes(gofer):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed: its completion was not tried")
    gofer("enqueue", "t", "--queue", "mail")
    # compadd and _describe tell what they are given, in place of zsh's line editor.
    harness = """
compdef() { : }
compset() { PREFIX=${PREFIX#*=} }
_files() { print FILES }
_describe() { local name=$2; print -l -- ${${(P)name}%%:*} }
compadd() {
    [[ $1 != -- ]] || shift
    if [[ $1 == -a ]]; then print -l -- ${(P)2}; else print -l -- "$@"; fi
}
source gofer.zsh
words=(${(s: :)1}); [[ $1 != *' ' ]] || words+=('')
CURRENT=$#words PREFIX=$words[-1]
_gofer
"""
    (gofer.folder / "gofer.zsh").write_text(gofer("completion", "zsh").out)
    (gofer.folder / "harness.zsh").write_text(harness)

    def complete(line):
        path = os.path.dirname(gofer.bin) + ":" + gofer.env["PATH"]
        done = subprocess.run(
            ["zsh", "-f", "harness.zsh", line],
            cwd=gofer.folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={**gofer.env, "PATH": path},
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return set(done.stdout.splitlines())

    assert {"worker", "task", "enqueue"} <= complete("gofer ")
    assert {"ls", "show"} <= complete("gofer task ")
    assert {"--queue", "--older"} <= complete("gofer task ls --")
    assert {"pending", "archived"} <= complete("gofer task ls --state ")
    assert complete("gofer queue pause ") == {"mail"} == complete("gofer task ls --queue ")


def test_unknown_shells_are_refused(gofer):
    assert "choose bash, zsh or fish" in gofer("completion", "powershell", code=2).err
    gofer("completion", code=2)
