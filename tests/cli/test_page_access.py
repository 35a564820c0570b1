"""The page for everybody: axe-core finds nothing against any view, light or dark; all of it is
reached and done by keys; it fits a phone, a wall and paper."""
import importlib.util
import pathlib

import pytest
from browser import until
from views import FOR_ADMINS, VIEWS, View, fill

pytestmark = pytest.mark.usefixtures("has_web")

AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations'],
    ...(arguments[0] ? {runOnly: [arguments[0]]} : {})}).then(
    found => done(found.violations.map(v => [v.impact, v.id, v.help, v.nodes.slice(0, 3).map(
        n => n.html.slice(0, 200) + ' ' + n.any.map(a => a.message).join('; '))])),
    error => done(String(error)));
"""

# What has the focus, as a reader is told of it; whether one sees that it has.
FOCUS = """
const e = document.activeElement, style = getComputedStyle(e);
return {tag: e.localName, number: window.numbers ? window.numbers.indexOf(e) : -1,
    name: (e.getAttribute('aria-label') || e.textContent || '').trim(),
    seen: e.matches(':focus-visible') && style.outlineStyle !== 'none'
        && parseFloat(style.outlineWidth) >= 2};
"""

# What gets the focus from here on.
HEAR = """
window.heard = [];
addEventListener('focusin', () => {
    const now = (() => {%s})();
    window.heard.push(now);
}, {signal: (window.hearing?.abort(), window.hearing = new AbortController()).signal});
""" % FOCUS

# All that can have the focus, in the order of the page.
NUMBER = """
window.numbers = [...document.querySelectorAll('a[href],button,input,select,textarea,summary')]
    .filter(e => !e.disabled && e.checkVisibility() && e.tabIndex >= 0);
return window.numbers.map(e => e.outerHTML.slice(0, 100));
"""

WIDTHS = """
const wide = document.documentElement.clientWidth;
return [document.documentElement.scrollWidth - wide,
    [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
        && !e.closest('.table,pre,svg,.unseen,.skip') && e.getBoundingClientRect().right > wide + 1)
        .map(e => e.outerHTML.slice(0, 150))];
"""


# Plots whose text has another size than it is written in, or that say a number twice.
BLURRED = """
return [...document.querySelectorAll('svg.plot')].filter(e => e.checkVisibility()).filter(e => {
    const numbers = [...e.querySelectorAll('text.end')].map(t => t.textContent);
    return Math.abs(e.getScreenCTM().a - 1) > 0.02 || new Set(numbers).size < numbers.length;
}).map(e => e.outerHTML.slice(0, 300));
"""

MOVING = """
return [...document.querySelectorAll('*')].filter(e => {
    const s = getComputedStyle(e);
    return parseFloat(s.transitionDuration) > 0 || parseFloat(s.animationDuration) > 0;
}).map(e => e.outerHTML.slice(0, 100))"""

PARTS = 2       # of the walk through all views: each is a test, which has a bound on its time


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, which a package of the tests carries."""
    found = importlib.util.find_spec("axe_playwright_python")
    if not found:
        pytest.skip("no axe-core")
    return (pathlib.Path(found.submodule_search_locations[0]) / "axe.min.js").read_text()


@pytest.fixture
def media(page):
    """A function: what the browser's user prefers; nothing again after the test."""
    def prefer(kind="", **features):
        page.devtools("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()])
    yield prefer
    prefer()


@pytest.fixture
def size(page):
    """A function: how large the window is to the page; without arguments as it was."""
    def resize(width=0, height=0):
        page.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1 if width else 0, mobile=False)
    yield resize
    page.devtools("Emulation.clearDeviceMetricsOverride")


def visit(page, path, title=None):
    """Another view of the page that is open, as by a link: no new page is loaded."""
    page.run("""
        document.getElementById('main').setAttribute('aria-busy', 'true');
        history.pushState(null, '', arguments[0]);
        dispatchEvent(new PopStateEvent('popstate'));""", path)
    page.ready(title)


def focus(page):
    return page.run(FOCUS)


def axe_finds(page, rule=None):
    return page.driver.execute_async_script(AXE, rule)


CONTRAST = "color-contrast"     # nothing else depends on the scheme


def sound(page, media):
    """axe-core has nothing to say, light or dark."""
    media(color_scheme="light")
    assert axe_finds(page) == []
    media(color_scheme="dark")
    assert axe_finds(page, CONTRAST) == []


def reached(page):
    """Tab leads to all that can be done, and one sees where one is."""
    page.hide()             # it stays as it is
    everything = page.run(NUMBER)
    page.run(HEAR)
    missed = set(range(len(everything)))
    while missed:
        page.keys(*["TAB"] * len(missed))
        heard = page.run("return window.heard.splice(0)")
        now = {one["number"] for one in heard} & missed
        assert all(one["seen"] for one in heard), heard
        assert now, [everything[i] for i in missed]
        missed -= now
    page.hide(False)


def fitting(page, size):
    for width, height in ((360, 740), (3840, 2160)):
        size(width, height)
        assert page.run(WIDTHS) == [0, []], width
        until(lambda: page.run(BLURRED) == [], lambda: f"{page.run(BLURRED)} to be drawn anew")
    size()


def still(page, media):
    """Who wants no motion gets none."""
    media(reduced_motion="reduce")
    assert page.run(MOVING) == []
    media()


QUEUE, ONE = "a-long-queue-" + "q" * 80, "i" * 120
LONG = (View(f"/queues/{QUEUE}", QUEUE), View(f"/queues/{QUEUE}/tasks/{ONE}", ONE))


