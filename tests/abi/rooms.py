"""rooms.py ROOT - each room includes only what the head of its CMakeLists.txt says it may touch.

A room is a folder below core/src (named without that), core/cli, core/line, core/web,
core/lua or bindings/lua; the words after "May touch:" are rooms. Its own files and gofer.h are
always allowed.
Arrows never lead back, so dependencies point one way, and a new arrow is a decision that somebody
writes down.

The binary and the Lua module are strangers to libgofer: of util they have what gofer_text lists
(core/src/util/CMakeLists.txt), and of the other rooms nothing.
"""

import os
import pathlib
import re
import sys


def allowed(room_list):
    """The rooms after "May touch:", or None where a folder names none."""
    head = re.match(r"(?:#[^\n]*\n)*", room_list.read_text()).group(0)
    words = re.search(r"May touch:(.*?)\.\s*$", re.sub(r"\n# ?", " ", head[2:]).strip(), re.S)
    return (
        None
        if words is None
        else {word.strip() for word in words.group(1).split(",")} - {"nothing"}
    )


def whole(room):
    """A store, or the worker, is one whole, whatever rooms it has."""
    parts = room.split("/")
    return "/".join(parts[:2] if parts[0] == "broker" else parts[:1])


def reach(rooms, start):
    """All rooms to which arrows lead from this one."""
    seen, todo = set(), [start]
    while todo:
        room = todo.pop()
        if room not in seen:
            seen.add(room)
            todo += rooms.get(room) or ()
    return seen


# The folders that have rooms, each with the prefix of their names, and where the compiler looks
# for what they include.
TREES = (
    ("core/src", "", ("core/src",)),
    ("core/cli", "cli", ("core/cli", "core/hooks", "core/line", "core/lua", "core/otlp",
                         "core/web")),
    ("core/line", "line", ("core/line",)),
    ("core/otlp", "otlp", ("core/otlp", "core/http", "core/line")),
    ("core/web", "web", ("core/web", "core/line")),
    ("core/hooks", "hooks", ("core/hooks", "core/http", "core/line")),
    ("core/http", "http", ("core/http",)),
    ("core/lua", "lua", ("core/lua", "bindings/lua")),
    ("bindings/lua", "bindings/lua", ("bindings/lua",)),
)


def name_of(root, folder):
    """A folder's name as a room; None if it is below none of the trees."""
    for tree, prefix, _ in TREES:
        if folder.is_relative_to(root / tree):
            below = folder.relative_to(root / tree).as_posix()
            return "/".join(part for part in (prefix, below) if part != ".").strip("/") or "."
    return None


def target_of(root, path, name, places):
    """The room of an included file; "" for gofer.h and what is made by the build."""
    for place in (path.parent, *(root / place for place in places)):
        found = pathlib.Path(os.path.normpath(place / name))
        if found.is_file():
            return name_of(root, found.parent)
    return "" if name.rpartition("/")[0] in ("", "gofer") else name.rpartition("/")[0]


def shared(root):
    """The headers of util that strangers may include."""
    lists = (root / "core/src/util/CMakeLists.txt").read_text()
    files = re.search(r"add_library\(gofer_text STATIC ([^)]*)\)", lists).group(1).split()
    return {f"util/{name.removesuffix('.c').removesuffix('.h')}.h" for name in files}


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    rooms = {name_of(root, path.parent): allowed(path)
             for tree, _, _ in TREES for path in (root / tree).rglob("CMakeLists.txt")}
    wrong, files, text = [], 0, shared(root)
    for tree, _, places in TREES:
        for path in sorted((root / tree).rglob("*.[ch]")):
            files += 1
            room = name_of(root, path.parent)
            if rooms.get(room) is None:
                wrong.append(f"{path.relative_to(root)}: its room says nowhere what it may touch")
                continue
            for line, name in re.findall(
                r'^([ \t]*#[ \t]*include[ \t]*"([^"]+)")', path.read_text(), re.M
            ):
                target = target_of(root, path, name, places)
                inside = target == "util" and tree != "core/src" and name not in text
                if target not in ("", room) and (inside or target not in rooms[room]):
                    wrong.append(f"{path.relative_to(root)}: {line} is not in the room's list")
    for name, may in rooms.items():
        wrong += [
            f"{name}: may touch '{other}', which is no room"
            for other in (may or ())
            if other not in rooms
        ]
    for name in rooms:
        for other in rooms[name] or ():
            # The parts of a whole may know each other; whole from whole there is one direction.
            if whole(name) != whole(other) and whole(name) in {
                whole(o) for o in reach(rooms, other)
            }:
                wrong.append(f"{name}: may touch '{other}', from which a way leads back")
    print(*wrong, f"{files} files, {len(rooms)} rooms, {len(wrong)} wrong", sep="\n")
    sys.exit(1 if wrong or not files else 0)


main()
