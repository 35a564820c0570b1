"""A task's body as the arguments of its function: types there and back, and what is refused."""

from __future__ import annotations

import collections
import enum
import json
import math
import random
import string
import uuid
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import (
    Any,
    Deque,
    Dict,
    FrozenSet,
    Generic,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypedDict,
    TypeVar,
    Union,
)

import gofer
import pytest
from gofer.convert import PayloadMismatch, converter_of, result_reader

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    GREEN = 2
    BLUE = date(2026, 1, 1)
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Email(str):
    def __new__(cls, text: str) -> Email:
        if "@" not in text:
            raise ValueError("no @ in it")
        return super().__new__(cls, text)


@dataclass
class Item:
    name: str
    price: Decimal
    tags: Set[str] = field(default_factory=set)
    kids: List[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    items: List[Item]
    at: Optional[datetime] = None
    total: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", len(self.items))


@dataclass
class Scaled:
    value: float
    factor: InitVar[float] = 1.0

    def __post_init__(self, factor: float) -> None:
        if self.value < 0:
            raise ValueError("value is negative")
        self.value *= factor


@dataclass
class Box(Generic[T]):
    holds: T


class Point(NamedTuple):
    x: int
    y: int = 0


class Size(TypedDict):
    width: int


class Film(Size, total=False):
    title: str


UTC = timezone.utc
EAST = timezone(timedelta(hours=5, minutes=30))

ROUND_TRIPS: list[tuple[Any, Any]] = [
    (int, 0),
    (int, -1),
    (int, 2**53 + 1),
    (int, 10**300),
    (float, 1.5),
    (float, -0.0),
    (float, 1.7976931348623157e308),
    (float, 5e-324),
    (bool, True),
    (str, ""),
    (str, "żółw 🐢\0"),
    (None, None),
    (bytes, b""),
    (bytes, bytes(range(256))),
    (bytearray, bytearray(b"\xff")),
    (datetime, datetime(2026, 11, 23, 18, 0, 0, 1, UTC)),
    (datetime, datetime(1, 1, 1, tzinfo=UTC)),
    (datetime, datetime(9999, 12, 31, 23, 59, 59, 999999, EAST)),
    (date, date(1, 1, 1)),
    (date, date(9999, 12, 31)),
    (time, time(23, 59, 59, 999999)),
    (time, time(18, 0, tzinfo=EAST)),
    (timedelta, timedelta(0)),
    (timedelta, timedelta(days=-1)),
    (timedelta, timedelta(microseconds=1)),
    (timedelta, timedelta(days=90000, microseconds=7)),
    (timedelta, timedelta(days=999_999_999)),
    (uuid.UUID, uuid.UUID(int=2**128 - 1)),
    (Decimal, Decimal("10.50")),
    (Decimal, Decimal("NaN")),
    (Decimal, Decimal("-1E+400")),
    (Path, Path("/srv/x")),
    (PurePosixPath, PurePosixPath("a/b")),
    (Colour, Colour.RED),
    (Colour, Colour.GREEN),
    (Colour, Colour.BLUE),
    (Colour, Colour.PAIR),
    (Level, Level.HIGH),
    (Rights, Rights.READ | Rights.WRITE),
    (UserId, 7),
    (Email, Email("a@b")),
    (Literal["a", 1, None], "a"),
    (Literal["a", 1, None], None),
    (Literal[Level.LOW], Level.LOW),
    (List[int], []),
    (List[int], [1, 2]),
    (list, [1, "a", None]),
    (Sequence[date], [date(2026, 1, 2)]),
    (Set[int], {1, 2}),
    (FrozenSet[str], frozenset({"a"})),
    (Tuple[int, str], (1, "a")),
    (Tuple[int, ...], (1, 2, 3)),
    (Tuple[()], ()),
    (Deque[int], collections.deque([1])),
    (Dict[str, date], {"a": date(2026, 1, 2)}),
    (Dict[int, str], {1: "a", -2: "b"}),
    (Dict[float, int], {1.5: 1}),
    (Dict[bool, int], {True: 1, False: 0}),
    (Dict[uuid.UUID, int], {uuid.UUID(int=1): 1}),
    (Dict[date, List[Decimal]], {date(2026, 1, 1): []}),
    (Dict[Level, int], {Level.LOW: 1}),
    (Dict[Colour, int], {Colour.RED: 1, Colour.GREEN: 2}),
    (Mapping[str, int], {"a": 1}),
    (collections.Counter, collections.Counter("aab")),
    (Dict[Tuple[int, int], int], {}),
    (Optional[int], None),
    (Optional[date], date(2026, 1, 1)),
    (Union[int, str], "5"),
    (Union[int, float], 1.0),
    (Union[float, int], 1),
    (Union[date, str], date(2026, 1, 1)),
    (Union[date, str], "tomorrow"),
    (Union[int, List[int], None], [1]),
    (Union[Item, Point], Point(1, 2)),
    (Item, Item("a", Decimal("1.1"), {"x"}, [Item("b", Decimal(2))])),
    (Order, Order([Item("a", Decimal(1))], datetime(2026, 1, 1, tzinfo=UTC))),
    (Scaled, Scaled(1.5)),
    (Box[date], Box(date(2026, 1, 1))),
    (Box[Box[int]], Box(Box(1))),
    (Point, Point(1)),
    (List[Point], [Point(1, 2), Point(3, 4)]),
    (Film, {"width": 1}),
    (Film, {"width": 1, "title": "x"}),
    (Any, {"a": [1, {"b": None}]}),
    (object, "x"),
]


def taking(hint: Any) -> Any:
    """A function of one parameter of that type."""

    def function(value: Any) -> Any: ...

    function.__annotations__ = {"value": hint, "return": hint}
    return function


def read(hint: Any, plain: Any) -> Any:
    args, kwargs = converter_of(taking(hint)).arguments({"value": plain})
    assert args == ()
    return kwargs["value"]


def same(a: Any, b: Any) -> bool:
    return bool(type(a) is type(b) and (a == b or (a != a and b != b)))


@pytest.mark.parametrize("hint, value", ROUND_TRIPS, ids=lambda each: str(each)[:40])
def test_there_and_back(hint: Any, value: Any) -> None:
    codec = gofer.JsonCodec()
    body = codec.decode(codec.encode({"value": value}))
    _, kwargs = converter_of(taking(hint)).arguments(body)
    assert same(kwargs["value"], value)
    assert same(result_reader(taking(hint))(codec.decode(codec.encode(value))), value)


REFUSED: list[tuple[Any, Any]] = [
    (int, 1.5),
    (int, "1"),
    (int, True),
    (int, None),
    (int, 2.0**53 + 2),
    (int, math.inf),
    (float, "1.5"),
    (float, True),
    (float, 2**53 + 1),
    (float, 10**400),
    (float, math.nan),
    (float, math.inf),
    (bool, "yes"),
    (bool, 1),
    (bool, 0),
    (str, 1),
    (str, None),
    (None, 0),
    (bytes, "abc"),
    (bytes, {"base64": "!"}),
    (bytes, {"base64": "AP8"}),
    (bytes, {"base64": 1}),
    (bytes, {"base64": "", "x": 1}),
    (bytes, {"base64": "é"}),
    (datetime, "2026-11-23"),
    (datetime, 1795456800),
    (datetime, "2026-13-01T00:00:00Z"),
    (datetime, "2026-11-23T25:00:00Z"),
    (datetime, "20261123T180000Z"),
    (datetime, "٢٠٢٦-١١-٢٣T١٨:٠٠:٠٠Z"),
    (date, "2026-11-23T00:00:00"),
    (date, "2026-02-30"),
    (date, "23.11.2026"),
    (date, 20261123),
    (time, "25:00"),
    (time, "noon"),
    (timedelta, "soon"),
    (timedelta, True),
    (timedelta, 1e-9),
    (timedelta, 1e300),
    (timedelta, math.nan),
    (timedelta, 10**400),
    (uuid.UUID, "x"),
    (uuid.UUID, 1),
    (Decimal, "1,5"),
    (Decimal, "1_0"),
    (Decimal, " 1"),
    (Decimal, True),
    (Decimal, math.inf),
    (Path, 1),
    (Colour, "green"),
    (Colour, 2.0),
    (Level, 3),
    (Level, True),
    (Rights, 8),
    (Rights, True),
    (Email, "nobody"),
    (Literal[1], True),
    (Literal[1], 1.0),
    (Literal["a", "b"], "c"),
    (List[int], "12"),
    (List[int], {"0": 1}),
    (List[int], [1, "2"]),
    (Set[List[int]], [[1]]),
    (Tuple[int, str], [1]),
    (Tuple[int, str], [1, "a", 2]),
    (Tuple[()], [1]),
    (Dict[str, int], []),
    (Dict[int, int], {"01": 1}),
    (Dict[int, int], {"1.0": 1}),
    (Dict[bool, int], {"yes": 1}),
    (Dict[uuid.UUID, int], {"A" * 32: 1, "a" * 32: 2}),
    (Dict[date, int], {"x": 1}),
    (Optional[int], "x"),
    (Union[int, date], "x"),
    (Item, {"name": "a"}),
    (Item, ["a", 1]),
    (Item, {"name": "a", "price": 1, "colour": 1}),
    (Scaled, {"value": -1.0}),
    (Point, [1, 2, 3]),
    (Point, []),
    (Box[int], {"holds": "1"}),
    (Film, {}),
    (Film, {"width": 1, "year": 1}),
    (complex, 1),
    (type, 1),
]


@pytest.mark.parametrize("hint, plain", REFUSED, ids=lambda each: str(each)[:40])
def test_what_would_lose_something_is_refused(hint: Any, plain: Any) -> None:
    with pytest.raises(PayloadMismatch, match="^value"):
        read(hint, plain)


@pytest.mark.parametrize(
    "hint, plain, want",
    [
        (int, 3.0, 3),
        (float, 3, 3.0),
        (float, 2**53, 2.0**53),
        (datetime, "2026-11-23T18:00:00.123456789Z", datetime(2026, 11, 23, 18, 0, 0, 123456, UTC)),
        (datetime, "2026-11-23 18:00+05:30", datetime(2026, 11, 23, 18, tzinfo=EAST)),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, "1h30m", timedelta(minutes=90)),
        (timedelta, 0.1, timedelta(milliseconds=100)),
        (Decimal, 9.99, Decimal("9.99")),
        (Decimal, 5, Decimal(5)),
        (Point, {"x": 1}, Point(1, 0)),
        (Scaled, {"value": 2, "factor": 3}, Scaled(6.0)),
        (Set[int], [1, 1], {1}),
        (Union[Item, Size], {"width": 1}, {"width": 1}),
    ],
)
def test_other_forms_that_fit(hint: Any, plain: Any, want: Any) -> None:
    assert same(read(hint, plain), want)


