"""All views of the page, and all that can be done in them: one table, which the tests of the page
walk. A new view or a new act is a line here.

fill() makes a store that has something for every view; what acts need is put in before the first
of them. Each act is done by a person who may do everything, and needs no other act; afterwards the
store is asked whether it has changed.
"""

import contextlib
import json
import sqlite3
from typing import Callable, NamedTuple

from browser import until
from resp import Connection


class View(NamedTuple):
    path: str
    title: str  # its heading
    sees: str = ""  # something of the store that fill() has made


VIEWS = (
    View("/", "Overview", "default"),
    View("/?hours=1", "Overview", "How long tasks waited"),
    View("/?hours=24", "Overview", "How long tasks waited"),
    View("/queues", "Queues", "other"),
    View("/queues/default", "default", "g1"),
    View("/queues/default?hours=192", "default", "1, 0 of 10 slots busy"),
    View("/tasks", "Tasks", "later"),
    View("/tasks?state=retry", "Tasks", "again"),
    View("/queues/default/tasks/kept", "kept", "ada"),
    View("/tasks?text=ada", "Tasks", "1 found"),
    View("/failures", "Failures", "exit code 1"),
    View("/failures?state=archived", "Failures", "exit code 1"),
    View("/types", "Types", "good"),
    View("/types/good?queue=default", "good", "How long tasks ran"),
    View("/types/good", "good", "By the minute"),
    View("/types/bad?hours=192", "bad", "In all queues"),
    View("/schedules", "Schedules", "nightly"),
    View("/schedules/nightly", "nightly", "03:00"),
    View("/new-schedule", "A new cron entry"),
    View("/flows", "Flows"),
    View("/flows?state=running", "Flows"),
    View("/limits", "Limits", "smtp:*"),
    View("/limits?keys=all", "Limits", "smtp:*"),
    View("/groups", "Groups", "g1"),
    View("/settings", "Settings", "Live streams"),
    View("/workers", "Workers", "of 10"),
    View("/jobs", "Jobs", "Nothing here"),
    View("/doctor", "Doctor"),
    View("/not/there", "There is nothing here"),
)
# What others are refused.
FOR_ADMINS = (View("/audit", "Audit", "schedule.put"),)


def fill(store):
    """Something for every view: a task in each state, a schedule, a group, a worker that runs."""
    store.enqueue(
        "good",
        '{"to": "ada", "list": [1, {"deep": null}]}',
        "--id",
        "kept",
        "--retention",
        "1h",
        "--header",
        "k=v",
    )
    store.enqueue("bad", "x", "--id", "again", "--retry-policy", "fixed:1h")
    store.enqueue("bad", "x", "--id", "dead", "--retry", "0")
    store.enqueue("worse", "x", "--id", "worse", "--retry-policy", "fixed:1h")
    store.enqueue("later", "x", "--in", "1h", "--id", "later")
    store.enqueue("mail", "x", "--group", "g1", "--id", "grouped")
    store.enqueue("waits", "x", "--queue", "other", "--id", "waits")
    store("cron", "add", "nightly", "0 3 * * *", "report")
    store("limit", "put", "smtp:*", "--concurrency", "5", "--rate", "100/1m")
    plan = [{"name": name, "type": "step", "queue": "plans", "after": after} for name, after in
            (("fetch", []), ("count", ["fetch"]), ("mail", {"count": "always"}))]
    store("flow", "start", "-", "--id", "sales", input=json.dumps({"steps": plan}),
          code=None)        # not every store has flows
    worker = store.worker(
        "--shell",
        "good=echo fine",
        "--shell",
        "bad=echo no >&2; exit 1",
        "--shell",
        "worse=exit 3",
        "--concurrency",
        "10",
    )
    until(
        lambda: (now := store.states())["completed"] and now["retry"] == 2 and now["archived"],
        "the tasks to have run",
    )
    return worker


# ---- steps: what a person does


def click(name, row=None):
    """A button or a link; in the row of a table that has this key."""
    return lambda page: page.click(name, row and f'tr[data-key="{row}"]')


def write(field, text):
    return lambda page: page.type(field, text)


