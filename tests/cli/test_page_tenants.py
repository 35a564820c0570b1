"""The page's view of tenants in a real Chromium: a queue shows who shares it, and how."""
import pytest
from browser import until

pytestmark = pytest.mark.usefixtures("has_web")


def test_tenants_of_a_queue_are_shown_and_weighed(admin, gofer):
    gofer.enqueue("t", "--id", "one", "--tenant", "acme")
    admin.open("/queues/default", "default")
    admin.sees("Tenants")
    admin.click("Change", 'tr[data-key="acme"]')
    admin.type("So many of its tasks for one of another:", "7")
    admin.click("Set it")
    until(lambda: gofer.json("tenant", "show", "acme")["items"][0]["weight"] == 7, "the weight")
    admin.open("/queues/default/tasks/one", "one")
    admin.sees("Tenant")
    assert admin.complaints() == []
