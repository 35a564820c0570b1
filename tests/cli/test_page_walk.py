"""Everything that can be done on the page, done in a real Chromium: a table of acts is gone
through, and after each the store is asked. On one store it is done by the mouse, on the other by
keys: what the page sends is the same."""
import pytest
from browser import Page, until
from views import ACTS, fill, prepare

pytestmark = pytest.mark.usefixtures("has_web")


class Keyboard(Page):
    """A page that is never clicked: what is named gets the focus and a key."""

    def click(self, name, within=None):
        self._do(name, within, lambda e: e.send_keys(
            " " if e.get_attribute("type") == "checkbox" else "\n"))


@pytest.fixture
def hand(admin, store):
    """Who acts on the page."""
    on_file = store.env["GOFER_URL"].startswith("sqlite:")
    return Keyboard(admin.driver, admin.address) if on_file else admin


def test_every_act(admin, store, hand):
    fill(store)
    prepare(store)
    admin.devtools("Browser.grantPermissions",
                   permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    for act in ACTS:
        where = f"{act.path} (act {ACTS.index(act)})"
        admin.go(act.path)
        for step in act.steps:
            step(hand)
        until(lambda: act.done(store), lambda: f"the store to have changed by {where}")
        assert admin.complaints() == [], where
    # What was done to all that match were jobs, which are told of.
    admin.go("/jobs", "Jobs")
    jobs = admin.text("tbody").splitlines()
    assert sum("\tarchive\tall\tdone\t60\t" in job for job in jobs) == 1, jobs
    assert sum("\tdelete\tmany\tdone\t1,100\t" in job for job in jobs) == 1, jobs
    removed = "\tqueue.delete\tremove-many\tdone\t1,001 of 1,001\t"
    assert sum(removed in job for job in jobs) == 1, jobs
    assert not any("failed" in job for job in jobs), jobs
