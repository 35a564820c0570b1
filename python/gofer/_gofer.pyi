# The extension module that cffi generates from gofer.h: its names are the header's.
from typing import Any

ffi: Any
lib: Any
