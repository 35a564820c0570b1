"""tenants - how tenants share a queue: what `app.tenants` is.

A task says whose it is by its option `tenant`. docs/fairness.md has the whole story.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from .client import Client
from .pages import WALKED, walk
from .snapshot import number_of, read, text_of


@dataclass(frozen=True)
class Tenant:
    """A tenant of a queue that has a weight of its own or tasks that wait."""

    tenant: str = text_of("tenant")
    queue: str = text_of("queue")
    weight: int = number_of("weight")
    """So many of its tasks are taken while one is of a tenant without a weight."""
    waiting: int = number_of("waiting")
    """About so many of its tasks wait."""


class Tenants:
    """Tenants and their weights, of one queue each time: None is the queue "default".

    Errors everywhere: BrokerError, InvalidArgument, Unsupported (the store has no fair lines).
    """

    def __init__(self, client: Callable[[], AbstractContextManager[Client]]) -> None:
        self._client = client

    def put(self, tenant: str, weight: int, queue: str | None = None) -> None:
        """Give a tenant a larger share: of what waits, so many of its tasks are taken while one is
        of a tenant without a weight. For all that get in line from now on; 1 to 100. The queue is
        made if it is new."""
        with self._client() as client:
            client.tenant_put(queue, tenant, weight)

    def remove(self, tenant: str, queue: str | None = None) -> None:
        """Its weight is 1 again. NotFound: it had none of its own."""
        with self._client() as client:
            client.tenant_remove(queue, tenant)

    def all(self, queue: str | None = None) -> Iterator[Tenant]:
        """Those that have a weight or tasks that wait, by name. A page at a time is asked for, as
        it is needed. NotFound: there is no such queue."""
        return walk(
            self._client, Tenant, lambda client, cursor: client.tenants(queue, cursor, WALKED)
        )

    def get(self, tenant: str, queue: str | None = None) -> Tenant:
        """One of them. NotFound: it has neither a weight nor a task that waits."""
        with self._client() as client:
            return read(Tenant, next(iter(client.tenant(queue, tenant))))
