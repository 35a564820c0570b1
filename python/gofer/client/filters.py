"""filters - which tasks are meant, as the library has it. Pure but for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ..native import ffi, lib
from ..put import fit
from ..times import c_text


@dataclass(frozen=True)
class Filter:
    """Which tasks are meant, as gofer_filter has it."""

    type: Optional[str] = None
    error: Optional[str] = None
    id: Optional[str] = None
    group: Optional[str] = None
    older_ms: int = 0
    younger_ms: int = 0
    fingerprint: Optional[str] = None

    def c(self, kept: list[Any]) -> Any:
        found = ffi.new("gofer_filter *")
        lib.gofer_filter_init(found)
        for name in ("type", "error", "id", "group", "fingerprint"):
            text = getattr(self, name)
            if text is not None:
                kept.append(ffi.new("char[]", c_text(text, name)))
                setattr(found, name, kept[-1])
        found.older_ms = fit("older_ms", self.older_ms)
        found.younger_ms = fit("younger_ms", self.younger_ms)
        return found
