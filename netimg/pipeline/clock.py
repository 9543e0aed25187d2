"""Times the stages of a run, logs them and tells the listener."""

from __future__ import annotations

import logging
import time

from netimg.progress import Progress

log = logging.getLogger(__name__)


class Clock:
    """Times the stages, logs each as it ends, and tells the listener."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._ended: list[tuple[str, float]] = []
        self._now: tuple[str, float] | None = None

    def stage(self, name: str) -> None:
        """Begin a stage; the one before it ends."""
        self.stop()
        self._now = (name, time.monotonic())
        self.progress.stage(name)

    def stop(self) -> None:
        """End the stage that goes on."""
        if self._now is None:
            return
        name, start = self._now
        self._now = None
        self._ended.append((name, round(time.monotonic() - start, 3)))
        log.info("stage", extra={"stage": name, "seconds": self._ended[-1][1]})

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """(stage, seconds) of every stage that ended."""
        return tuple(self._ended)
