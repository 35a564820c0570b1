"""gofer top in a real terminal: tmux gives it one, keys are sent, the screen is read."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest
from conftest import PATIENCE, ROOT, needs_redis, wait_for

pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="tmux is not installed: 'gofer top' was not tried"
)


class Screen:
    """A terminal of a server of its own, so that nobody's sessions are touched."""

    def __init__(self, gofer, *args, columns=80, lines=24, before=()):
        if not gofer.json("version")["top"]:
            pytest.skip("n/a: built without top")
        self.socket = gofer.folder / "tmux"
        self.code_file = gofer.folder / "code"
        self.gofer = gofer
        command = (
            f"{shlex.join([*before, gofer.bin, 'top', *args])}; echo $? >"
            f" {shlex.quote(str(self.code_file))}; cat"
        )
        env = {**gofer.env, "LC_ALL": "C.UTF-8", "TERM": "screen-256color"}
        subprocess.run(
            [
                "tmux",
                "-S",
                self.socket,
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                str(columns),
                "-y",
                str(lines),
                command,
            ],
            check=True,
            env=env,
        )

    def tmux(self, *args):
        return subprocess.run(
            ["tmux", "-S", self.socket, *map(str, args)], check=True, capture_output=True
        ).stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", columns, "-y", lines)

    @property
    def text(self):
        return self.tmux("capture-pane", "-p").decode("utf-8", "replace")

    @property
    def bytes(self):
        return self.tmux("capture-pane", "-p", "-e")

    def shows(self, *words, without=()):
        end = time.monotonic() + PATIENCE
        while True:
            text = self.text
            if all(w in text for w in words) and not any(w in text for w in without):
                return text
            if time.monotonic() > end:
                pytest.fail(
                    f"waited {PATIENCE} s for {words} without {without}; the screen:\n{text}"
                )
            time.sleep(0.05)

    @property
    def code(self):
        end = time.monotonic() + PATIENCE
        while not self.code_file.exists() or not self.code_file.read_text().strip():
            assert time.monotonic() < end, self.text
            time.sleep(0.05)
        return int(self.code_file.read_text())

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)


@pytest.fixture
def top(gofer):
    screens = []

    def start(*args, **how):
        screen = Screen(gofer, *args, **how)
        screens.append(screen)
        return screen

    yield start
    for screen in screens:
        screen.close()


def test_from_queues_to_a_task_and_back(gofer, top):
    gofer(
        "enqueue",
        "mail:send",
        '{"to": "ada"}',
        "--queue",
        "mail",
        "--id",
        "letter",
        "--retention",
        "1h",
    )
    gofer("enqueue", "report", "--queue", "reports", "--in", "1h")
    screen = top()
    text = screen.shows("gofer top", "Queues", "mail", "reports")
    assert max(map(len, text.splitlines())) <= 80 and len(text.splitlines()) <= 24
    screen.keys("Enter")
    screen.shows("mail  pending 1", "letter", "mail:send")
    screen.keys("Enter")
    screen.shows('{"to": "ada"}', "retention    1h", "state        pending")
    screen.keys("Escape")
    screen.shows("mail  pending 1", "letter")
    screen.keys("Escape")
    screen.shows("reports", "PENDING")
    screen.keys("Down", "Enter")
    screen.shows("reports  scheduled 1", "in 59m")
    screen.keys("q")
    assert screen.code == 0


def test_what_is_new_is_seen_without_a_key(gofer, top):
    screen = top()
    screen.shows("nothing here")
    gofer("enqueue", "t", "--queue", "fresh")
    screen.shows("fresh")
    gofer("enqueue", "t", "--queue", "fresh", "--id", "second")
    screen.keys("Enter")
    screen.shows("second")


