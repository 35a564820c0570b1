"""schema - what docs/fields.schema.json promises, and whether a value keeps it. No test itself.

The validator knows the words that the schema uses, and refuses others. It is stricter than a reader
should be: a field that the schema does not name is a complaint, because nothing goes out unnamed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "fields.schema.json").read_text()
)
KINDS: dict[str, dict[str, Any]] = {
    name: kind for name, kind in SCHEMA["$defs"].items() if name != "bytes"
}
TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,), "boolean": (bool,), "string": (str,), "number": (int, float),
    "null": (type(None),), "object": (dict,), "array": (list,),
}  # fmt: skip
TELLING = {"description", "x-since", "x-unit", "x-stores", "x-functions", "contentEncoding"}
KNOWN = {"$ref", "anyOf", "type", "properties", "required", "items", "additionalProperties"}


def fields(kind: str) -> dict[str, Any]:
    """The fields of a kind, by name."""
    return dict(KINDS[kind]["properties"])


def always(kind: str) -> set[str]:
    return set(KINDS[kind]["required"])


def on_store(kind: str, store: str) -> set[str]:
    """The fields that this store may have."""
    return {
        name for name, field in fields(kind).items() if store in field.get("x-stores", [store])
    }


def kind_of(schema: dict[str, Any]) -> str | None:
    """The kind that a field or its records are of; None: it has no kind."""
    items = schema.get("properties", {}).get("items", {})
    found = schema.get("$ref") or schema.get("items", items.get("items", {})).get("$ref", "")
    name = str(found).rpartition("/")[2]
    return name if name in KINDS else None


def _is(value: Any, word: str) -> bool:
    if isinstance(value, bool):
        return word == "boolean"
    return isinstance(value, TYPES[word])


def _of_object(value: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
    named, others = schema.get("properties", {}), schema.get("additionalProperties")
    found = [f"{where}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, inner in value.items():
        if name in named or others:
            found += complaints(inner, named.get(name, others), f"{where}.{name}")
        else:
            found.append(f"{where}.{name}: not in the schema")
    return found


def complaints(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """What is wrong with a value; nothing is."""
    assert not schema.keys() - TELLING - KNOWN, f"a word that is not known: {schema.keys()}"
    if "$ref" in schema:
        return complaints(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "anyOf" in schema:
        each = [complaints(value, one, where) for one in schema["anyOf"]]
        return [] if [] in each else each[-1]
    words = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, word) for word in words):
        return [f"{where}: {value!r} is no {' or '.join(words)}"]
    found = _of_object(value, schema, where) if isinstance(value, dict) else []
    for index, item in enumerate(value if isinstance(value, list) else []):
        found += complaints(item, schema["items"], f"{where}[{index}]")
    return found
