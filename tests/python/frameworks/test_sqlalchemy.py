"""test_sqlalchemy - what is committed goes in, what is rolled back does not; savepoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from sqlalchemy import create_engine, text  # noqa: E402
from sqlalchemy.orm import Session, scoped_session, sessionmaker  # noqa: E402

import gofer  # noqa: E402
from gofer.sqlalchemy import after_commit  # noqa: E402


@pytest.fixture
def tasks() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as app:
        yield app


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    with Session(engine) as opened:
        opened.execute(text("create table t (id integer)"))
        opened.commit()
        yield opened
    engine.dispose()


def types(app: gofer.Gofer) -> list[str]:
    return [info.type for info in app.inspect.find()]


def test_after_the_commit(tasks: gofer.Gofer, session: Session) -> None:
    session.execute(text("insert into t values (1)"))
    first = after_commit(session, tasks.item("a"))
    second = after_commit(session, tasks.item("b", id="own"))
    assert second == "own" and types(tasks) == []
    session.commit()
    assert types(tasks) == ["a", "b"] and tasks.inspect.task(first).type == "a"
    session.commit()
    assert types(tasks) == ["a", "b"]
    after_commit(session, tasks.item("c"))  # no transaction has begun
    session.commit()
    assert types(tasks) == ["a", "b", "c"]


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_not_without_a_commit(tasks: gofer.Gofer, session: Session, end: str) -> None:
    session.execute(text("insert into t values (1)"))
    after_commit(session, tasks.item("a"))
    getattr(session, end)()
    session.execute(text("insert into t values (2)"))
    session.commit()
    assert types(tasks) == []


def test_savepoints(tasks: gofer.Gofer, session: Session) -> None:
    after_commit(session, tasks.item("root"))
    with session.begin_nested():
        after_commit(session, tasks.item("kept"))
        with pytest.raises(LookupError), session.begin_nested():
            with session.begin_nested():
                after_commit(session, tasks.item("lost with its parent"))
            after_commit(session, tasks.item("lost"))
            raise LookupError
    assert types(tasks) == []
    session.commit()
    assert types(tasks) == ["root", "kept"]


def test_a_refused_task_is_told_after_the_commit(tasks: gofer.Gofer, session: Session) -> None:
    tasks.enqueue("a", id="x")
    session.execute(text("insert into t values (1)"))
    after_commit(session, tasks.item("b", id="x"))
    with pytest.raises(gofer.TaskExists):
        session.commit()
    session.rollback()
    assert session.execute(text("select count(*) from t")).scalar() == 1


def test_scoped_sessions(tasks: gofer.Gofer) -> None:
    engine = create_engine("sqlite://")
    session: Any = scoped_session(sessionmaker(engine))
    after_commit(session, tasks.item("a"))
    session.execute(text("select 1"))
    session.commit()
    assert types(tasks) == ["a"]
    session.remove()
    engine.dispose()


def test_sessions_of_asyncio(tasks: gofer.Gofer) -> None:
    pytest.importorskip("aiosqlite")
    import asyncio

    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async def main() -> None:
        engine = create_async_engine("sqlite+aiosqlite://")
        async with AsyncSession(engine) as session:
            await session.execute(text("select 1"))
            after_commit(session, tasks.item("a"))
            await session.commit()
            after_commit(session, tasks.item("b"))
            await session.rollback()
        await engine.dispose()

    asyncio.run(main())
    assert types(tasks) == ["a"]
