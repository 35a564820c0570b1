"""header.py HEADER - what the text of gofer.h must hold to:

every public function is declared once, is documented (a comment of its own, or it belongs to a
group under one), is in symbols.txt and the other way round; every public constant and every field
of a public struct is in layout.txt; the header uses nothing that the bindings' readers trip over.

Reads the header as text on purpose: comments are part of what is checked.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
# The version changes with each release, so it is no part of the checked layout.
UNCHECKED = {"GOFER_VERSION_MAJOR", "GOFER_VERSION_MINOR", "GOFER_VERSION_PATCH"}
FUNCTION = re.compile(r"^GOFER_API\s[^;]*?\b(gofer_\w+)\s*\([^;]*\)\s*;", re.M)


def listed(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def undocumented(text: str) -> list[str]:
    """Functions without a comment: neither right above, nor above the paragraph they stand in,
    nor an _init function under its struct (whose fields are documented one by one)."""
    bad = []
    for match in FUNCTION.finditer(text):
        before = text[: match.start()]
        paragraph = before[before.rfind("\n\n") + 2 :] + match.group(0)
        # A section's rule ("/* ---- Client ----") documents nothing.
        comments = [c for c in re.findall(r"/\*.*?\*/", paragraph, re.S) if "----" not in c]
        if before.rstrip().endswith("*/"):
            comments.append(before)
        if not comments and not match.group(1).endswith("_options_init"):
            bad.append(match.group(1))
    return bad


def constants(code: str) -> set[str]:
    bodies = re.findall(r"\benum\s*\w*\s*\{(.*?)\}", code, re.S)
    names = {n for body in bodies for n in re.findall(r"\b(GOFER_\w+)\s*(?:=|,|$)", body, re.M)}
    return names | set(re.findall(r"#define (GOFER_MAX_\w+)", code))


def fields(code: str) -> set[str]:
    found = set()
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\}", code, re.S):
        found |= {f"{name}.{field}" for field in re.findall(r"(\w+)\s*;", body)}
    return found


def main(header: str) -> int:
    text = Path(header).read_text()
    code = without_comments(text)
    problems = []

    declared = [m.group(1) for m in FUNCTION.finditer(text)]
    exported = {line[0] for line in listed("symbols.txt")}
    problems += [
        f"{n} is declared twice" for n in sorted({n for n in declared if declared.count(n) > 1})
    ]
    problems += [
        f"{n} is declared, but not in symbols.txt" for n in sorted(set(declared) - exported)
    ]
    problems += [
        f"{n} is in symbols.txt, but not declared" for n in sorted(exported - set(declared))
    ]
    problems += [f"{n} has no comment" for n in undocumented(text)]
    if code.count("GOFER_API ") - code.count("define GOFER_API ") != len(declared):
        problems.append("a GOFER_API declaration was not understood by this script")

    kept = listed("layout.txt")
    kept_constants = {line[1] for line in kept if line[0] == "constant"}
    kept_fields = {line[1] for line in kept if line[0] == "field"}
    problems += [
        f"{n} is not in layout.txt" for n in sorted(constants(code) - UNCHECKED - kept_constants)
    ]
    problems += [f"{n} is gone from gofer.h" for n in sorted(kept_constants - constants(code))]
    problems += [f"{n} is not in layout.txt" for n in sorted(fields(code) - kept_fields)]
    problems += [f"{n} is gone from gofer.h" for n in sorted(kept_fields - fields(code))]

    # docs/abi.md: no varargs, unions, bit-fields, bool or enum types in signatures.
    for what in (r"\.\.\.", r"\bunion\b", r"\b\w+ : \d+;", r"\bbool\b", r"\benum \w+ \w+[,;)]"):
        if re.search(what, re.sub(r'"[^"]*"', "", code)):
            problems.append(f"the header holds {what!r}, which the ABI does without")

    # What may be called from any thread while a handler runs: the header's opening, each function's
    # comment, docs/abi.md.
    def tails(words: str) -> set[str]:
        return set(re.findall(r"(?:gofer_task)?_([a-z]+)\b", words))

    opening = tails(
        re.search(r"but for (gofer_task_cancelled[^.]*)\.", text.replace("\n *", "")).group(1)
    )
    commented = re.findall(
        r"/\*\*((?:(?!\*/).)*)\*/\s*GOFER_API \w+ gofer_task_(\w+)\(", text, re.S
    )
    each = {name for comment, name in commented if "any thread" in comment.lower()}
    told = tails(
        re.search(
            r"from any thread\s+while the handler runs: ([^.]*)\.",
            (HERE.parents[1] / "docs/abi.md").read_text(),
        ).group(1)
    )
    if not opening == each == told:
        problems.append(
            f"from any thread: {sorted(opening)} above, {sorted(each)} in comments, {sorted(told)}"
            " in abi.md"
        )

    for problem in problems:
        print(problem)
    if not problems:
        print(
            f"{len(declared)} functions, {len(kept_constants)} constants, {len(kept_fields)} fields"
        )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
