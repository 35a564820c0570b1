"""python -m gofer ... - the same as `gofer ...`, with the command of this Python's package."""

import sys

from .command import main

main(sys.argv[1:])
