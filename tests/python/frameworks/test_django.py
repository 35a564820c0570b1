"""test_django - the task backend beside a real Django and its database, with real workers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

django = pytest.importorskip("django")

from conftest import finished  # noqa: E402

HERE = Path(__file__).resolve().parent
PROJECT = HERE / "project"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project, set up in this process, with its tables made."""
    made = tmp_path_factory.mktemp("django")
    os.environ["TEST_FOLDER"] = str(made)
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    sys.path.insert(0, str(PROJECT))
    try:
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield made
    finally:
        sys.path.remove(str(PROJECT))


@pytest.fixture
def tasks(folder: Path) -> Iterator[Any]:
    from django.contrib.auth.models import User
    from shop import tasks

    import gofer.django

    yield tasks
    User.objects.all().delete()
    inspect = gofer.django.app().inspect
    for queue in inspect.queues():
        inspect.delete_queue(queue.queue, force=True)
    (folder / "signals").unlink(missing_ok=True)


def work(folder: Path, *words: str) -> str:
    if not os.environ.get("GOFER_BIN"):
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    manage = [sys.executable, "manage.py", "gofer_worker", "--drain", "--threads", "4", *words]
    return finished(manage, PROJECT, TEST_FOLDER=str(folder))


def signals(folder: Path) -> list[dict[str, Any]]:
    path = folder / "signals"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_tasks_are_run_and_their_results_are_there(tasks: Any, folder: Path) -> None:
    one = tasks.add.enqueue(2, b=3)
    assert (one.status, len(one.id), one.attempts) == ("READY", 36, 0)
    assert one.enqueued_at is not None
    with pytest.raises(ValueError, match="not finished"):
        one.return_value
    user, count = tasks.add_user.enqueue("ann"), tasks.count_users.enqueue()
    named = tasks.named.enqueue(7)
    assert gofer_task(named.id).type == "shop:named"
    plain = tasks.plain.enqueue(str(folder))
    work(folder)
    one.refresh()
    assert one.status == "SUCCESSFUL" and one.return_value == {"sum": 5}
    assert one.attempts == 1 and one.worker_ids[0] and not one.errors
    assert one.enqueued_at <= one.started_at <= one.finished_at
    assert one.last_attempted_at == one.started_at
    from django.contrib.auth.models import User

    assert User.objects.filter(username="ann").exists()
    assert tasks.add_user.get_result(user.id).return_value != "MainThread"
    assert tasks.count_users.get_result(count.id).return_value[1] == "sqlite"
    assert tasks.named.get_result(named.id).return_value == 7
    assert plain.info is not None and (folder / "plain").exists()
    kinds = [(line["kind"], line["task"], line["status"]) for line in signals(folder)]
    assert ("started", "add", "RUNNING") in kinds and ("finished", "add", "SUCCESSFUL") in kinds
    assert ("finished", "count_users", "SUCCESSFUL") in kinds


def gofer_task(id: str) -> Any:
    import gofer.django

    return gofer.django.app().inspect.task(id)


def test_failures_keep_their_errors(tasks: Any, folder: Path) -> None:
    broken, again = tasks.breaks.enqueue(), tasks.second_time.enqueue("word")
    unfit, strange = tasks.add.enqueue(nobody=1), tasks.returns_a_set.enqueue()
    work(folder)
    broken.refresh()
    assert broken.status == "FAILED" and broken.attempts == 2
    assert [error.exception_class for error in broken.errors] == [tasks.Broken] * 2
    assert "as asked" in broken.errors[0].traceback
    with pytest.raises(ValueError, match="failed"):
        broken.return_value
    again.refresh()
    assert again.return_value == [2, again.id, "word", 1]
    assert [error.exception_class for error in again.errors] == [ValueError]
    unfit.refresh()
    assert unfit.status == "FAILED" and unfit.attempts == 1  # not tried again: it would not help
    assert unfit.errors[0].exception_class.__name__ == "PayloadMismatch"
    assert "missing a required argument: 'a'" in unfit.errors[0].traceback
    strange.refresh()
    assert strange.status == "FAILED" and strange.errors[0].exception_class is TypeError
    ended = [line for line in signals(folder) if line["kind"] == "finished"]
    failed = [line for line in ended if line["task"] == "breaks"]
    assert len(failed) == 1 and failed[0]["status"] == "FAILED" and failed[0]["attempts"] == 2
    assert failed[0]["errors"] == ["shop.tasks.Broken"] * 2


def test_the_worker_reloads_what_has_changed(folder: Path, tmp_path: Path) -> None:
    if not os.environ.get("GOFER_BIN"):
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    project, log = tmp_path / "project", tmp_path / "log"
    shutil.copytree(PROJECT, project)
    with log.open("w") as errors:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "gofer_worker", "--reload"],
            cwd=project,
            env={**os.environ, "TEST_FOLDER": str(folder)},
            stderr=errors,
        )
    try:
        wait_for(log, "worker started")
        with (project / "shop" / "tasks.py").open("a") as file:
            file.write("# changed\n")
        wait_for(log, "children reloaded")
    finally:
        worker.terminate()
        assert worker.wait(60) == 0


