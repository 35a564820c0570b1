# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
# mypy: allow-subclassing-any, allow-untyped-decorators
"""admin - queues and tasks in Django's admin: to look at, and to act on as permissions say.

What is shown comes from gofer's store, page by page; the models have no tables. Queues: view, and
change to pause. Tasks: view; change to run, archive and cancel; delete to delete. What somebody
does is in the admin's history.
"""

from __future__ import annotations

import json
from typing import Any, Optional
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from ..errors import GoferError, InvalidArgument, NotFound
from ..inspection import Inspector, QueueInfo, TaskInfo
from .backend import aliases, backend_of
from .models import Queue, Task

PAGE = 100
QUEUES_PAGE = 1000
SHOWN = 16 * 1024  # bytes of a payload or a result
STATES = ("pending", "active", "scheduled", "retry", "archived", "completed", "aggregating")
# What can be done: its word, in which states, with which permission.
ACTS = {
    "run": ("Run now", ("scheduled", "retry", "archived"), "change"),
    "archive": ("Archive", ("pending", "scheduled", "retry"), "change"),
    "cancel": ("Cancel", ("pending", "scheduled", "retry", "active", "aggregating"), "change"),
    "delete": ("Delete", tuple(state for state in STATES if state != "active"), "delete"),
}


class StoreAdmin(admin.ModelAdmin):
    """What both kinds of pages have."""

    def get_urls(self) -> list[Any]:
        info = self.opts.app_label, self.opts.model_name
        wrap = self.admin_site.admin_view
        return [path("", wrap(self.changelist_view), name="%s_%s_changelist" % info)]

    def has_add_permission(self, request: Any) -> bool:
        return False

    def allowed(self, request: Any, permission: str) -> bool:
        return getattr(self, f"has_{permission}_permission")(request)

    def demand(self, request: Any, permission: str) -> None:
        if not self.allowed(request, permission):
            raise PermissionDenied

    def page(self, request: Any, template: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/gofer/{template}.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "backends": aliases(),
                "backend": self.alias(request),
                **context,
            },
        )

    def alias(self, request: Any) -> str:
        """The backend that is looked at."""
        known = aliases()
        if not known:
            raise Http404("no backend in TASKS is gofer's")
        asked = request.GET.get("backend", known[0])
        if asked not in known:
            raise Http404(f"there is no backend '{asked}'")
        return asked

    def inspect(self, request: Any) -> Inspector:
        return backend_of(self.alias(request)).app.inspect


@admin.register(Queue)
class QueueAdmin(StoreAdmin):
    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        self.demand(request, "view")
        if request.method == "POST":
            self.demand(request, "change")
            self._pause(request)
            return HttpResponseRedirect(request.get_full_path())
        queues, following = self._queues(request)
        rows = [(queue, [(state, getattr(queue, state)) for state in STATES]) for queue in queues]
        may = self.allowed(request, "change")
        return self.page(
            request,
            "queues",
            title="Queues",
            rows=rows,
            states=STATES,
            may_change=may,
            following=following,
        )

    def _queues(self, request: Any) -> tuple[list[QueueInfo], Optional[str]]:
        """A page of queues, and the query of the next one."""
        cursor = request.GET.get("cursor") or None
        try:
            page = self.inspect(request).queues_page(cursor=cursor, limit=QUEUES_PAGE)
        except GoferError as error:
            messages.error(request, str(error))
            return [], None
        query = {**request.GET.dict(), "cursor": page.next_cursor}
        return page.items, urlencode(query) if page.next_cursor else None

    def _pause(self, request: Any) -> None:
        act, name = request.POST.get("act"), request.POST.get("queue", "")
        if act not in ("pause", "unpause"):
            raise Http404
        try:
            getattr(self.inspect(request), act)(name)
        except GoferError as error:
            messages.error(request, str(error))
            return
        self.log_change(request, Queue(name=name), f"{act}d")
        messages.success(request, f"{name}: {act}d")


