"""Bytes of a file on disk, read where they are asked for and nowhere else.

Read, not mapped: a file that is cut short while it is read, or a scratch on a disc, is an error of
the system that costs this file. With a mapped file it would end the process.
"""

from __future__ import annotations

import os
from typing import overload

from netimg.errors import IDX_003
from netimg.reading.problems import refusal

_FIRST, _MOST = 1 << 14, 1 << 20


class FileBytes:
    """A file as bytes: ``len``, one byte, or a slice without step; behind an open descriptor.

    Small slices come out of a window that grows while it moves forward; large ones are read as
    they are. ``first`` are the first bytes. Raises IDX-003 where the system fails or the file has
    become shorter.
    """

    __slots__ = ("_at", "_descriptor", "_end", "_step", "_window", "first", "name", "size")

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self.name = name
        self.size = size
        self._descriptor = descriptor
        self._step = _FIRST
        self._at = 0
        self._window = self.first = self._read(0, min(size, _FIRST))
        self._end = len(self.first)

    def __len__(self) -> int:
        """Size in bytes."""
        return self.size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        """One byte, or the bytes between two places as far as the file goes."""
        if isinstance(place, slice):
            start, stop = place.start, place.stop
            if start is not None and stop is not None and self._at <= start <= stop <= self._end:
                return self._window[start - self._at : stop - self._at]
            start, stop, _ = place.indices(self.size)
            return self._take(start, max(start, stop))
        index = place + self.size if place < 0 else place
        if not 0 <= index < self.size:
            raise IndexError(place)
        return self._take(index, index + 1)[0]

    def _take(self, start: int, stop: int) -> bytes:
        """Bytes between two places inside the file."""
        if not (self._at <= start and stop <= self._end):
            if stop - start >= _MOST:
                return self._read(start, stop)
            follows = self._at <= start <= self._end
            self._step = min(_MOST, self._step * 2) if follows else _FIRST
            end = min(self.size, start + max(self._step, stop - start))
            self._window, self._at, self._end = self._read(start, end), start, end
        return self._window[start - self._at : stop - self._at]

    def _read(self, start: int, stop: int) -> bytes:
        parts: list[bytes] = []
        while start < stop:
            try:
                part = os.pread(self._descriptor, stop - start, start)
            except OSError as error:
                reason = error.strerror or str(error)
                raise refusal(IDX_003, file=self.name, reason=reason) from error
            if not part:
                raise refusal(IDX_003, file=self.name, reason="it became shorter while being read")
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
