"""Where the pieces of a compressed picture lie in its file: items of encapsulated pixel data."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from netimg.reading.decode.codestream import (
    SYNTAXES,
    BadCodestream,
    Codestream,
    read_codestream,
    unpack,
)

if TYPE_CHECKING:
    from netimg.reading.walk import Bytes

_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
_PER_FRAME, _MORE = 8, 16
_TABLE_MAX = 1 << 10  # bytes looked at beside those of the frames: more than all pieces can have
_BEGINS = (b"\xff\xd8", b"\xff\x4f")  # SOI and SOC


@dataclass(frozen=True, slots=True)
class Packed:
    """One compressed picture of a file: its pieces, and what its first bytes say.

    ``said`` is None where it cannot be a picture; ``problem`` says why.
    """

    pieces: tuple[tuple[int, int], ...]
    """First byte and length of each, in the file."""
    said: Codestream | None
    problem: str = ""

    @property
    def length(self) -> int:
        """Compressed bytes."""
        return sum(length for _, length in self.pieces)

    def codestream(self, data: Bytes) -> bytes:
        """Pieces joined."""
        return b"".join(bytes(data[at : at + length]) for at, length in self.pieces)


def find_packed(
    data: Bytes, start: int, end: int, *, syntax: str, extended: bytes | None = None
) -> Packed | None:
    """The one picture between two places of a file; see `find_frames`."""
    found = find_frames(data, start, end, syntax=syntax, extended=extended)
    return None if found is None else found[0]


def find_frames(
    data: Bytes,
    start: int,
    end: int,
    *,
    syntax: str,
    frames: int = 1,
    extended: bytes | None = None,
    lengths: bytes | None = None,
) -> tuple[Packed, ...] | None:
    """Every picture between two places of a file; None for a syntax that is not read.

    Which pieces make a frame is said by the extended offset table, else by the basic one, else by
    their number (one each), else by the marker that begins a codestream.

    Parameters
    ----------
    data
        The file.
    start, end
        Value of the pixel data, of undefined length.
    syntax
        Transfer syntax.
    frames
        Pictures that must be there.
    extended, lengths
        Extended Offset Table and its lengths, where there are any.

    Returns
    -------
    tuple of Packed
        One for each frame; all with the same ``problem`` where they cannot be told apart.
    """
    if syntax not in SYNTAXES:
        return None
    try:
        table, pieces = _pieces(data, start, end, frames)
        offsets = _offsets(table, "I", pieces, frames)
        beyond = _offsets(extended or b"", "Q", pieces, frames)
        _check_lengths(lengths or b"", beyond, pieces)
        parts = _by_frame(data, pieces, beyond or offsets, frames)
    except BadCodestream as error:
        return (Packed((), None, str(error)),) * frames
    return tuple(_packed(data, part, syntax) for part in parts)


def _packed(data: Bytes, pieces: tuple[tuple[int, int], ...], syntax: str) -> Packed:
    """A picture with what its first bytes say."""
    try:
        if len(pieces) == 1:
            ((first, length),) = pieces
            said = read_codestream(data, first, first + length, syntax)
        else:
            joined = Packed(pieces, None).codestream(data)
            said = read_codestream(joined, 0, len(joined), syntax)
    except BadCodestream as error:
        return Packed((), None, str(error))
    return Packed(pieces, said)


def _pieces(
    data: Bytes, at: int, end: int, frames: int
) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Offset table and pieces. A missing delimiter at the very end is forgiven, PS3.5 A.4."""
    found: list[tuple[int, int]] = []
    most = _PER_FRAME * frames + _MORE
    while at + 8 <= end:
        group, element, length = unpack("<HHI", data, at)
        tag = group << 16 | element
        at += 8
        if tag == _END:
            break
        if tag != _ITEM:
            raise BadCodestream(why="its pieces do not follow each other")
        if at + length > end:
            why = f"it breaks off: a piece says {length} bytes and {end - at} are there"
            raise BadCodestream(why=why)
        found.append((at, length))
        at += length
        if len(found) > most + 1:
            raise BadCodestream(why=f"it is in more than {most} pieces")
    if len(found) < 2 or not any(length for _, length in found[1:]):
        raise BadCodestream(why="it has no bytes")
    (at, length), *pieces = found
    return data[at : at + min(length, _TABLE_MAX + 4 * frames)], tuple(pieces)


def _offsets(
    table: bytes, kind: str, pieces: tuple[tuple[int, int], ...], frames: int
) -> tuple[int, ...]:
    """Offsets of a table, refused where they are not those of pieces in order, PS3.5 A.4.

    A table of one picture may name each of its pieces; one of many pictures names each picture.
    """
    count = len(table) // struct.calcsize(kind)
    places = [at - pieces[0][0] for at, _ in pieces]
    offsets = struct.unpack_from(f"<{count}{kind}", table) if count <= len(places) else (-1,)
    ascending = all(a < b for a, b in pairwise(offsets))
    if offsets and not (offsets[0] == 0 and ascending and set(offsets) <= set(places)):
        raise BadCodestream(why="its table of offsets points elsewhere")
    if frames > 1 and offsets and len(offsets) != frames:
        why = f"its table of offsets has {len(offsets)} places for {frames} frames"
        raise BadCodestream(why=why)
    return offsets


def _check_lengths(
    table: bytes, offsets: tuple[int, ...], pieces: tuple[tuple[int, int], ...]
) -> None:
    """Refuse extended lengths that are not those of the pieces at their offsets, PS3.5 A.4."""
    if not table or not offsets:
        return
    count = len(table) // 8
    stated = struct.unpack_from(f"<{count}Q", table) if count == len(offsets) else ()
    there = {at - pieces[0][0]: length for at, length in pieces}
    if tuple(there[offset] for offset in offsets) != tuple(n + n % 2 for n in stated):
        raise BadCodestream(why="its table of lengths does not fit its pieces")


def _by_frame(
    data: Bytes, pieces: tuple[tuple[int, int], ...], offsets: tuple[int, ...], frames: int
) -> list[tuple[tuple[int, int], ...]]:
    """Pieces of each frame."""
    if frames == 1:
        return [pieces]
    if offsets:
        first = pieces[0][0]
        begins = set(offsets)
        starts = [k for k, (at, _) in enumerate(pieces) if at - first in begins]
    elif len(pieces) == frames:
        starts = list(range(frames))
    else:
        starts = [k for k, (at, _) in enumerate(pieces) if data[at : at + 2] in _BEGINS]
    if len(starts) != frames or starts[0] != 0:
        why = f"its {len(pieces)} pieces cannot be told apart as {frames} frames"
        raise BadCodestream(why=why)
    return [pieces[a:b] for a, b in pairwise((*starts, len(pieces)))]
