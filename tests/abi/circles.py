"""circles.py NM OBJECT... - no file of a program's own needs another that needs it, by whatever way
round.

Read from the symbols of the objects, so that what counts is who calls whom, not who includes what.
Without circles the files have an order: each can be read, tested and moved knowing only what stands
below it.
"""

import subprocess
import sys


def symbols(nm, path):
    """Two sets: what an object has for others, and what it needs of them."""
    has, needs = set(), set()
    listing = subprocess.run(
        [nm, "-g", "-P", path], check=True, capture_output=True, text=True
    ).stdout
    for line in listing.splitlines():
        name, kind = line.split()[:2]
        (needs if kind == "U" else has).add(name)
    return has, needs


def arrows(objects):
    """For each object those it needs, with the symbols that say so."""
    owner = {symbol: name for name, (has, _) in objects.items() for symbol in has}
    found = {name: {} for name in objects}
    for name, (_, needs) in objects.items():
        for symbol in sorted(needs):
            if owner.get(symbol, name) != name:
                found[name].setdefault(owner[symbol], []).append(symbol)
    return found


def reach(found, start):
    """All objects to which arrows lead from this one; itself only if a way leads back."""
    seen, todo = set(), list(found[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += found[name]
    return seen


def main():
    nm, *paths = sys.argv[1:]
    objects = {path.rpartition(".dir/")[2].removesuffix(".o"): symbols(nm, path) for path in paths}
    found = arrows(objects)
    reached = {name: reach(found, name) for name in found}
    wrong = 0
    for name, needed in found.items():
        for other, names in needed.items():
            if name in reached[other]:
                print(f"{name} needs {other} ({', '.join(names)}), from which a way leads back")
                wrong += 1
    print(f"{len(objects)} objects, {sum(map(len, found.values()))} arrows, {wrong} in a circle")
    sys.exit(1 if wrong or len(objects) < 2 else 0)


main()
