"""Progress: how a long step says where it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listens to a computation. Never decides anything and never raises."""

    def stage(self, name: str) -> None:
        """Say that the stage ``name`` begins (read, segment, measure, plan, assess, report)."""

    def step(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` equal parts of the current stage are finished."""


class _Silent:
    """Hears everything, says nothing."""

    def stage(self, name: str) -> None:
        pass

    def step(self, done: int, total: int) -> None:
        pass


silent: Progress = _Silent()
"""The default listener: no output."""
