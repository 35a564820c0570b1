"""What the page offers to whom, in a real Chromium: no act that the server would refuse, and no
payload that a visitor may not see."""
import pytest
from browser import until
from views import VIEWS, fill
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

# Buttons that change nothing in the store.
HARMLESS = {"Search", "Look again", "Back", "Next", "Look further", "Copy as CLI", "Copy as curl",
            "Copy as Python", "Stop looking", "last hour", "last day", "last eight days",
            "As at first"}
# What only an admin is offered.
ADMIN = {"Delete", "Edit the payload", "Remove the queue", "Remove", "Mend what can be mended"}
SECRET = "secret-payload"


ALL = (*VIEWS, VIEWS[0]._replace(path="/queues/default/tasks/later", title="later"))
ACTING = [view for view in ALL if view.path in (
    "/queues", "/queues/default", "/tasks", "/queues/default/tasks/later", "/schedules", "/workers",
    "/doctor")]


def offered(page, views=ALL):
    """The names of all buttons in these views, and how many tasks can be chosen."""
    names, boxes = set(), 0
    for view in views:
        page.go(view.path, view.title)
        names |= set(page.run("return [...document.querySelectorAll('main button')]"
                              ".map(b => b.getAttribute('aria-label') || b.textContent.trim())"))
        boxes += len(page.all("main tbody input[type=checkbox]"))
        assert page.complaints() == [], view
    return names, boxes


@pytest.fixture
def full(gofer):
    """A store with something that only some may see."""
    fill(gofer)
    for name, command in (("out", "cat"), ("err", "cat >&2; exit 1")):
        gofer.enqueue(f"secret:{name}", SECRET, "--id", f"secret-{name}", "--retention", "1h",
                      "--retry", "0", "--header", f"k={SECRET}", "--queue", "secrets")
        gofer("worker", "--drain", "--queue", "secrets", "--shell", f"secret:{name}={command}")
    return gofer


def log_in(page, web, role):
    page.expects("401")
    token = web.add_token("somebody", role)
    page.open("/", "Log in")
    page.log_in(token)


def test_who_may_look_is_offered_no_acts(full, page, web):
    log_in(page, web, "see")
    names, boxes = offered(page)
    assert names <= HARMLESS and boxes == 0
    for one in ("secret-out", "secret-err"):
        page.open(f"/queues/secrets/tasks/{one}", one)
        page.sees("your role does not show it")
        assert SECRET not in page.driver.page_source
    page.open("/failures?state=archived", "Failures")
    assert SECRET not in page.driver.page_source


def test_who_may_see_payloads_sees_them(full, page, web):
    log_in(page, web, "see,payload")
    names, boxes = offered(page, ACTING)
    assert names <= HARMLESS and boxes == 0
    page.open("/queues/secrets/tasks/secret-out", "secret-out")
    assert page.text().count(SECRET) == 3       # payload, result, header
    page.open("/failures?state=archived", "Failures")
    page.sees(SECRET)


def test_who_operates_loses_nothing(full, page, web):
    log_in(page, web, "operate")
    names, boxes = offered(page, ACTING)
    assert {"Run now", "Archive", "Cancel", "Pause", "Stop", "Reschedule"} <= names and boxes
    assert not names & ADMIN