def test_a_time_without_a_zone_is_local() -> None:
    made = read(datetime, "2026-11-23T18:00:00")
    assert made.tzinfo is not None and made.timestamp() == datetime(2026, 11, 23, 18).timestamp()


@pytest.mark.parametrize(
    "hint, plain, says",
    [
        (
            List[Item],
            [{"name": "a", "price": 1}, {"name": "b", "price": "x"}],
            "value[1].price: needs a decimal number as text, not the text 'x'",
        ),
        (int, 1.5, "value: needs a whole number, not 1.5"),
        (
            Dict[str, List[int]],
            {"a b": [1, None]},
            "value['a b'][1]: needs a whole number, not null",
        ),
        (
            Item,
            {"name": "a", "price": 1, "kids": [{"name": "b"}]},
            "value.kids[0].price: is missing",
        ),
        (Film, {"width": 1, "year": 2}, "value.year: Film has no such field"),
        (Union[int, Item], {"name": 1, "price": 1}, "value.name: needs text, not 1"),
        (Union[int, date], [], "value: needs one of int, date, not a list"),
        (Email, "x", "value: is no Email: no @ in it"),
    ],
)
def test_a_mismatch_says_where_and_what(hint: Any, plain: Any, says: str) -> None:
    with pytest.raises(PayloadMismatch) as caught:
        read(hint, plain)
    assert str(caught.value) == says


