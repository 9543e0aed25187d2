"""Times the stages of a run and tells the listener."""

from __future__ import annotations

import time

from netimg.progress import Progress


class Clock:
    """Times the stages and tells the listener."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._stages: list[tuple[str, float]] = []

    def stage(self, name: str) -> None:
        """Begin a stage."""
        self._stages.append((name, time.monotonic()))
        self.progress.stage(name)

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """(stage, seconds) of every stage begun so far."""
        ends = [start for _, start in self._stages[1:]] + [time.monotonic()]
        pairs = zip(self._stages, ends, strict=True)
        return tuple((name, round(end - start, 3)) for (name, start), end in pairs)
