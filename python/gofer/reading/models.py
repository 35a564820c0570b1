"""models - pydantic's types, if the program uses them: pydantic itself reads and writes those.

A class of pydantic's is known by its attributes, so pydantic is never imported for a program that
has none of them. pydantic 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ..hints import Unevaluated, Unknown
from .mismatch import PayloadMismatch

if TYPE_CHECKING:
    from .plain import Reader


def is_model(hint: Any) -> bool:
    """Whether pydantic is to read it: a model, a dataclass of pydantic's, EmailStr and its like."""
    return isinstance(hint, type) and (
        hasattr(hint, "__pydantic_validator__") or hasattr(hint, "__get_pydantic_core_schema__")
    )


def is_constraint(mark: Any) -> bool:
    """In Annotated[int, mark]: something that pydantic checks."""
    module = type(mark).__module__.partition(".")[0]
    return module in ("pydantic", "annotated_types") or hasattr(
        mark, "__get_pydantic_core_schema__"
    )


def model_reader(hint: Any) -> Optional[Reader]:
    """None: pydantic is not there, or cannot read it."""
    try:
        import pydantic
        from pydantic_core import ValidationError
    except ImportError:
        return None
    adapter: Any = _adapter(pydantic, hint)
    names = {"by_alias": True, "by_name": True} if _knows_names(pydantic.VERSION) else {}
    passes = hint if isinstance(hint, type) else ()

    def read(value: Any) -> Any:
        from ..payload import JsonCodec

        if passes and isinstance(value, passes) and not isinstance(value, (dict, list)):
            if hasattr(passes, "__pydantic_validator__"):
                return value
        try:
            # As JSON: in its strict mode pydantic takes text for a date from JSON alone.
            return adapter.validate_json(JsonCodec().encode(value), **names)
        except ValidationError as error:
            raise _told(error) from None

    return read


def _adapter(pydantic: Any, hint: Any) -> Any:
    """Unevaluated: one of its own annotations names what is not known."""
    try:
        if getattr(hint, "__pydantic_complete__", True) is False:
            hint.model_rebuild()
        return pydantic.TypeAdapter(hint)
    except pydantic.errors.PydanticUndefinedAnnotation as error:
        raise Unevaluated(Unknown(getattr(hint, "__name__", str(hint)), str(error))) from None


def _knows_names(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= (2, 11)


def _told(error: Any) -> PayloadMismatch:
    first = error.errors(include_url=False, include_context=False)[0]
    more = error.error_count() - 1
    mismatch = PayloadMismatch(first["msg"] + (f" (and {more} more)" if more else ""))
    for part in reversed(first["loc"]):
        mismatch.within(part if isinstance(part, int) else str(part))
    return mismatch


def plain_of(value: Any) -> Any:
    """A value of pydantic's as JSON knows it. TypeError: it is none, or cannot be written."""
    kind = type(value)
    if not is_model(kind):
        raise TypeError("not of pydantic")
    if hasattr(value, "get_secret_value"):
        raise TypeError("a secret is not written")
    import pydantic

    try:
        if hasattr(kind, "__pydantic_serializer__"):
            old = not _knows_names(pydantic.VERSION)  # reads aliases only
            return kind.__pydantic_serializer__.to_python(
                value, mode="json", by_alias=old, round_trip=True
            )
        adapter: Any = pydantic.TypeAdapter(kind)
        return adapter.dump_python(value, mode="json", round_trip=True)
    except pydantic.errors.PydanticUserError as error:
        raise TypeError(str(error)) from error
