"""Frames of a DICOM segmentation as planes of numbers: bits, bytes, words, packed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import IDX_021, IDX_022, MSK_011, MSK_015, PIX_001, PIX_003, PIX_009, PIX_014
from netimg.reading.decode import SYNTAXES, Frame, decode_frames
from netimg.reading.pixel_format import pixel_formats
from netimg.reading.problems import refusal
from netimg.reading.scan import EXPLICIT_BIG, NATIVE
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from netimg.reading.attributes import Attributes
    from netimg.reading.pixel_format import PixelFormat
    from netimg.settings import Settings

FRAMES_MAX = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Frames of one file, read when they are asked for; checked against its header and limits.

    ``border``: smallest number that is inside, of a mask stored as fractions.
    """

    a: Attributes
    rows: int
    columns: int
    bits: int
    frames: tuple[PixelFormat, ...]
    settings: Settings
    border: float | None = None
    largest: int = 0
    padding: int | None = None

    def read(self, wanted: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Planes by their numbers from 0, (rows, columns); 1-bit, inside or not, or labels.

        Raises
        ------
        InputError
            PIX-003, PIX-004 where a compressed picture cannot be decoded.
        """
        if self.frames[0].packed is None:
            for index in wanted:
                yield self._meant(self._native(index))
            return
        data = self.a.scan.data
        pictures = (
            Frame(self.a.name, self.frames[i], self.frames[i].packed.codestream(data))  # type: ignore[union-attr]  # all are packed or none
            for i in wanted
        )
        for plane in decode_frames(pictures, self.settings):
            yield self._meant(plane)

    def _meant(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Numbers as they count: fractions as inside or not, padding as nothing."""
        if self.border is not None:
            return plane >= self.border
        if self.padding is not None:
            return np.where(plane == self.padding, plane.dtype.type(0), plane)
        return plane

    def _native(self, index: int) -> NDArray[Any]:
        place = self.a.scan.pixels
        assert place is not None  # noqa: S101  # looked at when this was made
        n = self.rows * self.columns
        first, last = index * n * self.bits, (index + 1) * n * self.bits  # frames end within bytes
        low, high = first // 8, (last + 7) // 8
        swapped = self.a.scan.syntax == EXPLICIT_BIG and place.vr == "OW" and self.bits < 16
        if swapped:
            low, high = low - low % 2, high + high % 2
        raw = np.frombuffer(
            bytes(self.a.scan.data[place.start + low : place.start + high]), dtype=np.uint8
        )
        if swapped:
            raw = raw.view(">u2").astype("<u2").view(np.uint8)
        plane: NDArray[Any]
        if self.bits == 1:
            skipped = first - 8 * low
            plane = np.unpackbits(raw, bitorder="little")[skipped : skipped + n].astype(np.bool_)
        elif self.bits == 8:
            plane = raw[first // 8 - low :][:n]
        else:
            plane = raw.view(">u2" if self.a.scan.syntax == EXPLICIT_BIG else "<u2")
        return plane.reshape(self.rows, self.columns)


def planes_of(a: Attributes, described: int, kind: str, settings: Settings) -> Planes:
    """Frames of a segmentation of a kind (BINARY, FRACTIONAL, LABELMAP), before they are read.

    Raises
    ------
    MaskError
        MSK-011 fractions without their largest value, MSK-015 beyond the limits.
    InputError
        IDX-021, IDX-022, PIX-001, PIX-003, PIX-009, PIX-014.
    """
    frames = a.integer(0x00280008) or 1
    rows, columns = a.integer(0x00280010) or 0, a.integer(0x00280011) or 0
    most = settings["limits.rows_columns_max"]
    if not (0 < rows <= most and 0 < columns <= most and 0 < frames <= FRAMES_MAX):
        raise refusal(MSK_015, where=a.name, what=f"{frames} frames of {rows} x {columns}")
    if frames != described:
        raise refusal(PIX_014, file=a.name, announced=frames, described=described)
    if a.scan.pixels is None:
        raise refusal(IDX_022, file=a.name)
    bits = _bits(a, kind)
    needed = rows * columns * frames * bits
    native = a.scan.syntax in NATIVE and not a.scan.pixels.undefined
    if native and a.scan.pixels.length < (needed + 7) // 8:
        there = a.scan.pixels.length
        raise refusal(PIX_001, file=a.name, there=there, needed=(needed + 7) // 8)
    if not native and (a.scan.syntax not in SYNTAXES or bits == 1):
        raise refusal(IDX_021, series=a.name, name=a.scan.syntax)
    if not native and needed // 8 > settings["limits.series_bytes_max"]:
        what = f"{frames} compressed frames of {rows} x {columns}"
        raise refusal(MSK_015, where=a.name, what=what)
    formats = pixel_formats(a, frames)
    broken = [f.packed.problem for f in formats if f.packed is not None and f.packed.said is None]
    if broken or (not native and formats[0].packed is None):
        raise refusal(PIX_003, file=a.name, reason=(broken or ["it is not in pieces"])[0])
    border, largest = None, 0
    if kind == "FRACTIONAL":
        largest = a.integer(0x0062000E) or 0
        if not largest:
            raise refusal(MSK_011, "fractions", where=a.name)
        border = largest * table("masks")["fractional"]["border"]
    padding = a.integer(0x00280120) if kind == "LABELMAP" else None
    return Planes(a, rows, columns, bits, formats, settings, border, largest, padding)


def _bits(a: Attributes, kind: str) -> int:
    """Bits of one number: 1 or 8 for what is inside or not, 8 for fractions, 8 or 16 for labels."""
    allocated, samples = a.integer(0x00280100) or 0, a.integer(0x00280002) or 1
    fit = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}[kind]
    if allocated not in fit or samples != 1 or a.integer(0x00280103) == 1:
        bits = f"{samples} x {allocated} bits for {kind}"
        raise refusal(PIX_009, series=a.name, bits=bits)
    return allocated
