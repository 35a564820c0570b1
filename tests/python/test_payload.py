"""What arguments look like as a payload, and what is refused."""

import enum
import json
import sys
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import gofer
import pytest


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    at: date


def body(task: "gofer.Task[..., Any]", *args: Any, **kwargs: Any) -> Any:
    return json.loads(task.item(*args, **kwargs).payload)


def test_arguments_are_an_object_of_parameter_names(app: gofer.Gofer) -> None:
    @app.task
    def send(to: str, subject: str = "hello", *, urgent: bool = False) -> None: ...

    want = {"to": "ann", "subject": "hello", "urgent": False}
    assert body(send, "ann") == want
    assert body(send, to="ann", urgent=False) == want
    assert send.item("ann").payload == b'{"to":"ann","subject":"hello","urgent":false}'


def test_star_arguments(app: gofer.Gofer) -> None:
    @app.task(name="any")
    def anything(first: int, /, *rest: int, **more: int) -> None: ...

    assert body(anything, 1, 2, 3, key=4) == {"first": 1, "rest": [2, 3], "key": 4}
    with pytest.raises(TypeError, match="first"):
        anything.item(1, first=2)


def test_arguments_that_do_not_fit(app: gofer.Gofer) -> None:
    @app.task
    def send(to: str) -> None: ...

    for args, kwargs in [((), {}), (("a", "b"), {}), (("a",), {"cc": 1})]:
        with pytest.raises(TypeError):
            send.enqueue(*args, **kwargs)
    assert app.inspect.queues() == []


@pytest.mark.parametrize(
    "value, want",
    [
        ("żółw 🐢 \0", "żółw 🐢 \0"),
        (datetime(2026, 11, 23, 18, tzinfo=timezone.utc), "2026-11-23T18:00:00+00:00"),
        (date(2026, 11, 23), "2026-11-23"),
        (time(18, 30), "18:30:00"),
        (timedelta(minutes=1.5), 90.0),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("10.50"), "10.50"),
        (PurePosixPath("/srv/data"), "/srv/data"),
        (Colour.RED, "red"),
        (Point(1, date(2026, 1, 2)), {"x": 1, "at": "2026-01-02"}),
        ({1}, [1]),
        ((1, None, 2.5), [1, None, 2.5]),
        (b"\x00\xff", {"base64": "AP8="}),
        ({"deep": [Decimal(1)]}, {"deep": ["1"]}),
        (2**63, 2**63),
    ],
)
def test_types(value: object, want: object) -> None:
    codec = gofer.JsonCodec()
    assert codec.decode(codec.encode(value)) == want


def test_a_datetime_without_a_zone_gets_the_local_one() -> None:
    written = gofer.JsonCodec().encode(datetime(2026, 11, 23, 18))
    assert (
        datetime.fromisoformat(json.loads(written)).timestamp()
        == datetime(2026, 11, 23, 18).timestamp()
    )


circle: list[Any] = []
circle.append(circle)
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]


@pytest.mark.parametrize(
    "value", [object(), float("nan"), float("inf"), {(1, 2): 3}, "\ud800", circle, deep, int]
)
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(gofer.InvalidArgument):
        gofer.JsonCodec().encode(value)


def test_the_error_names_the_task(app: gofer.Gofer) -> None:
    @app.task(name="mail:send")
    def send(to: object) -> None: ...

    with pytest.raises(gofer.InvalidArgument, match="mail:send.*object"):
        send.enqueue(object())


def test_decoding_what_is_not_json() -> None:
    for payload in (b"", b"{", b"\xff", b"[" * 200_000):
        with pytest.raises(gofer.InvalidArgument):
            gofer.JsonCodec().decode(payload)


def test_bytes_codec(app: gofer.Gofer) -> None:
    @app.task(codec=gofer.BytesCodec())
    def store(blob: bytes) -> None: ...

    assert store.item(b"\0\xff").payload == b"\0\xff"
    with pytest.raises(gofer.InvalidArgument):
        store.item("text")  # type: ignore[arg-type]


def test_a_codec_of_ones_own(url: str) -> None:
    class Csv:
        def encode(self, value: Any) -> bytes:
            return ",".join(map(str, value.values())).encode()

        def decode(self, payload: bytes) -> Any:
            return payload.decode().split(",")

    with gofer.Gofer(url, codec=Csv()) as app:

        @app.task
        def add(a: int, b: int) -> int:
            return a + b

        assert app.inspect.task(add.enqueue(1, 2).id).payload == b"1,2"


