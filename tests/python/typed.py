"""typed - what type checkers must accept, and what they must refuse. Checked, never run.

Each line with `type: ignore` is an error that mypy must find: --strict reports an ignore that is
not needed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Optional

import gofer
from typing_extensions import Annotated, assert_type

app = gofer.Gofer("memory:", timeout="2s")


@app.task(name="mail:send", queue="mail", retry=8, timeout="30s", retention=timedelta(days=1))
def send(to: str, *, urgent: bool = False) -> int:
    return len(to)


@app.task
async def fetch(url: str) -> bytes:
    return url.encode()


def get_count() -> int:
    return 1


@app.task(codec=gofer.MsgpackCodec() if __debug__ else gofer.BytesCodec())
def injected(
    to: str,
    *,
    ctx: gofer.Context = gofer.INJECTED,
    count: Annotated[int, gofer.Depends(get_count)] = gofer.INJECTED,
) -> list[int]:
    return [count, ctx.attempt]


class Shouting:
    name = "shouting"

    def encode(self, value: Any) -> bytes:
        return gofer.JsonCodec().encode(value).upper()

    def decode(self, payload: bytes) -> Any:
        return gofer.JsonCodec().decode(payload.lower())


class Nameless:
    def encode(self, value: Any) -> str:
        return str(value)

    def decode(self, payload: bytes) -> Any:
        return payload


gofer.Gofer(codec=Shouting())
gofer.Gofer(codec=Nameless())  # type: ignore[arg-type]
assert_type(injected.enqueue("ann"), gofer.Handle[list[int]])
assert_type(injected.enqueue("ann").result(timeout="5s"), list[int])
assert_type(injected.item("ann"), gofer.Item)
injected.enqueue()  # type: ignore[call-arg]
injected.enqueue("ann", count="two")  # type: ignore[arg-type]
injected.enqueue("ann", colour="red")  # type: ignore[call-arg]
gofer.Depends(7)  # type: ignore[arg-type]
app.task(isolation="thread")  # type: ignore[call-overload]
assert_type(send("ann"), int)
assert_type(send.enqueue("ann", urgent=True), gofer.Handle[int])
assert_type(send.enqueue_in("5m", to="ann").info().started_at, Optional[datetime])
assert_type(send.enqueue_at(datetime.now(), "ann").id, str)
assert_type(
    send.options(id="x", delay=3, timeout=gofer.NO_TIMEOUT).enqueue("ann"), gofer.Handle[int]
)
assert_type(app.enqueue("t", {"a": 1}, queue="q", headers={"k": "v"}), gofer.Handle[Any])
assert_type(app.enqueue_many([send.item("ann"), app.item("t")]), "list[gofer.Result]")
assert_type(app.inspect.task("id").state, gofer.State)
assert_type(app.inspect.queue("q").latency, timedelta)
assert_type(app.inspect.history()[0].day, date)


async def asynchronous() -> None:
    assert_type(await fetch("x"), bytes)
    assert_type(await send.aenqueue("ann"), gofer.Handle[int])
    assert_type(await send.aenqueue_in("5m", "ann", urgent=True), gofer.Handle[int])
    assert_type(await (await fetch.aenqueue("x")), bytes)
    assert_type(await (await fetch.aenqueue("x")).aresult("5s"), bytes)
    assert_type(await app.aenqueue("t", {"a": 1}), gofer.Handle[Any])
    await send.aenqueue(7)  # type: ignore[arg-type]
    await send.aenqueue("ann", delay="5m")  # type: ignore[call-arg]
    await send.options(unique=1).aenqueue()  # type: ignore[call-arg]
    await fetch.aenqueue_in("5m")  # type: ignore[call-arg]
    await app.aenqueue("t", colour="red")  # type: ignore[call-arg]


@app.middleware
def around(ctx: gofer.Context) -> Any:
    yield


@app.on_failure
def failed(ctx: gofer.Context, error: BaseException, final: bool) -> None:
    assert_type(ctx.attempt, int)
    ctx.attempt = 2  # type: ignore[misc]
    ctx.log("text", 3)  # type: ignore[arg-type]


with app.batch() as batch:
    batch.add(send, "ann", urgent=True)
    batch.add(send.options(queue="q"), "ann")
    batch.add(send, 7)  # type: ignore[arg-type]
    batch.add(send)  # type: ignore[call-arg]

send.enqueue()  # type: ignore[call-arg]
send.enqueue(7)  # type: ignore[arg-type]
send.enqueue("ann", True)  # type: ignore[call-arg]
send.enqueue("ann", delay="5m")  # type: ignore[call-arg]
send.enqueue_in("5m", 7)  # type: ignore[arg-type]
send.enqueue_at(date.today(), "ann")  # type: ignore[arg-type]
send.options(colour="red")  # type: ignore[call-arg]
send.options(retry="often")  # type: ignore[arg-type]
app.task(id="x")  # type: ignore[call-overload]
app.inspect.tasks("q", "lost")  # type: ignore[arg-type]
app.inspect.task("id").state = "completed"  # type: ignore[misc]

send.options(
    unique="1h",
    unique_until="start",
    on_conflict="return",
    group="g",
    expires=5,
    on_dead=("t", "q"),
    on_done="webhook:https://example.org",
)
send.options(unique_until="never")  # type: ignore[arg-type]
send.options(on_conflict=1)  # type: ignore[arg-type]
assert_type(send.enqueue("ann").wait(timeout="5s").result, Optional[bytes])
assert_type(app.schedules["n"].next_run_at, Optional[datetime])
assert_type(gofer.cron_check("@daily").ticks[0].local, str)
assert_type(app.inspect.act("delete", type="t", progress=lambda looked, done: looked < 5), int)
app.schedule("n", "@daily", send.item("ann"), missed="all", overlap="skip")
app.schedule("n", "@daily", send)  # type: ignore[arg-type]
app.schedule("n", "@daily", "t", missed="never")  # type: ignore[arg-type]
app.inspect.act("explode")  # type: ignore[arg-type]


plan = gofer.chain(send.item("a"), gofer.group(send.item(each) for each in "bc"))
assert_type(plan, gofer.Plan)
assert_type(app.flows.start(plan, on_dead="continue").wait("1m"), gofer.FlowInfo)
gofer.step(send.item("a"), rule="sometimes")  # type: ignore[arg-type]
gofer.chain(send)  # type: ignore[arg-type]


@app.task
def joined(*, ctx: gofer.Context) -> int:
    assert_type(ctx.parent("send", send), int)
    return ctx.parent("send", send)


async def waiting() -> None:
    assert_type(await app.flows.astart(plan), gofer.FlowHandle)
    assert_type(await send.enqueue("ann").wait_async(), gofer.Outcome)
    async for event in app.events(timeout=5):
        assert_type(event, gofer.Event)
    assert_type(await send.enqueue("ann"), int)
    assert_type(await send.enqueue("ann").aresult(timeout="5s"), int)
    await send.enqueue("ann").acancel()


assert_type(send.enqueue("ann").result(), int)
assert_type(send.enqueue("ann").progress(), Optional[gofer.TaskProgress])
send.enqueue("ann").result(timeout=[])  # type: ignore[arg-type]


@app.aggregator("mail:*")
def digest(parts: list[gofer.GroupedTask]) -> gofer.Item:
    assert_type(parts[0].payload, bytes)
    return send.item(parts[0].group)


@app.aggregator("index:*", type="index", retry=3)
async def index(parts: list[gofer.GroupedTask]) -> dict[str, int]:
    return {"count": len(parts)}


assert_type(digest([]), gofer.Item)


@app.aggregator("wrong")  # type: ignore[type-var]
def no_item(parts: list[gofer.GroupedTask]) -> str:
    return parts[0].id
