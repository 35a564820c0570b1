"""test_django_admin - the admin's pages: what is shown, what may be done by whom, what happens."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("django")

from test_django import folder, tasks  # noqa: E402, F401

QUEUES, TASKS = "/admin/gofer/queue/", "/admin/gofer/task/"


def client_with(*permissions: str) -> Any:
    """A browser of somebody of the staff who has these permissions."""
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    name = "-".join(permissions) or "nothing"
    user = User.objects.create(username=name, is_staff=True)
    for codename in permissions:
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label="gofer", codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


def state_of(id: str) -> str:
    import gofer.django

    return gofer.django.app().inspect.task(id).state


def test_pages_show_what_is_there(tasks: Any) -> None:  # noqa: F811
    for number in range(101):
        last = tasks.add.enqueue(number, b="<script>")
    mail = tasks.add_user.enqueue("ann")
    client = client_with("view_queue", "view_task")
    assert QUEUES in client.get("/admin/").content.decode()
    page = client.get(QUEUES).content.decode()
    assert "mail" in page and ">101</a>" in page and "Pause" not in page
    page = client.get(TASKS).content.decode()
    assert "shop.tasks.add" in page and page.count('type="checkbox"') == 100
    assert 'name="act"' not in page  # nothing that one may not do
    (link,) = [p.split('"')[0] for p in page.split('href="?') if "cursor=" in p.split('"')[0]]
    page = client.get(TASKS + "?" + link.replace("&amp;", "&")).content.decode()
    assert page.count('type="checkbox"') == 1 and last.id in page
    assert mail.id in client.get(TASKS + "?queue=mail").content.decode()
    found = client.get(TASKS + f"?q={last.id}", follow=True).content.decode()
    assert "&lt;script&gt;" in found and "<script>" not in found.split("Payload")[1]
    assert client.get(TASKS + "nothing/").status_code == 404
    assert client.get(TASKS + "?state=none").status_code == 404
    assert client.get(TASKS + "?backend=none").status_code == 404
    assert "There are none" in client.get(TASKS + "?queue=none").content.decode()


def test_very_many_queues_are_shown_by_pages(tasks: Any) -> None:  # noqa: F811
    import gofer.django
    from gofer.django import admin

    app = gofer.django.app()
    app.enqueue_many(app.item("t", queue=f"q{n:04}") for n in range(admin.QUEUES_PAGE + 1))
    client = client_with("view_queue")
    page = client.get(QUEUES).content.decode()
    assert "q0999" in page and "q1000" not in page
    (link,) = [p.split('"')[0] for p in page.split('href="?') if "cursor=" in p.split('"')[0]]
    page = client.get(QUEUES + "?" + link.replace("&amp;", "&")).content.decode()
    assert "q1000" in page and "q0999" not in page and "More" not in page


def test_acts_are_done_and_written_down(tasks: Any) -> None:  # noqa: F811
    from django.contrib.admin.models import LogEntry

    one, two, three = (tasks.add.enqueue(n) for n in range(3))
    client = client_with("view_task", "change_task", "delete_task")
    answer = client.post(TASKS, {"act": "archive", "task": [one.id, two.id]}, follow=True)
    assert "2 of 2" in answer.content.decode()
    assert (state_of(one.id), state_of(two.id)) == ("archived", "archived")
    client.post(f"{TASKS}{one.id}/", {"act": "run"})
    assert state_of(one.id) == "pending"
    client.post(TASKS, {"act": "cancel", "task": [three.id]})
    assert state_of(three.id) == "archived"
    answer = client.post(f"{TASKS}{two.id}/", {"act": "delete"})
    assert "Are you sure" in answer.content.decode() and state_of(two.id) == "archived"
    client.post(f"{TASKS}{two.id}/", {"act": "delete", "sure": "yes"})
    assert client.get(f"{TASKS}{two.id}/").status_code == 404
    answer = client.post(TASKS, {"act": "run", "task": [one.id]}, follow=True)
    assert "pending" in answer.content.decode()  # told why not
    told = {(entry.object_id, entry.change_message) for entry in LogEntry.objects.all()}
    assert {(one.id, "Archive"), (one.id, "Run now"), (two.id, "Delete")} <= told


def test_permissions_are_respected(tasks: Any) -> None:  # noqa: F811
    id = tasks.add.enqueue(1).id
    nobody = client_with()
    assert nobody.get(QUEUES).status_code == nobody.get(TASKS).status_code == 403
    assert nobody.get(f"{TASKS}{id}/").status_code == 403
    reader = client_with("view_task", "view_queue")
    for act in ("run", "archive", "cancel", "delete"):
        assert reader.post(TASKS, {"act": act, "task": [id], "sure": "yes"}).status_code == 403
    assert reader.post(QUEUES, {"act": "pause", "queue": "default"}).status_code == 403
    changer = client_with("view_task", "change_task")
    assert changer.post(TASKS, {"act": "delete", "task": [id], "sure": "1"}).status_code == 403
    assert state_of(id) == "pending"
    from django.test import Client

    assert Client().get(TASKS).status_code == 302  # to the login


def test_a_queue_is_paused(tasks: Any) -> None:  # noqa: F811
    import gofer.django

    tasks.add.enqueue(1)
    client = client_with("view_queue", "change_queue")
    inspect = gofer.django.app().inspect
    for act, paused in (("pause", True), ("unpause", False)):
        client.post(QUEUES, {"act": act, "queue": "default"})
        assert inspect.queue("default").paused is paused
    assert client.post(QUEUES, {"act": "drop", "queue": "default"}).status_code == 404