def test_who_has_some_queues_is_told_so(full, page, web):
    """What is of all queues together says whose it is; the rest is of these, with its acts."""
    token = full("web", "token", "add", "mailer", "--role", "operate", "--queues", "other,secrets",
                 "--tokens", full.folder / "web-tokens").out.strip()
    full("cron", "add", "mine", "@daily", "report", "--queue", "other")
    page.expects("401")
    page.open("/", "Log in")
    page.log_in(token)
    page.sees("mailer (other, secrets)", "header")
    page.go("/", "Overview")
    page.sees("Of your queues: other, secrets")
    page.sees("Plots of the last hours are for all queues together")
    for path, title in (("/doctor", "Doctor"), ("/audit", "Audit"), ("/settings", "Settings")):
        page.go(path, title)
        page.sees("you see other, secrets")
    page.sees("see, payload, enqueue, operate")
    assert not page.named("Audit", "nav")
    for path, title in (("/failures", "Failures"), ("/tasks?text=secret-payload", "Tasks")):
        page.go(path, title)
        page.sees("in one of your queues at a time")
        page.click("secrets", "main ul")
        page.ready(title)
        page.sees("secret:err")
        assert "queue=secrets" in page.path
    page.go("/schedules", "Schedules")
    page.sees("mine")
    page.misses("nightly")
    assert page.named("Run now") and not page.named("A new entry") and not page.named("Remove")
    page.go("/queues", "Queues")
    page.misses("default")
    page.click("Pause", 'tr[data-key="other"]')
    until(lambda: full.states("other")["paused"], "the queue to be paused")
    page.go("/queues/secrets/tasks/secret-err", "secret-err")
    page.sees(SECRET)
    page.click("Run now")
    until(lambda: full.states("secrets")["pending"], "the task to be pending")
    assert page.complaints() == []


def test_who_is_in_several_groups_of_a_proxy_has_what_all_of_them_have(full, browse):
    """He sees all queues, and acts in some."""
    web = Web(full, "--auth-header", "X-User", "--role-header", "X-Groups", "--role-map", "all=see",
              "--role-map", "mailers=operate:other,secrets", "--trusted-proxy", "127.0.0.1")
    full("cron", "add", "mine", "@daily", "report", "--queue", "other")
    page = browse(web.address)
    page.devtools("Network.enable")
    page.devtools("Network.setExtraHTTPHeaders",
                  headers={"X-User": "ann", "X-Groups": "all, mailers"})
    page.open("/", "Overview")
    page.sees("ann", "header")
    page.sees("How long the oldest has waited")     # which is of all queues together
    page.go("/queues", "Queues")
    assert page.named("Pause", 'tr[data-key="other"]')
    assert not page.named("Pause", 'tr[data-key="default"]')
    page.go("/tasks", "Tasks")
    page.sees("secret-err")
    assert page.named("Choose secret-err") and page.named("Choose waits")
    assert not page.named("Choose later")
    page.go("/queues/default/tasks/kept", "kept")
    page.sees("your role does not show it")
    assert not page.named("Cancel") and not page.named("Run now")
    page.go("/schedules", "Schedules")
    assert page.named("Run now", 'tr[data-key="mine"]')
    assert not page.named("Run now", 'tr[data-key="nightly"]')
    for path, title in (("/workers", "Workers"), ("/settings", "Settings")):
        page.go(path, title)
        assert not page.named("Quiet")
    page.sees("In all queues\nsee, metrics")
    page.sees("In other, secrets\nsee, payload, enqueue, operate")
    page.go("/queues/secrets/tasks/secret-err", "secret-err")
    page.sees(SECRET)
    page.click("Run now")
    until(lambda: full.states("secrets")["pending"], "the task to be pending")
    page.leave()
    page.devtools("Network.setExtraHTTPHeaders", headers={})
    web.close()


def test_an_admin_is_offered_all(full, page, web):
    log_in(page, web, "admin")
    names, boxes = offered(page, ACTING)
    assert ADMIN <= names and boxes


def test_read_only_offers_nothing_to_anybody(full, browse):
    web = Web(full, "--read-only", "--base", "/some/gofer")
    page = browse(web.address)
    log_in(page, web, "admin")
    names, boxes = offered(page)
    assert names <= HARMLESS and boxes == 0
    page.open("/queues/secrets/tasks/secret-out", "secret-out")
    page.sees(SECRET)
    # Links stay below the base.
    page.click("Queues", "nav")
    page.ready("Queues")
    assert page.path == "/some/gofer/queues"
    page.leave()
    web.close()


def test_who_may_nothing_is_asked_for_another_token(full, page, web):
    log_in_with = web.add_token("prometheus", "metrics")
    page.expects("401")
    page.open("/", "Log in")
    page.type("Token", log_in_with)
    page.click("Log in", "form")
    page.sees("prometheus", "header")
    page.sees("Log in", "h1")
