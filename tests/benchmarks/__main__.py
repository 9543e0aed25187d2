"""Run every benchmark of this folder, or those named: ``python -m tests.benchmarks start``."""

import importlib
import os
import pkgutil
import platform
import sys

from tests import benchmarks


def main() -> None:
    """Print the machine, then what each benchmark has to say."""
    there = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    chosen = sys.argv[1:] or [name for name in there if name != "__main__"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in chosen:
        print(f"\n{name}")
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main()
