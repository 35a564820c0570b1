"""put - one task on its way in, and what many have in common, as the library has it.

The names are those of gofer_enqueue_options; 0 and None mean the default.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from .errors import InvalidArgument
from .native import ffi, lib
from .times import c_text

NO_RETRY: int = lib.GOFER_NO_RETRY
NO_TIMEOUT_MS: int = lib.GOFER_NO_TIMEOUT
UNIQUE_UNTIL: dict[str, int] = {
    "done": lib.GOFER_UNTIL_DONE, "start": lib.GOFER_UNTIL_START, "ttl": lib.GOFER_UNTIL_TTL,
}  # fmt: skip
ON_CONFLICT: dict[str, int] = {
    "refuse": lib.GOFER_CONFLICT_REFUSE,
    "return": lib.GOFER_CONFLICT_RETURN,
}
DEBOUNCE_MODE: dict[str, int] = {
    "replace": lib.GOFER_DEBOUNCE_REPLACE,
    "keep": lib.GOFER_DEBOUNCE_KEEP,
    "earliest": lib.GOFER_DEBOUNCE_EARLIEST,
}
ORDERED_DEAD: dict[str, int] = {
    "continue": lib.GOFER_ORDERED_CONTINUE,
    "block": lib.GOFER_ORDERED_BLOCK,
}


@dataclass(frozen=True)
class Put:
    """One task on its way in, as gofer_enqueue_options has it: 0 and None mean the default."""

    type: str
    payload: bytes = b""
    queue: Optional[str] = None
    task_id: Optional[str] = None
    run_at_ms: int = 0
    delay_ms: int = 0
    timeout_ms: int = 0
    deadline_ms: int = 0
    retention_ms: int = 0
    max_retry: int = 0
    priority: int = 0
    headers: Optional[Mapping[str, str]] = None
    unique_ms: int = 0
    unique_key: Optional[str] = None
    unique_until: int = 0
    unique_conflict: int = 0
    group: Optional[str] = None
    expires_at_ms: int = 0
    expires_ms: int = 0
    retry: Optional[str] = None
    on_dead: Optional[str] = None
    on_dead_queue: Optional[str] = None
    limits: Optional[tuple[str, ...]] = None
    limit_cost: int = 0
    debounce_ms: int = 0
    max_wait_ms: int = 0
    debounce_key: Optional[str] = None
    debounce_mode: int = 0
    replace: int = 0
    ordered: Optional[str] = None
    ordered_dead: int = 0
    tenant: Optional[str] = None
    plain: int = 0
    on_done: Optional[str] = None
    on_done_queue: Optional[str] = None

    @classmethod
    def of(cls, type: str, payload: bytes, given: Mapping[str, Any]) -> Put:
        """Put(type, payload, **given), in a fraction of the time: what is not given is left to the
        class's defaults, and setting a frozen field is slow. The names are not checked."""
        put = object.__new__(cls)
        vars(put).update(given, type=type, payload=payload)
        return put


_TEXTS = {
    "queue": "queue", "task_id": "task id", "unique_key": "unique_key", "group": "group",
    "retry": "retry policy", "debounce_key": "debounce_key",
    "on_dead": "on_dead", "on_dead_queue": "queue of on_dead",
    "on_done": "on_done", "on_done_queue": "queue of on_done",
    "ordered": "ordered key", "tenant": "tenant",
}  # fmt: skip
_NUMBERS = {
    "run_at_ms", "delay_ms", "timeout_ms", "deadline_ms", "retention_ms", "max_retry", "unique_ms",
    "unique_until", "unique_conflict", "expires_at_ms", "expires_ms",
    "priority", "limit_cost", "debounce_ms", "max_wait_ms", "debounce_mode", "replace",
    "ordered_dead", "plain",
}  # fmt: skip


def c_options(put: Put, kept: list[Any]) -> Any:
    """gofer_enqueue_options of a task. What it points to is added to `kept`, and must be held while
    it is in use."""
    options = ffi.new("gofer_enqueue_options *")
    _fill(options, vars(put), kept)
    return options


def _fill(options: Any, given: Mapping[str, Any], kept: list[Any]) -> None:
    lib.gofer_enqueue_options_init(options)
    for name, value in given.items():  # most tasks give few
        if name in _TEXTS:
            if value is not None:
                setattr(options, name, _held(c_text(value, _TEXTS[name]), kept))
        elif name in _NUMBERS and value != 0:
            setattr(options, name, fit(name, value))
    headers = given.get("headers")
    if headers:
        pairs = [_held(c_text(word, "header"), kept) for pair in headers.items() for word in pair]
        kept.append(ffi.new("char *[]", [*pairs, ffi.NULL]))
        options.headers = kept[-1]
    limits = given.get("limits")
    if limits:
        _fill_limits(options, limits, kept)


def _fill_limits(options: Any, keys: tuple[str, ...], kept: list[Any]) -> None:
    held = [_held(c_text(key, "limit key"), kept) for key in keys]
    kept.append(ffi.new("char *[]", [*held, ffi.NULL]))
    options.limits = kept[-1]


def _held(text: bytes, kept: list[Any]) -> Any:
    kept.append(ffi.new("char[]", text))
    return kept[-1]


class Mold:
    """What all tasks of one type with the same options have in common, made once for all of them.

    given  the fields of Put but type and payload, those that are not the default

    Threads: any.
    """

    __slots__ = ("_kept", "given", "made", "queue", "type")

    def __init__(self, type: str, given: Mapping[str, Any]) -> None:
        self.type: str = type
        self.given: Mapping[str, Any] = given
        self.queue: str = given.get("queue") or "default"
        self.made: Any = None
        """What c() gives; None: nobody has asked for it yet."""
        self._kept: list[Any] = []

    def put(self, payload: bytes) -> Put:
        """One of these tasks."""
        return Put.of(self.type, payload, self.given)

    def with_given(self, **given: Any) -> Mold:
        """One with these fields in place of its own."""
        return Mold(self.type, {**self.given, **given})

    def c(self) -> Any:
        """As the library has it, for as long as this mold lives. InvalidArgument, TypeError: the
        type or an option is wrong."""
        return self.made or self._make()

    def _make(self) -> Any:
        kept: list[Any] = []
        made = ffi.new("gofer_py_mold *")
        made.type = _held(c_text(self.type, "task type"), kept)
        _fill(ffi.addressof(made, "options"), self.given, kept)
        with _making:  # whoever uses the first one must not lose it to a second
            if self.made is None:
                self._kept.append(kept)
                self.made = made
            return self.made


_making = threading.RLock()  # a signal handler may come in between


class TaskId(str):
    """An id, and what the call that was answered with it has done: a GOFER_EFFECT_ value."""

    effect: int

    def __new__(cls, text: str, effect: int) -> TaskId:
        made = super().__new__(cls, text)
        made.effect = effect
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskId, (str(self), self.effect)


def id_text(one: Any) -> str:
    """The id of a task that is in, of a gofer_py_one."""
    text: bytes = ffi.string(one.id)
    decoded = text.decode("utf-8", "replace")
    return TaskId(decoded, one.effect) if one.effect else decoded


def fit(name: str, value: int) -> int:
    """The number, if its C type holds it; the library checks the range that makes sense."""
    if not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    bits = 63 if name.endswith("_ms") or name in ("max_payload", "max_length") else 31
    if not -(2**bits) <= value < 2**bits:
        raise InvalidArgument(f"{name} is {value}: out of range")
    return value
