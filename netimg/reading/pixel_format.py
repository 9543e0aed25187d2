"""How the pixels of a file are stored, and where each of its pictures begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netimg.reading.decode.fragments import Packed, find_frames

if TYPE_CHECKING:
    from netimg.reading.attributes import Attributes

FLOAT, DOUBLE = 0x7FE00008, 0x7FE00009
"""Pixel data of 32-bit and 64-bit floats."""


_NEEDED = {
    0x00280010: "Rows (0028,0010)",
    0x00280011: "Columns (0028,0011)",
    0x00280002: "Samples per Pixel (0028,0002)",
    0x00280004: "Photometric Interpretation (0028,0004)",
    0x00280100: "Bits Allocated (0028,0100)",
}
_NEEDED_INTEGERS = {
    0x00280101: "Bits Stored (0028,0101)",
    0x00280103: "Pixel Representation (0028,0103)",
}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How one picture is stored: first byte in the file, bytes of the pixel data it lies in."""

    rows: int | None
    columns: int | None
    samples: int | None
    photometric: str
    bits_allocated: int | None
    bits_stored: int | None
    high_bit: int | None
    signed: bool
    syntax: str
    tag: int
    """0 where there are no pixels."""
    offset: int
    length: int
    encapsulated: bool
    padding: float | None = None
    """Stored value of filling outside the picture; with a limit, one end of a range of them."""
    padding_limit: float | None = None
    packed: Packed | None = None
    """Pieces of a compressed picture."""
    pictures: int = 1
    """Pictures that the pixel data holds."""
    absent: tuple[str, ...] = ()
    """Attributes without which samples cannot be read, and which are not there."""

    @property
    def is_float(self) -> bool:
        """Whether samples are floating point numbers."""
        return self.tag in (FLOAT, DOUBLE)

    @property
    def nbytes(self) -> int:
        """Bytes of one picture without compression."""
        bits = {FLOAT: 32, DOUBLE: 64}.get(self.tag, self.bits_allocated or 0)
        return (self.rows or 0) * (self.columns or 0) * (self.samples or 1) * bits // 8


def pixel_formats(a: Attributes, pictures: int = 1) -> tuple[PixelFormat, ...]:
    """Format of each of the pictures of a file, all of one size."""
    place = a.scan.pixels
    signed = a.integer(0x00280103) == 1
    padding, limit = _padding(a, signed=signed)
    whole = PixelFormat(
        rows=a.integer(0x00280010),
        columns=a.integer(0x00280011),
        samples=a.integer(0x00280002),
        photometric=a.text(0x00280004) or "",
        bits_allocated=a.integer(0x00280100),
        bits_stored=a.integer(0x00280101),
        high_bit=a.integer(0x00280102),
        signed=signed,
        syntax=a.scan.syntax,
        tag=a.scan.pixel_tag,
        offset=place.start if place else 0,
        length=place.length if place else 0,
        encapsulated=bool(place and place.undefined),
        padding=padding,
        padding_limit=limit,
        pictures=pictures,
        absent=_absent(a) if place else (),
    )
    packed = _packed(a, pictures)
    if packed is not None:
        return tuple(replace(whole, packed=part) for part in packed)
    if pictures == 1:
        return (whole,)
    step = whole.nbytes
    return tuple(replace(whole, offset=whole.offset + k * step) for k in range(pictures))


def lossy_ratio(a: Attributes, pixels: PixelFormat) -> str | None:
    """Ratio of a lossy compression, as far as it is known; None where none is said or seen."""
    said = a.text(0x00282112)
    if a.text(0x00282110) == "01":
        return said or ""
    packed = pixels.packed
    if packed is None or packed.said is None or not packed.said.lossy:
        return None
    whole = (pixels.rows or 0) * (pixels.columns or 0) * (pixels.bits_allocated or 0) / 8
    return said or f"{whole / packed.length:.1f}"


def _packed(a: Attributes, pictures: int) -> tuple[Packed, ...] | None:
    place = a.scan.pixels
    if place is None or not place.undefined:
        return None
    return find_frames(
        a.scan.data,
        place.start,
        place.start + place.length,
        syntax=a.scan.syntax,
        frames=pictures,
        extended=a.raw(0x7FE00001),
        lengths=a.raw(0x7FE00002),
    )


def _absent(a: Attributes) -> tuple[str, ...]:
    """Names of attributes that are needed to read samples, and are absent or no number."""
    needed = _NEEDED if a.scan.pixel_tag in (FLOAT, DOUBLE) else _NEEDED | _NEEDED_INTEGERS
    return tuple(name for tag, name in needed.items() if tag not in a)


def _padding(a: Attributes, *, signed: bool) -> tuple[float | None, float | None]:
    """Filling and its limit, in the type of the samples."""
    tags = {FLOAT: (0x00280122, 0x00280124), DOUBLE: (0x00280123, 0x00280125)}
    if a.scan.pixel_tag in tags:
        value, limit = (a.float(tag) for tag in tags[a.scan.pixel_tag])
        return value, limit
    value, limit = (_stored(a.integer(tag), signed=signed) for tag in (0x00280120, 0x00280121))
    return value, limit


def _stored(value: int | None, *, signed: bool) -> int | None:
    """A 16-bit value in the signedness of the pixels (implicit files do not say which)."""
    if value is None or not signed or value < 1 << 15:
        return value
    return value - (1 << 16)