def test_messages_stay_short_whatever_comes() -> None:
    for plain in ("x" * 10**6, 10**5000, ["y"], {"k" * 10**6: 1}):
        with pytest.raises(PayloadMismatch) as caught:
            read(Dict[str, bool] if isinstance(plain, dict) else bool, plain)
        assert len(str(caught.value)) < 200


# ---- functions ------------------------------------------------------------------------


def call(function: Any, body: Any, skip: frozenset[str] = frozenset()) -> Any:
    args, kwargs = converter_of(function, skip).arguments(body)
    return function(*args, **kwargs)


def test_every_kind_of_parameter() -> None:
    def anything(
        a: int, b: int = 2, /, c: int = 3, *rest: date, d: int = 4, **more: Decimal
    ) -> Any:
        return a, b, c, rest, d, more

    assert call(anything, {"a": 1}) == (1, 2, 3, (), 4, {})
    assert call(anything, {"a": 1, "c": 5, "rest": []}) == (1, 2, 5, (), 4, {})
    assert call(anything, {"a": 1, "rest": ["2026-01-01"]}) == (1, 2, 3, (date(2026, 1, 1),), 4, {})
    assert call(anything, {"a": 1, "d": 0, "x": "1.5"}) == (1, 2, 3, (), 0, {"x": Decimal("1.5")})
    for body, says in [
        ({}, "a: is missing"),
        ({"a": 1, "rest": ["x"]}, r"rest\[0\]: "),
        ({"a": 1, "rest": 1}, "rest: needs a list"),
        ({"a": 1, "x": "y"}, "x: needs a decimal"),
    ]:
        with pytest.raises(PayloadMismatch, match=says):
            call(anything, body)


