"""Codecs: msgpack, those of a program's own, results by the task's codec, payloads of another one;
and what no codec can write."""

from __future__ import annotations

import decimal
import enum
import os
import random
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import gofer
import pytest
from gofer.convert import converter_of

UTC = timezone.utc
EAST = timezone(timedelta(hours=5, minutes=30))


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Order:
    id: int
    at: datetime
    total: decimal.Decimal
    note: Optional[str] = None


@pytest.fixture
def msgpack() -> gofer.MsgpackCodec:
    pytest.importorskip("msgpack")
    return gofer.MsgpackCodec()


@pytest.fixture(params=["json", "msgpack"])
def codec(request: pytest.FixtureRequest) -> gofer.Codec:
    if request.param == "json":
        return gofer.JsonCodec()
    made: gofer.Codec = request.getfixturevalue("msgpack")
    return made


# ---- msgpack ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, plain",
    [
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (datetime(2026, 1, 1, 12, tzinfo=EAST), datetime(2026, 1, 1, 6, 30, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (
            datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        ),
        (date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(seconds=90), 90.0),
        (Level.HIGH, 2),
        (Colour.RED, "red"),
        ({1: "a", None: 2, True: 3}, {1: 3, None: 2}),
        ({2: {3.5: b"x"}, b"k": 1}, {2: {3.5: b"x"}, b"k": 1}),
        ({date(2026, 1, 2): 1, Level.LOW: 2}, {"2026-01-02": 1, 1: 2}),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        ("żółw 🐢\0", "żółw 🐢\0"),
    ],
)
def test_msgpack_there_and_back(msgpack: gofer.MsgpackCodec, value: Any, plain: Any) -> None:
    for whole, want in [(value, plain), ([value], [plain]), ({"k": {"v": value}}, None)]:
        got = msgpack.decode(msgpack.encode(whole))
        assert got == (want if want is not None else {"k": {"v": plain}})


def test_msgpack_is_what_others_write(msgpack: gofer.MsgpackCodec) -> None:
    assert msgpack.encode({"to": "ann", "n": [1, None], "b": b"\xff"}) == (
        b"\x83\xa2to\xa3ann\xa1n\x92\x01\xc0\xa1b\xc4\x01\xff"
    )
    # A timestamp, as the specification has it: 4 bytes of seconds.
    assert msgpack.encode(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == b"\xd6\xff\0\0\0\x01"


def test_a_naive_datetime_is_local_time(codec: gofer.Codec) -> None:
    def takes(at: datetime) -> datetime:
        return at

    naive = datetime(2026, 11, 23, 18)
    _, kwargs = converter_of(takes).arguments(codec.decode(codec.encode({"at": naive})))
    assert kwargs["at"].timestamp() == naive.timestamp()


def test_annotations_read_what_each_codec_writes(codec: gofer.Codec) -> None:
    def takes(
        order: Order,
        by_id: Dict[int, List[Order]],
        blob: bytes,
        level: Level,
        either: Union[int, str],
        id: uuid.UUID,
    ) -> Any: ...

    order = Order(7, datetime(2026, 1, 1, tzinfo=UTC), decimal.Decimal("1.10"))
    given = {
        "order": order,
        "by_id": {1: [order], -2: []},
        "blob": b"\xff\0",
        "level": Level.HIGH,
        "either": "7",
        "id": uuid.UUID(int=3),
    }
    assert converter_of(takes).arguments(codec.decode(codec.encode(given))) == ((), given)


def test_values_at_random_come_back(msgpack: gofer.MsgpackCodec) -> None:
    dice = random.Random(20261129)

    def any_of(depth: int) -> Any:
        kind = dice.randrange(9 if depth else 7)
        if kind == 7:
            return [any_of(depth - 1) for _ in range(dice.randrange(40))]
        if kind == 8:
            return {any_key(): any_of(depth - 1) for _ in range(dice.randrange(40))}
        return [
            None, True, dice.randrange(-(2**63), 2**64), dice.uniform(-1e300, 1e300),
            dice.randbytes(dice.randrange(300)), "ü" * dice.randrange(70),
            datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=dice.randrange(10**17)),
        ][kind]  # fmt: skip

    def any_key() -> Any:
        return dice.choice([str(dice.random()), dice.randrange(2**40), dice.random()])

    for _ in range(300):
        value = any_of(3)
        assert msgpack.decode(msgpack.encode(value)) == value


def test_bytes_that_are_no_msgpack(msgpack: gofer.MsgpackCodec) -> None:
    for payload in (
        b"", b"\xc1", b"\x81", b"\x81\x91\x01\x02", b"\xa1\xff", b"\x91" * 5000, b"\x01\x02",
        b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xffx",
        b"\xc7\x0c\xff\0\0\0\0\x7f" + b"\xff" * 7,
    ):  # fmt: skip
        with pytest.raises(gofer.InvalidArgument, match="the payload is not msgpack"):
            msgpack.decode(payload)


def test_without_the_package_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['msgpack'] = None\n"
        "import gofer\n"
        "try: gofer.MsgpackCodec()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == (
        "gofer.MsgpackCodec needs the package msgpack: pip install 'gofer[msgpack]'\n"
    )
    code = "import gofer, sys; print('msgpack' in sys.modules, gofer.MsgpackCodec.name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False msgpack\n"


