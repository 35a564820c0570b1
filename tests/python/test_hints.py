"""Annotations of every kind, and those that cannot be evaluated."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import types
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Generic, List, Literal, NamedTuple, NewType
from typing import Optional, Set, Tuple, TypedDict, TypeVar, Union

import gofer
import pytest
from gofer.convert import converter_of, result_reader
from gofer.running.runner import Runner

if TYPE_CHECKING:
    from somewhere import Session  # type: ignore[import-not-found]

T = TypeVar("T")
K = TypeVar("K")


def call(function: Any, body: Any) -> Any:
    args, kwargs = converter_of(function).arguments(body)
    return function(*args, **kwargs)


def read(hint: Any, value: Any) -> Any:
    def takes(value: Any) -> Any:
        return value

    takes.__annotations__ = {"value": hint}
    return call(takes, {"value": value})


def module(name: str, text: str) -> Any:
    """A module of its own, with `from __future__` or without."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(text, f"<{name}>", "exec"), vars(made))
    return made


def never(session: Session) -> None: ...


def in_a_list(sessions: List[Session]) -> None: ...


def attribute(frame: Session.Inner[int]) -> None: ...


def optional(session: Optional[Session] = None) -> None: ...


def starred(*sessions: Session) -> None: ...


def spread(**sessions: Session) -> None: ...


@dataclass
class Holder:
    name: str
    held: Dict[str, Session]


class Options(TypedDict, total=False):
    session: Session


def deep(holders: List[Holder]) -> None: ...


def options(what: Options) -> None: ...


# ---- what cannot be evaluated ----------------------------------------------------------------

UNKNOWN: list[tuple[Any, str]] = [
    (never, "task 'unknown': parameter 'session': the annotation 'Session' cannot be evaluated"),
    (in_a_list, "parameter 'sessions': the annotation 'List[Session]' cannot"),
    (attribute, "parameter 'frame': the annotation 'Session.Inner[int]' cannot"),
    (optional, "parameter 'session': the annotation 'Optional[Session]' cannot"),
    (starred, "parameter 'sessions': the annotation 'Session' cannot"),
    (spread, "parameter 'sessions': the annotation 'Session' cannot"),
    (
        deep,
        "task 'unknown': parameter 'holders': field 'held' of Holder: the annotation"
        " 'Dict[str, Session]' cannot be evaluated (name 'Session' is not defined)",
    ),
    (options, "parameter 'what': field 'session' of Options: the annotation 'Session' cannot"),
]


@pytest.mark.parametrize("function, says", UNKNOWN)
def test_it_is_told_when_the_task_is_prepared(function: Any, says: str) -> None:
    app = gofer.Gofer("memory:")
    task = app.task(name="unknown")(function)
    with pytest.raises(gofer.InvalidArgument) as caught:
        Runner(app).prepared("unknown")
    text = str(caught.value)
    assert says in text and "(name 'Session' is not defined)" in text
    assert "TYPE_CHECKING" in text and "typing.Any" in text
    if function is never:
        with app.eager(), pytest.raises(gofer.InvalidArgument, match="parameter 'session'"):
            task.enqueue(1)
    assert task.item(*([1] if function not in (starred, spread) else [])).payload  # who enqueues


def test_the_ways_out() -> None:
    space = module(
        "ways_out",
        "from __future__ import annotations\n"
        "from typing import Any, TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from somewhere import Session\n"
        "else:\n"
        "    Session = Any\n"
        "def late(order: Order, session: Session, free: Any): return order, session, free\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Order:\n"
        "    id: int\n",
    )
    assert call(space.late, {"order": {"id": 1}, "session": [1], "free": {}}) == (
        space.Order(1), [1], {},
    )  # fmt: skip


def test_what_a_function_within_a_function_uses_is_known() -> None:
    @dataclass
    class Local:
        day: date

    def takes(local: Local) -> Any:
        return isinstance(local, Local)

    assert call(takes, {"local": {"day": "2026-01-01"}}) is True


def test_nonsense_is_told() -> None:
    def nonsense(a: "the user's id") -> None: ...  # type: ignore # noqa

    def attribute(a: os.NoSuchThing) -> None: ...  # type: ignore # noqa

    for function, says in [(nonsense, "unterminated|EOL|syntax"), (attribute, "NoSuchThing")]:
        with pytest.raises(gofer.InvalidArgument, match=f"parameter 'a'.*({says})"):
            converter_of(function)