def test_bodies_that_do_not_fit() -> None:
    def two(a: int, b: int = 0) -> Any:
        return a, b

    assert call(two, {"a": 1}) == (1, 0)
    for body in ({"b": 1}, {"a": 1, "c": 2}, [1, 2], None, "a", 1, b"x"):
        with pytest.raises(PayloadMismatch):
            call(two, body)


def test_bytes_are_the_only_argument() -> None:
    def store(blob: bytes) -> bytes:
        return blob

    assert call(store, b"\xff") == b"\xff"
    assert call(store, {"blob": {"base64": "/w=="}}) == b"\xff"


def test_skipped_parameters_are_no_part_of_the_body() -> None:
    def with_context(a: int, ctx: Any) -> None: ...

    skip = frozenset({"ctx"})
    assert converter_of(with_context, skip).arguments({"a": 1}) == ((), {"a": 1})
    with pytest.raises(PayloadMismatch, match="ctx: the function has no such parameter"):
        converter_of(with_context, skip).arguments({"a": 1, "ctx": 2})


def test_no_annotations_or_any_let_everything_pass() -> None:
    def free(a, b: Any, c: "list[object]" = []) -> Any:  # type: ignore # noqa
        return a, b, c

    assert call(free, {"a": [1], "b": {"x": 1}, "c": [1, "2"]}) == ([1], {"x": 1}, [1, "2"])


def test_bars_and_builtin_generics_as_text() -> None:
    def modern(a: int | None, b: list[date] | None = None, c: dict[str, int | str] = {}) -> Any:
        return a, b, c

    assert call(modern, {"a": None, "b": ["2026-01-01"]}) == (None, [date(2026, 1, 1)], {})
    for body in ({"a": "x"}, {"a": 1, "b": [1]}, {"a": 1, "c": {"k": None}}):
        with pytest.raises(PayloadMismatch):
            call(modern, body)


def test_callables_of_all_kinds() -> None:
    class Tasks:
        def __call__(self, day: date) -> date:
            return day

        def method(self, day: date) -> date:
            return day

    for function in (Tasks(), Tasks().method):
        assert call(function, {"day": "2026-01-01"}) == date(2026, 1, 1)


def test_deep_nesting_is_told_and_survived() -> None:
    deep: dict[str, Any] = {"name": "x", "price": 1}
    for _ in range(5000):
        deep = {"name": "x", "price": 1, "kids": [deep]}
    with pytest.raises(PayloadMismatch, match="nested too deeply"):
        read(Item, deep)


def test_what_json_is_not() -> None:
    codec = gofer.JsonCodec()
    for payload in (
        b"NaN",
        b'{"a":Infinity}',
        b"-Infinity",
        b'"\xff"',
        b"[1",
        b"1" * 5000 + b"x",
        '"ü"'.encode("utf-16"),
        b"[" * 100_000,
    ):
        with pytest.raises(gofer.InvalidArgument):
            codec.decode(payload)
    assert codec.decode(b'{"a":1,"a":2}') == {"a": 2}  # as in Go and JavaScript: the last one
    assert codec.decode(b'"\\ud800"') == "\ud800"


def test_what_cannot_be_written_without_loss() -> None:
    for value in (
        timedelta(days=999_999_999, microseconds=1),
        {(1, 2): 3},
        math.nan,
        "\ud800",
        {math.nan: 1},
        {uuid.UUID(int=1): 1, str(uuid.UUID(int=1)): 2},
    ):
        with pytest.raises(gofer.InvalidArgument):
            gofer.JsonCodec().encode({"value": value})