# ---- what no codec can write --------------------------------------------------------------


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


circle: list[Any] = []
circle.append(circle)
self_made: dict[str, Any] = {}
self_made["inner"] = {"self": self_made}
HOLDS = "holds itself"

REFUSED: list[tuple[Any, str]] = [
    (object(), "a object has no form"),
    ({"a": [1, {"b": float("nan")}]}, r"a\[1\]\.b: nan is not a finite number"),
    ([float("inf")], r"\[0\]: inf is not a finite number"),
    (-float("inf"), "-inf is not a finite number"),
    (Order(1, datetime.max, 1j), r"total: a complex has no form"),  # type: ignore[arg-type]
    (circle, HOLDS),
    (self_made, HOLDS),
    (nested(100_000), "nested too deeply"),
    ("\ud800", "not valid Unicode"),
    ({"k": ["x", "a\udfff"]}, r"k\[1\]: .*not valid Unicode"),
    ({"k\ud800": 1}, "not valid Unicode"),
    ({"a": {(1, 2): 3}}, "a: a tuple is no key of an object"),
    ({"a": {frozenset({1}): 3}}, "a: a frozenset is no key of an object"),
    ({uuid.UUID(int=1): 1, str(uuid.UUID(int=1)): 2}, "two keys"),
    ({"g": (n for n in range(3))}, "g: a generator has no form: make a list of it"),
    ({"g": iter([1])}, "g: a list_iterator has no form: make a list of it"),
    ({"kind": int}, "kind: a type has no form: it is a class, not a value"),
    ([{1, "a", 1j}], r"\[0\]\[\d\]: a complex has no form"),
    (10**5000, "limit|64 bits"),
]


@pytest.mark.parametrize("value, says", REFUSED, ids=lambda each: repr(type(each).__name__))
def test_what_is_refused_is_told_with_its_place(codec: gofer.Codec, value: Any, says: str) -> None:
    if value == 10**5000 and sys.version_info < (3, 11) and codec.name == "JSON":
        pytest.skip("n/a: this Python has no limit of digits")
    with pytest.raises(gofer.InvalidArgument, match=f"as {codec.name}: .*({says})") as caught:
        codec.encode(value)
    assert len(str(caught.value)) < 300


def test_limits_of_msgpack_from_both_sides(msgpack: gofer.MsgpackCodec) -> None:
    assert msgpack.decode(msgpack.encode(nested(400))) == nested(400)
    for value, says in [
        (nested(401), "nested too deeply"),
        ({"n": [2**64]}, r"n\[0\]: it is a whole number of more than 64 bits"),
        ({"n": -(2**63) - 1}, "n: it is a whole number of more than 64 bits"),
        ({2**64: 1}, "64 bits"),
        ({float("nan"): 1}, "finite|no number"),
    ]:
        with pytest.raises(gofer.InvalidArgument, match=says):
            msgpack.encode(value)


