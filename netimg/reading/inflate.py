"""A deflated data set, inflated within bounds (PS3.5 A.5).

It may be as large as the pixels that its own header states and a little more; beyond the first
megabytes it may not be packed much tighter than pictures are.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from netimg.errors import IDX_003, IDX_017
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.reading.walk import Bytes
    from netimg.settings import Settings

_FEED, _PART = 1 << 16, 1 << 20
_FREE = 16 << 20
_SIZE_TAGS = {
    b"\x28\x00\x10\x00US": 1,  # Rows
    b"\x28\x00\x11\x00US": 1,  # Columns
    b"\x28\x00\x02\x00US": 1,  # Samples per Pixel
    b"\x28\x00\x00\x01US": 8,  # Bits Allocated
}
"""Heads of the elements whose product is the size of a picture, and what to divide by."""
_FRAMES = b"\x28\x00\x08\x00IS"


def inflate(data: Bytes, start: int, *, name: str, settings: Settings) -> bytes:
    """Deflated bytes from ``start`` on, inflated.

    Raises
    ------
    InputError
        IDX-003 not deflated or damaged, IDX-017 beyond the limits.
    """
    beside: int = settings["limits.inflate_beside_pixels_max"]
    most: int = settings["limits.inflate_bytes_max"]
    ratio: int = settings["limits.inflate_ratio_max"]
    parts: list[bytes] = []
    size, allowed = 0, min(beside, most)
    key = "inflate_beside_pixels_max"
    try:
        for part, packed in _parts(data, start):
            if not parts:
                allowed = min(most, beside + _stated(part))
                key = "inflate_bytes_max" if allowed == most else key
            size += len(part)
            if size > allowed:
                reason = f"it unpacks to more than {allowed} bytes, limits.{key}"
                raise refusal(IDX_017, file=name, reason=reason)
            if size > _FREE and size > ratio * packed:
                reason = f"it unpacks to more than {size} bytes from {packed}"
                raise refusal(IDX_017, file=name, reason=f"{reason}, limits.inflate_ratio_max")
            parts.append(part)
    except zlib.error as error:
        raise refusal(IDX_003, file=name, reason=f"deflated data: {error}") from error
    return b"".join(parts)


def _parts(data: Bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """Inflated pieces, each with the packed bytes that were taken in so far."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    feed, start = b"", at
    while not engine.eof and (feed or at < len(data)):
        if not feed:
            feed = data[at : at + _FEED]
            at += len(feed)
        part = engine.decompress(feed, _PART)
        feed = engine.unconsumed_tail
        yield part, at - start


def _stated(first: bytes) -> int:
    """Bytes of the pixels that a header (explicit little endian) states; 0 where it does not."""
    size, frames = 1, 1
    for head, divisor in _SIZE_TAGS.items():
        at = first.rfind(head)
        if at < 0 or at + 10 > len(first):
            return 0
        value = struct.unpack_from("<H", first, at + 8)[0]
        size *= -(-value // divisor)
    at = first.rfind(_FRAMES)
    if at >= 0 and at + 8 <= len(first):
        (length,) = struct.unpack_from("<H", first, at + 6)
        text = first[at + 8 : at + 8 + min(length, 12)].strip(b" \0")
        frames = int(text) if text.isdigit() else 1
    return size * frames
