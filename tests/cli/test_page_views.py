"""The page in a real Chromium: every view opens on either store, by its address and by links, and
the browser has nothing to say against it."""
import json
import re

import pytest
from browser import until
from views import VIEWS, fill

pytestmark = pytest.mark.usefixtures("has_web")

FIRST_PAGE_MAX = 40 << 10
# What stands where a script has shown something that is no text.
SLIPS = re.compile(r"\b(undefined|null|NaN|Infinity|true|false)\b|\[object")


def test_every_view_opens(page, store):
    """By its address, and as by a link: the page is the same for both stores."""
    fill(store)
    page.open()
    to = page.open if store.env["GOFER_URL"].startswith("sqlite:") else page.go
    for view in VIEWS:
        to(view.path, view.title)
        page.sees(view.sees)
        assert not SLIPS.search(page.text("td,dd,.card,.rates,.axis")), view
        assert page.complaints() == [], view


def test_the_first_page_is_small(page, gofer):
    """All that a browser fetches for it, packed; what comes once it is there is for later."""
    fill(gofer)
    page.open("/", "Overview")
    sizes = page.run("""
        return [...performance.getEntriesByType('navigation'),
            ...performance.getEntriesByType('resource')]
            .filter(e => !e.name.includes('/api/'))
            .filter(e => e.startTime < performance.getEntriesByName('gofer-view')[0].startTime)
            .map(e => [e.name, e.encodedBodySize]);""")
    assert any(name.endswith("/app.css") for name, _ in sizes)
    assert any(name.endswith("/overview.js") for name, _ in sizes)
    assert all(size > 0 for _, size in sizes), sizes
    assert sum(size for _, size in sizes) < FIRST_PAGE_MAX, sizes


def test_views_are_reached_by_links_and_by_going_back(page, gofer):
    fill(gofer)
    page.open("/")
    for name in ("Queues", "Tasks", "Failures", "Types", "Schedules", "Workers", "Jobs", "Doctor"):
        page.click(name, "nav")
        page.ready(name)
    page.driver.back()
    page.ready("Jobs")
    page.driver.back()
    page.ready("Workers")
    assert page.path == "/workers"
    page.click("Tasks", "nav")
    page.ready("Tasks")
    page.click("later")
    page.ready("later")
    assert page.path == "/queues/default/tasks/later"


def test_tasks_are_searched_and_turned_over(page, gofer):
    lines = [{"type": f"t{i % 2}", "id": f"id{i:03}", "queue": "many"} for i in range(120)]
    gofer("enqueue", "--batch", input="\n".join(map(json.dumps, lines)))
    page.open("/tasks?queue=many")
    page.sees("50 on this page")
    ids = "tbody td.id"
    first = page.text(ids)
    page.click("Next")
    until(lambda: page.text(ids) != first, "other tasks")
    second = page.text(ids)
    page.click("Next")
    page.sees("20 on this page")
    assert not page.named("Next")
    page.click("Back")
    until(lambda: page.text(ids) == second, "the second page again")
    page.click("Back")
    until(lambda: page.text(ids) == first, "the first page again")
    page.type("Search tasks", "queue:many type:t1 id:id11*")
    page.keys("ENTER")
    page.sees("5 on this page")
    assert page.path == "/tasks?queue=many&type=t1&id=id11*"
    page.click("archived")
    page.sees("Nothing here")
    assert "state=archived" in page.path and "type=t1" in page.path
    page.driver.back()
    page.sees("5 on this page")
    # The address alone is enough.
    page.open(page.path)
    page.sees("5 on this page")
    assert page.run("return document.querySelector('input[type=search]').value") == (
        "queue:many type:t1 id:id11*")


def test_cron_entries_are_turned_over(page, gofer):
    (gofer.folder / "entries.json").write_text(json.dumps({"entries": [
        {"name": f"e{i:04}", "spec": "@daily", "type": "t"} for i in range(203)]}))
    gofer("cron", "sync", str(gofer.folder / "entries.json"))
    page.open("/schedules")
    page.sees("e0199")
    assert not page.named("Back")
    page.click("More")
    page.sees("e0202")
    assert not page.named("More")
    page.click("Back")
    page.sees("e0000")


@pytest.mark.parametrize("name", (".", "..", "~.", "a/b 50%25\u00e4?x#y"))
def test_whatever_its_name_it_has_a_view(admin, gofer, name):
    """A queue, a task and a schedule: by links, by their address, and when one comes back."""
    gofer("enqueue", "type", "x", "--queue", name, "--id", name, "--in", "1h")
    gofer("cron", "add", name, "@daily", "type", "--queue", name)
    admin.go("/queues", "Queues")
    admin.click(name, "tbody")
    admin.ready(name)
    admin.sees("Attempts by day")
    admin.click("1", "dl")      # of one task that is scheduled
    admin.ready("Tasks")
    admin.click("type")
    admin.ready(name)
    admin.sees("Payload")
    assert "/tasks/" in admin.path
    admin.open(admin.path, name)
    admin.click("Run now")
    until(lambda: gofer.states(name)["pending"] == 1, "the task to run")
    admin.click(name, "dl")     # its queue
    admin.ready(name)
    admin.driver.back()
    admin.ready(name)
    admin.sees("Payload")
    admin.go("/schedules", "Schedules")
    admin.click(name, "tbody td:first-child")
    admin.ready(name)
    admin.open(admin.path, name)
    assert admin.path.startswith("/schedules/")
    admin.sees("at 00:00 every day")


