"""What the header of one file may cost: elements, items, depth, bytes and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netimg.errors import IDX_017
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from netimg.settings import Settings


class Budget:
    """What one file may still cost: counts and time so far, against the limits."""

    __slots__ = ("_began", "_spent", "elements", "items", "multiframe", "name", "settings")

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.elements = self.items = 0
        self.multiframe = False
        self._spent = 0.0
        self._began = time.thread_time()

    def __enter__(self) -> None:
        """Start the clock, which runs only while the file is scanned, whatever else is running."""
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._spent += time.thread_time() - self._began

    def look(self) -> None:
        """Refuse what has more elements or items, or took longer, than the limits say."""
        for what, n in (("elements", self.elements), ("items", self.items)):
            most: int = self.settings[f"limits.{what}_max"]
            if n > most:
                self.refuse(f"more than {most} {what}, limits.{what}_max")
        key = "header_multiframe_s" if self.multiframe else "header_s"
        seconds: int = self.settings[f"limits.{key}"]
        if self._spent + time.thread_time() - self._began > seconds:
            self.refuse(f"it took longer than {seconds} s, limits.{key}")

    def depth(self, n: int) -> None:
        """Refuse sequences within sequences beyond the limit."""
        most: int = self.settings["limits.sequence_depth_max"]
        if n > most:
            self.refuse(f"more than {most} sequences deep, limits.sequence_depth_max")

    def bytes(self, n: int) -> None:
        """Refuse a header beyond its limit; one file of many frames may have more."""
        key = "header_bytes_multiframe_max" if self.multiframe else "header_bytes_max"
        most: int = self.settings[f"limits.{key}"]
        if n > most:
            self.refuse(f"more than {most} bytes before the pixels, limits.{key}")

    def refuse(self, reason: str) -> None:
        """Refuse the file, IDX-017."""
        raise refusal(IDX_017, file=self.name, reason=reason)
