"""Encryption: the keys of an application and of a client, the option plain, and the vectors."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path

import gofer
import pytest

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "seal.tsv"


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(name.encode() * 16).decode()}"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.touch(0o600)
    file.write_text(key("k1"))
    return file


@pytest.fixture
def stranger(url: str) -> Iterator[gofer.Gofer]:
    """Has no keys, whatever the environment says."""
    with gofer.Gofer(url, keys="") as app:
        yield app


def test_payloads_are_encrypted_for_who_has_no_keys(
    url: str, keys: Path, stranger: gofer.Gofer
) -> None:
    with gofer.Gofer(url, keys=keys) as app:
        handle = app.enqueue("mail:send", {"to": "ada"})
        mine, theirs = handle.info(), stranger.inspect.task(handle.id)
        assert (mine.payload, mine.decrypted) == (b'{"to":"ada"}', True)
        assert theirs.payload.startswith(b"gfe1k1\0") and b"ada" not in theirs.payload
        assert theirs.encrypted and not theirs.decrypted
        plain = app.enqueue("stats:count", {"page": 7}, plain=True)
        assert stranger.inspect.task(plain.id).payload == b'{"page":7}'
        with pytest.raises(TypeError, match="plain must be True or False"):
            app.enqueue("t", plain=1)  # type: ignore[arg-type]


def test_batches_and_cron_entries(url: str, keys: Path, stranger: gofer.Gofer) -> None:
    with gofer.Gofer(url, keys=str(keys)) as app:

        @app.cron("@daily", name="open")
        @app.task(plain=True)
        def report(day: str = "today") -> None: ...

        @app.cron("@daily", name="secret")
        @app.task
        def secret(day: str = "today") -> None: ...

        results = app.enqueue_many([report.item("monday"), secret.item("monday")])
        payloads = [stranger.inspect.task(str(each.handle)).payload for each in results]
        assert [each.startswith(b"gfe1") for each in payloads] == [False, True]
        app.sync_crons("here")
        entries = {entry.name: entry.payload for entry in stranger.schedules}
        assert entries["open"] == b'{"day":"today"}' and entries["secret"].startswith(b"gfe1")


def test_tasks_run_with_what_was_put_in(url: str, keys: Path, stranger: gofer.Gofer) -> None:
    with gofer.Gofer(url, keys=keys) as app:

        @app.task(retention="1h")
        def greet(name: str) -> str:
            return f"hello {name}"

        handle = greet.enqueue("ada")
        app.worker(threads=1).run(drain=True)
        assert handle.result() == "hello ada"
        result = stranger.inspect.task(handle.id).result
        assert result is not None and result.startswith(b"gfe1")


def test_steps_read_what_others_have_left(url: str, keys: Path, stranger: gofer.Gofer) -> None:
    with gofer.Gofer(url, keys=keys) as app:

        @app.task
        def one() -> int:
            return 20

        @app.task(retention="1h")
        def two(*, ctx: gofer.Context) -> int:
            return ctx.parent("one", one) + 1

        @app.task
        async def three(*, ctx: gofer.Context) -> int:
            return await ctx.aparent("two", two) * 2

        plan = gofer.chain(one.item(), two.item(), three.item())
        handle = app.flows.start(plan, id="f")
        app.worker(threads=1).run(drain=True)
        assert handle.wait("1m").ok and handle.result("three") == 42
        task = stranger.inspect.task("f:1")
        assert task.encrypted and not task.decrypted


def test_groups_are_opened_and_what_they_become_is_encrypted(
    url: str, keys: Path, stranger: gofer.Gofer
) -> None:
    seen: list[str] = []
    with gofer.Gofer(url, keys=keys) as app:

        @app.task
        def part(text: str) -> None: ...

        @app.task(retention="1h")
        def joined(text: str) -> None:
            seen.append(text)

        @app.aggregator("g")
        def join(parts: list[gofer.GroupedTask]) -> gofer.Item:
            return joined.item("+".join(each.arguments["text"] for each in parts))

        for text in ("one", "two"):
            part.options(group="g").enqueue(text)
        with app.worker(group_max_size=2, threads=1):
            end = time.monotonic() + 60
            while not seen and time.monotonic() < end:
                time.sleep(0.01)
        assert seen == ["one+two"]
        (made,) = stranger.inspect.tasks("default", "completed")
        assert stranger.inspect.task(made.id).payload.startswith(b"gfe1k1\0")


def test_a_queue_may_refuse_what_is_plain(
    url: str, keys: Path, stranger: gofer.Gofer
) -> None:
    with gofer.Gofer(url, keys=keys) as app:
        app.inspect.require_encrypted("mail")
        assert app.inspect.queue("mail").encrypted_only
        app.enqueue("t", queue="mail")
        with pytest.raises(gofer.Denied, match="'mail' takes encrypted payloads alone"):
            stranger.enqueue("t", queue="mail")
        with pytest.raises(gofer.Denied):
            app.enqueue("t", queue="mail", plain=True)
        results = app.enqueue_many(
            [app.item("t", queue="mail", plain=plain) for plain in (False, True)]
        )
        assert [type(each.error) for each in results] == [type(None), gofer.Denied]
        app.inspect.require_encrypted("mail", False)
        assert not app.inspect.queue("mail").encrypted_only
        stranger.enqueue("t", queue="mail")


def test_another_key_is_read_from_the_file(url: str, keys: Path, stranger: gofer.Gofer) -> None:
    with gofer.Gofer(url, keys=keys) as app:
        before = app.enqueue("t", "old")
        keys.write_text(f"{key('k2')}\n{key('k1')}\n")
        app.reload_keys()
        after = app.enqueue("t", "new")
        assert stranger.inspect.task(after.id).payload.startswith(b"gfe1k2\0")
        assert [each.info().payload for each in (before, after)] == [b'"old"', b'"new"']
        keys.write_text("k3")
        with pytest.raises(gofer.InvalidArgument, match="ID:BASE64"):
            app.reload_keys()
        assert after.info().decrypted  # it keeps what it had


def test_wrong_keys(url: str, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(gofer.InvalidArgument, match="No such file"):
        gofer.Client(url, keys=str(tmp_path / "none"))
    keys.chmod(0o644)
    with pytest.raises(gofer.Denied):
        gofer.Client(url, keys=str(keys))
    with pytest.raises(gofer.InvalidArgument), gofer.Gofer(url, keys="k1:short") as app:
        app.ping()


def test_a_path_is_taken_from_here(
    url: str, keys: Path, monkeypatch: pytest.MonkeyPatch, stranger: gofer.Gofer
) -> None:
    monkeypatch.chdir(keys.parent)
    with gofer.Gofer(url, keys=Path("keys")) as app:
        os.chdir("/")
        assert stranger.inspect.task(app.enqueue("t").id).encrypted


def vectors() -> list[list[str]]:
    lines = VECTORS.read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    # of a task that somebody puts in; what others are of has no door here
    return [row for row in rows if row[1] == "payload" and row[5] == "0"]


@pytest.mark.parametrize("row", vectors(), ids=lambda row: str(row[0]))
def test_the_vectors_are_read(row: list[str]) -> None:
    _, _, key_id, secret, type, _, task_id, content, envelope = row
    keys = f"{key_id}:{base64.b64encode(bytes.fromhex(secret)).decode()}"
    with gofer.Gofer("memory:", keys=keys) as app:
        handle = app.enqueue(type, bytes.fromhex(envelope), id=task_id, plain=True)
        assert handle.info().payload == bytes.fromhex(content)
