"""Several ways to read the same files, each in a process of its own, with what it took.

A benchmark module that has a ``ROUTES`` mapping of names to functions ``prepare(folder) -> read``
calls `compare`; its module is started again for every run as ``python -m tests.make.routes
MODULE ROUTE FOLDER``. Each route first reads the first `WARM` files, so that imports, tables and
compiled expressions are there, as they are from the second study of a process on; that costs
``first_s``. CPU seconds are those of the whole series after it; memory is what the process then
held more at its most, result included. Helpers of a route are counted in both.
"""

import importlib
import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.make import child

RUNS = 3
WARM = 24


def compare(module, folder):
    """Median of each figure by route; the routes take turns, after one run that warms the cache."""
    routes = list(importlib.import_module(module).ROUTES)
    _run(module, routes[-1], folder)
    rows = {route: [] for route in routes}
    for _ in range(RUNS):
        for route in routes:
            rows[route].append(_run(module, route, folder))
    return {route: _middle(found) for route, found in rows.items()}


def show(taken):
    """Print each route, and what the first takes for each second and GB of the others."""
    width = max(map(len, taken))
    for route, row in taken.items():
        print(f"{route:{width}}  {row['cpu_s']:6.2f} s CPU  {row['wall_s']:6.2f} s wall  "
              f"{row['held_gb']:5.2f} GB  {row['first_s']:5.2f} s CPU before  "
              f"{row['type']}, maximum {row['maximum']:.6g}")  # fmt: skip
    (name, ours), *others = taken.items()
    for route, other in others:
        same = "bit-equal" if other["digest"] == ours["digest"] else "not the same bits"
        print(f"{name} / {route:{width}}  {ours['cpu_s'] / other['cpu_s']:.2f} of its CPU time, "
              f"{ours['held_gb'] / other['held_gb']:.2f} of its memory, {same}")  # fmt: skip


def _run(module, route, folder):
    done = child.run([sys.executable, "-m", "tests.make.routes", module, route, str(folder)])
    if done.status:
        sys.exit(done.said)
    return json.loads(done.said.splitlines()[-1])


def _middle(rows):
    numbers = ("wall_s", "cpu_s", "held_gb", "first_s")
    return rows[0] | {name: statistics.median(row[name] for row in rows) for name in numbers}


def _child(module, route, folder):
    """Run one route and print what it took, as JSON."""
    import hashlib

    import numpy as np

    prepare = importlib.import_module(module).ROUTES[route]
    first = cpu_s()
    with tempfile.TemporaryDirectory() as few:
        for path in sorted(Path(folder).iterdir())[:WARM]:
            shutil.copy(path, few)
        prepare(Path(few))()
    first = cpu_s() - first
    read = prepare(Path(folder))
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins here
    before_kb = _memory_kb("VmRSS")
    wall, cpu = time.monotonic(), cpu_s()
    values = read()
    wall, cpu = time.monotonic() - wall, cpu_s() - cpu
    workers = psutil.Process().children(recursive=True)
    held_kb = _memory_kb("VmHWM") - before_kb + sum(_memory_kb("VmHWM", w.pid) for w in workers)
    row = {
        "wall_s": wall,
        "cpu_s": cpu,
        "first_s": first,
        "held_gb": held_kb * 1024 / 1e9,
        "type": str(values.dtype),
        "maximum": float(values.max()),
        "digest": hashlib.sha256(np.ascontiguousarray(values, dtype=np.float32)).hexdigest(),
    }
    print(json.dumps(row))


def cpu_s():
    """CPU seconds of this process and of its children, ended and living."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    living = [worker.cpu_times() for worker in psutil.Process().children(recursive=True)]
    return sum(u.ru_utime + u.ru_stime for u in used) + sum(w.user + w.system for w in living)


def _memory_kb(name, process="self"):
    """Memory of a process now (VmRSS) or at its most (VmHWM)."""
    lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    _child(*sys.argv[1:])