def choose(*ids):
    """Tick tasks of a list."""
    return lambda page: [page.click(f"Choose {one}") for one in ids]


def sees(words, part="main"):
    return lambda page: page.sees(words, part)


def misses(words):
    return lambda page: page.misses(words)


def copied(words):
    """What is on the clipboard has these words."""
    return lambda page: until(
        lambda: words in page.run("return navigator.clipboard.readText()"), f"a copy of {words!r}"
    )


# ---- what the store says afterwards


def states(queue, **want):
    return lambda store: all(store.states(queue).get(name) == n for name, n in want.items())


def task(one, queue="acts", **want):
    def asked(store):
        shown = store("task", "show", one, "--queue", queue, "--json", code=None)
        return shown.code == 0 and all(shown.json[name] == value for name, value in want.items())

    return asked


def gone(*ids, queue="acts"):
    return lambda store: all(
        store("task", "show", one, "--queue", queue, code=None).code == 3 for one in ids
    )


def all_of(*conditions):
    return lambda store: all(condition(store) for condition in conditions)


def schedule(name, **want):
    def asked(store):
        found = [e for e in store.json("cron", "ls")["items"] if e["name"] == name]
        return found and all(bool(found[0].get(key)) == value for key, value in want.items())

    return asked


def worker(**want):
    def asked(store):
        found = store.json("worker", "ls")["items"]
        return found and all(found[0][name] == value for name, value in want.items())

    return asked


# ---- what acts need


def tasks(*ids, queue="acts", **more):
    return [{"type": "act", "id": one, "queue": queue, **more} for one in ids]


def later(*ids, **more):
    return tasks(*ids, **{"in": "1h"}, **more)


def cron(name):
    return ["cron", "add", name, "0 3 * * *", name]


SPOILT = "· spoilt"     # of what the doctor has found


def spoil(store):
    """Something in the queue `spoilt` that the doctor mends."""
    url = store.env["GOFER_URL"]
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(store.db)) as db, db:
            db.execute("UPDATE queue SET archived = archived + 7 WHERE name = 'spoilt'")
    else:
        host, port = url.split("//")[1].split("/")[0].rsplit(":", 1)
        with Connection((host, int(port))) as redis:
            redis("DEL", "asynq:{spoilt}:t:1")


class Act(NamedTuple):
    path: str
    needs: list  # tasks, as lines of a batch; words of a command; functions of the store
    steps: tuple
    done: Callable  # done(store): has it come about?


def on(one):
    return f"/queues/acts/tasks/{one}"


SURE = "dialog[open]"