def wait_for(log: Path, words: str) -> None:
    end = time.monotonic() + 60
    while words not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def test_a_task_goes_in_when_the_transaction_is_committed(tasks: Any) -> None:
    from django.db import transaction

    import gofer.django
    from gofer.django.contract import TaskResultDoesNotExist, task_enqueued

    told = []
    receiver = lambda sender, task_result, **_: told.append((sender, task_result.id))  # noqa: E731
    task_enqueued.connect(receiver)
    try:
        with transaction.atomic():
            inside = tasks.add.enqueue(1)
            assert inside.id and inside.enqueued_at is None and told == []
            with pytest.raises(TaskResultDoesNotExist):
                tasks.add.get_result(inside.id)
            now = tasks.add.using(backend="now").enqueue(1)
            plain = gofer.django.after_commit(tasks.plain.item("x"))
            assert [id for _, id in told] == [now.id]
            with pytest.raises(RuntimeError), transaction.atomic():
                lost = tasks.add.enqueue(2)
                raise RuntimeError
        assert told[1] == (gofer.django.GoferBackend, inside.id) and len(told) == 2
    finally:
        task_enqueued.disconnect(receiver)
    assert inside.enqueued_at is not None
    assert tasks.add.get_result(inside.id).status == "READY"
    assert gofer_task(plain).type == "shop:plain"
    with pytest.raises(TaskResultDoesNotExist):
        tasks.add.get_result(lost.id)


def test_a_task_goes_in_from_asyncio(tasks: Any) -> None:
    async def main() -> None:
        for backend in ("default", "now"):
            result = await tasks.count_users.using(backend=backend).aenqueue()
            again = await tasks.count_users.aget_result(result.id)
            assert again.status == "READY" and again.enqueued_at == result.enqueued_at

    asyncio.run(main())


def test_options_of_tasks_reach_the_store(tasks: Any) -> None:
    from django.utils import timezone

    from gofer.django.contract import InvalidTask

    when = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    result = tasks.add_user.using(run_after=when, priority=7).enqueue("bob")
    info = gofer_task(result.id)
    assert (info.queue, info.state, info.max_retry) == ("mail", "scheduled", 0)
    assert info.priority == tasks.add_user.get_result(result.id).task.priority == 7
    assert (info.next_run_at, info.timeout) == (when, timedelta(seconds=10))
    assert info.retention == timedelta(days=1)
    assert tasks.add_user.get_result(result.id).task.run_after == when
    assert json.loads(info.payload) == {"args": ["bob"], "kwargs": {}}
    first, second = tasks.named.enqueue(1), tasks.named.enqueue(1)
    assert first.id == second.id  # the lock holds: the handle of the task that has it
    for wrong in ({"timeout": "soon"}, {"retry": -3}, {"queue_name": "none"}, {"priority": 101}):
        with pytest.raises(InvalidTask):
            tasks.add.using(**wrong)


def test_results_that_are_not_there(tasks: Any) -> None:
    from gofer.django.contract import TaskResultDoesNotExist

    other = gofer_app().enqueue("email:not-django", b"x")
    for id in (other.id, "none", ""):
        with pytest.raises(TaskResultDoesNotExist):
            tasks.add.get_result(id)
    by_others = gofer_app().enqueue("shop.tasks.add", {"kwargs": {"a": 1}})
    result = tasks.add.get_result(by_others.id)
    assert (result.args, result.kwargs, result.status) == ([], {"a": 1}, "READY")


def gofer_app() -> Any:
    import gofer.django

    return gofer.django.app()


def test_wrong_settings_are_told_by_the_checks(folder: Path) -> None:
    from gofer.django import GoferBackend

    def ids(**options: Any) -> list[str]:
        return [m.id for m in GoferBackend("x", {"OPTIONS": {"URL": "memory:", **options}}).check()]

    assert ids() == []
    assert ids(URI="x") == ["gofer.E001"]
    assert ids(ENQUEUE="later") == ["gofer.E002"]
    assert ids(DATABASE="none") == ["gofer.E003"]
    assert ids(RETENTION="long") == ["gofer.E004"]
    assert ids(RETRY=-3) == ["gofer.E004"]
    assert ids(RETENTION=0) == ["gofer.W001"]


def test_the_models_have_no_tables_and_no_changes(folder: Path) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("makemigrations", "gofer", check=True, dry_run=True, verbosity=0)
    assert not [name for name in connection.introspection.table_names() if "gofer" in name]


def test_djangos_own_tests(tmp_path: Path) -> None:
    if django.VERSION < (6, 0):
        pytest.skip("n/a: Django has no django.tasks before 6.0")
    source = os.environ.get("DJANGO_TESTS") or fetched(tmp_path)
    done = subprocess.run(
        [sys.executable, str(HERE / "django_suite.py"), source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fetched(folder: Path) -> str:
    """The folder of tests in Django's source, by pip."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    done = subprocess.run(
        [*pip, f"django=={django.__version__}", "-d", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"Django's source cannot be had: {done.stderr[-200:]}")
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "xzf", str(archive), "-C", str(folder)], check=True)
    return str(next(folder.glob("*/tests")))