FOOT = "p.foot"     # all rows are slow to read


def test_a_look_is_stopped_and_goes_on(page, gofer):
    lines = [{"type": "act", "queue": "many"} for _ in range(300)]
    gofer("enqueue", "--batch", input="\n".join(map(json.dumps, lines)))
    page.open("/tasks")
    # The second question waits until it may go.
    page.run("""
        const ask = window.fetch;
        let asked = 0;
        const held = new Promise(go => window.letGo = go);
        window.fetch = async (...how) => {
            if (how[0].includes('/search') && asked++ === 1) await held;
            return ask(...how);
        };""")
    page.run("history.pushState(null, '', '/tasks?text=act'); dispatchEvent(new Event('popstate'))")
    page.sees("100 found", FOOT)
    page.click("Stop looking")
    page.run("window.letGo()")
    page.sees("200 found", FOOT)
    page.click("Look further")
    page.sees("300 found in 300 tasks.", FOOT)


def test_who_has_left_is_asked_nothing(admin, gofer):
    """Of what was being counted when he went to another view, that neither asks nor complains."""
    gofer("enqueue", "--batch", input=json.dumps({"type": "act", "queue": "few"}))
    admin.go("/tasks?queue=few", "Tasks")
    admin.run("""
        const ask = window.fetch;
        const held = new Promise(go => window.letGo = go);
        window.asked = window.answered = 0;
        window.fetch = async (...how) => {
            if (!/[/]acts[/]/.test(how[0])) return ask(...how);
            window.asked++;
            await held;
            return ask(...how).finally(() => window.answered++);
        };""")
    admin.click("Archive")
    until(lambda: admin.run("return window.asked"), "the question how far the count is")
    admin.go("/types", "Types")
    admin.run("window.letGo()")
    until(lambda: admin.run("return window.answered"), "the answer")
    admin.run("return new Promise(done => setTimeout(done, 500))")
    assert not admin.all("dialog") and not admin.text("#notes")
    assert admin.run("return window.asked") == 1
    assert gofer.states("few")["pending"] == 1


def test_a_job_is_stopped(admin, gofer, web):
    """One of so many that most of them still wait."""
    lines = [{"type": "act", "queue": "many"} for _ in range(5000)]
    gofer("enqueue", "--batch", input="\n".join(map(json.dumps, lines)))
    token = web.add_token("operator", "operate")
    for _ in range(30):
        assert web.post("/api/v1/acts", {"act": "count", "text": "nowhere"}, token=token).status \
            == 200
    admin.go("/jobs", "Jobs")
    row = 'tr[data-key="30"]'
    admin.click("Stop", row)
    admin.sees("stopped", row)
    assert not admin.named("Stop", row)
    assert web("/api/v1/acts/30", token=token).json["state"] == "stopped"


def test_columns_are_chosen_and_kept(page, gofer):
    gofer("cron", "add", "nightly", "@daily", "report")
    gofer("cron", "run", "nightly")
    heads = "thead th"
    page.open("/tasks")
    page.sees("report")
    assert "Schedule" not in page.text(heads) and "Payload" in page.text(heads)
    page.click("Columns")
    page.click("Schedule")
    page.click("Payload")
    page.sees("Schedule", heads)
    page.misses("Payload", heads)
    page.sees("nightly", "tbody")
    page.open("/tasks")
    page.sees("nightly", "tbody")
    page.misses("Payload", heads)
    page.click("Columns")
    page.click("As at first")
    page.sees("Payload", heads)
    page.misses("Schedule", heads)
    page.open("/tasks")
    page.sees("Payload", heads)


def test_what_fails_is_told_by_type(page, gofer):
    """Of all queues together, the most first."""
    for queue, kinds in (("default", "bad bad worse"), ("other", "bad good")):
        for kind in kinds.split():
            gofer.enqueue(kind, "x", "--queue", queue, "--retry", "0")
    gofer("worker", "--drain", "--queue", "default", "--queue", "other",
          "--shell", "bad=exit 1", "--shell", "worse=exit 1", "--shell", "good=true")
    page.open("/", "Overview")
    page.sees("Failures by type")
    rows = page.run("return [...document.querySelectorAll('table')].find(t => t.caption.textContent"
                    ".startsWith('Failures')).tBodies[0].innerText").split()
    assert rows == "bad 3 (100.0 %) 0 worse 1 (100.0 %) 0".split()
    page.click("3 (100.0 %)")
    page.ready("Failures")
    assert page.path == "/failures?type=bad"


