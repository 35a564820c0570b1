"""shown.py [--build FOLDER] [--without STEP]... [--print] PAGE[:SECTION]... - what the
documentation shows can be typed and does what it says: the blocks marked `sh` of each page are run
from top to bottom as written, in one shell, and what they print is compared with the `text` block
that follows them. Works in folders of its own.

  PAGE            what stands before the page's first section: the example the page begins with
  PAGE:           the whole page
  PAGE:SECTION    one section
  --build FOLDER  where gofer is, and Python's environment in venv/ if there is one; to the page it
                  is ./build
  --without STEP  leaves out sections whose title has this word
  --print         prints what the pages print, to be shown in them

Ids, tokens, times, durations and the width of columns are not compared; a line that says only "…"
stands for any number of lines. The pages run with gofer on the PATH, $GOFER_URL set to a file of
their own, a folder for configuration of their own, and $PORT set to a port that is free.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

DEADLINE_S = 300
MARK = "--- shown.py: block {} ---"

# What differs from run to run. The order matters: whole times before the durations in them.
CHANGES = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}\b", "ID"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME"),
    (r"\b\d\d:\d\d:\d\d\.\d+\b", "TIME"),
    (r"\b(\d+(\.\d+)?(us|ms|s|m|h|d)\s?)+(?= ago\b|\s|$)|\bnow\b", "DURATION"),
    (r"\b(in )?DURATION( ago)?", "DURATION"),
    (r"\b\d+\.\d+ ms\b", "DURATION"),
    (r"\bID\s+\S+\s+\d+\s+(active|quiet|lacking)\b", r"ID HOST PID \1"),
    (r"\b(ID\s+\S+\s+\d+)\s+\d+(\s+ready\s+\S+\s+\d+)\s+[\d.]+ MiB", r"\1 PID \2 SIZE"),
    (r"/tmp/[\w./-]*", "FOLDER"),
    (r"\bgofer_[\w-]{43}", "TOKEN"),
]


def plain(line: str) -> str:
    for pattern, name in CHANGES:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


def matches(shown: list[str], printed: list[str]) -> bool:
    """Both without what differs; "…" in what is shown stands for any number of lines."""
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(matches(shown[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and matches(shown[1:], printed[1:])


def chosen_text(page: Path, section: "str | None", without: list[str]) -> str:
    """The part of a page that is to be run. Headings inside of blocks are comments of a shell."""
    kept, inside, skipped, fenced = [], section in (None, ""), 0, False
    for line in page.read_text("utf-8").splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"(##+) (.*)", line)
        if heading:
            depth, title = len(heading[1]), heading[2]
            if section is None:
                break
            if section and depth == 2:
                inside = title == section
            if depth <= skipped:
                skipped = 0
            if not skipped and any(word in title for word in without):
                skipped = depth
        if inside and not skipped:
            kept.append(line)
    return "\n".join(kept) + "\n"


def blocks_of(text: str) -> list[tuple[str, "str | None"]]:
    """Pairs: what is typed, and what is printed if a `text` block follows before the next one."""
    pairs: list[tuple[str, "str | None"]] = []
    for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M):
        if kind == "sh":
            pairs.append((body, None))
        elif kind == "text" and pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], body)
    return pairs


def free_port() -> int:
    """For pages that start a server of their own: they listen on ${PORT:-8000}."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return int(there.getsockname()[1])


def run_blocks(
    pairs: list[tuple[str, "str | None"]], build: Path, folder: Path
) -> tuple[int, str, str]:
    """Runs them in one shell; gives its exit code, standard output and standard error."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "gofer").symlink_to(build / "gofer")
    for name in ("server", "cli"):
        there = shutil.which(f"redis-{name}") or shutil.which(f"valkey-{name}")
        if there:
            (programs / f"redis-{name}").symlink_to(there)
    work = folder / "work"
    work.mkdir()
    (work / "build").symlink_to(build)
    script = "".join(
        f"printf '\\n%s\\n' '{MARK.format(n)}'\n{typed}" for n, (typed, _) in enumerate(pairs)
    )
    path = [str(build / "venv" / "bin"), str(programs), os.environ["PATH"]]
    environment = dict(
        os.environ,
        PATH=os.pathsep.join(path),
        GOFER_URL=str(work / "tasks.db"),
        TMPDIR=str(folder),
        XDG_CONFIG_HOME=str(folder / "config"),
        TZ="UTC",
        PORT=str(free_port()),
    )
    with open(folder / "out", "w+") as out, open(folder / "errors", "w+") as errors:
        shell = subprocess.Popen(
            ["bash", "-e", "-c", script],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = shell.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)  # what a page that failed has left running
            except ProcessLookupError:
                pass
            shell.wait()
        out.seek(0)
        errors.seek(0)
        return code, out.read(), errors.read()


def problems(
    page: Path, section: "str | None", build: Path, without: list[str], show: bool
) -> list[str]:
    """What is wrong with what a page shows; empty if nothing is."""
    pairs = blocks_of(chosen_text(page, section, without))
    if not pairs:
        return ["there is nothing to run"]
    with tempfile.TemporaryDirectory(prefix="gofer-shown-") as folder:
        code, out, errors = run_blocks(pairs, build, Path(folder))
    if show:
        print(out)
    printed = re.split("^" + MARK.format(r"\d+") + "\n", out, flags=re.M)[1:]
    found = []
    for (typed, shown), told in zip(pairs, printed):
        got = [plain(line) for line in told.splitlines() if line.strip()]
        wanted = [plain(line) for line in (shown or "").splitlines() if line.strip()]
        if shown is not None and not matches(wanted, got):
            found.append(f"typed:\n{typed}shown:\n{shown}printed:\n{told}")
    if code != 0:
        typed = pairs[max(len(printed), 1) - 1][0]
        why = "did not end in time" if code == -1 else f"ended with {code}"
        found.append(f"typed:\n{typed}{why}")
    return found + [f"standard error:\n{errors}"] if found else []


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--print", action="store_true", dest="show")
    parser.add_argument("pages", nargs="+")
    given = parser.parse_args()
    failed = 0
    for name in given.pages:
        page, colon, section = name.partition(":")
        part = section if colon else None
        found = problems(Path(page), part, given.build.resolve(), given.without, given.show)
        if found:
            failed += 1
            print(f"{name}: what it shows is not what happens\n" + "\n".join(found))
        else:
            print(f"{name}: runs as written")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
