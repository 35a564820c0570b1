"""task - functions that can be enqueued, the options of doing so, and what comes of it.

A Task is a function and a name; calling it runs the function, enqueueing it sends its arguments to
whoever handles that name. Knows no store: the application gives a sender.
"""

from __future__ import annotations

import enum
import functools
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    overload,
)

from .depends import plan_of
from .errors import GoferError, InvalidArgument, NotFound
from .events import Outcome
from .hints import signature_of
from .ids import new_id
from .payload import Codec, encoded, named, naming, writing
from .put import (
    DEBOUNCE_MODE,
    NO_RETRY,
    NO_TIMEOUT_MS,
    ON_CONFLICT,
    ORDERED_DEAD,
    UNIQUE_UNTIL,
    Mold,
    Put,
    id_text,
)
from .results import TaskProgress, value_of
from .times import Duration, Moment, duration_ms, moment_ms, now_ms

if sys.version_info >= (3, 10):
    from typing import ParamSpec
else:
    from typing_extensions import ParamSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .inspection import Inspector, TaskInfo

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class NoTimeout(enum.Enum):
    """The type of NO_TIMEOUT."""

    NO_TIMEOUT = "NO_TIMEOUT"


NO_TIMEOUT = NoTimeout.NO_TIMEOUT
"""For `timeout`: an attempt may run for ever."""


class TaskOptions(TypedDict, total=False):
    """What a task can have by default. What is not given, or None, is the library's default."""

    queue: str
    """"default" """
    priority: int
    """-100 to 100: taken before the tasks of its queue with a lower one. Default: 0."""
    tenant: str
    """Whose it is: tenants take turns in their queue, see app.tenants."""
    retry: int
    """How often it is tried again after a failure; 0: not. Default: 25."""
    timeout: Union[Duration, NoTimeout]
    """Longest run of one attempt. Default: 30 minutes, or none with a deadline."""
    deadline: Union[datetime, Duration]
    """No run goes on after this time; a duration counts from the moment of enqueueing."""
    retention: Duration
    """How long a completed task stays, with its result. Default: not at all."""
    headers: Mapping[str, str]
    """Text that travels along, for tracing and the like; added to the task's own."""
    retry_policy: str
    """When it is tried again: "exponential:1s;cap=1h", "fixed:30s", "list:1s,1m,1h". Default: the
    worker's."""
    unique: Duration
    """No second task of this queue, type and payload (or of this unique_key) for so long."""
    unique_key: str
    """A name for that lock, in place of type and payload."""
    unique_until: Literal["done", "start", "ttl"]
    """What ends the lock before its time: its end, its start, or nothing. Default: "done"."""
    on_conflict: Literal["refuse", "return"]
    """While the lock holds: raise Duplicate, or give the handle of the task that has it. Default:
    "refuse"."""
    debounce: Duration
    """Of all calls of this queue and type (or of this debounce_key) there is one task, which runs
    so long after the last of them."""
    max_wait: Duration
    """With debounce: it runs so long after the first call at the latest."""
    debounce_key: str
    """A name for what is one, in place of the type."""
    debounce_mode: Literal["replace", "keep", "earliest"]
    """What a further call does to the task: give it its payload and put it off, only put it off, or
    only give it its payload. Default: "replace"."""
    group: str
    """It waits in this group until a worker makes one task of all of it."""
    expires: Duration
    """Dropped unless it has started so long from now."""
    on_dead: Union[str, tuple[str, str]]
    """The type (or type and queue) of a task that is enqueued when this one is archived, or
    "webhook:URL"."""
    on_done: Union[str, tuple[str, str]]
    """The same when this one is done; a webhook may be "webhook+result:URL", too."""
    limits: Union[str, Sequence[str]]
    """The limit keys that it counts for, up to four: see app.limits. One may be given as text."""
    limit_cost: int
    """What its start takes of their rates. Default: 1."""
    ordered: str
    """Tasks of this queue with the same key run one after the other, through retries (SQLite)."""
    ordered_dead: Literal["continue", "block"]
    """Archived, it lets the next ones run, or holds them up. Default: "continue"."""
    plain: bool
    """Not encrypted, whatever keys the application has."""


class Options(TaskOptions, total=False):
    """What one enqueueing can have."""

    id: str
    """The task's id. Default: a fresh UUID. The same id again, with the same task, adds nothing."""
    replace: bool
    """With id: a task of this id that waits gets payload and options of this one."""
    delay: Duration
    """Not before so long from now."""
    at: Moment
    """Not before this time."""
    expires_at: Moment
    """Dropped unless it has started by then."""


