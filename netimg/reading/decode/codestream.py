"""What a compressed picture says of itself, read from its first bytes, before any decoder sees it.

Sizes, sample format and structure of JPEG, JPEG-LS, JPEG 2000 and HTJ2K codestreams, and of RLE.
Nothing is decoded. A stream that breaks off, that holds two frames, or that is of another family
than its transfer syntax says is refused here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netimg.reading.decode.worker import Codec

if TYPE_CHECKING:
    from netimg.reading.walk import Bytes

RLE = "1.2.840.10008.1.2.5"
RLE_HEAD = 64
"""Bytes of an RLE header."""

_JPEG = "1.2.840.10008.1.2.4."
CODECS = {
    f"{_JPEG}50": Codec.JPEG,
    f"{_JPEG}51": Codec.JPEG,
    f"{_JPEG}57": Codec.JPEG_LOSSLESS,
    f"{_JPEG}70": Codec.JPEG_LOSSLESS,
    f"{_JPEG}80": Codec.JPEG_LS,
    f"{_JPEG}81": Codec.JPEG_LS,
    f"{_JPEG}90": Codec.JPEG_2000,
    f"{_JPEG}91": Codec.JPEG_2000,
    f"{_JPEG}201": Codec.HTJ2K,
    f"{_JPEG}202": Codec.HTJ2K,
    f"{_JPEG}203": Codec.HTJ2K,
}
"""Codec of each transfer syntax whose pictures go to a worker."""

SYNTAXES = (RLE, *CODECS)
"""Compressed transfer syntaxes that are read."""

_SOI, _SOS, _DRI = 0xD8, 0xDA, 0xDD
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}  # SOFn; not DHT, JPG, DAC
_FRAMES_OF = {Codec.JPEG: (0xC0, 0xC1), Codec.JPEG_LOSSLESS: (0xC3,), Codec.JPEG_LS: (0xF7,)}
_WORDS = {0xC0: "baseline JPEG", 0xC1: "extended JPEG", 0xC3: "lossless JPEG", 0xF7: "JPEG-LS"}
_SOC, _SIZ, _COD, _COC, _CAP, _SOT, _EOC = (
    0xFF4F, 0xFF51, 0xFF52, 0xFF53, 0xFF50, 0xFF90, 0xFFD9,
)  # fmt: skip
_END = b"\xff\xd9"  # EOI and EOC
_TAIL = 4096
_SEGMENTS_MAX, _PARTS_MAX, _FILL_MAX = 4096, 1 << 17, 1024  # or reading a header takes for ever


class BadCodestream(Exception):  # noqa: N818  # it is the stream that is bad
    """The stream cannot be what its transfer syntax says."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and format that a compressed picture says of itself.

    RLE says neither rows nor columns, and of its format only the bytes of a pixel: ``bits`` are
    those of all its samples together. JPEG and JPEG-LS know no sign. All these are None.
    """

    rows: int | None
    columns: int | None
    samples: int | None
    bits: int | None
    signed: bool | None = None
    lossy: bool = False
    tiles: int = 1
    layers: int = 1
    levels: int = 0
    restarts: bool = False
    """JPEG with restart markers."""


def read_codestream(data: Bytes, start: int, end: int, syntax: str) -> Codestream:
    """Header of the codestream between two places of a buffer.

    Raises
    ------
    BadCodestream
        Of another kind, broken off, or contradicting itself.
    """
    try:
        if syntax == RLE:
            return _rle(data, start, end)
        end = _end(data, start, end)
        codec = CODECS[syntax]
        if codec in _FRAMES_OF:
            return _jpeg(data, start, end, codec)
        return _jpeg_2000(data, start, end)
    except (struct.error, IndexError) as error:
        raise BadCodestream(why="its header breaks off") from error


def unpack(form: str, data: Bytes, at: int) -> tuple[Any, ...]:
    """Numbers at a place of a file that is read piece by piece."""
    return struct.unpack(form, data[at : at + struct.calcsize(form)])


def _jpeg(data: Bytes, start: int, end: int, codec: Codec) -> Codestream:
    """JPEG and JPEG-LS: marker segments up to the first scan, ITU-T T.81 B.1, T.87 C.1."""
    _begins(data, start, 0xFF00 | _SOI, "JPEG")
    if data[end - 2 : end] != _END:
        raise BadCodestream(why="it breaks off before its end marker")
    at, frame, found, restarts = start + 2, 0, (0, 0, 0, 0), False
    for _ in range(_SEGMENTS_MAX):
        marker, at = _marker(data, at)
        (length,) = unpack(">H", data, at)
        if length < 2 or at + length > end:
            raise BadCodestream(why="a part of its header reaches beyond its end")
        if marker in _FRAMES:
            if frame:
                raise BadCodestream(why="it holds two frames")
            if marker not in _FRAMES_OF[codec]:
                words = _WORDS.get(marker, f"JPEG process {marker:#x}")
                why = f"it is {words}, which its transfer syntax does not allow"
                raise BadCodestream(why=why)
            frame, found = marker, unpack(">BHHB", data, at + 2)
        elif marker == _DRI:
            restarts = unpack(">H", data, at + 2) != (0,)
        elif marker == _SOS:
            break
        at += length
    else:
        raise BadCodestream(why=f"its header has more than {_SEGMENTS_MAX} parts")
    if not frame:
        raise BadCodestream(why="it has no frame header")
    bits, rows, columns, samples = found
    # The scan header ends in three bytes: for JPEG-LS NEAR, interleaving, point transform; for
    # lossless JPEG predictor, 0, point transform.
    near, _, transform = data[at + length - 3], data[at + length - 2], data[at + length - 1]
    lossy = {
        Codec.JPEG: True,
        Codec.JPEG_LOSSLESS: transform & 0x0F != 0,
        Codec.JPEG_LS: near != 0 or transform != 0,
    }[codec]
    return Codestream(rows, columns, samples, bits, lossy=lossy, restarts=restarts)


def _marker(data: Bytes, at: int) -> tuple[int, int]:
    """Next marker of a JPEG header and the place after it."""
    if data[at] != 0xFF:
        raise BadCodestream(why="its header is not made of marker segments")
    last = at + _FILL_MAX
    while at < last and data[at] == 0xFF:  # fill bytes, T.81 B.1.1.2
        at += 1
    return data[at], at + 1


def _jpeg_2000(data: Bytes, start: int, end: int) -> Codestream:
    """JPEG 2000 and HTJ2K: main header and the chain of tile parts, ITU-T T.800 A."""
    _begins(data, start, _SOC, "JPEG 2000")
    at, size, coding = start + 2, None, None
    layers = levels = 0
    for _ in range(_SEGMENTS_MAX):
        marker, length = unpack(">HH", data, at)
        if marker == _SOT:
            break
        if marker < 0xFF00 or length < 2 or at + 2 + length > end:
            raise BadCodestream(why="a part of its header reaches beyond its end")
        if marker == _SIZ:
            size = _size(data, at + 4, length - 2)
        elif marker == _COD:
            (layers,) = unpack(">H", data, at + 6)
            levels, coding = max(levels, data[at + 9]), data[at + 13]
        elif marker == _COC:
            levels = max(levels, data[at + 6])
        at += 2 + length
    else:
        raise BadCodestream(why=f"its header has more than {_SEGMENTS_MAX} parts")
    if size is None or coding is None:
        raise BadCodestream(why="it has no size or no coding style")
    _tile_parts(data, at, end)
    rows, columns, samples, bits, signed, tiles = size
    return Codestream(
        rows, columns, samples, bits, signed, lossy=coding == 0,
        tiles=tiles, layers=layers, levels=levels,
    )  # fmt: skip


def _size(data: Bytes, at: int, length: int) -> tuple[int, int, int, int, bool, int]:
    """Rows, columns, components, bits, sign and number of tiles from the SIZ segment."""
    fields = unpack(">H8IH", data, at)
    right, bottom, left, top, tile_w, tile_h, tile_left, tile_top, components = fields[1:]
    if not (components and tile_w and tile_h and left < right and top < bottom):
        raise BadCodestream(why="its size is impossible")
    if length < 36 + 3 * components or tile_left > left or tile_top > top:
        raise BadCodestream(why="its size is impossible")
    depth, step_x, step_y = data[at + 36], data[at + 37], data[at + 38]
    if (step_x, step_y) != (1, 1):
        raise BadCodestream(why="its samples are thinned out")
    tiles = math.ceil((right - tile_left) / tile_w) * math.ceil((bottom - tile_top) / tile_h)
    return bottom - top, right - left, components, (depth & 0x7F) + 1, depth > 0x7F, tiles


def _tile_parts(data: Bytes, at: int, end: int) -> None:
    """Refuse a stream shorter than its tile parts say."""
    for _ in range(_PARTS_MAX):
        (marker,) = unpack(">H", data, at)
        if marker == _EOC:
            return
        if marker != _SOT:
            raise BadCodestream(why="its tile parts do not follow each other")
        (length,) = unpack(">I", data, at + 6)
        if length == 0:  # the last one reaches to the end marker, A.4.2
            if data[end - 2 : end] != _END:
                raise BadCodestream(why="it breaks off before its end marker")
            return
        if length < 14 or at + length > end:
            why = f"a tile part says {length} bytes and {max(0, end - at)} are there"
            raise BadCodestream(why=why)
        at += length
        if at == end:  # without an end marker, but whole
            return
    raise BadCodestream(why=f"it has more than {_PARTS_MAX} tile parts")


def _rle(data: Bytes, start: int, end: int) -> Codestream:
    """RLE header: number of segments and where each begins, PS3.5 G.5."""
    count, *offsets = struct.unpack("<16I", data[start : start + RLE_HEAD])
    if not 1 <= count <= len(offsets):
        raise BadCodestream(why=f"it says that it has {count} segments")
    places = [*offsets[:count], end - start]
    if places[0] != RLE_HEAD or any(a >= b for a, b in pairwise(places)):
        raise BadCodestream(why="its segments do not follow each other")
    return Codestream(None, None, None, 8 * count)


def _end(data: Bytes, start: int, end: int) -> int:
    """Place after the end marker, where one stands near the end; padding may follow it.

    FF D9 cannot occur inside coded data of any of these kinds.
    """
    tail = bytes(data[max(start, end - _TAIL) : end])
    found = tail.rfind(_END)
    return end if found < 0 else end - len(tail) + found + len(_END)


def _begins(data: Bytes, start: int, marker: int, words: str) -> None:
    if unpack(">H", data, start) != (marker,):
        raise BadCodestream(why=f"it does not begin as {words} does")
