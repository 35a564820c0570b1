"""names.py ROOT - every name that the library gives to a field of a snapshot is in the table, and
every name in the table is one that the library knows, also on ways that no test of a store goes.

Reads the sources as text: the calls of gf_info_set_..., and any literal for the other way round.
"""

import json
import re
import sys
from pathlib import Path

# Between two places of the library: what Go schedulers keep, as it is read, before it is an entry.
INSIDE = {"entry", "scheduler"}
SET = re.compile(r'\bgf_info_set_\w+\(\s*[^,()]+,\s*"(\w+)"')
LITERAL = re.compile(r'"(\w+)"')


def main(root: Path) -> int:
    kinds = json.loads((root / "docs" / "fields.schema.json").read_text())["$defs"]
    handed_out = {
        name: kind
        for name, kind in kinds.items()
        if kind.get("x-functions") or name in ("dead_task", "grouped_task")
    }
    listed = {field for kind in handed_out.values() for field in kind["properties"]}
    sources = [path.read_text() for path in sorted((root / "core" / "src").rglob("*.c"))]
    put = {name for text in sources for name in SET.findall(text)}
    known = {name for text in sources for name in LITERAL.findall(text)}
    unlisted = put - listed - INSIDE
    problems = [f"{name} is put out, but not in core/src/info/fields.h" for name in unlisted]
    problems += [f"{name} is in fields.h, but nowhere else" for name in listed - known - {"items"}]
    problems += [f"{name} is not put out any more: not to be named here" for name in INSIDE - put]
    print(*sorted(problems), f"{len(put)} names, {len(problems)} wrong", sep="\n")
    return 1 if problems or len(put) < 100 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
