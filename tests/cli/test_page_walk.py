"""Everything that can be done on the page, done in a real Chromium: a table of acts is gone
through, and after each the store is asked."""
import pytest
from browser import until
from views import ACTS, fill, prepare

pytestmark = pytest.mark.usefixtures("has_web")


def test_every_act(admin, store):
    fill(store)
    prepare(store)
    admin.devtools("Browser.grantPermissions",
                   permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    for act in ACTS:
        where = f"{act.path} (act {ACTS.index(act)})"
        admin.go(act.path)
        for step in act.steps:
            step(admin)
        until(lambda: act.done(store), lambda: f"the store to have changed by {where}")
        assert admin.complaints() == [], where
    # What was done to all that match were jobs, which are told of.
    admin.go("/jobs", "Jobs")
    jobs = admin.text("tbody").splitlines()
    assert sum("\tarchive\tall\tdone\t60\t" in job for job in jobs) == 1, jobs
    assert sum("\tdelete\tmany\tdone\t1,100\t" in job for job in jobs) == 1, jobs
    assert not any("failed" in job for job in jobs), jobs
