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
        admin.open(act.path)
        for step in act.steps:
            step(admin)
        until(lambda: act.done(store), lambda: f"the store to have changed by {where}")
        assert admin.complaints() == [], where
