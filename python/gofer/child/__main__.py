"""python -m gofer.child APP [--threads N] [--tasks N] - started by a worker, see serve.py."""

import sys

from .serve import main

if __name__ == "__main__":
    main(sys.argv[1:])
