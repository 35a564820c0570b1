"""build_command.py - what the `gofer` command is made of, for a build without CMake: the objects of
the core, which the Python module has too, those of core/cli and core/web, and those of both parts
of the Lua code.

As in build_gofer.py, nothing is declared twice: files, definitions and libraries come from the
CMake files. Lua handlers need Lua and SWIG, `gofer top` ncurses, `gofer web` libmicrohttpd, spans
and webhooks of workers the headers of libcurl: each is left out where what it needs is not there.
May touch: what build_gofer.py may, and swig. Run by python/setup.py.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

from build_gofer import COMPILE_ARGS, HEADER, ROOT, Cmake, Macros, pkg_config, temporary, version

INCLUDE = [str(HEADER.parents[1]), str(ROOT / "core" / "src")]
CLI = ROOT / "core" / "cli"
LINE = ROOT / "core" / "line"
WEB = ROOT / "core" / "web"
OTLP = ROOT / "core" / "otlp"
HTTP = ROOT / "core" / "http"
HOOKS = ROOT / "core" / "hooks"
LUA_HOST = ROOT / "core" / "lua"
LUA_MODULE = ROOT / "bindings" / "lua"


@dataclass
class Group:
    """C files that are compiled alike."""

    sources: list[str]
    include_dirs: list[str]
    macros: Macros
    args: list[str]


@dataclass
class Plan:
    """What the command needs beside the core's objects and libraries."""

    groups: list[Group] = field(default_factory=list)
    link_args: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    """A line for each part that is left out, with what it needs."""


def plan() -> Plan:
    cmake = Cmake(ROOT)
    macros = cmake.definitions(version(HEADER.read_text("utf-8")), "gofer_flags")
    made = Plan()
    cli = Group(
        cmake.sources("gofer_cli", CLI, CLI / "bench", CLI / "cmd"),
        [str(CLI), str(LINE), *INCLUDE],
        macros[:],
        COMPILE_ARGS,
    )
    line = Group(cmake.sources("gofer_line", LINE), [str(LINE), *INCLUDE], macros, COMPILE_ARGS)
    made.groups.append(line)
    packages = cmake.packages("gofer_cli")
    lua, ncurses = cmake.found("LUA"), cmake.found("NCURSES")
    microhttpd = cmake.found("MICROHTTPD")
    if lua and shutil.which("swig"):
        cli.macros.append(("GOFER_HAVE_LUA", None))
        cli.include_dirs.append(str(LUA_HOST))
        packages.append(lua)
        made.groups += _lua_groups(cmake, macros, pkg_config([lua], "--cflags"))
    else:
        made.without.append("Lua handlers (Debian: apt-get install liblua5.4-dev swig)")
    if ncurses:
        cli.macros.append(("GOFER_HAVE_TOP", None))
        cli.sources += cmake.sources("gofer_cli", CLI / "top")
        packages.append(ncurses)
    else:
        made.without.append("'gofer top' (Debian: apt-get install libncurses-dev)")
    if microhttpd:
        cli.macros.append(("GOFER_HAVE_WEB", None))
        cli.include_dirs.append(str(WEB))
        cli.sources += cmake.sources("gofer_cli", CLI / "web")
        packages.append(microhttpd)
        headers = pkg_config([microhttpd, *cmake.packages("gofer_openssl")], "--cflags")
        made.groups.append(_web_group(cmake, macros, headers))
    else:
        made.without.append("'gofer web' (Debian: apt-get install libmicrohttpd-dev)")
    curl = cmake.found("CURL")
    if curl:
        cli.macros += [("GOFER_HAVE_OTLP", None), ("GOFER_HAVE_WEBHOOKS", None)]
        cli.include_dirs += [str(HTTP), str(OTLP), str(HOOKS)]
        cli.sources += cmake.sources("gofer_cli", CLI / "otlp", CLI / "hooks")
        # libcurl and OpenSSL are loaded, not linked.
        headers = pkg_config([curl, *cmake.packages("gofer_openssl")], "--cflags")
        for target, room in (("gofer_http", HTTP), ("gofer_otlp", OTLP), ("gofer_hooks", HOOKS)):
            made.groups.append(
                Group(
                    cmake.sources(target, room),
                    [str(room), str(HTTP), str(LINE), *INCLUDE],
                    macros,
                    COMPILE_ARGS + headers,
                )
            )
    else:
        made.without.append(
            "'gofer worker --otlp' and --webhooks (Debian: apt-get install libcurl4-openssl-dev)"
        )
    cli.args = COMPILE_ARGS + pkg_config(packages, "--cflags")
    made.groups.append(cli)
    made.link_args = [*_exports(), *pkg_config(packages, "--libs"), "-lm"]
    return made