def test_long_lists_go_page_by_page(gofer, top):
    for i in range(50):
        gofer("enqueue", "t", "--id", f"task-{i:02}")
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    screen.shows("task-00", "task-19", without=["task-20"])
    screen.keys("NPage")
    screen.shows("task-20", "task-39", without=["task-19", "task-40"])
    screen.keys("NPage")
    screen.shows("task-40", "task-49", without=["task-39"])
    screen.keys("Up")
    screen.shows("task-20", "task-39", without=["task-40"])
    screen.keys("Down")
    screen.shows("task-40", without=["task-39"])
    screen.keys("PPage", "PPage")
    screen.shows("task-00", without=["task-20"])


def test_very_many_queues_go_page_by_page_and_are_summed(gofer, top):
    gofer("enqueue", "--batch", "--quiet", input="\n".join(
        json.dumps({"type": "t", "queue": f"q{i:04}"}) for i in range(1050)))
    screen = top(columns=100, lines=24)
    screen.shows("page 1, of 1050 queues", "waiting 1050", "q0000", "q0018", without=["q0030"])
    screen.keys("NPage")
    screen.shows("page 2, of 1050 queues", "q0030", without=["q0001"])
    screen.keys("Enter")
    screen.shows("pending 1", without=["page 2"])
    screen.keys("Escape")
    screen.shows("page 2, of 1050 queues", "q0030")
    screen.keys("/")
    screen.type("q104")
    screen.keys("Enter")
    screen.shows("filter: q104", "q1040", "q1049", without=["q0020"])
    screen.keys("Escape")
    screen.shows("page 1, of 1050 queues", "q0001")


def test_acts_on_one_after_a_question_where_it_matters(gofer, top):
    gofer("enqueue", "t", "--id", "one", "--in", "1h")
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    screen.shows("scheduled 1", "one")
    screen.keys("r")
    screen.shows("made pending one", "pending 1", "nothing here")
    screen.keys("Left")
    screen.shows("one")
    screen.keys("a")
    screen.shows("archived one", "archived 1")
    screen.keys("Right", "Right", "Right")
    screen.shows("one")
    screen.keys("d")
    screen.shows("delete task one? [y/N]")
    screen.keys("n")
    screen.shows("one", without=["[y/N]"])
    assert gofer.states()["archived"] == 1
    screen.keys("d")
    screen.shows("[y/N]")
    screen.keys("y")
    screen.shows("deleted one")
    assert gofer.states()["archived"] == 0


def test_filter_and_bulk(gofer, top):
    for i in range(8):
        gofer(
            "enqueue",
            "odd" if i % 2 else "even",
            "--id",
            f"{'odd' if i % 2 else 'even'}-{i}",
            "--in",
            "1h",
        )
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    screen.shows("odd-1", "even-0")
    screen.keys("/")
    screen.shows("filter:")
    screen.type("odd")
    screen.keys("Enter")
    screen.shows("[odd]", "odd-1", "odd-7", without=["even-0"])
    screen.keys("R")
    screen.shows("run 4 scheduled tasks of queue default? [y/N]")
    screen.keys("y")
    screen.shows("made pending 4 tasks")
    assert gofer.states()["pending"] == 4 and gofer.states()["scheduled"] == 4
    screen.keys("Escape")
    screen.shows("even-0", without=["[odd]"])
    screen.keys("/")
    screen.type("wrong=1")
    screen.keys("Enter")
    screen.shows("the filter knows")
    screen.keys("/")
    screen.type("older=1h")
    screen.keys("Enter")
    screen.shows("nothing matches the filter")


def test_pauses_and_deletes_queues(gofer, top):
    gofer("enqueue", "t", "--queue", "q")
    screen = top()
    screen.shows("q")
    screen.keys("p")
    screen.shows("q (paused)", "paused q")
    assert gofer.states("q")["paused"]
    screen.keys("p")
    screen.shows("unpaused q", without=["(paused)"])
    screen.keys("d")
    screen.shows("delete queue q and all its tasks?")
    screen.keys("y")
    screen.shows("nothing here")


