"""A real Chromium for the tests of the page: one for each file of tests, driven by selenium.

    def test_x(page, store):            # page: the browser at a `gofer web` of the store
        page.open("/queues")            # waits until the view has its title and its data
        page.sees("default")            # each wait ends: after PATIENCE the test fails
        page.click("Pause")             # by the name that a screen reader says, as a person would

What the browser complains of (errors of scripts, refusals by the policy, requests that failed)
fails the test at its end, but for what it has named with page.expects. A test takes TEST_S at the
most, whatever hangs.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import time
import urllib.parse

import pytest

PATIENCE = 20   # seconds; only ever waited for in full when something is broken
TEST_S = 100
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--lang=en-US")
BROWSERS = ("chromium", "google-chrome")

# Elements by the name that they have for a screen reader: in the open dialog, if there is one.
NAMED = """
const [name, part, exact] = arguments;
const words = text => (text || '').replace(/\\s+/g, ' ').trim();
const within = part ? document.querySelector(part)
    : [...document.querySelectorAll('dialog[open]')].pop() || document;
const said = e => words(e.getAttribute('aria-label') || (e.labels && e.labels.length
    ? [...e.labels].map(l => l.textContent).join(' ') : '')
    || (e.matches('input,select,textarea') ? e.placeholder : e.textContent) || e.title);
return within && [...within.querySelectorAll(
    'a[href],button,summary,input,select,textarea,[role=button],[role=tab],[tabindex="0"]')]
    .filter(e => !e.disabled && e.checkVisibility() && said(e) === name)[0] || null;
"""


def _is_ubuntu():
    release = pathlib.Path("/etc/os-release")
    return release.exists() and "ubuntu" in release.read_text().lower()


def _start(folder):
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    server = shutil.which("chromedriver")
    if not browser or not server:
        why = "n/a: Ubuntu has Chromium as a snap alone" if _is_ubuntu() else "no chromium"
        pytest.skip(why if not browser else "no chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options, webdriver.ChromeService(server))
    # A browser that gets no core stands still at times, for longer than a page is waited for.
    made.command_executor.client_config.timeout = 4 * PATIENCE
    made.set_page_load_timeout(3 * PATIENCE)
    made.set_script_timeout(PATIENCE)
    return made


@contextlib.contextmanager
def bound(seconds):
    """What is within fails after so long, whatever it waits for."""
    def ring(*_):
        raise TimeoutError(f"the test took more than {seconds} s")
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    with bound(TEST_S):
        driver = _start(tmp_path_factory.mktemp("chromium"))
    driver.set_window_size(1280, 900)
    yield driver
    with bound(TEST_S):
        driver.quit()


class Page:
    """The browser at one server; what it does waits until it can be done."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address.rstrip("/")
        self.base = urllib.parse.urlsplit(self.address).path
        # Pages that were left a moment ago may still have their streams; ours comes in time.
        self.expected = [re.compile(r"/api/v1/events - .* 429 ")]

    # ---- going somewhere

    def open(self, path="/", title=None):
        """Go to an address, and wait until the view is there: its title, and no more."""
        self.driver.get(self.address + path)
        self.ready(title)

    def go(self, path, title=None):
        """To another view of the page that is open, as by a link: quicker, and with its stream."""
        self.run("history.pushState(null, '', arguments[0]); dispatchEvent(new Event('popstate'))",
                 self.base + path)
        self.ready(title)

    def ready(self, title=None):
        """Wait until a view is there and has looked at the store once."""
        until(lambda: self.all("main[aria-busy=false]"),
              lambda: f"the view; there is {self.text()!r}")
        if title:
            self.sees(title, "h1")

    @property
    def path(self):
        return self.run("return location.pathname + location.search")

    # ---- looking

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def text(self, css="main"):
        """What a person sees of it."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".map(e => e.innerText).join('\\n')", css)

    def sees(self, words, css="main"):
        until(lambda: words in self.text(css), lambda: f"{words!r} in {css}: {self.text(css)!r}")

    def misses(self, words, css="main"):
        until(lambda: words not in self.text(css),
              lambda: f"{words!r} to go from {css}: {self.text(css)!r}")

    def named(self, name, within=None):
        """The element of this name, or None."""
        return self.run(NAMED, name, within)

    def find(self, name, within=None):
        return until(lambda: self.named(name, within),
                     lambda: f"something named {name!r}; there is {self.text(within or 'body')!r}")

    # ---- doing

    def _do(self, name, within, act):
        """The view may be drawn anew between finding and doing: both again, then."""
        from selenium.common import exceptions as wrong

        def tried():
            element = self.named(name, within)
            try:
                return element is not None and (act(element), True)[1]
            except (wrong.StaleElementReferenceException, wrong.ElementNotInteractableException,
                    wrong.ElementClickInterceptedException):
                return False
        until(tried, lambda: f"to do it to {name!r}; there is {self.text(within or 'body')!r}")

    def click(self, name, within=None):
        """With the mouse, where a person would."""
        self._do(name, within, lambda element: element.click())

    def type(self, name, text, within=None):
        """Into the field of this name, in place of what is in it."""
        def act(element):
            element.clear()
            element.send_keys(text)
        self._do(name, within, act)

    def keys(self, *keys):
        """As a keyboard has them, whatever has the focus; names as "TAB", or text."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        names = [getattr(Keys, key, key) for key in keys]
        ActionChains(self.driver, duration=0).send_keys(*names).perform()

    def log_in(self, token):
        """From any view: the browser has the cookie then."""
        self.click("Log in", "header") if self.named("Log in", "header") else None
        self.type("Token", token)
        self.click("Log in", "form")
        self.sees("Log out", "header")
        self.ready()

    def devtools(self, command, **params):
        return self.driver.execute_cdp_cmd(command, params)

    def hide(self, hidden=True):
        """As if the tab were in the background; or in front again."""
        self.devtools("Emulation.setFocusEmulationEnabled", enabled=not hidden)
        self.run("""
            Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});
            Object.defineProperty(document, 'visibilityState',
                {value: arguments[0] ? 'hidden' : 'visible', configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));""", hidden)

    # ---- what the browser says of it

    def expects(self, pattern):
        """A complaint that belongs to the test; a regular expression."""
        self.expected.append(re.compile(pattern))

    def leave(self):
        """Go away from the page; there must be nothing to complain of."""
        said = self.complaints()
        folder = os.environ.get("GOFER_SCREENSHOTS")
        if said and folder:
            self.driver.save_screenshot(os.path.join(folder, "complaint.png"))
        self.driver.get("about:blank")
        assert said == [], "the browser complains"

    def complaints(self):
        """Since it was last asked, but for what is expected."""
        said = [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]
        return [text for text in said if not any(one.search(text) for one in self.expected)]


def until(condition, what):
    """Poll until condition() is true; returns its value. what(): what was waited for."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {PATIENCE} s for {what() if callable(what) else what}")
        time.sleep(0.02)


@pytest.fixture
def browse(chromium):
    """A function: the browser at a server's address. It knows nothing of tests before."""
    pages = []
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.get_log("browser")

    def at(address):
        pages.append(Page(chromium, address))
        return pages[-1]

    with bound(TEST_S):
        yield at
        for made in pages:
            made.leave()


@pytest.fixture
def page(browse, web):
    made = browse(web.address)
    yield made
    made.leave()    # before the server does


@pytest.fixture
def admin(page, web):
    """The page, logged in as one who may do everything."""
    token = web.add_token("root", "admin")
    page.open()
    page.log_in(token)
    return page
