"""payload - how arguments become the bytes of a task, and back.

The default is plain JSON, so that handlers in C, Lua, Go and shell read a natural body. Never
pickle: whoever may write to a queue must not be able to run code. Knows no store.
"""

from __future__ import annotations

import inspect
import json
import json.encoder
import keyword
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

from .errors import InvalidArgument
from .writing import not_of, plain, refusal, same_size, text_key


class Codec(Protocol):
    """Turns values into payloads and results, and back. What is encoded is the dict of a task's
    arguments by the names of its parameters; of a result, what the function returned.

    Nothing in a payload says which codec has written it: who enqueues a task and who runs it, or
    reads its result, have to use the same. Called by several threads at once.
    """

    @property
    def name(self) -> str:
        """Of the form, for messages."""
        ...

    def encode(self, value: Any) -> bytes:
        """The payload. ValueError (InvalidArgument is one) or TypeError: the value cannot be
        written in this form."""
        ...

    def decode(self, payload: bytes) -> Any:
        """The plain value; types that the form does not know come back as what they were written
        as, and annotations make of them what was meant. Bytes may come from anybody: nothing in
        them may be run.

        ValueError: the payload is not of this form, and the task is archived at once. Whatever else
        it raises is a failure like one of the task's own code, which is tried again.
        """


def codec_name(codec: Codec) -> str:
    """As messages name it."""
    return str(getattr(codec, "name", "") or type(codec).__name__)


def encoded(codec: Codec, value: Any) -> bytes:
    """What the codec makes of the value. TypeError, ValueError: it has no form, or the codec gives
    something else than bytes."""
    payload = codec.encode(value)
    if type(payload) is not bytes:
        raise TypeError(
            f"the codec {codec_name(codec)} has made {type(payload).__name__} of it,"
            " and not bytes"
        )
    return payload


class JsonCodec:
    """JSON in UTF-8, without spaces. Beside what JSON knows:

    ==================================  ===========================================================
    datetime                            RFC 3339 with its offset; one without a zone is local time
    date, time, UUID, Decimal, Path     text
    timedelta                           seconds
    Enum                                its value
    dataclass                           an object of its fields
    set, frozenset, tuple, deque        a list
    bytes                               {"base64": "..."}
    pydantic's models and types         as pydantic writes them
    keys that are one of these          their text
    ==================================  ===========================================================

    NaN and infinity are refused: they are not JSON. decode gives plain values; what a task's
    annotations make of them is in docs/python-payloads.md.
    """

    name = "JSON"

    def encode(self, value: Any) -> bytes:
        try:
            return _text_of(value).encode("utf-8")
        except (TypeError, ValueError, RecursionError):
            pass
        try:  # it may be for a key: JSON's own are rewritten by nobody
            return _rewritten(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise refusal(value, self.name, _rewritten, error) from error

    def decode(self, payload: bytes) -> Any:
        try:
            text = str(payload, "utf-8")
            try:
                value, end = _scan(text, 0)
                if end == len(text):
                    return value
            except StopIteration:
                pass
            # Space around it, or no JSON. Not json.loads: it takes NaN, and UTF-16.
            return _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise not_of(self.name, payload, error) from error


class BytesCodec:
    """The bytes themselves, for tasks with one parameter that is bytes."""

    name = "bytes"

    def encode(self, value: Any) -> bytes:
        if isinstance(value, Mapping) and len(value) == 1:
            (value,) = value.values()
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise InvalidArgument(
                f"the payload must be one value of bytes, not {type(value).__name__}"
            )
        return bytes(value)

    def decode(self, payload: bytes) -> Any:
        return payload


def _keyed(value: Any) -> Any:
    """The value with the keys of its mappings as JSON can have them. TypeError: one has no form."""
    if isinstance(value, dict):
        return same_size({text_key(key): _keyed(each) for key, each in value.items()}, value)
    if isinstance(value, (list, tuple)):
        return [_keyed(each) for each in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return _keyed(plain(value))


def _rewritten(value: Any) -> bytes:
    return _ENCODER.encode(_keyed(value)).encode("utf-8")


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_not_json)
# What is behind decode() and raw_decode(), without the search for space before and after.
_scan: Callable[[str, int], tuple[Any, int]] = getattr(_DECODER, "scan_once")


# Made once: json.dumps would make one for each call with these settings. It has no state.
_ENCODER = json.JSONEncoder(
    default=plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
)


def _encoding() -> Callable[[Any], str]:
    """_ENCODER.encode, or the same in a third of the time for a small value: what it makes anew for
    each is made once. Nothing of that is documented, so it is looked at whether it works.

    It has no memory of what it is in, which threads would share: what holds itself ends as a
    RecursionError.
    """
    try:
        make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]
        chunks = make(None, plain, _quote, None, ":", ",", False, False, False)

        def encode(value: Any, join: Callable[[Iterable[str]], str] = "".join) -> str:
            return join(chunks(value, 0))

        known = {"a": [1, -2.5, True, None, "\u00e9\n"], "b": {}}
        return encode if encode(known) == _ENCODER.encode(known) else _ENCODER.encode
    except Exception:
        return _ENCODER.encode


