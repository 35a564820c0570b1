"""ids - task ids made here, for who has to know one before the task is in.

The same form as the library's own: UUID version 7, which begins with the time. No store, no state.
"""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """A fresh id, 36 characters."""
    bits = int.from_bytes(os.urandom(10), "big") | (time.time_ns() // 1_000_000) << 80
    bits = bits & ~(0xF << 76) | 7 << 76  # the version
    digits = f"{bits & ~(0x3 << 62) | 0x2 << 62:032x}"  # and the variant
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