def test_read_only_changes_nothing(gofer, top):
    gofer("enqueue", "t", "--queue", "q", "--id", "one")
    screen = top("--read-only")
    screen.shows("read-only", "q")
    for key in "pd":
        screen.keys(key)
        screen.shows("read-only: nothing is changed", without=["[y/N]"])
        screen.keys("Home")
    screen.keys("Enter")
    screen.shows("one")
    for key in "radcRADC":
        screen.keys(key)
        screen.shows("read-only: nothing is changed", without=["[y/N]"])
        screen.keys("Home")
    assert gofer.states("q")["pending"] == 1 and not gofer.states("q")["paused"]


def test_workers_and_tabs(gofer, top):
    worker = gofer.worker("--queue", "mail=3", "--exec", "t=true")
    screen = top()
    screen.keys("Tab")
    screen.shows(str(worker.process.pid), "mail=3", "active")
    screen.keys("Tab")
    screen.shows("SPEC", "NEXT")
    screen.keys("Tab")
    screen.shows("WAIT 50%", "RUN 50%")
    screen.keys("Tab")
    screen.shows("ERROR", "nothing here")
    screen.keys("Tab")
    screen.shows("SEVERITY")
    screen.keys("Tab")
    screen.shows("PENDING")
    screen.keys("BTab")
    screen.shows("SEVERITY")
    screen.keys("2", "p")
    screen.shows("told to be quiet", "quiet")


def test_children_stand_beside_the_slots(gofer, top):
    program = ROOT / "examples" / "children" / "child.py"
    gofer.worker("--child", f"t={sys.executable} {program}", "--child-processes", "2",
                 "--concurrency", "3")
    screen = top(columns=120)
    screen.keys("Tab")
    screen.shows("RUNNING", "CHILDREN", " 0/3 ", " 2 run 0/2 ")
    screen.keys("+")        # is about the slots
    screen.shows(" 0/4 ", " 2 run 0/2 ")
    screen.keys("?")
    screen.shows("not its children")


def test_schedules_are_paused_run_and_removed(gofer, top):
    gofer("cron", "add", "nightly", "0 3 * * *", "backup:run", "--queue", "jobs")
    screen = top()
    screen.keys("3")
    screen.shows("nightly", "0 3 * * *", "backup:run")
    screen.keys("p")
    screen.shows("nightly (paused)", "paused nightly")
    screen.keys("p")
    screen.shows("unpaused nightly", without=["(paused)"])
    screen.keys("r")
    screen.shows("enqueued a task of nightly")
    assert gofer.states("jobs")["pending"] == 1
    screen.keys("d")
    screen.shows("delete schedule nightly?")
    screen.keys("y")
    screen.shows("nothing here")


def test_a_task_is_followed_live_and_its_end_leads_back(gofer, top):
    handlers = gofer.folder / "handlers.lua"
    handlers.write_text(
        "gofer.handle('t', function(task) task:log('info', 'well begun') return 'made it' end)\n"
    )
    gofer("enqueue", "t", "--id", "x", "--in", "1h", "--retention", "1h")
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    screen.shows("scheduled 1", "x")
    screen.keys("Enter")
    screen.shows("state        scheduled")
    gofer.worker("--lua", handlers)
    screen.keys("r")
    screen.shows("state        completed", "attempts", "well begun", "made it")
    screen.keys("d")
    screen.shows("delete task x?")
    screen.keys("y")
    screen.shows("deleted x", "nothing here")


FAIL = """#!/bin/sh
read -r name
echo "no $name for $$" >&2
exit 1
"""


@pytest.fixture
def failed(gofer):
    """Five tasks of two types and two kinds of error that have failed for good, one to be retried;
    their errors differ in their numbers."""
    script = gofer.folder / "fail"
    script.write_text(FAIL)
    script.chmod(0o755)
    for i in range(3):
        gofer("enqueue", "mail:send", "address", "--queue", "mail", "--id", f"a{i}",
              "--retry", "0")
    gofer("enqueue", "mail:send", "address", "--queue", "mail", "--id", "again")
    gofer("enqueue", "mail:send", "subject", "--queue", "mail", "--id", "s", "--retry", "0")
    gofer("enqueue", "report", "address", "--queue", "mail", "--id", "r", "--retry", "0")
    worker = gofer.worker("--queue", "mail", "--exec", "mail:*=./fail", "--exec", "report=./fail")
    wait_for(lambda: (gofer.states("mail")["archived"], gofer.states("mail")["retry"]) == (5, 1))
    worker.stop()