# A str as JSON; also undocumented, and what _ENCODER itself calls.
_quote: Callable[[str], str] = json.encoder.encode_basestring
_text_of = _encoding()


def naming(signature: inspect.Signature) -> Callable[..., dict[str, Any]] | None:
    """A function that gives what `named` gives, called as one with this signature: so that Python
    itself binds the arguments, which is many times as fast. TypeError: the call does not fit;
    `named` tells why. None: only `named` can do it.

    For (order, *, locale="en") it is `lambda order, *, locale=...: {"order": order, "locale":
    locale}`.

    signature  of the function, without what is injected
    """
    names = _plain_names(signature)
    if names is None:
        return None
    return _called_as(signature, "{" + ", ".join(f"{name!r}: {name}" for name in names) + "}", {})


def writing(signature: inspect.Signature, codec: Codec) -> Callable[..., bytes] | None:
    """A function that gives what the codec makes of what `named` gives, called as `naming`'s.
    TypeError, ValueError, RecursionError: the call does not fit, or its arguments cannot be written
    in this way; `named` and `encoded` tell why, or can. None: only they can do it.

    For (order, *, locale="en") it puts the texts of two values into '{"order":...,"locale":...}'.
    Between two tasks a processor has much else to do, and forgets; so it counts how little code
    this is, and a short text or a number needs none of what the encoder is for.

    signature  as for `naming`
    """
    names = _plain_names(signature)
    known = {"_text": _text_of, "_quote": _quote, "_type": type, "_str": str, "_int": int}
    if type(codec) is not JsonCodec or names is None or known.keys() & set(names):
        return None
    if len(names) > FEW:
        body = ", ".join(f"{name!r}: {name}" for name in names)
        return _called_as(signature, f"_text({{{body}}}).encode()", known)
    values = ",".join(f'"{name}":{{{_VALUE.format(name)}}}' for name in names)
    return _called_as(signature, f"f'{{{{{values}}}}}'.encode()", known)


FEW = 4  # values that are written each by itself: the encoder takes long to begin
_VALUE = "_quote({0}) if _type({0}) is _str else {0} if _type({0}) is _int else _text({0})"


def _plain_names(signature: inspect.Signature) -> list[str] | None:
    """Those of the parameters, if a lambda can have all of them and each is one argument."""
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            return None
        if not name.isidentifier() or keyword.iskeyword(name):
            return None
    return list(signature.parameters)


def _called_as(
    signature: inspect.Signature, body: str, known: Mapping[str, Any]
) -> Callable[..., Any]:
    """A lambda with the parameters of this signature. known: what else its body names."""
    words: list[str] = []
    defaults: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(name)
        if parameter.default is not parameter.empty:
            defaults[name] = parameter.default
            words[-1] = f"{name}=_defaults[{name!r}]"
    made: Callable[..., Any] = eval(  # of nothing but names
        f"lambda {', '.join(words)}: {body}", {**known, "_defaults": defaults}
    )
    return made


def named(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments of a call by the names of the parameters, defaults filled in: the body of a task.

    *args become a list under its own name; **kwargs are spread among the others.
    TypeError: the call does not fit, said as Python says it.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    body: dict[str, Any] = {}
    spread: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            spread = bound.arguments[name]
        else:
            body[name] = bound.arguments[name]
    clash = body.keys() & spread.keys()
    if clash:  # possible with positional-only parameters
        raise TypeError(f"both a parameter and a keyword are named {', '.join(sorted(clash))}")
    body.update(spread)
    return body
