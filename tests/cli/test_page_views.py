"""The page in a real Chromium: every view opens on either store, by its address and by links, and
the browser has nothing to say against it."""
import json

import pytest
from browser import until
from views import VIEWS, fill

pytestmark = pytest.mark.usefixtures("has_web")

FIRST_PAGE_MAX = 40 << 10

def test_every_view_opens(page, store):
    fill(store)
    for view in VIEWS:
        page.open(view.path, view.title)
        page.sees(view.sees)
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


@pytest.mark.parametrize("name", (".", "..", "~.", "a/b", "50%", "a b", "\u00e4", "?x#y"))
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
    admin.sees("@daily")


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
