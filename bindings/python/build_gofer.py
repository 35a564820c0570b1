"""build_gofer.py - the cffi build script: reads gofer.h and makes the module gofer._gofer.

Nothing is declared twice. The declarations come from core/include/gofer/gofer.h, and those of a few
functions for this module alone from gate.h beside this file; the list of C sources, their
definitions and the libraries they need from the CMake files. By default the core is compiled into
the module, so that a package installs with a compiler and no libgofer; set GOFER_LIB_DIR to a
folder, or GOFER_SYSTEM=1 for pkg-config, to link an installed libgofer instead.

May touch: text files of this repository, pkg-config, protoc-c, a temporary folder. Run by
python/setup.py.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, List, Optional, Tuple

import cffi

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "core" / "include" / "gofer" / "gofer.h"
HERE = Path(__file__).resolve().parent
Macros = List[Tuple[str, Optional[str]]]


# Functions of Python that the library calls: python/gofer/client/acting.py and pull.py have them.
CALLBACKS = """
extern "Python" int32_t gofer_py_progress(void *user, int64_t looked, int64_t done);
extern "Python" int32_t gofer_py_aggregate(gofer_group *group, void *user);
"""


def declarations(header: str) -> str:
    """The header as cffi's cdef wants it: no comments, no preprocessor, no extern "C".

    The values of constants that are macros (GOFER_MAX_DURATION_MS) are left to the compiler.
    """
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.S)
    text = text.replace("\\\n", " ")
    constants = re.findall(r"^\s*#\s*define\s+(GOFER_\w+)[ \t]+(\S[^\n]*)$", text, flags=re.M)
    text = re.sub(r"^\s*#[^\n]*$", "", text, flags=re.M)
    text = re.sub(r'extern "C" \{(.*)\}', r"\1", text, flags=re.S)
    text = re.sub(r"\bGOFER_API\b", "", text)
    macros = [f"#define {name} ..." for name, _ in constants if name != "GOFER_API"]
    return re.sub(r"\n\s*\n+", "\n", text).strip() + "\n" + "\n".join(macros) + "\n"


def version(header: str) -> str:
    """The version as text, "0.1.0", from the enumerators of the header."""
    numbers = dict(re.findall(r"GOFER_VERSION_(MAJOR|MINOR|PATCH) = (\d+)", header))
    return "{MAJOR}.{MINOR}.{PATCH}".format(**numbers)


class Cmake:
    """The few facts of the CMake files that a second build needs. Fails loudly on what it cannot
    read, so that a change there is noticed here."""

    def __init__(self, root: Path) -> None:
        self._core = root / "core"
        self._text = {
            folder: re.sub(r"#[^\n]*", "", (folder / "CMakeLists.txt").read_text("utf-8"))
            for folder in (root, self._core, self._core / "cli", self._core / "lua")
        }

    def _calls(self, command: str, first: str) -> list[list[str]]:
        """What follows these first words in each call of that command."""
        pattern = rf"\b{command}\(\s*{first}\s([^()]*)\)"
        return [
            shlex.split(found)
            for text in self._text.values()
            for found in re.findall(pattern, text)
        ]

    def sources(self, target: str, *rooms: Path) -> list[str]:
        """The C files of a target, absolute, that these rooms list: what CMake itself makes (what
        begins with "${") is left out."""
        kind = r"(?:OBJECT|STATIC|PRIVATE)?"
        command = (
            rf"\b(?:add_executable|add_library|target_sources)\(\s*{target}\s+{kind}([^()]*)\)"
        )
        files = []
        for room in rooms:
            text = re.sub(r"#[^\n]*", "", (room / "CMakeLists.txt").read_text("utf-8"))
            for words in re.findall(command, text):
                files += [room / name for name in shlex.split(words) if not name.startswith("$")]
        missing = [str(file) for file in files if not file.is_file()]
        if not files or missing:
            raise SystemExit(
                f"{rooms[0]}: the CMake files list no sources of {target}, or missing: {missing}"
            )
        return [str(file) for file in files]

    def core_sources(self) -> list[str]:
        """The C files of the core, from each of its rooms."""
        rooms = sorted(file.parent for file in (self._core / "src").rglob("CMakeLists.txt"))
        return self.sources("gofer_objects", *rooms)

    def definitions(self, version: str, *targets: str) -> Macros:
        """Macros of these targets, e.g. ("_GNU_SOURCE", None)."""
        calls = [
            call for name in targets for call in self._calls("target_compile_definitions", name)
        ]
        macros: Macros = []
        for call in calls:
            for word in call[1:]:  # the first is INTERFACE, PRIVATE or PUBLIC
                name, _, value = word.replace("${PROJECT_VERSION}", version).partition("=")
                # shlex took the quotes away that make a value a C string.
                text = value if not value or value.isdigit() else f'"{value}"'
                macros.append((name, text or None))
        return macros

    def packages(self, target: str) -> list[str]:
        """pkg-config modules of a target: those it links as PkgConfig::NAME."""
        linked = self._linked(target)
        linked = {prefix for prefix in linked if not self._calls("pkg_search_module", prefix)}
        specs = {
            prefix: [word for word in call if word not in ("REQUIRED", "IMPORTED_TARGET")]
            for prefix in linked
            for call in self._calls("pkg_check_modules", prefix)
        }
        unknown = linked - specs.keys()
        if unknown or not specs:
            raise SystemExit(
                f"CMakeLists.txt: no pkg_check_modules() for what {target} links: {sorted(unknown)}"
            )
        return [word for prefix in sorted(specs) for word in specs[prefix]]

    def found(self, prefix: str) -> str | None:
        """The first of the modules of a pkg_search_module() that pkg-config knows, if any."""
        for call in self._calls("pkg_search_module", prefix):
            for word in call:
                if word not in ("REQUIRED", "IMPORTED_TARGET") and pkg_config_has(word):
                    return word
        return None

    def _linked(self, target: str) -> set[str]:
        links = self._calls("target_link_libraries", target)
        return {word[11:] for call in links for word in call if word.startswith("PkgConfig::")}


def pkg_config_command(packages: list[str], flag: str) -> list[str]:
    # CMake writes "sqlite3>=3.37" in one word, pkg-config wants three.
    words = [word for package in packages for word in re.split(r"([<>]?=)", package)]
    return [*shlex.split(os.environ.get("PKG_CONFIG", "pkg-config")), flag, *words]


def pkg_config_has(package: str) -> bool:
    try:
        return subprocess.run(pkg_config_command([package], "--exists")).returncode == 0
    except FileNotFoundError:
        return False


def pkg_config(packages: list[str], flag: str) -> list[str]:
    """The compiler's or the linker's flags for these packages (--cflags, --libs)."""
    command = pkg_config_command(packages, flag)
    try:
        return shlex.split(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        )
    except FileNotFoundError:
        raise SystemExit(
            "pkg-config is needed to build gofer (Debian: apt-get install pkg-config)"
        ) from None
    except subprocess.CalledProcessError:
        raise SystemExit(
            f"not found by pkg-config: {' '.join(packages)} (Debian: apt-get install libsqlite3-dev"
            " libcjson-dev libhiredis-dev libssl-dev libprotobuf-c-dev libpopt-dev)"
        ) from None


def temporary(prefix: str) -> Path:
    """A folder that is gone at exit."""
    folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def messages() -> Path:
    """A folder with asynq.pb-c.c and .h, made as core/protobuf.cmake does, and gone at exit. Other
    files that are made for the build are put there, too."""
    source = ROOT / "core" / "src" / "broker" / "redis" / "wire"
    compiler = shutil.which("protoc-c") or (shutil.which("protoc-gen-c") and shutil.which("protoc"))
    if not compiler:
        raise SystemExit(
            "protoc-c is needed to build gofer (Debian: apt-get install protobuf-c-compiler)"
        )
    folder = temporary("gofer-proto-")
    subprocess.run(
        [compiler, f"--c_out={folder}", f"--proto_path={source}", "asynq.proto"], check=True
    )
    return folder


class Scripts:
    """The Lua scripts of the Redis store as C strings, made as core/redis_scripts.cmake does, which
    says more: a test compares what both make."""

    HEAD = "// Made of core/src/broker/redis/scripts at build time.\n"

    def __init__(self, source: Path) -> None:
        self._source = source

    def _read(self, path: Path) -> str:
        text = "\n" + path.read_text("utf-8") + "\n"
        text = re.sub(r"\n[ \t]+--@use", "\n--@inside", text)
        text = re.sub(r"\n[ \t]+", "\n", text)
        text = re.sub(r"\n--[^@\n][^\n]*", "", text)
        text = re.sub(r"(\n--)+\n", "\n", text)
        text = re.sub(r"\n\n+", "\n", text)
        pattern = r"(\n--@(keys|args|each) [^\n]+)\n--@\2 "
        while (longer := re.sub(pattern, r"\1 ", text)) != text:
            text = longer
        return text

    def _put_together(self, text: str) -> str:
        used: set[str] = set()
        while found := re.search(r"\n--@(use|inside) ([a-z0-9_ ]+)\n", text):
            pieces = "\n"
            for name in found[2].split(" "):
                if found[1] == "inside" or name not in used:
                    used.add(name)
                    pieces += self._read(self._source / "lib" / f"{name}.lua")[1:]
            text = text[: found.start()] + pieces + text[found.end() :]
        return text

    @staticmethod
    def _declared(what: str, text: str) -> tuple[str, list[str], str]:
        """What stands before and behind the line --@WHAT, and its words between."""
        found = re.search(rf"\n--@{what} ([^\n]+)\n", text)
        if not found:
            return text, [], ""
        words = [word for word in found[1].split(" ") if word != "..."]
        return text[: found.start()] + "\n", words, text[found.end() :]

    @staticmethod
    def _with_locals(front: str, values: dict[str, str], rest: str) -> str:
        body = front + rest
        word = "[^A-Za-z0-9_.:']{}[^A-Za-z0-9_']"
        used = [name for name in values if re.search(word.format(name), body)]
        places = ", ".join(values[name] for name in used)
        return f"{front}local {', '.join(used)} = {places}\n{rest}" if used else body

    def _name_words(self, what: str, array: str, fixed: str, text: str) -> tuple[str, list[str]]:
        front, words, rest = self._declared(what, text)
        values = {word.partition("=")[0]: f"{array}[{i}]" for i, word in enumerate(words, 1)}
        values[fixed] = str(len(words))
        return (self._with_locals(front, values, rest) if words else text), words

    def _name_each(self, args: list[str], text: str) -> tuple[str, list[str]]:
        front, words, rest = self._declared("each", text)
        first = len(args) - len(words) + 1
        values = {word.upper(): str(place) for place, word in enumerate(words, first)}
        values = {"EACH": str(len(words)), **values}
        return (self._with_locals(front, values, rest) if words else text), words

    @staticmethod
    def _list(what: str, script: str, words: list[str]) -> str:
        """For C: what a script declares."""
        item = what.upper()
        lines = [f"#define GF_RD_{item}_{script.upper()}({item.removesuffix('S')})"]
        for word in words:
            name, _, rest = word.partition("=")
            more = f', "{rest or name}"' if what == "keys" else ""
            lines.append(f"    {item.removesuffix('S')}({name.upper()}, {name}{more})")
        return " \\\n".join(lines) + "\n" if words else ""

    def files(self) -> tuple[str, str]:
        """redis_scripts.c and redis_scripts.h."""
        code = (
            f'{self.HEAD}#include "redis_scripts.h"\n\n'
            "// C11 promises 4095 characters; every compiler we know takes more.\n"
            '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
        )
        header = f"{self.HEAD}#ifndef GF_REDIS_SCRIPTS_H\n#define GF_REDIS_SCRIPTS_H\n\n"
        lists, everything = "", ""
        for path in sorted(self._source.glob("*.lua")):
            text = self._put_together(self._read(path))
            text, keys = self._name_words("keys", "KEYS", "FIXED_KEYS", text)
            text, args = self._name_words("args", "ARGV", "FIXED_ARGS", text)
            text, each = self._name_each(args, text)
            text = text[1:].replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
            text = text.replace("\n", '\\n"\n    "')
            code += f'\nconst char gf_rd_lua_{path.stem}[] =\n    "{text}";\n'
            header += f"extern const char gf_rd_lua_{path.stem}[];\n"
            everything += f" \\\n    SCRIPT({path.stem})"
            lists += self._list("keys", path.stem, keys)
            lists += self._list("args", path.stem, args)
            lists += self._list("each", path.stem, each)
        header += "\n// Of each script its keys, as its line --@keys has them: "
        header += 'KEY(NAME, name, "rest");\n// ARG(NAME, name) and EACH(NAME, name), of '
        header += f"the lines --@args and --@each.\n{lists}\n// All of them: SCRIPT(name).\n"
        header += f"#define GF_RD_SCRIPTS(SCRIPT){everything}\n\n#endif\n"
        return code, header

    def write(self, folder: Path) -> Path:
        """The C file; the header is beside it."""
        for name, text in zip(("redis_scripts.c", "redis_scripts.h"), self.files()):
            (folder / name).write_text(text, "utf-8")
        return folder / "redis_scripts.c"


def linked() -> dict[str, Any] | None:
    """Build settings for an installed libgofer; None if none is asked for."""
    folder = os.environ.get("GOFER_LIB_DIR")
    if folder:
        path = os.path.abspath(folder)
        return {
            "include_dirs": [str(HEADER.parents[1])],
            "library_dirs": [path],
            "runtime_library_dirs": [path],
            "libraries": ["gofer"],
        }
    if set_in_environment("GOFER_SYSTEM"):
        return {
            "extra_compile_args": pkg_config(["gofer"], "--cflags"),
            "extra_link_args": pkg_config(["gofer"], "--libs"),
        }
    return None


# What every C file of ours is compiled with.
COMPILE_ARGS = ["-std=c11", "-O2", "-fvisibility=hidden", "-fstack-protector-strong", "-pthread"]


def set_in_environment(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


def exports() -> list[str]:
    """What has the linker export the module's initialiser alone: the core in this module must not
    be mixed up with a libgofer.so in the same process."""
    if sys.platform == "darwin":
        return ["-Wl,-exported_symbol,_PyInit__gofer"]
    script = temporary("gofer-map-") / "module.map"
    script.write_text("{ global: PyInit__gofer; local: *; };\n", "utf-8")
    return [f"-Wl,--version-script,{script}"]


def compiled_in(header: str) -> dict[str, Any]:
    """Build settings that compile the core into the module. setup.py links the same objects into
    the command (build_command.py), and has the module hide them: exports()."""
    cmake = Cmake(ROOT)
    packages = cmake.packages("gofer_objects")
    openssl = cmake.packages("gofer_openssl")
    macros = cmake.definitions(version(header), "gofer_flags", "gofer_objects")
    # On Linux OpenSSL is loaded when needed (util/openssl.c), unless asked for otherwise.
    link_openssl = sys.platform != "linux" or set_in_environment("GOFER_LINK_OPENSSL")
    if link_openssl:
        macros.append(("GF_LINK_OPENSSL", None))
    proto = messages()
    scripts = Scripts(ROOT / "core" / "src" / "broker" / "redis" / "scripts").write(proto)
    system = ["-pthread"] if sys.platform == "darwin" else ["-pthread", "-ldl"]
    libraries = pkg_config(packages + openssl if link_openssl else packages, "--libs")
    return {
        "sources": [*cmake.core_sources(), str(proto / "asynq.pb-c.c"), str(scripts)],
        "include_dirs": [str(HEADER.parents[1]), str(ROOT / "core" / "src"), str(proto)],
        "define_macros": macros,
        "extra_compile_args": COMPILE_ARGS + pkg_config(packages + openssl, "--cflags"),
        "extra_link_args": libraries + system,
    }


def make() -> cffi.FFI:
    """The builder that cffi's setuptools plugin asks for."""
    header = HEADER.read_text("utf-8")
    settings = linked() or compiled_in(header)
    settings["include_dirs"] = [*settings.get("include_dirs", []), str(HERE)]
    ffi = cffi.FFI()
    ffi.cdef(declarations(header))
    ffi.cdef(declarations((HERE / "gate.h").read_text("utf-8")))
    ffi.cdef(CALLBACKS)
    ffi.set_source("gofer._gofer", (HERE / "gate.c").read_text("utf-8"), **settings)
    return ffi


# The plugin runs this file under the name __cffi__; setup.py imports it for version().
if __name__ == "__cffi__":
    ffibuilder = make()