def test_values_at_random_come_back() -> None:
    dice = random.Random(20261129)

    def text() -> str:
        return "".join(
            dice.choice(string.printable + "äß🐢\u2028") for _ in range(dice.randrange(9))
        )

    makers: list[tuple[Any, Any]] = [
        (int, lambda: dice.randrange(-(2**70), 2**70)),
        (float, lambda: dice.uniform(-1, 1) * 10.0 ** dice.randrange(-300, 300)),
        (str, text),
        (bytes, lambda: bytes(dice.randrange(256) for _ in range(dice.randrange(9)))),
        (
            datetime,
            lambda: datetime(2000, 1, 1, tzinfo=UTC)
            + timedelta(microseconds=dice.randrange(10**17)),
        ),
        (timedelta, lambda: timedelta(microseconds=dice.randrange(-(10**15), 10**15))),
        (Decimal, lambda: Decimal(dice.randrange(10**20)).scaleb(-dice.randrange(20))),
        (uuid.UUID, lambda: uuid.UUID(int=dice.getrandbits(128))),
        (Colour, lambda: dice.choice(list(Colour))),
    ]

    def any_of(depth: int) -> tuple[Any, Any]:
        kind = dice.randrange(5 if depth else 1)
        hint, value = dice.choice(makers) if kind == 0 else any_of(depth - 1)
        if kind == 0:
            return hint, value()
        if kind == 1:
            return List[hint], [value]
        if kind == 2:
            return Optional[hint], dice.choice([value, None])
        if kind == 3:
            return Dict[str, hint], {text(): value}
        return Tuple[hint, int], (value, 1)

    codec = gofer.JsonCodec()
    for _ in range(2000):
        hint, value = any_of(3)
        body = codec.decode(codec.encode({"value": value}))
        assert same(read(hint, body["value"]), value), (hint, value)


def test_through_a_task_and_its_payload(app: gofer.Gofer) -> None:
    @app.task
    def buy(order: Order, who: UserId, *more: Item, when: Optional[date] = None) -> None: ...

    order = Order([Item("a", Decimal("1.10"))], datetime(2026, 1, 1, tzinfo=UTC))
    payload = buy.item(order, UserId(7), Item("b", Decimal(2)), when=date(2026, 2, 3)).payload
    args, kwargs = converter_of(buy.function).arguments(json.loads(payload))
    assert args == (order, 7, Item("b", Decimal(2))) and kwargs == {"when": date(2026, 2, 3)}


# ---- pydantic -------------------------------------------------------------------------


def test_pydantic_models() -> None:
    pydantic = pytest.importorskip("pydantic")

    class User(pydantic.BaseModel):  # type: ignore[misc,name-defined]
        model_config = pydantic.ConfigDict(strict=True)
        name: str = pydantic.Field(alias="fullName", min_length=1)
        born: date
        tags: Set[str] = set()

    user = User(fullName="Ann", born=date(2000, 1, 2), tags={"a"})
    codec = gofer.JsonCodec()
    for hint, value in [
        (User, user),
        (List[User], [user]),
        (Optional[User], None),
        (Box[User], Box(user)),
    ]:
        assert same(read(hint, codec.decode(codec.encode(value))), value)
    assert read(User, {"fullName": "Bob", "born": "2000-01-02"}).name == "Bob"
    with pytest.raises(PayloadMismatch, match=r"^value\[1\].fullName: .*at least 1"):
        read(
            List[User],
            [{"name": "a", "born": "2000-01-02"}, {"fullName": "", "born": "2000-01-02"}],
        )


def test_pydantic_dataclasses_constraints_and_types() -> None:
    pydantic = pytest.importorskip("pydantic")
    typing_extensions = pytest.importorskip("typing_extensions")

    class Plain:
        amount: int

    Plain.__annotations__ = {"amount": int}
    Strict = pydantic.dataclasses.dataclass(Plain)
    codec = gofer.JsonCodec()
    assert read(Strict, codec.decode(codec.encode(Strict(amount=1)))) == Strict(amount=1)
    with pytest.raises(PayloadMismatch, match="value.amount: "):
        read(Strict, {"amount": "x"})
    positive = typing_extensions.Annotated[int, pydantic.Field(gt=0)]
    assert read(positive, 1) == 1
    for hint, plain in [(positive, 0), (positive, 1.5), (pydantic.AnyUrl, "nowhere")]:
        with pytest.raises(PayloadMismatch, match="^value: "):
            read(hint, plain)
    url = pydantic.AnyUrl("https://example.org/x")
    assert read(pydantic.AnyUrl, codec.decode(codec.encode(url))) == url
    with pytest.raises(gofer.InvalidArgument, match="secret"):
        codec.encode(pydantic.SecretStr("x"))