def test_an_injected_parameter_needs_no_type_that_is_known(app: gofer.Gofer) -> None:
    space = module(
        "injected",
        "from __future__ import annotations\n"
        "import gofer\n"
        "from typing import Optional, TYPE_CHECKING\n"
        "from typing_extensions import Annotated\n"
        "if TYPE_CHECKING:\n"
        "    from gofer import Context\n"
        "    from somewhere import Session\n"
        "def work(a: int, session: Annotated[Session, gofer.Depends(later)],\n"
        "         ctx: Context, other: Optional[Context] = None):\n"
        "    return [a, session, ctx.type, other.type]\n"
        "def later(ctx: Context) -> Session: return ctx.type * 2\n",
    )
    task = app.task(name="w")(space.work)
    assert task.item(1).payload == b'{"a":1}'
    with app.eager():
        assert task.enqueue(1).result() == [1, "ww", "w", "w"]
    lost = module(
        "lost",
        "from __future__ import annotations\n"
        "import gofer\n"
        "from typing_extensions import Annotated\n"
        "def work(session: Annotated[int, gofer.Depends(nowhere)]): ...\n",
    )
    app.task(name="lost")(lost.work)
    with pytest.raises(gofer.InvalidArgument, match="task 'lost'.*name 'nowhere' is not defined"):
        Runner(app).prepared("lost")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="n/a: X | Y of types needs Python 3.10")
def test_an_optional_context_by_a_bar(app: gofer.Gofer) -> None:
    def work(ctx: Any = None) -> str:
        return "none" if ctx is None else str(ctx.type)

    work.__annotations__ = {"ctx": eval("gofer.Context | None"), "return": str}
    with app.eager():
        assert app.task(name="bar")(work).enqueue().result() == "bar"


def test_what_it_returns_is_told_when_it_is_read(app: gofer.Gofer) -> None:
    def gives() -> Session:
        return {"id": 1}

    def anything() -> Any:
        return {"id": 1}

    with app.eager():
        handle = app.task(name="gives")(gives).enqueue()
        with pytest.raises(gofer.InvalidArgument, match="task 'gives': what it returns: .*Session"):
            handle.result()
        assert handle.wait().json() == {"id": 1}
        assert app.task(name="anything")(anything).enqueue().result() == {"id": 1}