def test_failures_are_grouped_by_type_and_kind_of_error(gofer, failed, top):
    screen = top()
    screen.shows("mail")
    screen.keys("5")
    text = screen.shows("RETRY", "ARCH", "no address", "no subject", "report")
    rows = [line.split() for line in text.splitlines() if "exit code 1: no" in line]
    assert [row[:2] for row in rows] == [["1", "3"], ["0", "1"], ["0", "1"]]
    assert max(map(len, text.splitlines())) <= 80
    screen.keys("Enter")
    screen.shows("mail:send: exit code 1: no address for #", "a0", "a1", "a2",
                 without=["no subject", "report"])
    screen.keys("Enter")
    screen.shows("state        archived", "attempts")
    screen.keys("Escape")
    screen.shows("a0", "archived 5")
    screen.keys("R")
    screen.shows("run 3 archived tasks of queue mail? [y/N]")
    screen.keys("n")
    screen.shows("a0", without=["[y/N]"])
    screen.keys("Left")
    screen.shows("again", "retry 1", without=["a0"])
    screen.keys("Escape")
    screen.shows("no subject")
    assert gofer.states("mail")["archived"] == 5
    screen.keys("/")
    screen.type("subject")
    screen.keys("Enter")
    screen.shows("filter: subject", without=["no address"])


def test_a_kind_of_failure_is_run_archived_and_deleted_as_a_whole(gofer, failed, top):
    screen = top()
    screen.shows("mail")
    screen.keys("5")
    screen.shows("no subject")
    screen.keys("a")
    screen.shows("archive 1 failed task of this kind, type mail:send, queue mail? [y/N]")
    screen.keys("y")
    screen.shows("archived 1 task")
    assert gofer.states("mail")["archived"] == 6 and gofer.states("mail")["retry"] == 0
    screen.shows("0     4")
    screen.keys("r")
    screen.shows("run 4 failed tasks")
    screen.keys("y")
    screen.shows("made pending 4 tasks")
    assert gofer.states("mail")["pending"] == 4 and gofer.states("mail")["archived"] == 2
    screen.shows("no address", "report")
    screen.keys("d")
    screen.shows("delete 1 failed task of")
    screen.keys("y")
    screen.shows("deleted 1 task")
    assert gofer.states("mail")["archived"] == 1
    screen.keys("p")
    screen.shows("that key does nothing here")


def test_a_scan_of_failures_ends_and_says_so(gofer, top):
    gofer("enqueue", "t", "--count", "22500", "--queue", "many")
    gofer("task", "archive", "--queue", "many", "--state", "pending", "--all")
    assert gofer.states("many")["archived"] == 22500
    screen = top()
    screen.shows("many")
    screen.keys("5")
    screen.shows("20000", "there are more: m looks further")
    screen.keys("m")
    screen.shows("22500", without=["looks further"])


def test_types_have_their_share_of_failures_and_other_hours(gofer, failed, top):
    screen = top()
    screen.keys("4")
    text = screen.shows("FAIL%", "RATE", "mail:send", "last hour")
    assert "100%" in text and max(map(len, text.splitlines())) <= 80
    screen.keys("Right")
    screen.shows("last 24 hours", "mail:send")
    screen.keys("Right")
    screen.shows("last 7 days", "mail:send")
    screen.keys("Right")
    screen.shows("last hour")
    screen.keys("Enter")
    screen.shows("mail", "archived 5")