def merged(
    base: Mapping[str, Any], more: Mapping[str, Any], allowed: type = Options
) -> dict[str, Any]:
    """Options with others on top; None is as if not given. TypeError: a name that is not
    allowed."""
    unknown = more.keys() - allowed.__annotations__.keys()
    if unknown:
        known = ", ".join(sorted(allowed.__annotations__))
        raise TypeError(f"no such option here: {', '.join(sorted(unknown))}; there are {known}")
    result = dict(base)
    for name, value in more.items():
        if value is None:
            continue
        if name in _INSTEAD and _INSTEAD[name] not in more:
            result.pop(_INSTEAD[name], None)
        if name == "headers":
            value = {**result.get("headers", {}), **value}
        result[name] = value
    return result


_INSTEAD = {
    "delay": "at",
    "at": "delay",
    "expires": "expires_at",
    "expires_at": "expires",
}  # one on top of the other replaces it


def mold_of(type: str, options: Mapping[str, Any]) -> Mold:
    """What all tasks of this type with these options have in common. InvalidArgument, TypeError: an
    option is wrong."""
    if "delay" in options and "at" in options:
        raise InvalidArgument("delay and at are both given: choose one")
    if "expires" in options and "expires_at" in options:
        raise InvalidArgument("expires and expires_at are both given: choose one")
    given: dict[str, Any] = {
        field: read(options[name], name)
        for name, (field, read) in _NUMBERS.items()
        if name in options
    }
    for name, field in _AS_THEY_ARE.items():
        if name in options:
            given[field] = options[name]
    for name in ("on_dead", "on_done"):
        if name in options:
            given[name], given[f"{name}_queue"] = _follower(options[name], name)
    if "limits" in options:
        given["limits"] = _limits(options["limits"])
    return Mold(type, given)


@functools.lru_cache(256)
def plain_mold(type: str) -> Mold:
    """The one for tasks of this type without options."""
    return Mold(type, {})


# What goes as it is: the option, and its place in Put.
_AS_THEY_ARE = {
    "queue": "queue",
    "id": "task_id",
    "headers": "headers",
    "unique_key": "unique_key",
    "debounce_key": "debounce_key",
    "group": "group",
    "retry_policy": "retry",
    "ordered": "ordered",
    "tenant": "tenant",
}


def _follower(value: Any, name: str) -> tuple[str | None, str | None]:
    if not isinstance(value, tuple):
        return value, None
    if len(value) != 2:
        raise InvalidArgument(
            f"{name} is {value!r}: it must be a task type, or a pair of a type and a queue"
        )
    return value