def test_a_worker_does_not_start(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    (tmp_path / "hollow.py").write_text(
        "from __future__ import annotations\n"
        "import gofer\n"
        "app = gofer.Gofer()\n"
        "@app.task(name='buy')\n"
        "def buy(order: list[Order]) -> None: ...\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["--python", "hollow:app", "--python-exe", sys.executable, "--drain"]
    done = subprocess.run(
        [binary, "--url", url, "worker", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert (
        "task 'buy': parameter 'order': the annotation 'list[Order]' cannot be evaluated"
        " (name 'Order' is not defined)"
    ) in done.stderr
    assert "Traceback" not in done.stderr
    with gofer.Gofer(url) as app, pytest.raises(gofer.InvalidArgument, match="parameter 'session'"):
        app.task(never)
        app.worker().run(drain=True)


def test_pydantic_names_what_it_does_not_know() -> None:
    pydantic = pytest.importorskip("pydantic")
    space = module(
        "models",
        "from __future__ import annotations\n"
        "import pydantic\n"
        "class Early(pydantic.BaseModel):\n"
        "    late: Late\n"
        "class Late(pydantic.BaseModel):\n"
        "    id: int\n"
        "class Lost(pydantic.BaseModel):\n"
        "    at: Nowhere\n",
    )
    assert read(space.Early, {"late": {"id": 1}}).late == space.Late(id=1)
    with pytest.raises(gofer.InvalidArgument, match="parameter 'value'.*Nowhere"):
        read(space.Lost, {})
    assert pydantic


# ---- functions that are no tasks ------------------------------------------------------------


def test_a_function_without_a_signature_is_told(app: gofer.Gofer) -> None:
    for name, function in [("dict", dict), ("print", print), ("getattr", getattr)]:
        try:  # which of them have one depends on the version
            app.task(name=name)(function)
        except gofer.InvalidArgument as error:
            assert "wrap it in a function of your own" in str(error)
        else:
            assert Runner(app).prepared(name) is not None
    with pytest.raises(gofer.InvalidArgument, match="Python cannot tell the parameters of"):
        app.task(name="type")(type)


def test_a_generator_function_is_no_task(app: gofer.Gofer) -> None:
    def rows() -> Any:
        yield 1

    async def arows() -> Any:
        yield 1

    @functools.wraps(rows)
    def wrapped() -> Any:
        return rows()

    for function in (rows, arows, wrapped, functools.partial(rows)):
        with pytest.raises(gofer.InvalidArgument, match="generator function"):
            app.task(name="rows")(function)


# ---- types that hold themselves ----------------------------------------------------------------


@dataclass
class Node:
    name: str
    kids: List[Node] = field(default_factory=list)
    up: Optional[Node] = None


class Folder(TypedDict):
    name: str
    folders: List[Folder]


class Link(NamedTuple):
    id: int
    next: Optional[Link] = None


@dataclass
class Left:
    right: Optional[Right] = None


@dataclass
class Right:
    left: List[Left]


@dataclass
class Tree(Generic[T]):
    holds: T
    kids: List[Tree[T]] = field(default_factory=list)


Json = Union[None, bool, int, float, str, List["Json"], Dict[str, "Json"]]  # type: ignore[misc]
Days = Union[date, List["Days"]]  # type: ignore[misc]


@pytest.mark.parametrize(
    "hint, plain, want",
    [
        (Node, {"name": "a", "kids": [{"name": "b"}]}, Node("a", [Node("b")])),
        (Node, {"name": "a", "up": {"name": "b", "kids": []}}, Node("a", [], Node("b"))),
        (
            Folder,
            {"name": "a", "folders": [{"name": "b", "folders": []}]},
            {"name": "a", "folders": [{"name": "b", "folders": []}]},
        ),
        (Link, {"id": 1, "next": {"id": 2}}, Link(1, Link(2))),
        (Link, [1, [2, [3]]], Link(1, Link(2, Link(3)))),
        (Left, {"right": {"left": [{}]}}, Left(Right([Left()]))),
        (Tree[date], {"holds": "2026-01-01", "kids": [{"holds": "2026-01-02"}]},
         Tree(date(2026, 1, 1), [Tree(date(2026, 1, 2))])),
        (Json, {"a": [1, {"b": None}, "x", 1.5]}, {"a": [1, {"b": None}, "x", 1.5]}),
        (Days, [["2026-01-01"], "2026-01-02"], [[date(2026, 1, 1)], date(2026, 1, 2)]),
    ],
)  # fmt: skip
def test_types_that_hold_themselves(hint: Any, plain: Any, want: Any) -> None:
    assert read(hint, plain) == want


@pytest.mark.parametrize(
    "hint, plain, says",
    [
        (Node, {"name": "a", "kids": [{"name": 1}]}, r"value\.kids\[0\]\.name: needs text"),
        (Folder, {"name": "a", "folders": [{"name": "b"}]}, r"folders\[0\]\.folders: is missing"),
        (Link, [1, [2, ["x"]]], "whole number"),
        (Left, {"right": {"left": [{"right": 1}]}}, r"right\.left\[0\]\.right: needs an object"),
        (Tree[int], {"holds": 1, "kids": [{"holds": "x"}]}, r"kids\[0\]\.holds: needs a whole"),
        (Days, [["soon"]], "one of"),
    ],
)
def test_what_does_not_fit_deep_within(hint: Any, plain: Any, says: str) -> None:
    with pytest.raises(gofer.PayloadMismatch, match=says):
        read(hint, plain)


def test_names_are_meant_where_they_stand() -> None:
    """Item of the one module is not Item of the other, though the function stands there."""
    module(
        "stock_a",
        "from dataclasses import dataclass, field\n"
        "from typing import List, NamedTuple, TypedDict\n"
        "@dataclass\n"
        "class Item:\n"
        "    id: int\n"
        "    parts: List['Item'] = field(default_factory=list)\n"
        "class Pair(NamedTuple):\n"
        "    items: List['Item']\n"
        "class Box(TypedDict):\n"
        "    item: 'Item'\n",
    )
    shop = module(
        "shop_a",
        "from dataclasses import dataclass\n"
        "import stock_a\n"
        "@dataclass\n"
        "class Item:\n"
        "    name: str\n"
        "def sell(item: Item, of: stock_a.Item, pair: stock_a.Pair, box: stock_a.Box):\n"
        "    return item, of, pair, box\n",
    )
    stock = sys.modules["stock_a"]
    got = call(
        shop.sell,
        {
            "item": {"name": "a"},
            "of": {"id": 1, "parts": [{"id": 2}]},
            "pair": [[{"id": 3}]],
            "box": {"item": {"id": 4}},
        },
    )
    assert got == (
        shop.Item("a"), stock.Item(1, [stock.Item(2)]), ([stock.Item(3)],),
        {"item": stock.Item(4)},
    )  # fmt: skip


# ---- kinds of types ------------------------------------------------------------------------------

UserId = NewType("UserId", int)
SignedId = NewType("SignedId", UserId)
Boxed = NewType("Boxed", Tree[int])


@dataclass
class Counted:
    count: int
    limit: ClassVar[int] = 10
    seen: ClassVar[Set[str]] = set()


@dataclass
class Named(Tree[K], Generic[K, T]):
    by: Optional[Tuple[K, T]] = None


@dataclass
class Strings(Named[str, int]):
    more: int = 0


class Film(TypedDict):
    title: str


class Full(Film, total=False):
    year: int


@pytest.mark.parametrize(
    "hint, plain, want",
    [
        (UserId, 7, 7),
        (SignedId, 7, 7),
        (Boxed, {"holds": 1}, Tree(1)),
        (Counted, {"count": 1}, Counted(1)),
        (Literal["a", 1, True, None], 1, 1),
        (Optional[Literal["a"]], None, None),
        (List[Literal["a", "b"]], ["b"], ["b"]),
        (Full, {"title": "x"}, {"title": "x"}),
        (Full, {"title": "x", "year": 1}, {"title": "x", "year": 1}),
        (Strings, {"holds": "x", "by": ["y", 1]}, Strings("x", [], ("y", 1))),
        (Tree[Tree[int]], {"holds": {"holds": 1}}, Tree(Tree(1))),
        (Tree, {"holds": [1]}, Tree([1])),
    ],
)
def test_kinds_of_types(hint: Any, plain: Any, want: Any) -> None:
    assert read(hint, plain) == want


@pytest.mark.parametrize(
    "hint, plain, says",
    [
        (SignedId, "7", "whole number"),
        (Boxed, {"holds": "x"}, "holds: needs a whole number"),
        (Counted, {"count": 1, "limit": 3}, "limit: Counted has no such field"),
        (Literal["a", 1], True, "one of 'a', 1, not true"),
        (Literal["a", 1], "b", "one of 'a', 1, not the text 'b'"),
        (Full, {"year": 1}, "title: is missing"),
        (Full, {"title": "x", "rating": 1}, "rating: Full has no such field"),
        (Strings, {"holds": 1}, r"holds: needs text"),
        (Strings, {"holds": "x", "by": ["y", "z"]}, r"by\[1\]: needs a whole number"),
    ],
)
def test_kinds_of_types_that_do_not_fit(hint: Any, plain: Any, says: str) -> None:
    with pytest.raises(gofer.PayloadMismatch, match=says):
        read(hint, plain)


@dataclass
class Awkward:
    kind: str
    args: List[int]
    self_: int = 0


def test_fields_and_parameters_of_any_name() -> None:
    def takes(kind: str, body: Awkward, given: int, function: int = 0) -> Any:
        return kind, body, given, function

    body = {"kind": "a", "body": {"kind": "b", "args": [1]}, "given": 1, "function": 2}
    assert call(takes, body) == ("a", Awkward("b", [1]), 1, 2)


def test_kinds_of_parameters() -> None:
    def numbers(first: int, /, *rest: int, last: int = 0, **more: date) -> Any:
        return first, rest, last, more

    assert call(numbers, {"first": 1, "rest": [2, 3], "last": 4, "on": "2026-01-01"}) == (
        1, (2, 3), 4, {"on": date(2026, 1, 1)},
    )  # fmt: skip
    assert call(numbers, {"first": 1}) == (1, (), 0, {})
    for body, says in [
        ({"first": 1, "rest": [2, "3"]}, r"^rest\[1\]: needs a whole number"),
        ({"first": 1, "rest": {"0": 1}}, "^rest: needs a list"),
        ({"first": 1, "on": "x"}, "^on: needs a date"),
        ({"rest": [1]}, "^first: is missing"),
    ]:
        with pytest.raises(gofer.PayloadMismatch, match=says):
            call(numbers, body)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="n/a: needs Python 3.11")
def test_words_of_python_3_11() -> None:
    space = module(
        "eleven",
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from typing import LiteralString, NotRequired, Self, TypedDict, Unpack\n"
        "from datetime import date\n"
        "@dataclass\n"
        "class Part:\n"
        "    day: date\n"
        "    next: Self | None = None\n"
        "class Options(TypedDict):\n"
        "    day: date\n"
        "    at: NotRequired[int]\n"
        "def text(a: LiteralString): return a\n"
        "def pair(*args: *tuple[int, date]): return args\n"
        "def some(*args: *tuple[date, ...]): return args\n"
        "def spread(**more: Unpack[Options]): return more\n",
    )
    day = date(2026, 1, 1)
    assert read(space.Part, {"day": "2026-01-01", "next": {"day": "2026-01-01"}}) == space.Part(
        day, space.Part(day)
    )
    assert call(space.text, {"a": "x"}) == "x"
    assert call(space.pair, {"args": [1, "2026-01-01"]}) == (1, day)
    assert call(space.some, {"args": ["2026-01-01"] * 3}) == (day, day, day)
    assert call(space.spread, {"day": "2026-01-01", "at": 1}) == {"day": day, "at": 1}
    for function, body, says in [
        (space.text, {"a": 1}, "a: needs text"),
        (space.pair, {"args": [1]}, "args: needs a list of 2, not of 1"),
        (space.pair, {"args": ["x", "2026-01-01"]}, r"args\[0\]: needs a whole"),
        (space.some, {"args": ["x"]}, r"args\[0\]: needs a date"),
        (space.spread, {"at": 1}, "day: is missing"),
    ]:
        with pytest.raises(gofer.PayloadMismatch, match=says):
            call(function, body)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="n/a: needs Python 3.12")
def test_words_of_python_3_12() -> None:
    space = module(
        "twelve",
        "from dataclasses import dataclass\n"
        "from datetime import date\n"
        "type Day = date\n"
        "type Days = date | list[Days]\n"
        "type Nested[T] = T | list[Nested[T]]\n"
        "type Lost = Nowhere\n"
        "@dataclass\n"
        "class Box[T]:\n"
        "    holds: T\n"
        "    kids: list['Box[T]']\n"
        "def takes(day: Day, days: Days, nested: Nested[date], box: Box[date]):\n"
        "    return day, days, nested, box\n"
        "def lost(a: Lost): ...\n",
    )
    day = date(2026, 1, 1)
    text = "2026-01-01"
    body = {"day": text, "days": [[text]], "nested": [[text], text]}
    box = {"holds": text, "kids": [{"holds": text, "kids": []}]}
    assert call(space.takes, {**body, "box": box}) == (
        day, [[day]], [[day], day], space.Box(day, [space.Box(day, [])]),
    )  # fmt: skip
    for name, value in [("day", 1), ("days", [["x"]]), ("nested", [1]), ("box", {"holds": 1})]:
        with pytest.raises(gofer.PayloadMismatch, match=f"^{name}"):
            call(space.takes, {**body, "box": box, name: value})
    with pytest.raises(gofer.InvalidArgument, match="parameter 'a'.*'Nowhere' is not defined"):
        converter_of(space.lost)


def test_results_of_these_kinds() -> None:
    def gives() -> List[Tree[date]]: ...  # type: ignore[empty-body]

    assert result_reader(gives)([{"holds": "2026-01-01"}]) == [Tree(date(2026, 1, 1))]
    with pytest.raises(gofer.PayloadMismatch, match=r"\[0\]\.holds: needs a date"):
        result_reader(gives)([{"holds": 1}])