def _web_group(cmake: Cmake, macros: Macros, flags: list[str]) -> Group:
    sources = [*cmake.sources("gofer_web", WEB), _page()]
    return Group(sources, [str(WEB), str(LINE), *INCLUDE], macros, COMPILE_ARGS + flags)


def _page() -> str:
    """The files of the page as C arrays, made as core/web/page.cmake does."""
    files = sorted((WEB / "page").iterdir())
    digests = "".join(f"{f.name} {hashlib.sha256(f.read_bytes()).hexdigest()}\n" for f in files)
    lines, entries = ['#include "page.h"\n'], []
    for number, file in enumerate(files):
        raw = file.read_bytes()
        packed = gzip.compress(raw, 9, mtime=0)
        for name, data in (("file", raw), ("packed", packed)):
            numbers = ",".join(map(str, data + b"\0"))
            lines.append(f"static const unsigned char {name}_{number}[] = {{{numbers}}};\n")
        entries.append(f'"{file.name}", file_{number}, {len(raw)}, packed_{number}, {len(packed)}')
    lines.append("const web_file web_page_files[] = {\n")
    lines += [f"    {{ {entry} }},\n" for entry in entries]
    lines.append("    { NULL, NULL, 0, NULL, 0 },\n};\n")
    version = hashlib.sha256(digests.encode()).hexdigest()[:16]
    lines.append(f'const char web_page_version[] = "{version}";\n')
    made = temporary("gofer-page-") / "page_files.c"
    made.write_text("".join(lines), "utf-8")
    return str(made)


def _lua_groups(cmake: Cmake, macros: Macros, flags: list[str]) -> list[Group]:
    module = [str(LUA_MODULE), *INCLUDE]
    host = [str(LUA_HOST), *module]
    args = COMPILE_ARGS + flags
    return [
        Group(cmake.sources("gofer_lua_objects", LUA_MODULE), module, macros, args),
        Group(cmake.sources("gofer_lua_host", LUA_HOST), host, macros, args),
        # SWIG's own runtime has unused functions, and casts functions to data.
        Group([_swig()], module, macros, [*args, "-w"]),
    ]


def _swig() -> str:
    """The wrapper of the Lua module, made as bindings/lua/CMakeLists.txt does."""
    wrapper = temporary("gofer-swig-") / "gofer_wrap.c"
    command = ["swig", "-lua", "-nomoduleglobal", f"-I{INCLUDE[0]}", "-o", str(wrapper)]
    subprocess.run([*command, str(LUA_MODULE / "gofer.i")], check=True)
    return str(wrapper)


def _exports() -> list[str]:
    """What has the linker export to plugins what libgofer.so would; and to C modules of Lua,
    should Lua be linked from an archive, the interpreter."""
    if sys.platform == "darwin":
        return ["-Wl,-export_dynamic"]
    names = temporary("gofer-map-") / "command.list"
    names.write_text("{ gofer_*; lua_*; luaL_*; };\n", "utf-8")
    return ["-pie", f"-Wl,--dynamic-list,{names}", "-Wl,-z,relro", "-Wl,-z,now"]
