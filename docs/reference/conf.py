"""conf - how Sphinx makes the reference of the Python package from its docstrings; build.sh runs it.

The docstrings are plain text, written to be read in an editor. So they are shown as they are: prose
becomes paragraphs, and whatever is indented or set in columns keeps its form.
"""

from __future__ import annotations

import re

import gofer

project = "gofer for Python"
version = release = gofer.version
extensions = ["sphinx.ext.autodoc"]
html_theme = "alabaster"
html_show_copyright = False
nitpicky = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
exclude_patterns = ["build.sh"]

SPECIAL = re.compile(r"([\\*`|_])")


def as_it_is(lines: list[str]) -> list[str]:
    """Plain text as reStructuredText that looks the same."""
    shown: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        if paragraph and all(re.match(r"\S", row) and "  " not in row for row in paragraph):
            shown += [SPECIAL.sub(r"\\\1", row) for row in paragraph]
        elif paragraph:
            shown += ["::", "", *("    " + row for row in paragraph)]
        shown.append("")
        paragraph = []
    return shown


def plain(app, what, name, obj, options, lines) -> None:
    lines[:] = as_it_is(lines)


def members_to_read(app, what, name, obj, skip, options) -> "bool | None":
    """What begins with an underscore is nobody's business here."""
    return True if name.startswith("_") else None


def setup(app) -> None:
    app.connect("autodoc-process-docstring", plain)
    app.connect("autodoc-skip-member", members_to_read)
