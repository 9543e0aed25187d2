"""CPU seconds of ``import netimg``, ``netimg --help``, ``netimg doctor``, beside their budgets."""

import resource
import subprocess
import sys

RUNS = 7


def cpu_s(*arguments: str) -> float:
    """Least CPU time of a fresh interpreter over `RUNS` runs, in s."""
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, *arguments]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def main() -> None:
    """Print both times; the empty interpreter is taken off the first."""
    empty_s = cpu_s("-c", "")
    print(f"import netimg   {cpu_s('-c', 'import netimg') - empty_s:.3f} s CPU (budget 0.03)")
    print(f"netimg --help   {cpu_s('-m', 'netimg', '--help'):.3f} s CPU (budget 0.35)")
    print(f"netimg doctor   {cpu_s('-m', 'netimg', 'doctor'):.3f} s CPU (budget 5)")
