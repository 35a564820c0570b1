"""sharing - a client's tenants, and how they share a queue.

Threads: any.
"""

from __future__ import annotations

from ..info import Info
from ..native import lib
from ..put import fit
from ..times import c_text
from .opened import Opened, text_or_null


class Sharing(Opened):
    """A client that has tenants. queue: None is "default"."""

    def tenant_put(self, queue: str | None, tenant: str, weight: int) -> None:
        """A tenant's weight, 1 to 100, for all that get in line from now on. Errors:
        InvalidArgument, Unsupported."""
        which = text_or_null(queue, "queue"), c_text(tenant, "tenant")
        self._call(lib.gofer_client_tenant_put, *which, fit("weight", weight))

    def tenant_remove(self, queue: str | None, tenant: str) -> None:
        """Its weight is 1 again. Errors: NotFound, Unsupported."""
        which = text_or_null(queue, "queue"), c_text(tenant, "tenant")
        self._call(lib.gofer_client_tenant_remove, *which)

    def tenants(
        self, queue: str | None = None, cursor: str | None = None, limit: int = 0
    ) -> Info:
        """A page of the queue's tenants by name; limit 1 to 1000, 0: 100. Errors: NotFound,
        Unsupported."""
        which = text_or_null(queue, "queue"), text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_tenants, *which, fit("limit", limit))

    def tenant(self, queue: str | None, tenant: str) -> Info:
        """A list of one: this tenant. Errors: NotFound, Unsupported."""
        which = text_or_null(queue, "queue"), c_text(tenant, "tenant")
        return self._look(lib.gofer_client_tenant, *which)