def test_a_line_sums_all_up(gofer, top):
    gofer("enqueue", "t", "--queue", "slow", "--count", "3")
    gofer.worker("--queue", "quick", "--exec", "t=true", "--concurrency", "2")
    screen = top(columns=120)
    screen.shows("waiting 3, oldest", "in slow", "wanted 1", "busy 0/2", "WANTED", "TREND", "/s")
    gofer("queue", "rm", "slow", "--force")
    screen.shows("nothing waits")
    screen.resize(40, 10)
    text = screen.shows("nothing waits", without=["wanted"])
    assert max(map(len, text.splitlines())) <= 40


@needs_redis
def test_findings_are_counted_shown_and_mended(gofer, redis, top):
    redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    gofer("enqueue", "t", "--queue", "q")
    screen = top(columns=120)
    found = gofer.json("doctor", code=None)["items"]
    urgent = sum(f["severity"] != "note" for f in found)
    assert urgent
    screen.shows(f"{urgent} finding{'s' if urgent > 1 else ''}")
    screen.keys("6")
    screen.shows("SEVERITY", *(f["code"] for f in found))
    screen.keys("Enter")
    screen.shows("advice", found[0]["code"], "found")
    screen.keys("Escape")
    screen.shows("SEVERITY")
    screen.keys("r")
    screen.shows("mend what can be mended without risk? [y/N]")
    screen.keys("y")
    screen.shows("mended 0")


@needs_redis
def test_a_screen_left_open_asks_redis_for_little(gofer, redis, top):
    gofer("enqueue", "t", "--queue", "q")
    screen = top()
    screen.shows("waiting 1")

    def calls():
        stats = redis("INFO", "commandstats").decode()
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in stats.split()
                   if line.startswith("cmdstat_") and "|" not in line and "info" not in line)

    time.sleep(6)       # until nothing has happened for long enough
    redis("CONFIG", "RESETSTAT")
    time.sleep(5)
    assert calls() < 50, redis("INFO", "commandstats").decode()


def test_pages_of_workers_and_schedules(gofer, top):
    worker = gofer.worker("--queue", "mail=3", "--exec", "t=true")
    gofer("cron", "add", "nightly", "0 3 * * *", "backup:run", "--queue", "jobs")
    gofer("cron", "run", "nightly")
    screen = top()
    screen.keys("2")
    screen.shows("mail=3")
    screen.keys("Enter")
    screen.shows("worker ", f"pid          {worker.process.pid}", "state        active")
    screen.keys("p")
    screen.shows("state        quiet")
    screen.keys("Escape", "3")
    screen.shows("NEXT", "LAST", "nightly")
    screen.keys("Enter")
    screen.shows("spec         0 3 * * *", "next run", "if missed")
    screen.keys("p")
    screen.shows("paused       1", "paused nightly")
    screen.keys("d")
    screen.shows("delete schedule nightly?")
    screen.keys("y")
    screen.shows("no schedule nightly any more")
    screen.keys("Escape")
    screen.shows("nothing here")


def test_without_utf_8_it_writes_ascii_and_without_colours_none(gofer, top):
    gofer("enqueue", "naïve", "--queue", "über" + "-long" * 30)
    screen = top(before=["env", "LC_ALL=C", "NO_COLOR=1"])
    screen.shows("?ber-long", "~")
    screen.keys("Enter")
    screen.shows("na?ve")
    assert screen.text.isascii()
    assert not re.search(rb"\x1b\[[0-9;]*3[0-8]m", screen.bytes), screen.bytes


def test_help_names_the_keys_and_any_key_closes_it(gofer, top):
    screen = top()
    screen.shows("nothing here")
    screen.keys("?")
    screen.shows("Keys", "archive a task", "any key closes this")
    screen.keys("x")
    screen.shows("nothing here", without=["Keys"])


