"""look.py WHEEL - what a release wheel must have in it, seen from outside: its tags, the module,
the command, the licences of what is linked, and a bill of materials that lists the same."""

import json
import re
import struct
import sys
import zipfile
from pathlib import Path

# What systems may be asked for. Everything else is inside.
ALLOWED = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
LINKED = {
    "cjson", "hiredis", "libmicrohttpd", "lua5.4", "ncurses", "openssl", "popt", "protobuf-c",
    "sqlite3",
}


def needed(program: bytes) -> "set[str]":
    """The libraries that a 64-bit little-endian ELF file asks for."""
    assert program[:6] == b"\x7fELF\x02\x01", "not an ELF file of 64 bits"
    (sections_at,) = struct.unpack_from("<Q", program, 40)
    size, count = struct.unpack_from("<HH", program, 58)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", program, sections_at + number * size)
        for number in range(count)
    ]
    dynamic = next(header for header in headers if header[1] == 6)
    names_at = headers[dynamic[6]][4]
    found = set()
    for at in range(dynamic[4], dynamic[4] + dynamic[5], 16):
        tag, value = struct.unpack_from("<qQ", program, at)
        if tag == 1:
            end = program.index(b"\0", names_at + value)
            found.add(program[names_at + value : end].decode())
        assert tag not in (15, 29), "a path to libraries is compiled in"
    return found


def main(path: Path) -> None:
    assert re.fullmatch(r"gofer-[\d.]+-cp\d+-(abi3|cp\d+t)-manylinux_\d+_\d+_\w+\.whl", path.name)
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
        (module,) = [name for name in names if re.fullmatch(r"gofer/_gofer\..*so", name)]
        (command,) = [name for name in names if name.endswith(".data/scripts/gofer")]
        for name in (module, command):
            asked = needed(wheel.read(name))
            assert asked <= ALLOWED, f"{name} needs {sorted(asked - ALLOWED)}"
        mode = wheel.getinfo(command).external_attr >> 16
        assert mode & 0o111 == 0o111, f"the command may not be run: {mode:o}"
        licences = {name.split("/")[-1] for name in names if name.startswith(f"{info}/licenses/")}
        assert licences == {"LICENSE", *(f"{name}.txt" for name in LINKED)}, licences
        for name in licences:
            assert len(wheel.read(f"{info}/licenses/{name}")) > 500, f"{name} is no licence"
        bill = json.loads(wheel.read(f"{info}/sboms/gofer.cdx.json"))
        assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["version"] in info
        listed = {part["name"]: part for part in bill["components"]}
        assert listed.keys() == LINKED
        assert all(part["version"] and part["licenses"] for part in listed.values())
    print(f"   {path.name}: in order")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
