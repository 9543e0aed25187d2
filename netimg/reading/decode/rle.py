"""RLE Lossless, decoded here: PackBits in byte planes, PS3.5 annex G.

Nothing native, so it runs in the main process; never more than the picture's own bytes are made.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.decode.codestream import RLE, BadCodestream, read_codestream

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTHING = 128
_PADDING = 64


def decode_rle(codestream: bytes, shape: tuple[int, int], itemsize: int) -> NDArray[Any]:
    """Samples of one picture of one sample per pixel, unsigned, (rows, columns).

    Raises
    ------
    BadCodestream
        Another number of planes than ``itemsize``, or a plane that is not exactly one picture.
    """
    said = read_codestream(codestream, 0, len(codestream), RLE)
    planes = (said.bits or 0) // 8
    if planes != itemsize:
        raise BadCodestream(why=f"it has {planes} bytes in a pixel where {itemsize} are needed")
    places = [*struct.unpack_from(f"<{planes}I", codestream, 4), len(codestream)]
    size = shape[0] * shape[1]
    unpacked = [_unpack(codestream[a:b], size) for a, b in pairwise(places)]
    samples = np.empty((size, itemsize), dtype=np.uint8)
    for plane, data in enumerate(reversed(unpacked)):  # the most significant byte comes first
        samples[:, plane] = np.frombuffer(data, dtype=np.uint8)
    return samples.view(f"<u{itemsize}").reshape(shape)


def _unpack(packed: bytes, size: int) -> bytearray:
    """PackBits: exactly ``size`` bytes; zeros may follow as padding."""
    out = bytearray()
    at, end = 0, len(packed)
    if end > 2 * size + _PADDING:  # one byte at a time is the worst that packing can do
        raise BadCodestream(why=f"a plane has {end} packed bytes for {size}")
    while at < end and len(out) < size:
        count = packed[at]
        if count < _NOTHING:
            out += packed[at + 1 : at + 2 + count]
            at += count + 2
        elif count > _NOTHING:
            out += packed[at + 1 : at + 2] * (257 - count)
            at += 2
        else:
            at += 1
    if len(out) != size or at > end:
        raise BadCodestream(why=f"a plane has {len(out)} bytes where {size} are needed")
    if packed[at:].strip(b"\0\x80"):
        raise BadCodestream(why=f"a plane goes on after its {size} bytes")
    return out
