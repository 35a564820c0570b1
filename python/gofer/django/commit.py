# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
"""commit - tasks that go in when the database transaction around them has been committed.

May touch: Django's transactions. Threads: any, each with its own transaction, as in Django.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from ..task import Item


def after_commit(item: Item, using: Optional[str] = None) -> str:
    """Put a task in once the transaction of this thread is committed; at once if there is none.

        after_commit(send_receipt.item(order.pk))

    item   made by task.item(...) or app.item(...)
    using  the database; None: "default"

    Returns the task's id, which is known already. After a rollback, also to a savepoint, the task
    does not go in. Errors in putting it in are raised where the transaction ends: it is committed
    then.
    """
    named = item.with_id()
    at_commit(named.enqueue, using)
    return str(named.put.task_id)


def at_commit(act: Callable[[], Any], using: Optional[str] = None) -> None:
    """Act once the transaction is committed; now, if there is none."""
    connection = connections[using or DEFAULT_DB_ALIAS]
    # Asked without a query: a test, or a program, may be without a database.
    manual = connection.connection is not None and not connection.get_autocommit()
    if connection.in_atomic_block or manual:
        transaction.on_commit(act, using=using)  # refuses a transaction that is not Django's
    else:
        act()
