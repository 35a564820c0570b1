"""import_time.py - how long `import gofer` takes, in milliseconds: at most 60, or it fails.

Time of the processor is counted, which an import is all made of, and of several runs the quickest:
what others do on the machine only adds, so that it is tried again before it fails. Each import is
in a process of its own.
"""

import os
import subprocess
import sys

MOST_MS = 60
RUNS = 15
TRIES = 4


def quickest(code: str) -> float:
    took = []
    for _ in range(RUNS):
        process = subprocess.Popen([sys.executable, "-I", "-c", code])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"`{code}` ended with {process.returncode}")
        took.append(used.ru_utime + used.ru_stime)
    return min(took) * 1000


took_ms = float("inf")
for _ in range(TRIES):
    took_ms = min(took_ms, quickest("import gofer") - quickest("pass"))
    if took_ms <= MOST_MS:
        break
print(f"import gofer: {took_ms:.1f} ms")
if took_ms > MOST_MS:
    sys.exit(f"importing takes more than {MOST_MS} ms: python -X importtime -c 'import gofer'")
