"""rooms.py ROOT - each room of the core includes only what the head of its CMakeLists.txt says it may touch.

A room is a folder below core/src; the words after "May touch:" are rooms. Its own files and gofer.h are always
allowed. Arrows never lead back, so dependencies point one way, and a new arrow is a decision that somebody writes down.
"""

import pathlib
import re
import sys


def allowed(room_list):
    """The rooms after "May touch:", or None where a folder names none."""
    head = re.match(r"(?:#[^\n]*\n)*", room_list.read_text()).group(0)
    words = re.search(r"May touch:(.*?)\.\s*$", re.sub(r"\n# ?", " ", head[2:]).strip(), re.S)
    return None if words is None else {word.strip() for word in words.group(1).split(",")} - {"nothing"}


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


def main():
    source = pathlib.Path(sys.argv[1]).resolve() / "core" / "src"
    rooms = {str(path.parent.relative_to(source)): allowed(path) for path in source.rglob("CMakeLists.txt")}
    wrong, files = [], 0
    for path in sorted(source.rglob("*.[ch]")):
        files += 1
        room = str(path.parent.relative_to(source))
        if rooms.get(room) is None:
            wrong.append(f"{path.relative_to(source)}: its room says nowhere what it may touch")
            continue
        for line, name in re.findall(r'^([ \t]*#[ \t]*include[ \t]*"([^"]+)")', path.read_text(), re.M):
            target = name.rpartition("/")[0]
            if target in ("", room, "gofer") or target in rooms[room]:
                continue
            wrong.append(f"{path.relative_to(source)}: {line} is not in the room's list")
    for name, may in rooms.items():
        wrong += [f"{name}: may touch '{other}', which is no room" for other in (may or ()) if other not in rooms]
    for name in rooms:
        for other in rooms[name] or ():
            # The parts of a whole may know each other; whole from whole there is one direction.
            if whole(name) != whole(other) and whole(name) in {whole(o) for o in reach(rooms, other)}:
                wrong.append(f"{name}: may touch '{other}', from which a way leads back")
    print(*wrong, f"{files} files, {len(rooms)} rooms, {len(wrong)} wrong", sep="\n")
    sys.exit(1 if wrong or not files else 0)


main()