def test_long_errors_are_wrapped_scrolled_and_shown_from_their_end(gofer, top):
    words = " ".join(f"word{i:03}" for i in range(300))    # one line of 2,400 columns
    script = gofer.folder / "fail"
    script.write_text(
        f"#!/bin/sh\ncat >&2 <<'E'\nTraceback (most recent call last):\n  File \"x.py\", line 3\n"
        f"ValueError: {words}\nE\nexit 1\n"
    )
    script.chmod(0o755)
    gofer("enqueue", "t", "--id", "bad", "--retry", "0")
    gofer("worker", "--drain", "--exec", "t=./fail", code=None)
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    text = screen.shows("bad", "ValueError: word000", without=["Traceback"])
    assert max(map(len, text.splitlines())) <= 80
    screen.keys("Enter")
    screen.shows("last error", "word000")
    seen, before = set(), None
    while before != screen.text:        # to the end, page by page
        before = screen.text
        seen.update(re.findall(r"word\d\d\d", before))
        screen.keys("NPage")
        time.sleep(0.3)
    whole = gofer.json("task", "show", "bad")["last_error"]
    stored = set(re.findall(r"word\d\d\d", whole))
    assert len(stored) > 100
    # A word that a line's end cuts in two is there in two parts.
    assert len(stored - seen) <= len(whole) // 76 + 1, sorted(stored - seen)
    assert max(stored) in seen
    screen.keys("Home")
    screen.shows("id ", "state ")
    screen.keys("End")
    screen.shows("payload")


def test_resizes(gofer, top):
    for i in range(40):
        gofer("enqueue", "mail:send", "--queue", "mail", "--id", f"task-{i:02}")
    screen = top()
    screen.shows("mail")
    screen.keys("Enter")
    screen.shows("task-19", without=["task-20"])
    screen.resize(100, 40)
    screen.shows("task-35")
    screen.resize(80, 24)
    screen.shows("task-19", without=["task-20"])
    screen.resize(30, 6)
    screen.shows("too small")
    screen.resize(60, 12)
    screen.shows("task-07", without=["task-08", "too small"])


def test_hostile_texts_do_not_reach_the_terminal(gofer, top):
    evil = "\x1b[2J\x1b]0;title\x07\x9b31m\u202ebad\r\nline"
    script = gofer.folder / "fail.sh"
    script.write_text("#!/bin/sh\ncat >&2\nexit 100\n")
    script.chmod(0o755)
    gofer("enqueue", "t", "-", "--id", "x", input=evil.encode("utf-8"))
    gofer.worker("--exec", f"t={script}", "--drain", ready=False).wait()
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    text = screen.shows("archived 1", "x")
    assert "\u202e" not in text
    screen.keys("Enter")
    screen.shows("\\x1b[2J\\x1b]0;title\\x07", "\\u202ebad\\r")
    assert "\u202e" not in screen.text and "gofer top" in screen.text
    assert b"\x07" not in screen.bytes and b"\r" not in screen.bytes


def test_a_store_that_goes_away_is_told_and_does_not_end_it(gofer, top):
    gofer("enqueue", "t", "--id", "x")
    screen = top()
    screen.shows("default")
    screen.keys("Enter")
    screen.shows("x")
    gofer("task", "rm", "x")
    gofer("queue", "rm", "default")
    screen.shows("default", "no queue")
    screen.keys("Escape")
    screen.shows("nothing here")


def test_needs_a_terminal(gofer):
    if not gofer.json("version")["top"]:
        pytest.skip("n/a: built without top")
    assert "needs a terminal" in gofer("top", code=2).err


def test_a_signal_leaves_the_terminal_as_it_was(gofer, top):
    screen = top()
    screen.shows("nothing here")
    screen.keys("C-c")
    assert screen.code == 0


def test_idle_it_takes_next_to_no_time_of_the_processor(gofer, top):
    screen = top()
    screen.shows("nothing here")
    pane = screen.tmux("list-panes", "-F", "#{pane_pid}").decode().strip()
    pids = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", pane], capture_output=True, text=True
    ).stdout
    pid = next(int(line.split()[0]) for line in pids.splitlines() if " top" in line)

    def ticks():
        with open(f"/proc/{pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))

    before = ticks()
    time.sleep(2)
    assert ticks() - before <= os.sysconf("SC_CLK_TCK") // 5
