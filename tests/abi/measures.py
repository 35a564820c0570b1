"""measures.py ROOT - what a reader can count on in every file: no line is wider than a page of two
columns, a C file says first what it is, and no function takes more than a handful of arguments.
And what is built is not among them.
"""

import pathlib
import re
import subprocess
import sys

WIDTH = 100  # as .editorconfig says
PARAMETERS = 6
LARGEST = 1 << 20  # bytes; a program is larger
FOLDERS = ("core", "bindings", "python", "tests", "examples")
# What other programs have written, byte for byte, and what is compared with that.
DATA = re.compile(r"\.(json|jsonl|sum|bin|db|rdb|png)$|/(vectors|corpus)/")
MADE = re.compile(r"/(build|__pycache__|[^/]*\.egg-info)/")  # of what is built in the tree
DEFINITION = re.compile(r"^[a-z_][\w *]*?\b(\w+)\(([^;{}]*?)\)\s*\n\{", re.M)


def files(root):
    command = ["git", "-C", str(root), "ls-files", "-z", *FOLDERS]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        names = listed.stdout.split("\0")[:-1]
    except (OSError, subprocess.CalledProcessError):  # no git here, or no history
        all_ = (str(p.relative_to(root)) for f in FOLDERS for p in (root / f).rglob("*"))
        names = [name for name in all_ if not MADE.search(name)]
    return [root / name for name in names if (root / name).is_file()]


def text_of(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # not text


def arguments(words):
    """How many, of what stands between the parentheses."""
    depth, count = 0, 1
    for c in words:
        depth += (c in "([") - (c in ")]")
        count += c == "," and depth == 0
    return count


def too_wide(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > WIDTH:
            yield f"{name}:{number}: {len(line)} characters wide, at most {WIDTH}"


def too_many(name, text):
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    for function, words in DEFINITION.findall(code):
        # The public ones are what programs have been built with; what libmicrohttpd calls is as it
        # calls it.
        if not function.startswith(("gofer_", "mhd_")) and arguments(words) > PARAMETERS:
            yield f"{name}: {function}() takes {arguments(words)}, at most {PARAMETERS}"


def without_head(name, text):
    base = name.rpartition("/")[2]
    if not re.match(rf"// {re.escape(base)} - |/\*\*? ?\n? ?\*? ?{re.escape(base)} - ", text):
        yield f"{name}: its first line does not say what it is: // {base} - ..."


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    wrong, count = [], 0
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if path.stat().st_size > LARGEST:
            wrong.append(f"{name}: {path.stat().st_size} bytes, at most {LARGEST}: is it built?")
            continue
        text = text_of(path)
        if DATA.search(name) or not text:
            continue
        count += 1
        wrong += too_wide(name, text)
        if path.suffix in (".c", ".h"):
            wrong += too_many(name, text)
            if name.startswith(("core/", "bindings/")):
                wrong += without_head(name, text)
    print(*wrong, f"{count} files, {len(wrong)} wrong", sep="\n")
    sys.exit(1 if wrong or not count else 0)


main()