@admin.register(Task)
class TaskAdmin(StoreAdmin):
    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        change = path("<path:object_id>/", wrap(self.change_view), name="gofer_task_change")
        return [*super().get_urls(), change]

    # ---- the list ------------------------------------------------------------------

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        self.demand(request, "view")
        if request.method == "POST":
            return self._act(request, request.POST.getlist("task"))
        if sought := request.GET.get("q", "").strip():
            return HttpResponseRedirect(self._url(request, sought))
        queue, state = request.GET.get("queue", "default"), request.GET.get("state", "pending")
        if state not in STATES:
            raise Http404(f"there is no state '{state}'")
        tasks, following = self._tasks(request, queue, state)
        return self.page(
            request,
            "tasks",
            title=f"Tasks of {queue}: {state}",
            rows=[(task, self._url(request, task.id)) for task in tasks],
            queue=queue,
            state=state,
            states=STATES,
            following=following,
            acts=self._acts(request, state),
        )

    def _tasks(self, request: Any, queue: str, state: Any) -> tuple[list[TaskInfo], Optional[str]]:
        """A page of tasks, and the query of the next one."""
        cursor = request.GET.get("cursor") or None
        try:
            page = self.inspect(request).page(queue, state, cursor=cursor, limit=PAGE)
        except NotFound:
            return [], None
        except GoferError as error:
            messages.error(request, str(error))
            return [], None
        query = {**request.GET.dict(), "cursor": page.next_cursor}
        return page.items, urlencode(query) if page.next_cursor else None

    def _acts(self, request: Any, state: str) -> list[tuple[str, str]]:
        return [
            (act, label)
            for act, (label, states, permission) in ACTS.items()
            if state in states and self.allowed(request, permission)
        ]

    def _url(self, request: Any, task_id: str) -> str:
        change = reverse(f"{self.admin_site.name}:gofer_task_change", args=(quote(task_id),))
        return f"{change}?{urlencode({'backend': self.alias(request)})}"

    # ---- one task ----------------------------------------------------------------------

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.demand(request, "view")
        task_id = unquote(object_id)
        if request.method == "POST":
            return self._act(request, [task_id])
        try:
            task = self.inspect(request).task(task_id)
        except (NotFound, InvalidArgument):
            raise Http404(f"there is no task '{task_id}'") from None
        except GoferError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:gofer_task_changelist"))
        return self.page(
            request,
            "task",
            title=f"{task.type} {task.id}",
            task=task,
            fields=_fields(task),
            payload=_readable(task.payload),
            result=_readable(task.result),
            acts=self._acts(request, task.state),
        )

    # ---- acting ------------------------------------------------------------------------

    def _act(self, request: Any, ids: list[str]) -> HttpResponse:
        """Do to these tasks what is asked; deleting is asked for once more."""
        act = request.POST.get("act", "")
        if act not in ACTS:
            messages.warning(request, "Choose what to do.")
            return HttpResponseRedirect(request.get_full_path())
        self.demand(request, ACTS[act][2])
        if act == "delete" and not request.POST.get("sure"):
            return self.page(request, "sure", title="Are you sure?", ids=ids)
        done = [task_id for task_id in ids if self._act_on(request, act, task_id)]
        if done:
            messages.success(request, f"{ACTS[act][0]}: {len(done)} of {len(ids)}")
        if act == "delete" and request.resolver_match.url_name == "gofer_task_change":
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:gofer_task_changelist"))
        return HttpResponseRedirect(request.get_full_path())

    def _act_on(self, request: Any, act: str, task_id: str) -> bool:
        try:
            getattr(self.inspect(request), act)(task_id)
        except GoferError as error:
            messages.error(request, f"{task_id}: {error}")
            return False
        self.log_change(request, Task(id=task_id), ACTS[act][0])
        return True


def _fields(task: TaskInfo) -> list[tuple[str, Any]]:
    names = (
        "id", "type", "queue", "state", "retried", "max_retry", "timeout", "retention",
        "enqueued_at", "next_run_at", "started_at", "worker", "progress_done", "progress_total",
        "progress_text", "completed_at", "archived_at", "group", "schedule", "last_error",
    )  # fmt: skip
    values = [(name.replace("_", " "), getattr(task, name)) for name in names]
    return [(name, value) for name, value in values if value is not None]


def _readable(data: Optional[bytes]) -> Optional[str]:
    """As JSON with indents if it is some; cut if it is long."""
    if not data:
        return None
    try:
        text = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except ValueError:
        text = data.decode("utf-8", "backslashreplace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n... ({len(data)} bytes)"
