"""The page's view of limits in a real Chromium: they are put, changed and removed, and keys are
paused; a task says what it waits for."""
import pytest
from browser import until
from conftest import wait_for

pytestmark = pytest.mark.usefixtures("has_web")


def named(gofer):
    return {one["name"]: one for one in gofer.json("limit", "ls")["items"]}


def test_limits_are_put_changed_and_removed(admin, gofer):
    admin.open("/limits", "Limits")
    admin.click("A new limit")
    admin.type("Name", "smtp:*")
    admin.type("At a time", "5")
    admin.type("Starts", "100")
    admin.type("In so long", "1m")
    admin.click("Put it")
    until(lambda: "smtp:*" in named(gofer), "the limit to be put")
    admin.sees("100 in 1m")
    admin.click("Change", 'tr[data-key="smtp:*"]')
    admin.type("At a time", "7")
    admin.click("Replace it")
    until(lambda: named(gofer)["smtp:*"]["concurrency"] == 7, "the limit to be changed")
    assert named(gofer)["smtp:*"]["per_ms"] == 60000
    admin.click("Remove", 'tr[data-key="smtp:*"]')
    admin.click("Remove it")
    until(lambda: not named(gofer), "the limit to be removed")
    assert admin.complaints() == []


def test_who_waits_is_shown_and_keys_are_paused(admin, gofer):
    gofer("limit", "put", "api", "--concurrency", "1")
    gofer("limit", "pause", "api", "1h")
    gofer.enqueue("t", "--id", "held", "--limit", "api", "--cost", "2")
    gofer.worker("--shell", "t=sleep 1000")
    wait_for(lambda: gofer.json("limit", "blocked")["items"], "the task to wait")
    admin.open("/queues/default/tasks/held", "held")
    admin.sees("Waits for")
    admin.click("api")
    admin.ready("Limits")
    admin.sees("0 of 1")
    admin.click("Unpause", 'tr[data-key="api "]')
    until(lambda: not gofer.json("limit", "blocked")["items"], "the task to run")
    admin.click("Those that tasks run for, too")
    admin.sees("1 of 1")
    admin.click("Pause", 'tr[data-key="api "]')
    admin.click("Pause it")
    until(lambda: "paused_until_ms" in gofer.json("limit", "show", "api")["items"][0], "a pause")
    assert admin.complaints() == []
