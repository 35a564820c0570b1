"""import_time.py - how long `import gofer` takes, in milliseconds: at most 60, or it fails.

Of several runs the quickest counts: what others do on the machine only adds. Run with the Python
that has the package; each import is in a process of its own.
"""

import subprocess
import sys
import time

MOST_MS = 60
RUNS = 15


def quickest(code: str) -> float:
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", code], check=True)
        took.append(time.perf_counter() - began)
    return min(took) * 1000


took_ms = quickest("import gofer") - quickest("pass")
print(f"import gofer: {took_ms:.1f} ms")
if took_ms > MOST_MS:
    sys.exit(f"importing takes more than {MOST_MS} ms: python -X importtime -c 'import gofer'")
