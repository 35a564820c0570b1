"""The page's guards in a real Chromium: types are paused and unpaused, queues are bounded."""
import pytest
from browser import until
from conftest import wait_for

pytestmark = pytest.mark.usefixtures("has_web")


def paused(gofer):
    return [one["type"] for one in gofer.json("type", "ls")["items"]]


def test_a_type_is_paused_and_unpaused(admin, gofer):
    gofer.enqueue("mail:send", "--retention", "1h")
    gofer.worker("--shell", "mail:send=true")
    wait_for(lambda: "mail:send" in gofer("stats", "--json").out, "figures of the type")
    admin.open("/types", "Types")
    admin.click("Pause", 'tr[data-key$="mail:send"]')
    admin.click("Pause it")
    until(lambda: paused(gofer) == ["mail:send"], "the type to be paused")
    gofer.enqueue("mail:send", "--id", "held")
    wait_for(lambda: gofer.json("type", "ls")["items"][0]["waiting"] == 1, "the task to wait")
    admin.open("/types/mail%3Asend", "mail:send")
    admin.sees("Paused")
    admin.open("/types", "Types")
    admin.click("Unpause", 'tr[data-key="mail:send"]')
    until(lambda: paused(gofer) == [], "the type to be unpaused")
    admin.open("/types/mail%3Asend", "mail:send")
    admin.click("Pause")
    admin.click("Pause it")
    until(lambda: paused(gofer) == ["mail:send"], "the type to be paused")
    admin.click("Unpause")
    until(lambda: paused(gofer) == [], "the type to be unpaused")
    assert admin.complaints() == []


def test_priorities_grow(admin, gofer):
    asked = "A task counts as one priority higher for each time that it has waited, such as 30s " \
        "or 5m; empty: priorities stay as they are."

    def age():
        return gofer.json("queue", "show", "mail").get("age_ms")

    gofer.enqueue("t", "--queue", "mail")
    admin.open("/queues/mail", "mail")
    for typed, wanted in (("5m", 300000), ("", None)):
        admin.click("Let it age", "p.acts")
        admin.type(asked, typed, "dialog")
        admin.click("Let it age", "dialog")
        until(lambda: age() == wanted, f"the age to be {wanted}")
    assert admin.complaints() == []


def test_a_queue_gets_hours_and_loses_them(admin, gofer):
    asked = "Tasks are taken at these hours alone, such as mon-fri 22:00-06:00, sat Europe/Rome; " \
        "not 2026-12-25. Empty: at any."
    never = "00:00-00:01; not 1970-01-01..9999-12-31"

    def hours():
        return gofer.json("queue", "show", "mail").get("hours")

    gofer.enqueue("t", "--queue", "mail")
    admin.open("/queues/mail", "mail")
    for typed, wanted, shown in ((never, never, "not known"), ("00:00-24:00",) * 2 + ("never",),
                                 ("", None, None)):
        admin.click("Set its hours", "p.acts")
        admin.type(asked, typed, "dialog")
        admin.click("Set its hours", "dialog")
        until(lambda: hours() == wanted, f"the hours to be {wanted}")
        if shown:
            until(lambda: shown in admin.text("dl.facts"), f"{shown} to be shown")
    gofer("hours", "put", "type:mail:*", never)
    admin.open("/types", "Types")
    until(lambda: "mail:*" in admin.text("main"), "the closed type")
    admin.open("/types/mail:send", "mail:send")
    until(lambda: "Closed as mail:* until not known" in admin.text("main"), "what closes it")
    assert admin.complaints() == []


def test_a_queue_is_bounded(admin, gofer):
    def most():
        return gofer.json("queue", "show", "mail").get("max_length")

    gofer.enqueue("t", "--queue", "mail")
    assert "MOST" not in gofer("queue", "ls").out
    admin.open("/queues/mail", "mail")
    admin.click("Bound it")
    admin.type("So many tasks may be pending, and more are refused; empty: any number.", "7",
               "dialog")
    admin.click("Bound it", "dialog")
    until(lambda: most() == 7, "the queue to be bounded")
    admin.sees("Pending at the most")
    heads, row = gofer("queue", "ls").out.splitlines()[:2]
    assert "MOST" in heads and " 7 " in row
    admin.click("Bound it", "p.acts")
    admin.type("So many tasks may be pending, and more are refused; empty: any number.", "",
               "dialog")
    admin.click("Bound it", "dialog")
    until(lambda: most() is None, "the length to be gone")
    assert admin.complaints() == []
