"""scripts_test.py ROOT BUILT - the Lua scripts of the Redis store, without a server.

BUILT is the folder where CMake has put redis_scripts.c and .h. The Python package, which is built
without CMake, must embed the very same; each piece must be used, each file have its head; and where
luacheck is installed (Debian: lua-check) it must have nothing to say of any script: no global but
those of Redis, no unused or shadowed local. The server itself compiles them in
redis_scripts_test.c.
"""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types

SKIPPED = 77


def embedder(root):
    """class Scripts of the package's build script, which must not need cffi for this."""
    sys.dont_write_bytecode = True
    sys.modules.setdefault("cffi", types.ModuleType("cffi"))
    sys.modules["cffi"].FFI = object
    path = root / "bindings" / "python" / "build_gofer.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Scripts


def texts_of(code):
    """What is sent: name and text of each."""
    literal = r'"(?:[^"\\\n]|\\.)*"'
    for name, lines in re.findall(rf"const char gf_rd_lua_(\w+)\[\] =\n((?:\s*{literal})+);", code):
        text = "".join(word[1:-1] for word in re.findall(literal, lines))
        yield name, re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def heads(scripts):
    """What is wrong with the files themselves."""
    used = set()
    for path in sorted(scripts.rglob("*.lua")):
        text = path.read_text("utf-8")
        head = re.match(r"(?:--[^\n]*\n)*", text)[0]
        for names in re.findall(r"^\s*--@use (.*)$", text, re.M):
            used.update(names.split())
        if path.parent == scripts and not head.startswith(f"-- {path.name} - "):
            yield f"{path.name}: its head does not begin with '-- {path.name} - what it does.'"
        if path.parent == scripts and not re.search(r"^-- Cost: ", head, re.M):
            yield f"{path.name}: its head does not say the cost"
        if not head.startswith("-- "):
            yield f"{path.name}: it has no head"
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > 100:
                yield f"{path.name}:{number}: over 100 characters"
    for path in sorted((scripts / "lib").glob("*.lua")):
        if path.stem not in used:
            yield f"lib/{path.name}: nobody uses it"


def lint(texts):
    """What luacheck says."""
    with tempfile.TemporaryDirectory(prefix="gofer-scripts-") as folder:
        for name, text in texts.items():
            (pathlib.Path(folder) / f"{name}.lua").write_text(text, "utf-8")
        command = [
            "luacheck",
            "--no-config",
            "--std",
            "lua51",
            "--read-globals",
            "redis",
            "KEYS",
            "ARGV",
            "--no-max-line-length",
            "--no-color",
            "--codes",
            "--quiet",
            ".",
        ]
        found = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return [] if found.returncode == 0 else [found.stdout]


def main():
    root, built = (pathlib.Path(word) for word in sys.argv[1:3])
    scripts = root / "core" / "src" / "broker" / "redis" / "scripts"
    code, header = (
        (built / name).read_text("utf-8") for name in ("redis_scripts.c", "redis_scripts.h")
    )
    texts = dict(texts_of(code))
    wrong = list(heads(scripts))
    if (code, header) != embedder(root)(scripts).files():
        wrong.append(
            "core/redis_scripts.cmake and bindings/python/build_gofer.py make different texts"
        )
    if len(texts) != len(list(scripts.glob("*.lua"))):
        wrong.append(f"{len(texts)} scripts of {len(list(scripts.glob('*.lua')))} are embedded")
    linter = shutil.which("luacheck")
    if linter:
        wrong += lint(texts)
    print(*wrong, f"{len(texts)} scripts, {len(wrong)} wrong", sep="\n")
    if wrong:
        sys.exit(1)
    if not linter:
        print("SKIPPED: luacheck is not installed (Debian: lua-check)")
        sys.exit(SKIPPED)


main()
