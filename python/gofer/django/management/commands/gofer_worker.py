# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-subclassing-any
"""gofer_worker - `manage.py gofer_worker`: runs the tasks of one backend.

The gofer binary takes this process's place; its children load gofer.django.worker.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gofer.django.backend import backend_of
from gofer.django.contract import InvalidTaskBackend
from gofer.program import binary

VARIABLE = "GOFER_DJANGO_BACKEND"  # as in worker.py, which must not be imported here: it loads all


class Command(BaseCommand):
    help = "Runs the tasks of a gofer backend of the setting TASKS."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--backend", default="default", help='its name in TASKS; "default"')
        parser.add_argument(
            "--queue",
            action="append",
            help='a queue to serve, "mail" or with a weight "mail=3"; may be repeated. '
            "Default: the backend's QUEUES",
        )
        parser.add_argument("--processes", type=int, default=1, help="children; 1")
        parser.add_argument("--threads", type=int, default=8, help="of each child; 8")
        parser.add_argument(
            "--tasks", type=int, default=100, help="async ones at a time in each child; 100"
        )
        parser.add_argument("--drain", action="store_true", help="end when nothing is left to do")
        parser.add_argument(
            "--reload",
            action="store_true",
            help="for development: new children when a *.py in or below the current folder changes",
        )
        parser.add_argument(
            "rest", nargs="*", help="after --: what else to tell `gofer worker`, see its --help"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backend = backend_of(options["backend"])
            program = binary()
        except (InvalidTaskBackend, OSError) as error:
            raise CommandError(str(error)) from error
        os.environ[VARIABLE] = options["backend"]
        os.environ["GOFER_PYTHON"] = sys.executable
        url = backend.settings["URL"]
        if url is not None:  # not as an argument: it may hold a password
            os.environ["GOFER_URL"] = url
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(program, [program, "worker", *words(backend, options)])


def words(backend: Any, options: Any) -> list[str]:
    """The arguments of `gofer worker`."""
    given = ["--python", "gofer.django.worker:app"]
    for name in ("processes", "threads", "tasks"):
        given += [f"--{name}", str(options[name])]
    # No QUEUES means any name.
    for queue in options["queue"] or sorted(backend.queues) or ["*"]:
        given += ["--queue", queue]
    flags = [f"--{name}" for name in ("drain", "reload") if options[name]]
    return given + flags + list(options["rest"])
