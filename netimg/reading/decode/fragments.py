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
_TABLE_MAX = 1 << 10  # bytes looked at: more than all pieces can have


@dataclass(frozen=True, slots=True)
class Packed:
    """The compressed picture of one file: its pieces, and what its first bytes say.

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
    """The one picture between two places of a file; None for a syntax that is not read.

    Parameters
    ----------
    data
        The file.
    start, end
        Value of the pixel data, of undefined length.
    syntax
        Transfer syntax.
    extended
        Extended Offset Table, where there is one.
    """
    if syntax not in SYNTAXES:
        return None
    try:
        table, pieces = _pieces(data, start, end)
        _check_table(table, "I", pieces)
        _check_table(extended or b"", "Q", pieces)
        if len(pieces) == 1:
            ((first, length),) = pieces
            said = read_codestream(data, first, first + length, syntax)
        else:
            joined = Packed(pieces, None).codestream(data)
            said = read_codestream(joined, 0, len(joined), syntax)
    except BadCodestream as error:
        return Packed((), None, str(error))
    return Packed(pieces, said)


def _pieces(data: Bytes, at: int, end: int) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Offset table and pieces. A missing delimiter at the very end is forgiven, PS3.5 A.4."""
    found: list[tuple[int, int]] = []
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
        if len(found) > _PER_FRAME + _MORE + 1:
            why = f"it is in more than {_PER_FRAME + _MORE} pieces"
            raise BadCodestream(why=why)
    if len(found) < 2 or not any(length for _, length in found[1:]):
        raise BadCodestream(why="it has no bytes")
    (at, length), *pieces = found
    return data[at : at + min(length, _TABLE_MAX)], tuple(pieces)


def _check_table(table: bytes, kind: str, pieces: tuple[tuple[int, int], ...]) -> None:
    """Refuse offsets that are not those of pieces, in their order, PS3.5 A.4."""
    count = len(table) // struct.calcsize(kind)
    places = [at - pieces[0][0] for at, _ in pieces]
    offsets = struct.unpack_from(f"<{count}{kind}", table) if count <= len(places) else (-1,)
    ascending = all(a < b for a, b in pairwise(offsets))
    if offsets and not (offsets[0] == 0 and ascending and set(offsets) <= set(places)):
        raise BadCodestream(why="its table of offsets points elsewhere")