@pytest.mark.parametrize("part", range(PARTS))
def test_every_view_is_for_everybody(admin, gofer, axe, media, size, part):
    fill(gofer)
    gofer.enqueue("a-very-long-type-" + "x" * 100, '{"k":"' + "y" * 300 + '"}', "--queue", QUEUE,
                  "--id", ONE)
    admin.run(axe)
    for view in (*VIEWS, *FOR_ADMINS, *LONG)[part::PARTS]:
        visit(admin, view.path, view.title)
        admin.sees(view.sees)
        sound(admin, media)
        still(admin, media)
        fitting(admin, size)
        reached(admin)


def test_axe_finds_nothing_against_questions(admin, gofer, axe, media):
    gofer.enqueue("t", "x", "--id", "one", "--in", "1h")
    admin.run(axe)
    visit(admin, "/queues/default/tasks/one", "one")
    for name, leave in (("Delete", "Leave it"), ("Keys", "Close")):
        admin.click(name)
        admin.find(leave)
        sound(admin, media)
        admin.click(leave)


def test_the_focus_stays_while_the_view_is_drawn_anew(admin, gofer):
    fill(gofer)
    visit(admin, "/queues", "Queues")
    admin.find("Pause", 'tr[data-key="other"]').send_keys("\n")
    until(lambda: focus(admin)["name"] == "Unpause", lambda: f"the focus: {focus(admin)}")
    gofer.enqueue("waits", "x", "--queue", "other", "--id", "more")
    admin.sees("2", 'tr[data-key="other"]')
    assert focus(admin)["name"] == "Unpause"
    visit(admin, "/tasks?queue=other", "Tasks")
    admin.find("Choose waits").send_keys(" ")
    gofer.enqueue("waits", "x", "--queue", "other", "--id", "even-more")
    admin.sees("even-more")
    assert focus(admin)["name"] == "Choose waits"
    admin.sees("1 chosen")
    for path, title, part, count, queue in (
            ("/", "Overview", ".cards", "Waiting\n{}", None),
            ("/queues/other", "other", "dl", "pending\n{}", "other")):

        def waiting():
            return sum(q["pending"] for q in gofer.json("queue", "ls")["items"]
                       if queue in (None, q["queue"]))

        def sees_what_waits():
            until(lambda: count.format(waiting()) in admin.text(part),
                  lambda: f"the count of what waits in {admin.text(part)!r}")
        visit(admin, path, title)
        sees_what_waits()
        admin.run("document.querySelector(arguments[0] + ' a').focus()", part)
        name = focus(admin)["name"]
        gofer.enqueue("waits", "x", "--queue", "other")
        sees_what_waits()
        assert focus(admin)["tag"] == "a", (path, name)


def test_a_question_takes_the_focus_and_gives_it_back(admin, gofer):
    gofer.enqueue("t", "x", "--id", "one", "--in", "1h")
    visit(admin, "/queues/default/tasks/one", "one")
    admin.find("Delete").send_keys("\n")
    admin.find("Leave it")
    for _ in range(4):      # it stays within the question
        admin.keys("TAB")
        assert admin.run("return !document.activeElement.closest('main')")
    admin.keys("ESCAPE")
    until(lambda: not admin.all("dialog"), "the question to go")
    until(lambda: focus(admin)["name"] == "Delete", lambda: f"the focus: {focus(admin)}")
    assert gofer.json("task", "show", "one")["state"] == "scheduled"


def test_keys_lead_around_and_are_listed(admin, gofer):
    fill(gofer)
    admin.find("Keys")
    until(lambda: admin.run("return performance.getEntriesByType('resource')"
                            ".some(e => e.name.endsWith('/shortcuts.js'))"), "the keys to be heard")
    admin.keys("?")
    for words in ("Search here, or in tasks", "The next row", "Doctor"):
        admin.sees(words, "dialog")
    admin.keys("ESCAPE")
    until(lambda: not admin.all("dialog"), "the list to go")
    for key, title in (("q", "Queues"), ("d", "Doctor"), ("w", "Workers"), ("t", "Tasks")):
        admin.keys("g", key)
        admin.ready(title)
    admin.sees("later")
    admin.keys("j")
    first = focus(admin)["name"]
    admin.keys("j")
    assert focus(admin)["name"] != first
    admin.keys("k")
    assert focus(admin)["name"] == first
    admin.keys("/")
    assert focus(admin)["tag"] == "input"
    admin.keys("id:later?gq")       # are letters there
    assert admin.run("return document.activeElement.value").endswith("id:later?gq")
    admin.keys("ESCAPE")
    admin.keys("g", "q")
    admin.ready("Queues")
    admin.keys("/")                 # this view has a field of its own
    assert (focus(admin)["tag"], focus(admin)["name"]) == ("input", "Name")
    admin.keys("ESCAPE")
    admin.keys("g", "w")
    admin.ready("Workers")
    admin.keys("/")
    admin.ready("Tasks")
    until(lambda: focus(admin)["name"] == "Search tasks", "the focus to be in the box")
    admin.keys("ESCAPE")
    admin.keys("u")
    admin.ready("Workers")
    admin.keys("?")
    admin.click("Keys without Tab, Enter and Esc are on")
    admin.click("Close")
    admin.keys("g", "d")
    assert admin.path == "/workers"
    admin.run("localStorage.clear()")


def test_on_paper_it_is_what_it_shows(admin, gofer, media):
    fill(gofer)
    visit(admin, "/queues/default/tasks/kept", "kept")
    media("print")
    shown = admin.text("body")
    assert "ada" in shown and "Log out" not in shown and "Copy as CLI" not in shown