ACTS = (
    # ---- a task
    Act(on("run"), later("run"), (click("Run now"),), task("run", state="pending")),
    Act(on("aside"), later("aside"), (click("Archive"),), task("aside", state="archived")),
    Act(on("cancel"), later("cancel"), (click("Cancel"),), task("cancel", state="archived")),
    Act(
        on("at"),
        later("at"),
        (click("Reschedule"), write("When", "2099-01-01T00:00:00Z"), click("Reschedule")),
        task("at", state="scheduled", next_run_at_ms=4070908800000),
    ),
    Act(
        on("in"),
        tasks("in"),
        (click("Reschedule"), write("When", "3h"), click("Reschedule")),
        task("in", state="scheduled"),
    ),
    Act(
        on("edit"),
        tasks("edit", payload="old"),
        (click("Edit the payload"), write("Payload", '{"new": 1}'), click("Replace it")),
        task("edit", payload='{"new": 1}'),
    ),
    Act(on("delete"), tasks("delete"), (click("Delete"), click("Delete it")), gone("delete")),
    Act(
        on("keep"),
        tasks("keep"),
        (click("Delete"), click("Leave it")),
        task("keep", state="pending"),
    ),
    Act(
        "/queues/twins/tasks/twin",
        tasks("twin", queue="twins"),
        (click("Enqueue again"),),
        states("twins", pending=2),
    ),
    Act(
        on("copy"),
        tasks("copy"),
        (
            click("Copy as CLI"),
            copied("gofer task show --queue 'acts' 'copy'"),
            click("Copy as curl"),
            copied("/api/v1/queues/acts/tasks/copy'"),
            click("Copy as Python"),
            copied('app.inspect.task("copy", queue="acts")'),
        ),
        task("copy", state="pending"),
    ),
    # ---- a selection
    Act(
        "/tasks?queue=some&type=act",
        tasks("s1", "s2", "s3", queue="some"),
        (choose("s1", "s3"), sees("2 chosen"), click("Archive")),
        states("some", pending=1, archived=2),
    ),
    Act(
        "/tasks?queue=some-run",
        later("r1", "r2", queue="some-run"),
        (choose("r2"), click("Run now")),
        states("some-run", pending=1, scheduled=1),
    ),
    Act(
        "/tasks?queue=some-cancel",
        tasks("c1", "c2", queue="some-cancel"),
        (choose("c1"), click("Cancel")),
        states("some-cancel", pending=1, archived=1),
    ),
    Act(
        "/tasks?queue=some-delete",
        tasks("d1", "d2", queue="some-delete"),
        (choose("d1"), click("Delete"), click("Delete them")),
        all_of(states("some-delete", pending=1), gone("d1", queue="some-delete")),
    ),
    # ---- all that match: they are counted, and three are shown, before anything is done
    Act(
        "/tasks?queue=all&type=act",
        tasks(*map(str, range(60)), queue="all"),
        (click("Archive"), sees("60 tasks match", SURE), sees("act 0", SURE), click("Archive")),
        states("all", pending=0, archived=60),
    ),
    Act(
        "/tasks?queue=all-run",
        later("1", "2", queue="all-run"),
        (click("Run now"), sees("2 tasks match", SURE), click("Run now")),
        states("all-run", pending=2),
    ),
    Act(
        "/tasks?queue=all-cancel",
        tasks("1", "2", queue="all-cancel"),
        (click("Cancel"), sees("2 tasks match", SURE), click("Cancel")),
        states("all-cancel", pending=0, archived=2),
    ),
    Act(
        "/tasks?queue=all-not",
        tasks("1", queue="all-not"),
        (click("Delete"), sees("1 task", SURE), click("Leave it")),
        states("all-not", pending=1),
    ),
    Act(
        "/tasks?queue=many",
        tasks(*map(str, range(1100)), queue="many"),
        (
            click("Delete"),
            sees("1,100 tasks match", SURE),
            write("Type 1100 to go on", "1100"),
            click("Delete"),
        ),
        states("many", pending=0, size=0),
    ),
    # ---- all that a text is found in: the look goes on when it is asked to
    Act(
        "/tasks?text=act&queue=found",
        tasks(*map(str, range(600)), queue="found"),
        (
            sees("500 found", "p.foot"),
            click("Look further"),
            sees("600 found in 600 tasks.", "p.foot"),
        ),
        states("found", pending=600),
    ),
    Act(
        "/tasks?text=NEEDLE&queue=needles",
        [
            *tasks("1", "2", "3", queue="needles", payload="a needle"),
            *tasks("4", queue="needles", payload="hay"),
        ],
        (
            sees("3 found in 4 tasks"),
            click("Archive"),
            sees("3 tasks match", SURE),
            sees("act 1", SURE),
            click("Archive"),
            sees("archived"),
        ),
        states("needles", pending=1, archived=3),
    ),
    # ---- groups
    Act(
        "/groups",
        tasks("1", "2", queue="grouped", group="g9"),
        (click("Run each by itself", r"grouped\a g9"),),
        states("grouped", pending=2, aggregating=0),
    ),
    # ---- names that are dots
    Act(
        "/queues",
        tasks("1", queue="."),
        (click("Pause", "."),),
        states(".", paused=True),
    ),
    Act(
        "/queues/~./tasks/~..",
        later("..", queue="."),
        (click("Run now"),),
        task("..", queue=".", state="pending"),
    ),
    # ---- queues
    Act(
        "/queues",
        tasks("1", queue="pause"),
        (click("Pause", "pause"),),
        states("pause", paused=True),
    ),
    Act(
        "/queues/pause-1",
        tasks("1", queue="pause-1"),
        (click("Pause"),),
        states("pause-1", paused=True),
    ),
    Act(
        "/queues/pause-2",
        tasks("1", queue="pause-2"),
        (click("Pause"), click("Unpause"), click("Pause")),
        states("pause-2", paused=True),
    ),
    Act(
        "/queues/remove",
        tasks("1", queue="remove"),
        (click("Remove the queue"), write("Type remove to go on", "remove"), click("Remove it")),
        lambda store: store.states("remove") == {},
    ),
    Act(
        "/queues/remove-many",
        tasks(*map(str, range(1001)), queue="remove-many"),
        (
            click("Remove the queue"),
            sees("1,001 tasks", SURE),
            write("Type remove-many to go on", "remove-many"),
            click("Remove it"),
            sees("removes remove-many", "#notes"),
        ),
        lambda store: store.states("remove-many") == {},
    ),
    # ---- failures
    Act(
        "/failures?type=bad&state=archived",
        [],
        (click("Delete them"), sees("exit code 1", SURE), click("Delete them")),
        gone("dead", queue="default"),
    ),
    Act(
        "/failures?type=bad",
        [],
        (click("Run them"),),
        task("again", queue="default", retried=2),
    ),
    Act(
        "/failures?type=worse",
        [],
        (click("Archive them"), sees("exit code 3", SURE), click("Archive them")),
        task("worse", queue="default", state="archived"),
    ),
    # ---- schedules
    Act(
        "/schedules",
        [cron("runs")],
        (click("Run now", "runs"),),
        lambda store: store.json("task", "ls", "--type", "runs")["items"],
    ),
    Act(
        "/schedules", [cron("pauses")], (click("Pause", "pauses"),), schedule("pauses", paused=True)
    ),
    Act(
        "/schedules",
        [cron("again")],
        (click("Pause", "again"), click("Unpause", "again")),
        schedule("again", paused=False),
    ),
    Act(
        "/schedules",
        [cron("goes")],
        (click("Remove", "goes"), click("Remove it")),
        lambda store: not schedule("goes")(store),
    ),
    Act(
        "/new-schedule",
        [],
        (
            write("Name", "made"),
            write("When", "0 3 * * *"),
            sees("03:00"),
            write("Type", "made"),
            click("Add it"),
        ),
        schedule("made", paused=False),
    ),
    Act(
        "/schedules/changes",
        [cron("changes")],
        (click("Change it"), write("Queue", "elsewhere"), click("Replace it")),
        lambda store: store.json("cron", "show", "changes")["queue"] == "elsewhere",
    ),
    Act("/schedules/rests", [cron("rests")], (click("Pause"),), schedule("rests", paused=True)),
    # ---- the doctor
    Act(
        "/doctor",
        [*tasks("1", queue="spoilt"), spoil],
        (sees(SPOILT), click("Mend what can be mended"), sees("1 mended")),
        lambda store: not any(
            found.get("queue") == "spoilt"
            for found in store("doctor", "--json", code=None).json["items"]
        ),
    ),
    Act("/doctor", [], (click("Look again"), misses(SPOILT)), lambda store: True),
    # ---- the audit: of what was done before
    Act(
        "/audit",
        [cron("told")],
        (
            sees("schedule.put"),
            write("act", "schedule.put"),
            click("Search"),
            misses("store.migrate"),
            sees("told"),
        ),
        lambda store: True,
    ),
    # ---- workers
    Act("/workers", [], (click("One slot more"), sees("of 11")), worker(concurrency=11)),
    Act("/workers", [], (click("One slot less"), sees("of 10")), worker(concurrency=10)),
    Act("/workers", [], (click("Quiet"), sees("quiet")), worker(state="quiet")),
    Act("/workers", [], (click("Resume"), sees("active")), worker(state="active")),
    Act(
        "/workers",
        [],
        (click("Stop"), click("Stop it"), sees("Nothing here")),
        lambda store: not store.json("worker", "ls")["items"],
    ),
)


def prepare(store):
    """What the acts need, which come in any order but for those on the one worker."""
    needs = [need for act in ACTS for need in act.needs]
    lines = [json.dumps(need) for need in needs if isinstance(need, dict)]
    store("enqueue", "--batch", input="\n".join(lines))
    for need in needs:
        if callable(need):
            need(store)
        elif not isinstance(need, dict):
            store(*need)
