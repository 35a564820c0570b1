"""What all pytest suites share: what a skip means, and how root becomes somebody who may not do
everything.

pytest.skip(reason) says that this machine lacks something: a failure where the environment has
GOFER_NO_SKIPS (as in CI). A reason that begins with "n/a: " says that the case means nothing for
this build or system.
"""

import os
import shutil

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.skipped and os.environ.get("GOFER_NO_SKIPS") and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        if not reason.removeprefix("Skipped: ").startswith("n/a: "):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason} (GOFER_NO_SKIPS is set)"


@pytest.fixture
def as_nobody_special():
    """What to put before a command, so that file permissions hold for it even if the tests run as
    root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv to take its rights away")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]
