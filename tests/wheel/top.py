"""top.py COMMAND - `gofer top` on a terminal of a usual kind, where the system describes none: it
shows something, and ends at q."""

import os
import pty
import select
import sys
import time

os.environ["TERM"] = "xterm-256color"
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "top"])
shown, end = b"", time.monotonic() + 30
while b"default" not in shown and time.monotonic() < end:
    if select.select([terminal], [], [], 1)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # it has ended
            break
os.write(terminal, b"q")
while time.monotonic() < end:
    try:
        if select.select([terminal], [], [], 1)[0] and not os.read(terminal, 65536):
            break
    except OSError:
        break
_, status = os.waitpid(pid, 0)
assert status == 0, f"gofer top ended with {status}: {shown!r}"
assert b"default" in shown and b"\x1b[" in shown, shown
