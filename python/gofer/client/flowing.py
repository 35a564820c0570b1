"""flowing - a client's flows: started, looked at, acted on.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from ..errors import check
from ..info import Info, take_text
from ..native import ffi, lib
from ..put import Mold, fit
from ..times import c_text
from .opened import Opened, text_or_null

PlannedStep = tuple[str, Mold, bytes, Sequence[tuple[str, int]], Optional[str]]
"""Its name, its task, the payload, what it comes after: names and GOFER_AFTER_ values, and the step
whose list it is run for."""


class Flowing(Opened):
    """A client that has flows."""

    def flow_start(
        self, steps: Sequence[PlannedStep], *, flow_id: str | None = None, deadline_ms: int = 0,
        retention_ms: int = 0, on_dead: int = 0,
    ) -> str:  # fmt: skip
        """Start a flow; its id. The same id with the same plan starts nothing. Errors:
        InvalidArgument (the text names the step), TaskExists (the id is that of another plan),
        TooBig, Unsupported."""
        kept: list[Any] = []
        options = ffi.new("gofer_flow_options *")
        lib.gofer_flow_options_init(options)
        if flow_id is not None:
            options.flow_id = _held(ffi.new("char[]", c_text(flow_id, "flow id")), kept)
        options.deadline_ms = fit("deadline_ms", deadline_ms)
        options.retention_ms = fit("retention_ms", retention_ms)
        options.on_dead = fit("on_dead", on_dead)
        made = [_step(each, kept) for each in steps]
        out = ffi.new("char **")
        with self._open() as handle:
            array = ffi.new("gofer_flow_step *[]", made)
            check(lib.gofer_client_flow_start(handle, len(made), array, options, out))
        return take_text(out[0])

    def flow(self, flow_id: str) -> Info:
        """A flow with its steps. Errors: NotFound, Unsupported."""
        return self._look(lib.gofer_client_flow, c_text(flow_id, "flow id"))

    def flows(self, state: str | None = None, cursor: str | None = None, limit: int = 0) -> Info:
        """A page of flows, the latest first; limit 1 to 1000, 0: 100. Errors: InvalidArgument,
        Unsupported."""
        words = text_or_null(state, "state"), text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_flows, *words, fit("limit", limit))

    def flow_act(self, flow_id: str, act: int, step: str | None = None) -> None:
        """act: a GOFER_FLOW_ value. Errors: NotFound, WrongState, Unsupported."""
        words = c_text(flow_id, "flow id"), text_or_null(step, "name of a step")
        self._call(lib.gofer_client_flow_act, *words, act)

    def flow_wait(self, flow_id: str, timeout_ms: int = -1) -> Info:
        """Block until a flow has ended: it, without its steps; negative: for ever. Errors: Timeout,
        NotFound, Unsupported."""
        words = c_text(flow_id, "flow id"), fit("timeout_ms", timeout_ms)
        return self._look(lib.gofer_client_flow_wait, *words)

    def flow_result(self, flow_id: str, step: str) -> bytes | None:
        """What a step has left; None: nothing. Errors: NotFound, WrongState (it is not done),
        Unsupported."""
        out, size = ffi.new("void **"), ffi.new("size_t *")
        words = c_text(flow_id, "flow id"), c_text(step, "name of a step")
        self._call(lib.gofer_client_flow_result, *words, out, size)
        return taken(out[0], size[0])


def taken(memory: Any, size: int) -> bytes | None:
    """Bytes that the library has handed over; None: there were none."""
    if not memory:
        return None
    held = ffi.gc(memory, lib.gofer_free)
    return bytes(ffi.buffer(held, size))


def _step(planned: PlannedStep, kept: list[Any]) -> Any:
    name, mold, payload, after, each = planned
    made = _held(ffi.new("gofer_flow_step *"), kept)
    lib.gofer_flow_step_init(made)
    c_mold = mold.c()
    kept.append(mold)
    made.name = _held(ffi.new("char[]", c_text(name, "name of a step")), kept)
    made.type, made.opts = c_mold.type, ffi.addressof(c_mold, "options")
    made.payload, made.payload_size = _held(ffi.from_buffer(payload), kept), len(payload)
    if each is not None:
        made.each = _held(ffi.new("char[]", c_text(each, "each")), kept)
    if after:
        words = [_held(ffi.new("char[]", c_text(each, "step")), kept) for each, _ in after]
        made.after = _held(ffi.new("char *[]", [*words, ffi.NULL]), kept)
        made.rules = _held(ffi.new("int32_t[]", [rule for _, rule in after]), kept)
    return made


def _held(made: Any, kept: list[Any]) -> Any:
    kept.append(made)
    return made