def test_calls_are_bound_as_python_binds_them(app: gofer.Gofer) -> None:
    marker: list[int] = [1]

    @app.task
    def send(to: str, many: list[int] = marker, *, defaults: int = 3, urgent: bool) -> None: ...

    want = {"to": "a", "many": [1], "defaults": 3, "urgent": True}
    assert body(send, "a", urgent=True) == want
    assert body(send, urgent=True, to="a", defaults=4) == {**want, "defaults": 4}
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (("a",), {}),
        (("a", [], 3), {"urgent": True}),
        (("a",), {"to": "b", "urgent": True}),
        ((), {"urgent": True}),
    ]
    for args, kwargs in calls:
        with pytest.raises(TypeError, match="argument"):
            send.item(*args, **kwargs)


def test_what_holds_itself_is_refused(app: gofer.Gofer) -> None:
    @app.task(name="t")
    def send(what: Any) -> None: ...

    own: list[Any] = []
    own.append({"a": own})
    with pytest.raises(gofer.InvalidArgument, match="task 't'.*holds itself"):
        send.item(own)
    twice = [1]
    assert body(send, [twice, twice]) == {"what": [[1], [1]]}


def test_both_encoders_write_the_same() -> None:
    values: list[Any] = [
        {}, [], "", "ä\u2028\x00\"\\/", 0, -1, 10**30, 0.1, -0.0, 1e300, True, None, (1, (2,)),
        {"a": {"b": [{}]}}, {1: 2, None: 3, True: 4, 1.5: 5}, {"k": {1, }}, Decimal("1.50"),
        [date(2026, 1, 2), uuid.UUID(int=5), Colour.RED, Point(1, date(2026, 1, 2)), b"\0"],
    ]  # fmt: skip
    from gofer import payload

    assert payload._text_of != payload._ENCODER.encode or sys.implementation.name != "cpython"
    for value in values:
        wanted = payload._ENCODER.encode(value).encode()
        assert payload.JsonCodec().encode(value) == wanted
    for wrong in (float("nan"), [float("-inf")], "\ud800", {"\ud800": 1}, object()):
        with pytest.raises(gofer.InvalidArgument):
            payload.JsonCodec().encode(wrong)


class Number(enum.IntEnum):
    ONE = 1


class Word(str):
    pass


def by_name(a: Any, *, b: Any = 2) -> None: ...
def by_many(a: Any, b: Any, c: Any = (), d: Any = None, e: Any = "e") -> None: ...
def by_names_of_ours(type: Any, _text: Any, str: Any = 0) -> None: ...
def by_a_foreign_name(größe: Any, text: Any) -> None: ...


VALUES: list[Any] = [
    "", "x" * 62, "ä\u2028\x00\"\\{}\U0001f600", Word("word"), 0, -1, 10**30, True, None, 0.1, -0.0,
    Number.ONE, Colour.RED, [], {}, {"k": [{}]}, {1: 2}, (1, (2,)), b"\0", Decimal("1.50"),
    uuid.UUID(int=5), Point(1, date(2026, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("function", [by_name, by_many, by_names_of_ours, by_a_foreign_name])
def test_arguments_are_written_as_the_codec_writes_all_of_them(
    app: gofer.Gofer, function: Any
) -> None:
    from gofer.payload import JsonCodec, named

    task = app.task(function)
    signature = task.signature
    first, second = list(signature.parameters)[:2]
    for one, other in zip(VALUES, [*VALUES[1:], VALUES[0]]):
        kwargs = {first: one, second: other}
        wanted = JsonCodec().encode(named(signature, (), kwargs))
        for _ in range(2):  # the first one of all is written in another way
            assert task.item(**kwargs).payload == wanted
    for wrong in (float("nan"), "\ud800", object(), [object()]):
        with pytest.raises(gofer.InvalidArgument, match=f"'.*:{function.__name__}': .*: {first}"):
            task.item(**{first: wrong, second: 1})
    within: list[Any] = []
    within.append(within)
    with pytest.raises(gofer.InvalidArgument):
        task.item(**{first: within, second: 1})
    for args, kwargs in (((), {}), ((1, 2), {"another": 3}), ((1,), {first: 1, second: 2})):
        with pytest.raises(TypeError, match=f"{first}|{second}|another|many"):
            task.item(*args, **kwargs)
    assert task.item(**{first: 1, second: 2}).payload


def test_json_is_read_with_space_around_and_to_its_end() -> None:
    from gofer.payload import JsonCodec

    codec = JsonCodec()
    for text in (b'{"a":1}', b' {"a":1}', b'{"a":1}\n', b'\t{"a": 1} \r\n'):
        assert codec.decode(text) == {"a": 1}
    for wrong in (
        b"",
        b" ",
        b"{",
        b'{"a":1} x',
        b"1 2",
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"\xef\xbb\xbf1",
    ):
        with pytest.raises(gofer.InvalidArgument):
            codec.decode(wrong)