def test_what_is_not_there_has_no_parts(page, gofer):
    """Nor is anything else asked of it; once it is there, so is its view."""
    page.expects("404")
    asked = ("return performance.getEntriesByType('resource')"
             ".filter(e => /queues.none[/]/.test(e.name)).length")
    for path, name in (("/queues/none", "none"), ("/queues/none/tasks/x", "x"),
                       ("/schedules/none", "none")):
        page.open(path, name)
        page.sees("no ", "[role=alert]")
        assert page.text("main > section").strip().endswith(name), path
    page.open("/queues/none", "none")
    assert page.run(asked) == 0
    gofer.enqueue("t", "x", "--queue", "none")
    page.sees("Slots wanted")
    page.misses("no queue")


def test_a_note_of_the_doctor_is_no_message(page):
    """Severities are names of classes, and so are other things."""
    page.open("/doctor", "Doctor")
    page.run("""
        document.getElementById('main').append(...['note', 'warning', 'error'].map(severity =>
            Object.assign(document.createElement('p'), {className: `finding ${severity}`})));""")
    assert len(set(page.run("""
        return [...document.querySelectorAll('p.finding')].map(
            e => getComputedStyle(e).backgroundColor);"""))) == 1


def test_times_are_of_who_looks(page, gofer):
    """In his zone, beside that of the entry and, in the tooltip, UTC."""
    page.devtools("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    try:
        gofer("cron", "add", "nightly", "0 3 * * *", "t")
        page.open("/schedules/nightly", "nightly")
        page.sees("12:00:00 PM GMT+9", "ol.ticks")
        page.sees("T03:00:00Z", "ol.ticks")
        local, utc = page.run("return document.querySelector('ol.ticks gofer-time').title"
                              ).splitlines()
        assert "12:00:00 PM GMT+9" in local and utc.endswith("T03:00:00.000Z")
    finally:
        page.devtools("Emulation.setTimezoneOverride", timezoneId="")


def test_a_cron_entry_tells_what_came_of_it_and_what_is_ahead(page, gofer):
    gofer("cron", "add", "often", "@every 1s", "t", "--retention", "1h")
    gofer("cron", "add", "monthly", "0 3 1 * *", "t", "--tz", "Europe/Berlin")
    page.open("/schedules/monthly", "monthly")
    page.sees("The clocks of Europe/Berlin change")
    page.sees("It has not ticked yet.")
    page.go("/schedules/often", "often")
    gofer.worker("--exec", "t=true")
    page.sees("completed", "ol.strip")
    page.click("completed", "ol.strip")
    page.sees("Payload")
    assert "/tasks/cron" in page.path


LABELS = """
const [step, rows, done] = arguments;
import(document.querySelector('script[type=module]').src.replace('app.js', 'lines.js'))
    .then(({ Lines }) => {
        const plot = new Lines('x', [['a', 'new']], String);
        plot.show(Array.from({ length: rows }, (_, i) =>
            ({ at: Date.UTC(2026, 0, 1, 12) + i * step, values: [i] })));
        done([...plot.plot.querySelectorAll('text.axis:not(.end)')].map(e => e.textContent));
    });
"""


@pytest.mark.parametrize("step, rows", ((10000, 3), (10000, 12), (10000, 360), (3600000, 24),
                                        (3600000, 192)))
def test_no_two_labels_of_a_plot_are_the_same(page, step, rows):
    page.open("/tasks")
    labels = page.driver.execute_async_script(LABELS, step, rows)
    assert len(labels) >= 2 and len(set(labels)) == len(labels)
    seconds = [label.count(":") == 2 for label in labels]
    assert all(seconds) if rows < 36 and step == 10000 else not any(seconds)


def test_who_has_no_token_is_asked_for_one(page, web):
    token = web.add_token("ann", "operate")
    page.expects("401")
    page.open("/queues", "Log in")
    page.type("Token", "gofer_wrong")
    page.click("Log in", "form")
    page.sees("not known", "#notes")
    page.log_in(token)
    page.ready("Queues")
    page.sees("ann", "header")
    cookie = page.driver.get_cookie("gofer")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["value"] != token
    page.click("Log out", "header")
    page.ready("Log in")
    assert page.driver.get_cookie("gofer") is None


def test_people_log_in_by_name_and_password(page, web):
    web.add_password("bob", "operate", "correct horse")
    page.expects("401")
    page.open("/queues", "Log in")
    page.type("Name", "bob")
    page.type("Password", "wrong horse!")
    page.click("Log in by name")
    page.sees("not known", "#notes")
    page.type("Password", "correct horse")
    page.click("Log in by name")
    page.ready("Queues")
    page.sees("bob", "header")
