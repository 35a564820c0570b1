"""links.py ROOT - every relative link in README.md and docs/ leads to a file that is there, and to
a heading that is there if it names one; every picture is shown somewhere, and is small."""

import re
import sys
from pathlib import Path

PICTURE_MAX = 60 << 10


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    titles = re.findall(r"^#+ +(.+?) *$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def problems(page: Path) -> list[str]:
    found = []
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            found.append(f"{page}: there is no {target}")
        elif anchor and anchor not in anchors(file):
            found.append(f"{page}: {name or page.name} has no heading '#{anchor}'")
    return found


def pictures(root: Path, pages: list[Path]) -> list[str]:
    texts = "".join(page.read_text("utf-8") for page in pages)
    files = sorted((root / "docs" / "images").iterdir())
    return [f"{file}: no page shows it" for file in files if f"images/{file.name}" not in texts] + [
        f"{file}: more than {PICTURE_MAX} bytes" for file in files
        if file.stat().st_size > PICTURE_MAX]


def main(root: Path) -> int:
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    found = [problem for page in pages for problem in problems(page)]
    found += pictures(root, pages)
    print("\n".join(found) if found else f"{len(pages)} pages: every link leads somewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
