"""app - the application: a store by URL, its tasks by name, and the ways to put tasks in.

    app = gofer.Gofer("sqlite:tasks.db")

    @app.task(queue="mail", retry=8, timeout="30s")
    def send_receipt(order: int, locale: str = "en") -> None: ...

    send_receipt.enqueue(42, locale="it")
    app.enqueue("report:monthly", {"month": "2026-11"})     # handled in another language

Threads: any. fork: fine, see connection.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, overload

from .carry import carried
from .connection import Connection, Keys, keys_text
from .context import running
from .depends import named
from .errors import GoferError, InvalidArgument
from .events import Events, Outcome
from .groups import Aggregator, GroupedTask, check_own, check_pattern
from .holds import Turn
from .hooks import Hooks
from .payload import Codec, JsonCodec, encoded
from .put import Mold
from .sending import A, H, Sending
from .task import (
    Enqueuer,
    Handle,
    Item,
    Options,
    P,
    R,
    Result,
    Task,
    TaskOptions,
    handle_of,
    merged,
    mold_of,
    plain_mold,
)
from .times import Duration, duration_ms

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from contextlib import AbstractContextManager

    from .aio import Batcher
    from .crons import Cron
    from .flows import Flows
    from .inspection import Inspector
    from .hours import Hours
    from .limits import Limits
    from .schedules import Missed, Overlap, Schedules, Synced
    from .local import Queues, Worker
    from .tenants import Tenants
    from .testing import Eager

C = TypeVar("C", bound=Callable[..., Any])
M = TypeVar("M", bound=Callable[[list[GroupedTask]], Union[Item, Awaitable[Item]]])
N = TypeVar("N", bound=Callable[[list[GroupedTask]], Any])


class Gofer(Hooks):
    """An application's tasks and the store they go to, opened at the first use.

    url          "sqlite:PATH" (made if missing), "redis://host" and its kin (docs/redis.md),
                 "memory:" (for tests; gone on close), a path that holds '/' or ends in .db; None:
                 $GOFER_URL, else a file in the user's state folder
    name         for logs; None: what a worker loads it by, "shop.tasks:app"
    timeout      the longest wait for the store in one call; None: 5 seconds
    max_payload  bytes per payload and per result; None: 16 MiB
    codec        how arguments become payloads, and results bytes; None: JsonCodec()
    keys         encryption keys (docs/encryption.md): the path of their file, or they themselves,
                 "ID:BASE64 ID:BASE64"; the first encrypts, all decrypt. A str that is a path begins
                 with "/" or "."; None: $GOFER_KEYS; "": none
    eager        True: for tests; tasks run at once, where they are enqueued, as in app.eager()

    As a context manager it closes itself at the end. Errors come at the first use, not here.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        name: str | None = None,
        timeout: Duration | None = None,
        max_payload: int | None = None,
        codec: Codec | None = None,
        keys: Keys = None,
        eager: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        timeout_ms = 0 if timeout is None else duration_ms(timeout, "timeout")
        self._connection = Connection(url, timeout_ms, max_payload or 0, keys_text(keys))
        self._codec: Codec = codec or JsonCodec()
        self._batcher: Batcher | None = None
        self._making = Turn()
        self.tasks: dict[str, Task[..., Any]] = {}
        """The tasks by name."""
        self.aggregators: dict[str, Aggregator] = {}
        """Those that are declared by @app.aggregator, by their patterns."""
        self.crons: list[Cron] = []
        """The cron entries that are declared by @app.cron."""
        self._sending = Sending()
        # opentelemetry.instrument: whether workers make none of its tasks
        self._makes_spans: Callable[[], bool] = lambda: False
        if eager:
            from .testing import Eager

            Eager(self).install()

    @cached_property
    def inspect(self) -> Inspector:
        """Look at queues and tasks, and act on them."""
        from .inspection import Inspector

        return Inspector(self._connection.use, self.codec_of)

    @cached_property
    def schedules(self) -> Schedules:
        """The cron entries."""
        from .schedules import Schedules

        return Schedules(self._connection.use, self.item)

    @cached_property
    def limits(self) -> Limits:
        """How many tasks of a key run."""
        from .limits import Limits

        return Limits(self._connection.use)

    @cached_property
    def hours(self) -> Hours:
        """When tasks of a queue or a type may be taken."""
        from .hours import Hours

        return Hours(self._connection.use)

    @cached_property
    def flows(self) -> Flows:
        """Plans of steps that run after one another."""
        from .flows import Flows

        return Flows(self._connection.use, self)

    @cached_property
    def tenants(self) -> Tenants:
        """How tenants share a queue."""
        from .tenants import Tenants

        return Tenants(self._connection.use)

    # ---- the store -------------------------------------------------------------

    @property
    def url(self) -> str:
        """The URL in use, passwords as "***". Opens the store."""
        with self._connection.use() as client:
            return client.url

    def ping(self) -> None:
        """Check that the store answers. Errors: as Client."""
        with self._connection.use() as client:
            client.ping()

    def reload_keys(self) -> None:
        """Read the file of its keys again, for a key was added or removed. For a key that is not
        known this is done by itself, once a second. InvalidArgument, Denied: the file cannot be
        used, and the keys stay as they are."""
        with self._connection.use() as client:
            client.keys_reload()

    def close(self) -> None:
        """Close the store. What aenqueue has been given is put in first. The next use opens it
        again (a memory: store is empty then)."""
        if self._batcher is not None:
            self._batcher.flush()
        self._connection.close()

    def __enter__(self) -> Gofer:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    # ---- tasks that are functions ------------------------------------------------

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        /,
        *,
        name: str | None = None,
        codec: Codec | None = None,
        isolation: Literal["process"] | None = None,
        store_result: bool = True,
        **options: Unpack[TaskOptions],
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        codec: Codec | None = None,
        isolation: Literal["process"] | None = None,
        store_result: bool = True,
        **options: Any,
    ) -> Any:
        """Make a function a task: @app.task, or @app.task(queue="mail", timeout="30s").

        name          what handlers find it by; None: "module:function"
        codec         how its arguments become a payload, and what it returns a result; None: the
                      application's. Who enqueues it and who runs it must have the same
        isolation     "process": each run in a process of its own, for code that leaks or crashes
        store_result  False: what it returns is dropped, and need have no form in JSON
        options       the defaults of its enqueueing: see TaskOptions

        InvalidArgument: an option is wrong, or the name is another task's. Threads: not while
        others define tasks.
        """

        def define(function: Callable[..., Any]) -> Task[..., Any]:
            if isolation not in (None, "process"):
                raise InvalidArgument(f"isolation is {isolation!r}: it must be 'process' or None")
            task: Task[..., Any] = Task(
                self._send, self._asend, function, name, codec or self._codec, options
            )  # fmt: skip
            task.isolation, task.store_result = isolation, store_result
            other = self.tasks.get(task.name)
            if other is not None:
                raise InvalidArgument(
                    f"there is a task '{task.name}' already: {named(other.function)}, and now"
                    f" {named(function)}. Give one of them a name="
                )
            self.tasks[task.name] = task
            return task

        if function is None:
            return define
        if not callable(function):
            raise TypeError("write @app.task, or @app.task(name=..., queue=...) with keywords only")
        return define(function)

    # ---- groups ------------------------------------------------------------------------

    @overload
    def aggregator(self, pattern: str, /) -> Callable[[M], M]: ...

    @overload
    def aggregator(
        self, pattern: str, /, *, type: str, **options: Unpack[TaskOptions]
    ) -> Callable[[N], N]: ...

    def aggregator(
        self, pattern: str, /, *, type: str | None = None, **options: Any
    ) -> Callable[[Any], Any]:
        """Make one task of the tasks that wait in a group (the option group=). A decorator of a
        plain or async function, which is given them, oldest first, and returns the task:

            @app.aggregator("digest:*")
            def digest(parts: list[gofer.GroupedTask]) -> gofer.Item:
                return send_digest.item([part.arguments["text"] for part in parts])

        pattern  a group's name, or a prefix of names that ends in "*". An exact name comes first,
                 then the longest prefix
        type     for a task that is handled elsewhere: then the function returns its payload
                 (bytes, or what the codec encodes), and the task is of this type
        options  its options, then

        The task goes into the group's queue, in the same step that removes its parts; it has no
        id, group and unique lock of its own. What the function raises puts the parts back, to be
        tried again after a while. When a group is ready is a setting of the worker: group_grace,
        group_max_delay, group_max_size (docs/groups.md).

        InvalidArgument: the pattern is none, or another aggregator's; an option is wrong. Threads:
        not while others declare any.
        """
        check_pattern(pattern)
        if type is None and options:
            raise TypeError("options are for an aggregator with a type=; an Item has its own")
        if type is not None:
            check_own(mold_of(type, merged({}, options, TaskOptions)).put(b""), None)

        def declare(function: Any) -> Any:
            other = self.aggregators.get(pattern)
            if other is not None:
                raise InvalidArgument(
                    f"there is an aggregator of '{pattern}' already: {named(other.function)}, and"
                    f" now {named(function)}"
                )
            self.aggregators[pattern] = Aggregator(pattern, function, type, options)
            return function

        return declare

    # ---- tasks that come by themselves ------------------------------------------------

    def cron(
        self,
        spec: str,
        *,
        tz: str | None = None,
        name: str | None = None,
        missed: Missed = "once",
        missed_max: int = 10,
        overlap: Overlap = "allow",
        jitter: Duration = 0,
    ) -> Callable[[C], C]:
        """Have a task enqueued by the clock. A decorator of a task that needs no arguments, above
        or below @app.task; the entry has the task's options (not its unique lock).

            @app.cron("0 3 * * *", tz="Europe/Berlin")
            @app.task(queue="maintenance")
            def clean_up() -> None: ...

        name     of the entry; None: the task's. A second entry of one task needs one.
        others   as Schedules.put has them

        It is in the store once a worker has started with this application, or after sync_crons().
        InvalidArgument: the spec or the zone is wrong. Threads: not while others define tasks.
        """
        from .crons import Cron

        def declare(task: C) -> C:
            function = task.function if isinstance(task, Task) else task
            self.crons.append(Cron(function, spec, tz, name, missed, missed_max, overlap, jitter))
            return task

        return declare

    def sync_crons(self, source: str | None = None) -> Synced:
        """Make the cron entries in the store be those that are declared: others of this source are
        removed, all that come from elsewhere stay. Workers do so when they start.

        source  the name they are kept under; None: the application's. Two applications of one name
                in one store would remove each other's.

        InvalidArgument: there is no source; a function with an entry is no task, or needs
        arguments; two entries have one name. TaskExists: a name belongs to another source.
        """
        from .crons import sync_crons

        return sync_crons(self, source)

    # ---- tasks by name, for handlers in other languages ------------------------------

    def codec_of(self, type: str) -> Codec:
        """What writes the payloads of this type: the codec of the task of this name, or the
        application's if there is none here."""
        task = self.tasks.get(type)
        return self._codec if task is None else task.codec

    def item(self, type: str, payload: Any = b"", /, **options: Unpack[Options]) -> Item:
        """A task ready to be sent, for enqueue_many. Arguments: as enqueue."""
        body = self._body(type, payload)
        return Item(_mold(type, options), body, self._send)

    def _body(self, type: str, payload: Any) -> bytes:
        if isinstance(payload, (bytes, bytearray, memoryview)):
            return bytes(payload)
        return encoded(self.codec_of(type), payload)

    def enqueue(self, type: str, payload: Any = b"", /, **options: Unpack[Options]) -> Handle[Any]:
        """Add a task by the name of its type. When this returns, the task is durable.

        payload  bytes go as they are; anything else is encoded (a str becomes a JSON string), by
                 the codec of the task of this name, or the application's if there is none
        options  see Options

        Errors: InvalidArgument, TaskExists (the id is held by another task), Duplicate (a unique
        lock holds), TooBig, NoSpace, BrokerError, Uncertain (it may be in: repeat with the same
        id).
        """
        body = self._body(type, payload)
        return self._send(_mold(type, options), body)

    async def aenqueue(
        self, type: str, payload: Any = b"", /, **options: Unpack[Options]
    ) -> Handle[Any]:
        """As enqueue, for asyncio: the loop goes on meanwhile, and what is enqueued at the same
        time shares a commit. Cancelling does not take the task back."""
        return await self._asend(self.item(type, payload, **options))

    # ---- running them here ------------------------------------------------------------

    def worker(
        self, *, threads: int = 8, tasks: int = 100, queues: Queues = None, **settings: object
    ) -> Worker:
        """A worker in this process, for notebooks, tests and small programs:
        app.worker().run(drain=True), or `with app.worker(): ...` in the background.

        threads   plain tasks at a time, 1 to 5000
        tasks     async tasks at a time, 1 to 5000
        queues    names, or names with their weights; None: "default" and those that tasks have
        settings  of the library's worker: grace="1s", lease="1m" (gofer_worker_set)

        It takes every task of its queues; one that no function is for fails, and is tried again.
        """
        from .local import Worker

        return Worker(self, threads, tasks, queues, settings)

    def eager(self) -> AbstractContextManager[Eager]:
        """For tests: in a `with app.eager():` each task runs at once, where it is enqueued, by way
        of its encoding and validation; the store is not asked. See gofer.testing.eager."""
        from .testing import eager

        return eager(self)

    # ---- waiting and watching -------------------------------------------------------

    def wait(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome:
        """Wait until a task has come to its end, which is told, not polled; a retry is no end.

        timeout  None: for ever; 0: only look

        Errors: Timeout; NotFound: no such task when the wait began, and its id is one of yours,
        from which it cannot be seen whether there was one. The result of a task without retention
        is told too, if the wait began before the end.
        """
        return self._connection.waits.wait(task_id, queue, _wait_ms(timeout))

    async def wait_async(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome:
        """The same for asyncio: the loop goes on meanwhile. Cancelling ends the wait, not the
        task."""
        return await self._connection.waits.await_end(task_id, queue, _wait_ms(timeout))

    def events(self, *, timeout: Duration | None = None, sums: bool = False) -> Events:
        """What happens to tasks, live; see Events."""
        return Events(self._connection.use, timeout, sums)

    def schedule(
        self,
        name: str,
        spec: str,
        task: str | Item | Enqueuer[[], Any],
        payload: Any = b"",
        *,
        tz: str | None = None,
        missed: Missed = "once",
        missed_max: int = 10,
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        paused: bool = False,
        new: bool = False,
    ) -> None:
        """Add a cron entry, or change the one of this name: app.schedules.put, which see.

        app.schedule("nightly", "30 2 * * *", backup.item("/srv"), tz="Europe/Berlin")
        """
        self.schedules.put(
            name, spec, task, payload, tz=tz, missed=missed, missed_max=missed_max, overlap=overlap,
            jitter=jitter,
            paused=paused, new=new,
        )  # fmt: skip

    # ---- many at once ------------------------------------------------------------

    def enqueue_many(self, items: Iterable[Item]) -> list[Result]:
        """Add many tasks in one call, made by task.item(...) and app.item(...).

        Each has its own fate, told in the same order: look at result.ok or result.error. Raises
        only what concerns them all, before any is in.
        """
        if not self._sending.any:
            return self._put_many(carried(items))
        with self._sending.trip(items) as trip:
            trip.results = self._put_many(carried(trip.items))
        return trip.results

    async def aenqueue_many(self, items: Iterable[Item]) -> list[Result]:
        """As enqueue_many, for asyncio: see aenqueue."""
        if not self._sending.any:
            return await self._batches().put(carried(items))
        with self._sending.trip(items) as trip:
            trip.results = await self._batches().put(carried(trip.items))
        return trip.results

    def batch(self) -> Batch:
        """Collect tasks in a with block and send them together at its end."""
        return Batch(self)

    # ---- around it ----------------------------------------------------------------

    def on_enqueue(self, hook: H) -> H:
        """A decorator: hook(item) is called with each task before it goes in, and may return
        another item in its place. What it raises is raised by the enqueueing; nothing is in then.

        Items of cron entries do not pass here. Threads: add hooks before tasks are put in; they
        are called in the thread that puts in.
        """
        return self._sending.hook(hook)

    def around_enqueue(self, generator: A) -> A:
        """A decorator for a generator function that stands around each putting in, of one task or
        many (for tracing and timing):

            @app.around_enqueue
            def timed(items):
                begun = time.monotonic()
                results = yield items       # as many items; a Result for each
                print(len(results), time.monotonic() - begun)

        What concerns the whole call is raised at the yield. Threads: as on_enqueue.
        """
        return self._sending.around(generator)

    def _send(self, mold: Mold, payload: bytes) -> Handle[Any]:
        if self._sending.any:
            with self._sending.trip([Item(mold, payload, self._send)]) as trip:
                (item,) = carried(trip.items)
                handle = self._put(item.mold, item.payload)
                trip.results = [Result(handle, None)]
            return handle
        if running.get() is not None:
            (item,) = carried([Item(mold, payload)])
            mold = item.mold
        return self._put(mold, payload)

    async def _asend(self, item: Item) -> Handle[Any]:
        (result,) = await self.aenqueue_many([item])
        if result.error is not None:
            raise result.error
        assert result.handle is not None
        return result.handle

    def _batches(self) -> Batcher:
        if self._batcher is None:
            from .aio import Batcher

            made = Batcher(lambda items: self._put_many(items))  # eager mode replaces it
            with self._making.take():  # two loops may come at once, and one thread is for both
                self._batcher = self._batcher or made
        return self._batcher

    def _put(self, mold: Mold, payload: bytes) -> Handle[Any]:
        client = self._connection.ready
        task_id = None if client is None else client.try_put(mold, payload)
        if task_id is None:
            with self._connection.use() as client:
                task_id = client.put(mold, payload)
        return handle_of(task_id, mold.type, mold.queue, self)

    def _put_many(self, items: list[Item]) -> list[Result]:
        molds, payloads = [item.mold for item in items], [item.payload for item in items]
        client = self._connection.ready
        fates = None if client is None else client.try_put_many(molds, payloads)
        if fates is None:
            with self._connection.use() as client:
                fates = client.put_many(molds, payloads)
        return [
            (
                Result(handle_of(fate, mold.type, mold.queue, self), None)
                if isinstance(fate, str)
                else Result(None, fate)
            )
            for mold, fate in zip(molds, fates)
        ]


def _mold(type: str, options: Mapping[str, Any]) -> Mold:
    if options or not isinstance(type, str):
        return mold_of(type, merged({}, options))
    return plain_mold(type)


class BatchError(GoferError):
    """Some tasks of a batch were refused; the others are in. `results` tells which."""

    def __init__(
        self, text: str = "", status: int | None = None, results: list[Result] | None = None
    ) -> None:
        super().__init__(text, status)
        self.results: list[Result] = results or []


class Batch:
    """Tasks that are sent together when the with block ends; if it raises, none is.

    with app.batch() as batch:
        for order in orders:
            batch.add(send_receipt, order.id)

    BatchError at the end: some were refused. Threads: one.
    """

    def __init__(self, app: Gofer) -> None:
        self._app = app
        self._items: list[Item] = []
        self.results: list[Result] = []
        """After the block: one for each task, in order."""

    def add(self, task: Enqueuer[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """A call of a task, or of task.options(...)."""
        self._items.append(task.item(*args, **kwargs))

    def enqueue(self, type: str, payload: Any = b"", /, **options: Unpack[Options]) -> None:
        """A task by the name of its type, as app.enqueue."""
        self._items.append(self._app.item(type, payload, **options))

    def __len__(self) -> int:
        return len(self._items)

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            return
        items, self._items = self._items, []
        self.results = self._app.enqueue_many(items)
        refused = [result.error for result in self.results if result.error is not None]
        if refused:
            first = refused[0]
            text = f"{len(refused)} of {len(items)} tasks were refused; the first: {first}"
            raise BatchError(text, first.status, self.results)


def _wait_ms(timeout: Duration | None) -> int:
    return -1 if timeout is None else duration_ms(timeout, "timeout")