def _limits(keys: str | Sequence[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)


def word_of(words: Mapping[str, int], value: str, what: str) -> int:
    """The library's number for a word."""
    if value not in words:
        raise InvalidArgument(f"{what} is {value!r}: it must be one of {', '.join(words)}")
    return words[value]


def _timeout_ms(timeout: Duration | NoTimeout, _: str) -> int:
    if isinstance(timeout, NoTimeout):
        return NO_TIMEOUT_MS
    ms = duration_ms(timeout, "timeout")
    if ms == 0:
        raise InvalidArgument("timeout is 0: it must be more; NO_TIMEOUT means none")
    return ms


def _deadline_ms(deadline: datetime | Duration, _: str) -> int:
    if isinstance(deadline, datetime):
        return moment_ms(deadline, "deadline")
    return now_ms() + duration_ms(deadline, "deadline")


def _named(signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return named(signature, args, kwargs)


def _max_retry(retry: int, _: str) -> int:
    if not isinstance(retry, int) or isinstance(retry, bool):
        raise TypeError(f"retry must be a number of times, not {type(retry).__name__}")
    if not 0 <= retry < 2**31:
        raise InvalidArgument(f"retry is {retry}: it must be from 0 (not again) to {2**31 - 1}")
    return retry or NO_RETRY


def _whole(number: int, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"{what} must be a whole number, not {type(number).__name__}")
    return number


def _flag(value: bool, what: str) -> int:
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, not {type(value).__name__}")
    return int(value)


# What becomes a number: the option, its place in Put, how it is read.
_NUMBERS: dict[str, tuple[str, Callable[[Any, str], int]]] = {
    "delay": ("delay_ms", duration_ms),
    "at": ("run_at_ms", moment_ms),
    "timeout": ("timeout_ms", _timeout_ms),
    "deadline": ("deadline_ms", _deadline_ms),
    "retention": ("retention_ms", duration_ms),
    "retry": ("max_retry", _max_retry),
    "priority": ("priority", _whole),
    "limit_cost": ("limit_cost", _whole),
    "ordered_dead": ("ordered_dead", functools.partial(word_of, ORDERED_DEAD)),
    "unique": ("unique_ms", duration_ms),
    "unique_until": ("unique_until", functools.partial(word_of, UNIQUE_UNTIL)),
    "on_conflict": ("unique_conflict", functools.partial(word_of, ON_CONFLICT)),
    "debounce": ("debounce_ms", duration_ms),
    "max_wait": ("max_wait_ms", duration_ms),
    "debounce_mode": ("debounce_mode", functools.partial(word_of, DEBOUNCE_MODE)),
    "replace": ("replace", _flag),
    "plain": ("plain", _flag),
    "expires": ("expires_ms", duration_ms),
    "expires_at": ("expires_at_ms", moment_ms),
}


class Waiter(Protocol):
    """What a handle needs of the application."""

    @property
    def inspect(self) -> Inspector: ...

    tasks: dict[str, Task[..., Any]]

    def codec_of(self, type: str) -> Codec: ...

    def wait(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome: ...

    async def wait_async(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome: ...


Effect = Literal["created", "replaced", "kept"]

_EFFECTS: tuple[Effect, ...] = ("created", "replaced", "kept")  # as GOFER_EFFECT_


class Handle(Generic[R_co]):
    """A task that is in. str(handle) is its id. R_co is what its function returns. Not to be
    changed."""

    __slots__ = ("_app", "_id", "queue", "type")

    # Not a dataclass: one is made for each task, and a frozen one takes four times as long.
    def __init__(self, id: str, type: str, queue: str, app: Waiter) -> None:
        self._id: Any = id  # or what it is made of, when first asked for
        self.type: str = type
        self.queue: str = queue
        self._app = app

    @property
    def id(self) -> str:
        found = self._id
        if not isinstance(found, str):
            found = self._id = id_text(found)
        return found

    @property
    def effect(self) -> Effect:
        """What the call has done that gave this handle: "created" a task, "replaced" one that
        waited, or "kept" one that is there."""
        return _EFFECTS[getattr(self._id, "effect", 0)]

    def __repr__(self) -> str:
        return f"Handle(id={self.id!r}, type={self.type!r}, queue={self.queue!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handle):
            return NotImplemented
        return (self.id, self.type, self.queue) == (other.id, other.type, other.queue)

    def __hash__(self) -> int:
        return hash((self.id, self.type, self.queue))

    def __str__(self) -> str:
        return self.id

    def info(self) -> TaskInfo:
        """The task as the store has it now. NotFound: it is done and has no retention, or was
        deleted."""
        return self._app.inspect.task(self.id, self.queue)

    def wait(self, timeout: Duration | None = None) -> Outcome:
        """Wait until the task has come to its end; see app.wait. Timeout: not in that time. One
        that ended before, and left nothing, is "gone"."""
        try:
            return self._app.wait(self.id, self.queue, timeout=timeout)
        except NotFound:  # it is in, says this handle: so it has ended, whatever its id is
            return Outcome(self.id, self.queue, "gone", None, None, None, False)

    async def wait_async(self, timeout: Duration | None = None) -> Outcome:
        """The same for asyncio; see app.wait_async."""
        try:
            return await self._app.wait_async(self.id, self.queue, timeout=timeout)
        except NotFound:
            return Outcome(self.id, self.queue, "gone", None, None, None, False)

    # What a coroutine function returns is a coroutine, to type checkers; a handle has its result.

    @overload
    def result(self: Handle[Coroutine[Any, Any, T]], timeout: Duration | None = None) -> T: ...

    @overload
    def result(self, timeout: Duration | None = None) -> R_co: ...

    def result(self, timeout: Duration | None = None) -> Any:
        """Wait until it has come to its end, and give what its function returned, read as the
        function's annotation says.

        TaskFailed: it has failed for good, was cancelled, or the like; it has the worker's
        traceback. Timeout: not ended in that time; a retry is no end. NotFound: it has ended, and
        left nothing. InvalidArgument: what it left cannot be read.
        """
        return self._value(self.wait(timeout))

    @overload
    async def aresult(
        self: Handle[Coroutine[Any, Any, T]], timeout: Duration | None = None
    ) -> T: ...

    @overload
    async def aresult(self, timeout: Duration | None = None) -> R_co: ...

    async def aresult(self, timeout: Duration | None = None) -> Any:
        """The same for asyncio. Cancelling ends the wait, not the task."""
        return self._value(await self.wait_async(timeout))

    @overload
    def __await__(self: Handle[Coroutine[Any, Any, T]]) -> Generator[Any, None, T]: ...

    @overload
    def __await__(self) -> Generator[Any, None, R_co]: ...

    def __await__(self) -> Generator[Any, None, Any]:
        return self.aresult().__await__()

    def _value(self, outcome: Outcome) -> Any:
        return value_of(
            outcome, self.type, self._app.tasks.get(self.type), self._app.codec_of(self.type)
        )

    def progress(self) -> TaskProgress | None:
        """How far it says that it has come; None: it has not said. NotFound: as info."""
        info = self.info()
        if info.progress_done is None:
            return None
        return TaskProgress(info.progress_done, info.progress_total or 0, info.progress_text or "")

    def cancel(self) -> None:
        """Cancel it: one that waits is archived at once, the worker of one that runs is asked to
        end it, which is not waited for. WrongState: it has ended. NotFound: as info."""
        self._app.inspect.cancel(self.id, self.queue)

    async def acancel(self) -> None:
        """The same, in a thread of the running loop's executor."""
        import asyncio

        await asyncio.to_thread(self.cancel)


_new = object.__new__


def handle_of(id: Any, type: str, queue: str, app: Waiter) -> Handle[Any]:
    """Handle(id, type, queue, app), in half the time: without the way from a class to its
    __init__.

    id  or what id_text makes it of
    """
    handle: Handle[Any] = _new(Handle)
    handle._id, handle.type, handle.queue, handle._app = id, type, queue, app
    return handle


class Result(NamedTuple):
    """The fate of one task of many: a handle, or why it was refused."""

    handle: Optional[Handle[Any]]
    error: Optional[GoferError]

    @property
    def ok(self) -> bool:
        return self.error is None


Send = Callable[[Mold, bytes], Handle[Any]]
"""Puts a task of that mold in, with this payload. Not given an Item: most tasks that are put in one
by one would have one for nothing."""


class Item:
    """A task ready to be sent: encoded, its options checked. For enqueue_many and batches. Not to
    be changed: with_headers and with_id give others."""

    __slots__ = ("_send", "mold", "payload")

    def __init__(
        self, mold: Mold, payload: bytes, send: Send | None = None
    ) -> None:
        self.mold: Mold = mold
        self.payload: bytes = payload
        self._send = send

    def enqueue(self) -> Handle[Any]:
        """Send it now, by the application that it was made by. Errors: as Enqueuer.enqueue."""
        if self._send is None:
            raise TypeError("this item was made by no application: use app.enqueue_many")
        return self._send(self.mold, self.payload)

    def __repr__(self) -> str:
        return f"<gofer.Item {self.type}, {len(self.payload)} bytes>"

    def __eq__(self, other: object) -> bool:
        return self.put == other.put if isinstance(other, Item) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    @property
    def put(self) -> Put:
        """The task with all its options."""
        return self.mold.put(self.payload)

    @property
    def type(self) -> str:
        return self.mold.type

    @property
    def queue(self) -> str:
        return self.mold.queue

    @property
    def headers(self) -> Mapping[str, str]:
        return self.mold.given.get("headers") or {}

    def with_headers(self, headers: Mapping[str, str]) -> Item:
        """The same with these headers on top of its own."""
        mold = self.mold.with_given(headers={**self.headers, **headers})
        return Item(mold, self.payload, self._send)

    def with_id(self) -> Item:
        """The same with an id of its own, if it has none: known before it is sent."""
        if self.mold.given.get("task_id") is not None:
            return self
        return Item(self.mold.with_given(task_id=new_id()), self.payload, self._send)


class Enqueuer(Generic[P, R]):
    """A task's function with options: what the enqueue methods belong to.

    They take exactly the function's own parameters, so options never collide with arguments. All
    raise TypeError if the arguments do not fit the function, InvalidArgument if one cannot be
    encoded or an option is wrong, and what Client.enqueue raises. Threads: any.
    """

    def __init__(
        self,
        send: Send,
        asend: Callable[[Item], Awaitable[Handle[Any]]],
        name: str,
        signature: inspect.Signature,
        codec: Codec,
        options: Mapping[str, Any],
    ) -> None:
        self._send = send
        self._asend = asend
        self.name: str = name
        self._signature = signature
        # Made for the first task: a process that runs tasks mostly enqueues none of them.
        self._naming: Callable[..., dict[str, Any]] | None = None
        self._writing: Callable[..., bytes] | None = None
        self._codec = codec
        self._options = options
        self._mold: Mold | None = None

    @property
    def signature(self) -> inspect.Signature:
        """What its payload has arguments for: the function's, without what is injected."""
        return self._signature

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The options that it has by default."""
        return self._options

    def options(self, **options: Unpack[Options]) -> Enqueuer[P, R]:
        """The same with other options; see Options for their names."""
        return self._with(merged(self._options, options))

    def without(self, *names: str) -> Enqueuer[P, R]:
        """The same without its own defaults of these options."""
        return self._with({key: self._options[key] for key in self._options if key not in names})

    def _with(self, changed: Mapping[str, Any]) -> Enqueuer[P, R]:
        other: Enqueuer[P, R] = Enqueuer(
            self._send, self._asend, self.name, self._signature, self._codec, changed
        )
        other._naming, other._writing = self._naming, self._writing
        return other

    def item(self, *args: P.args, **kwargs: P.kwargs) -> Item:
        """The task ready to be sent, for app.enqueue_many."""
        payload = self._payload(args, kwargs)
        return Item(self._mold or self._form(), payload, self._send)

    @property
    def mold(self) -> Mold:
        """The task without its arguments."""
        return self._mold or self._form()

    def _payload(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        if self._writing is not None:
            try:
                return self._writing(*args, **kwargs)
            except (TypeError, ValueError, RecursionError):
                pass  # step by step it is known what for
        try:
            body = (self._naming or self._name())(*args, **kwargs)
        except TypeError:
            body = named(self._signature, args, kwargs)
        try:
            return encoded(self._codec, body)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"task '{self.name}': {error}") from error

    def _name(self) -> Callable[..., dict[str, Any]]:
        made = naming(self._signature)
        self._naming = made or functools.partial(_named, self._signature)
        self._writing = writing(self._signature, self._codec)
        return self._naming

    def _form(self) -> Mold:
        mold = mold_of(self.name, self._options)
        deadline = self._options.get("deadline")
        if deadline is None or isinstance(deadline, datetime):
            self._mold = mold  # for all; a duration counts from the moment of each enqueueing
        return mold

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Add the task to its queue. When this returns, the task is durable."""
        payload = self._payload(args, kwargs)
        return self._send(self._mold or self._form(), payload)

    def enqueue_in(self, delay: Duration, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Enqueue it, not to run before so long from now."""
        return self.options(delay=delay).enqueue(*args, **kwargs)

    def enqueue_at(self, when: Moment, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Enqueue it, not to run before that time. A datetime without a zone is local time."""
        return self.options(at=when).enqueue(*args, **kwargs)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """As enqueue, for asyncio: the loop goes on meanwhile, and what is enqueued at the same
        time shares a commit. Cancelling does not take the task back."""
        return await self._asend(self.item(*args, **kwargs))

    async def aenqueue_in(self, delay: Duration, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """As enqueue_in, for asyncio: see aenqueue."""
        return await self.options(delay=delay).aenqueue(*args, **kwargs)

    async def aenqueue_at(self, when: Moment, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """As enqueue_at, for asyncio: see aenqueue."""
        return await self.options(at=when).aenqueue(*args, **kwargs)


class Task(Enqueuer[P, R]):
    """A function that can be enqueued. Calling it runs it here and now, as if it were not a
    task."""

    def __init__(
        self,
        send: Send,
        asend: Callable[[Item], Awaitable[Handle[Any]]],
        function: Callable[P, R],
        name: str | None,
        codec: Codec,
        options: Mapping[str, Any],
    ) -> None:
        checked = merged({}, options, TaskOptions)
        if any(map(_yields, (function, inspect.unwrap(function)))):
            raise InvalidArgument(
                f"{function!r} is a generator function: calling it runs nothing of it. A task"
                " returns what it has to tell"
            )
        signature = signature_of(function)
        injected = plan_of(function).names
        if injected:  # they are no part of the payload
            kept = [p for p in signature.parameters.values() if p.name not in injected]
            signature = signature.replace(parameters=kept)
        super().__init__(send, asend, name or name_of(function), signature, codec, checked)
        mold_of(self.name, checked)  # a wrong option is told here, not at the first enqueue
        self.function: Callable[P, R] = function
        self.codec: Codec = codec
        self.isolation: str | None = None
        self.store_result = True
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<gofer.Task {self.name}>"


def _yields(function: Any) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def name_of(function: Callable[..., Any]) -> str:
    """ "module:function". The module that is run as a program has the name it would be imported
    by."""
    module = function.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        path = getattr(main, "__file__", None)
        if spec is not None:
            module = spec.name
        elif path:
            module = os.path.splitext(os.path.basename(path))[0]
    return f"{module}:{getattr(function, '__name__', type(function).__name__)}"
