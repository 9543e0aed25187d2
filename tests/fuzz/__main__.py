"""``python -m tests.fuzz``: read many mutants, print what became of them, keep what was found."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.fuzz.runner import MOST_BYTES, MOST_CODEC_BYTES, Report, keep, run


def main(argv: list[str] | None = None) -> int:
    """Run the mutants that were asked for; 1 if any broke a promise."""
    options = _options(argv)
    numbers = options.only or range(options.start, options.start + options.count)
    report, begun = Report(), time.monotonic()
    for outcome, peak, codec in run(numbers, base=options.seed, jobs=options.jobs):
        report.outcomes.append(outcome)
        report.peak_bytes = max(report.peak_bytes, peak)
        report.codec_bytes = max(report.codec_bytes, codec)
        if outcome.trouble:
            keep(options.keep, outcome, options.seed)
            print(f"{outcome.number} {outcome.seed} {outcome.bent}\n{outcome.trouble}", flush=True)
        if len(report.outcomes) % 1000 == 0:
            print(f"{len(report.outcomes)} read, {len(report.troubles)} troubles", flush=True)
    report.seconds = time.monotonic() - begun
    _print(report, options.seed)
    over = report.peak_bytes > MOST_BYTES or report.codec_bytes > MOST_CODEC_BYTES
    return 1 if report.troubles or over else 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--start", type=int, default=0, help="number of the first")
    parser.add_argument("--only", type=int, nargs="+", help="these numbers alone")
    parser.add_argument("--seed", type=int, default=7, help="another one gives other mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="processes")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="where finds are kept")
    return parser.parse_args(argv)


def _print(report: Report, seed: int) -> None:
    slowest = max(report.outcomes, key=lambda o: o.seconds)
    kinds = len({o.seed for o in report.outcomes})
    print(f"{len(report.outcomes)} mutants of {kinds} files, seed {seed}: {report.seconds:.0f} s")
    print(f"troubles: {len(report.troubles)}")
    print(f"slowest: {slowest.seconds:.2f} s ({slowest.number}, {slowest.seed}, {slowest.bent})")
    reading, decoding = report.peak_bytes >> 20, report.codec_bytes >> 20
    print(f"peak memory: {reading} MiB reading, {decoding} MiB decoding")
    for word, n in report.verdicts.most_common():
        print(f"{n:6d} {word}")


if __name__ == "__main__":
    sys.exit(main())
