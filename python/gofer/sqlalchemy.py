# mypy: disable-error-code="import-not-found"
"""sqlalchemy - tasks that go in when a session's transaction has been committed.

    with Session(engine) as session, session.begin():
        session.add(order)
        session.flush()
        task_id = after_commit(session, send_receipt.item(order.id))

May touch: events of the session. Threads: those of the session, which is for one at a time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from .task import Item

_WAITING = "gofer"  # in session.info


class _Waiting:
    """The tasks of one session, each with the transaction that it belongs to; None: the next."""

    def __init__(self, session: Any) -> None:
        self.items: list[tuple[Any, Item]] = []
        self.committed: Any = None
        """The transaction that has been committed and not closed yet."""
        event.listen(session, "after_commit", self.commit)
        event.listen(session, "after_transaction_end", self.end)

    def commit(self, session: Any) -> None:
        """Told of the whole and of savepoints."""
        self.committed = _current(session)

    def end(self, session: Any, transaction: Any) -> None:
        """What belongs to a transaction goes in with it, to its parent or into the store, or
        away."""
        committed = transaction is self.committed
        if transaction.parent is not None:
            heir = transaction.parent
            self.items = [
                (heir if owner is transaction else owner, item)
                for owner, item in self.items
                if owner is not transaction or committed
            ]
            return
        items, self.items, self.committed = self.items, [], None
        if committed:  # the session is free again: what is raised here does not harm it
            for _, item in items:
                item.enqueue()


def _current(session: Any) -> Any:
    return session.get_nested_transaction() or session.get_transaction()


def after_commit(session: Any, item: Item) -> str:
    """Put a task in once the session's transaction is committed; with rollback, or if the session
    is closed without commit, not at all. What belongs to a savepoint that is rolled back does not
    go in, either.

    session  a Session, scoped_session, AsyncSession or async_scoped_session
    item     made by task.item(...) or app.item(...)

    Returns the task's id, which is known already. Errors in putting it in are raised by the commit,
    after it: the data is committed then.
    """
    session = session() if hasattr(session, "registry") else session
    session = getattr(session, "sync_session", session)
    waiting = session.info.get(_WAITING)
    if waiting is None:
        waiting = session.info[_WAITING] = _Waiting(session)
    named = item.with_id()
    waiting.items.append((_current(session), named))
    return str(named.put.task_id)