def test_a_set_is_the_same_payload_in_every_process() -> None:
    code = (
        "import gofer\n"
        "print(gofer.JsonCodec().encode({'s': set('gofer'), 'n': {3, 1, 2}}).decode())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert told == {'{"s":["e","f","g","o","r"],"n":[1,2,3]}\n'}


# ---- tasks and their codecs -------------------------------------------------------------------


class Zipped:
    """As a user would write it: JSON in zlib."""

    name = "zlib"

    def encode(self, value: Any) -> bytes:
        return zlib.compress(gofer.JsonCodec().encode(value))

    def decode(self, payload: bytes) -> Any:
        try:
            return gofer.JsonCodec().decode(zlib.decompress(payload))
        except zlib.error as error:
            raise ValueError(f"it is not zlib: {error}") from error


def test_by_name_goes_by_the_codec_of_the_task(url: str, msgpack: gofer.MsgpackCodec) -> None:
    with gofer.Gofer(url, timeout="60s", codec=msgpack) as app:

        @app.task(name="zip", codec=Zipped())
        def zip(text: str) -> None: ...

        assert app.item("zip", {"text": "a"}).payload == zip.item("a").payload
        assert app.item("other", {"text": "a"}).payload == b"\x81\xa4text\xa1a"
        assert app.item("other", b"{}").payload == b"{}"
        task = app.enqueue("zip", {"text": "a"})
        app.inspect.edit(task.id, {"text": "b"})
        assert app.inspect.task(task.id).payload == zip.item("b").payload
        app.inspect.edit(task.id, b"raw")
        assert app.inspect.task(task.id).payload == b"raw"


def test_a_codec_that_is_wrong_is_told() -> None:
    class Text:
        name = "text"

        def encode(self, value: Any) -> bytes:
            if value["n"] == 0:
                raise KeyError("n")
            if value["n"] == 1:
                raise TypeError("one is too few")
            return str(value)  # type: ignore[return-value]

        def decode(self, payload: bytes) -> Any: ...

    app = gofer.Gofer("memory:")

    @app.task(name="wrong", codec=Text())
    def wrong(n: int) -> None: ...

    with pytest.raises(KeyError):
        wrong.item(0)
    with pytest.raises(gofer.InvalidArgument, match="task 'wrong': one is too few"):
        wrong.item(1)
    with pytest.raises(gofer.InvalidArgument, match="the codec text has made str of it, and not"):
        wrong.item(2)


@pytest.mark.parametrize("kind", ["json", "msgpack", "zlib"])
def test_results_go_by_the_codec_of_the_task(kind: str, request: pytest.FixtureRequest) -> None:
    made: Any = {"json": gofer.JsonCodec(), "zlib": Zipped()}.get(kind)
    app = gofer.Gofer("memory:", codec=made or request.getfixturevalue("msgpack"))

    @app.task
    def double(order: Order) -> List[Order]:
        return [order, order]

    @app.task
    def raw(blob: bytes) -> bytes:
        return blob * 2

    @app.task(codec=gofer.BytesCodec())
    def empty(blob: bytes) -> bytes:
        return b""

    order = Order(1, datetime(2026, 1, 1, tzinfo=UTC), decimal.Decimal("1.10"), "x")
    with app.eager():
        assert double.enqueue(order).result() == [order, order]
        assert raw.enqueue(b"\xff").result() == b"\xff\xff"
        assert empty.enqueue(b"x").result() == b""


PROGRAM = """
import gofer, zlib
from typing import Any
app = gofer.Gofer({url!r})

class Broken:
    name = "broken"
    def encode(self, value):
        raise KeyError("no such shelf")
    def decode(self, payload):
        if payload == b"later":
            raise OSError("the shelf is away")
        return {{}}

def note(what):
    with open({ran!r}, "a") as file:
        file.write(what + "\\n")

@app.task(name="json", retry=0)
def one(a: int) -> None: note("json")

@app.task(name="msgpack", codec=gofer.MsgpackCodec(), retention="1h")
def two(a: int, b: bytes = b"") -> dict[int, bytes]:
    note("msgpack")
    return {{a: b}}

@app.task(name="broken", codec=Broken(), retry=3, retry_policy="fixed:1h")
def three() -> int:
    note("broken")
    return 3

@app.task(name="nan", retry=3, retention="1h")
def four(a: int) -> object:
    note("nan")
    return {{"rows": [1, float("nan") if a == 0 else object() if a == 1 else "\\ud800"]}}

@app.task(name="dropped", store_result=False, retention="1h")
def five() -> object:
    return object()
"""


def test_payloads_of_another_codec_and_results_without_form(
    tmp_path: Path, url: str, worker: Callable[..., str], msgpack: gofer.MsgpackCodec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ran = tmp_path / "ran"
    text = PROGRAM.format(url=url, ran=str(ran))
    (tmp_path / "shelf.py").write_text("from __future__ import annotations\n" + text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with gofer.Gofer(url, timeout="60s") as app:
        good = app.enqueue("msgpack", msgpack.encode({"a": 7, "b": b"\xff"}), retention="1h")
        to_json = app.enqueue("json", msgpack.encode({"a": 1}))
        to_msgpack = app.enqueue("msgpack", b'{"a":1}')
        wrong_type = app.enqueue("msgpack", msgpack.encode({"a": b"x"}))
        no_result = app.enqueue("broken", b"x", retry=3)
        later = app.enqueue("broken", b"later", retry=0)
        results = [app.enqueue("nan", {"a": n}, retry=3) for n in range(3)]
        dropped = app.enqueue("dropped", retention="1h")
        worker("--python", "shelf:app", "--python-exe", sys.executable)
        assert msgpack.decode(good.wait(timeout=0).result or b"") == {7: b"\xff"}
        for handle, says in [
            (to_json, "PayloadMismatch: the payload is not JSON, and begins as msgpack does: "),
            (to_msgpack, "PayloadMismatch: the payload is not msgpack, and begins as JSON does: "),
            (wrong_type, "PayloadMismatch: a: needs a whole number, not bytes"),
            (no_result, "it ran, but what it returned cannot be kept: KeyError('no such shelf')"),
            (results[0], "cannot be kept: cannot be written as JSON: rows[1]: nan is not a finite"),
            (results[1], "cannot be kept: cannot be written as JSON: rows[1]: a object has no"),
            (results[2], "cannot be kept: cannot be written as JSON: rows[1]: it is text that is"),
        ]:
            info = handle.info()
            assert info.state == "archived", info
            assert says in (info.last_error or "") and "Traceback" not in (info.last_error or "")
        # The codec itself has failed: that may be better the next time.
        assert (later.info().last_error or "").startswith("OSError: the shelf is away\nTraceback")
        assert dropped.info().state == "completed" and not dropped.info().result
    # What ran did so once, whatever became of its result; what did not fit did not run.
    assert sorted(ran.read_text().split()) == ["broken", "msgpack", "nan", "nan", "nan"]


def test_what_waits_is_found_by_the_codec_of_the_task(msgpack: gofer.MsgpackCodec) -> None:
    from gofer.testing import find_enqueued

    with gofer.Gofer("memory:", codec=msgpack) as app:

        @app.task
        def send(to: str, at: datetime) -> None: ...

        @app.task(codec=gofer.BytesCodec())
        def store(blob: bytes) -> None: ...

        at = datetime(2026, 1, 1, tzinfo=UTC)
        send.enqueue("ann", at)
        store.enqueue(b"\xff")
        assert find_enqueued(app, send, {"at": at})[0] is not None
        found, others = find_enqueued(app, send, {"to": "bob"})
        assert found is None and others == [{"to": "ann", "at": at}]
        assert find_enqueued(app, store, {"blob": b"\xff"})[0] is not None
        assert find_enqueued(app, store, {"blob": b"\xfe"})[0] is None


def test_a_result_over_the_limit_is_told_and_not_tried_again(
    tmp_path: Path, url: str, worker: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 16 << 20
    (tmp_path / "heavy.py").write_text(
        "import gofer\n"
        f"app = gofer.Gofer({url!r})\n"
        "@app.task(name='heavy', codec=gofer.BytesCodec())\n"
        "def heavy(size: bytes) -> bytes: return bytes(int(size))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with gofer.Gofer(url, timeout="60s") as app:
        handles = [
            app.enqueue("heavy", str(size).encode(), retention="1h", retry=3)
            for size in (limit, limit + 1, limit + (1 << 20))
        ]
        log = worker("--python", "heavy:app", "--python-exe", sys.executable)
        good, *over = [handle.info() for handle in handles]
        assert good.state == "completed" and len(good.result or b"") == limit
        for info in over:
            assert (info.state, info.retried) == ("archived", 0)
            assert "and a result at most 16777216; store_result=False" in (info.last_error or "")
        assert "broke the protocol" not in log
