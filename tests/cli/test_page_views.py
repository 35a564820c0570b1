"""The page in a real Chromium: every view opens on either store, by its address and by links, and
the browser has nothing to say against it."""
import json

import pytest
from browser import until

pytestmark = pytest.mark.usefixtures("has_web")

FIRST_PAGE_MAX = 40 << 10

# Every view: an address, and its heading.
VIEWS = {
    "/": "Overview",
    "/queues": "Queues",
    "/queues/default": "default",
    "/tasks": "Tasks",
    "/tasks?state=retry": "Tasks",
    "/queues/default/tasks/kept": "kept",
    "/failures": "Failures",
    "/failures?state=archived": "Failures",
    "/types": "Types",
    "/schedules": "Schedules",
    "/workers": "Workers",
    "/jobs": "Jobs",
    "/doctor": "Doctor",
    "/not/there": "There is nothing here",
}


def fill(store):
    """Something for every view: a task in each state, a schedule, a group, a worker."""
    store.enqueue("good", '{"to": "ada", "list": [1, {"deep": null}]}', "--id", "kept",
                  "--retention", "1h", "--header", "k=v")
    store.enqueue("bad", "x", "--id", "again", "--retry-policy", "fixed:1h")
    store.enqueue("bad", "x", "--id", "dead", "--retry", "0")
    store.enqueue("later", "x", "--in", "1h", "--id", "later")
    store.enqueue("mail", "x", "--group", "g1")
    store.enqueue("waits", "x", "--queue", "other", "--id", "waits")
    store("cron", "add", "nightly", "0 3 * * *", "report")
    worker = store.worker("--shell", "good=echo fine", "--shell", "bad=echo no >&2; exit 1")
    until(lambda: (now := store.states())["completed"] and now["retry"] and now["archived"],
          "the tasks to have run")
    return worker


def test_every_view_opens(page, store):
    fill(store)
    for path, title in VIEWS.items():
        page.open(path, title)
        assert page.complaints() == [], path
    page.open("/queues/default/tasks/kept")
    for words in ("ada", "fine", "completed"):
        page.sees(words)


def test_the_first_page_is_small(page, gofer):
    """All that a browser fetches for it: packed, and before anybody clicks."""
    fill(gofer)
    page.open("/", "Overview")
    sizes = page.run("""
        return [...performance.getEntriesByType('navigation'),
            ...performance.getEntriesByType('resource')]
            .filter(e => !e.name.includes('/api/')).map(e => [e.name, e.encodedBodySize]);""")
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


def test_what_happens_is_seen_as_it_happens(page, store):
    store.enqueue("t", "x")
    page.open("/")
    page.sees("Waiting\n1", ".cards")
    store("enqueue", "--batch", input="\n".join(json.dumps({"type": "t"}) for _ in range(10)))
    page.sees("Waiting\n11", ".cards")


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
