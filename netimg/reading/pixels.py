"""From stored pixels to a `Volume`: slice by slice, straight into the float32 target.

``float64(stored) * slope + intercept`` per slice, then the factor of a PET, then float32. Memory
beside the volume is one slice; with compressed pixels, one for each codec worker.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import (
    GEO_017,
    IDX_003,
    IDX_012,
    IDX_021,
    IDX_022,
    PIX_001,
    PIX_002,
    PIX_003,
    PIX_008,
    PIX_009,
    PIX_012,
    PIX_014,
    PIX_015,
    PIX_019,
)
from netimg.reading.decode import SYNTAXES, Frame, check_said, decode_frame, decode_frames
from netimg.reading.problems import refusal
from netimg.reading.scan import DEFLATED, EXPLICIT_BIG, NATIVE, scan
from netimg.reading.walk import Archives, content
from netimg.settings import Settings
from netimg.volume import Quantity, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.reading.headers import FrameOf, Header
    from netimg.reading.pixel_format import PixelFormat
    from netimg.reading.walk import Bytes, Found

AIR_HU = -1024.0
"""What filling outside the picture becomes in a CT."""

_AIR_MOST_HU = -900.0
_NO_AIR_HU = -500.0
_FILLINGS = (-2000.0, -2048.0, -3024.0)
_FLOAT, _DOUBLE = 0x7FE00008, 0x7FE00009


@dataclass(frozen=True, slots=True)
class StoredSlice:
    """One slice: its file, how its pixels are stored, and how they become values."""

    file: Found
    pixels: PixelFormat
    slope: float
    intercept: float
    factor: float = 1.0
    """Applied after slope and intercept: activity to SUV."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class PixelOpener:
    """Loads a series; picklable. Remembers its last volume only as long as others hold it."""

    slices: tuple[StoredSlice, ...]
    grid: Grid
    quantity: Quantity
    series: str
    settings: Settings
    _alive: Any = field(default=None, init=False, repr=False)

    def __call__(self) -> Volume:
        """Read and rescale every slice.

        Raises
        ------
        InputError
            IDX-003 a file cannot be read any more, PIX-001 it has become shorter, PIX-003 or
            PIX-004 a compressed picture cannot be decoded, PIX-012 all values are the same,
            PIX-019 values that are not numbers.
        """
        volume: Volume | None = self._alive() if self._alive is not None else None
        if volume is None:
            volume = self._read()
            self._alive = weakref.ref(volume)
        return volume

    def __getstate__(self) -> dict[str, object]:
        """Everything but the volume."""
        names = ("slices", "grid", "quantity", "series", "settings")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Everything but the volume."""
        for name, value in state.items():
            setattr(self, name, value)
        self._alive = None

    def _read(self) -> Volume:
        values = np.empty(self.grid.shape, dtype=np.float32)
        lowest, highest = np.float32(np.inf), np.float32(-np.inf)
        with Archives(self.settings) as archives:
            stored_slices = _read_slices(self.slices, self.settings, archives)
            for z, (part, stored) in enumerate(zip(self.slices, stored_slices, strict=True)):
                scaled = _scaled(stored, part)
                self._fill(stored, scaled, part.pixels)
                if part.factor != 1.0:
                    scaled *= part.factor
                values[z] = scaled
                # Slice by slice, while it is in the processor's cache; NaN is passed on.
                lowest = np.minimum(lowest, values[z].min())
                highest = np.maximum(highest, values[z].max())
        low, high = float(lowest), float(highest)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise refusal(PIX_019, series=self.series)
        if self.quantity is Quantity.HU:
            self._check_air(values, low, high)
        return Volume(values=values, grid=self.grid, quantity=self.quantity)

    def _check_air(self, values: NDArray[np.float32], low: float, high: float) -> None:
        """Refuse a CT of one value, and one without any air whose corners are all alike."""
        if low == high:
            raise refusal(PIX_012, series=self.series, value=f"all of them are {low:g}")
        corners = values[:, :: values.shape[1] - 1 or 1, :: values.shape[2] - 1 or 1]
        air = float(corners.flat[0])
        if low > _NO_AIR_HU and bool((corners == air).all()):
            raise refusal(PIX_012, series=self.series, value=f"air is {air:g}")

    def _fill(self, stored: NDArray[Any], scaled: NDArray[Any], pixels: PixelFormat) -> None:
        """Set filling outside the picture to air (CT) or to nothing (PET)."""
        ct = self.quantity is Quantity.HU
        nothing = AIR_HU if ct else 0.0
        if pixels.padding is not None:
            limit = pixels.padding if pixels.padding_limit is None else pixels.padding_limit
            low, high = sorted((pixels.padding, limit))
            filling = (stored >= low) & (stored <= high)
            if ct:
                filling &= scaled <= _AIR_MOST_HU  # some exporters declare 0 HU as filling
            scaled[filling] = nothing
        if ct:
            for corner in {float(scaled[y, x]) for y in (0, -1) for x in (0, -1)}:
                if corner in _FILLINGS:
                    scaled[scaled == corner] = nothing


def _scaled(stored: NDArray[Any], part: StoredSlice) -> NDArray[Any]:
    """Values of a slice; float64, or float32 where whole numbers make that exact."""
    whole = float(part.slope).is_integer() and float(part.intercept).is_integer()
    largest = abs(part.slope) * (1 << (part.pixels.bits_stored or 64)) + abs(part.intercept)
    exact = stored.dtype.kind in "iu" and whole and largest < 1 << 24 and part.factor == 1.0
    scaled: NDArray[Any] = stored.astype(np.float32 if exact else np.float64)
    if part.slope != 1.0:
        np.multiply(scaled, part.slope, out=scaled)
    if part.intercept != 0.0:
        np.add(scaled, part.intercept, out=scaled)
    return scaled


def read_slice(
    file: Found, pixels: PixelFormat, settings: Settings, archives: Archives | None = None
) -> NDArray[Any]:
    """Stored values of one file as (rows, columns), masked to the bits stored.

    Raises
    ------
    InputError
        IDX-003, PIX-001, PIX-003, PIX-004.
    """
    return _read(file, pixels, _Unpacked(settings, archives))


def _read(file: Found, pixels: PixelFormat, unpacked: _Unpacked) -> NDArray[Any]:
    """Stored values of one picture."""
    if pixels.packed is not None:
        frame = unpacked.frame(file, pixels)
        return _stored(decode_frame(frame, unpacked.settings), pixels)
    rows, columns = int(pixels.rows or 0), int(pixels.columns or 0)
    dtype = _dtype(pixels)
    needed = rows * columns * dtype.itemsize
    if file.member is None and pixels.syntax != DEFLATED:
        try:
            with file.path.open("rb") as stream:
                stream.seek(pixels.offset)
                flat = np.fromfile(stream, dtype=dtype, count=rows * columns)
        except OSError as error:
            raise refusal(IDX_003, file=file.name, reason=str(error.strerror)) from error
    else:
        raw = bytes(unpacked.data(file)[pixels.offset : pixels.offset + needed])
        flat = np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype=dtype)
    if flat.size < rows * columns:
        there = flat.size * dtype.itemsize
        raise refusal(PIX_001, file=file.name, there=there, needed=needed)
    return _stored(flat.reshape(rows, columns), pixels)


def _read_slices(
    slices: Iterable[StoredSlice], settings: Settings, archives: Archives
) -> Iterator[NDArray[Any]]:
    """Stored values of slices in order; several compressed ones are decoded at a time."""
    unpacked = _Unpacked(settings, archives)
    for packed, run in groupby(slices, key=lambda part: part.pixels.packed is not None):
        if not packed:
            for part in run:
                yield _read(part.file, part.pixels, unpacked)
            continue
        parts = tuple(run)
        frames = (unpacked.frame(part.file, part.pixels) for part in parts)
        for part, stored in zip(parts, decode_frames(frames, settings), strict=True):
            yield _stored(stored, part.pixels)


@dataclass(slots=True)
class _Unpacked:
    """Files that are not read in place: the last one is kept while its frames are read."""

    settings: Settings
    archives: Archives | None
    _file: Found | None = None
    _data: Bytes = b""

    def data(self, file: Found) -> Bytes:
        """A member of an archive, unpacked; a deflated data set, inflated."""
        if self._file != file:
            self._data = b""
            with content(file, self.settings, self.archives) as data:
                found = scan(data, name=file.name, settings=self.settings)
                self._data = bytes(found.data[0 : len(found.data)])
            self._file = file
        return self._data

    def frame(self, file: Found, pixels: PixelFormat) -> Frame:
        """Compressed picture of a file."""
        assert pixels.packed is not None  # noqa: S101  # a caller's bug
        if file.member is not None and pixels.pictures > 1:
            return Frame(file.name, pixels, pixels.packed.codestream(self.data(file)))
        with content(file, self.settings, self.archives) as data:
            return Frame(file.name, pixels, pixels.packed.codestream(data))


def same_picture(a: Header, b: Header, settings: Settings) -> bool:
    """Whether two slices hold equal values: pixels and rescale."""
    scales = [(h.slope, h.intercept) for h in (a, b)]
    if scales[0] != scales[1] or (a.pixels.rows, a.pixels.columns) != (
        b.pixels.rows,
        b.pixels.columns,
    ):
        return False
    first, second = (read_slice(h.file, h.pixels, settings) for h in (a, b))
    return bool(np.array_equal(first, second))


def check_format(headers: Sequence[Header], *, series: str, settings: Settings) -> None:
    """Refuse pixels that cannot be what they say, before anything is allocated.

    Raises
    ------
    InputError
        IDX-021, IDX-022, PIX-001 to 004, PIX-008, PIX-009, PIX-015.
    """
    total = 0
    for header in headers:
        pixels, name = header.pixels, header.name
        if header.frame is not None:
            _check_frame(header, header.frame)
        if pixels.tag == 0:
            raise refusal(IDX_022, file=name)
        native = pixels.syntax in NATIVE and not pixels.encapsulated
        if not native and pixels.syntax not in SYNTAXES:
            raise refusal(IDX_021, series=series, name=_syntax_name(pixels.syntax))
        if header.modality_table:
            raise refusal(PIX_015, series=series)
        if pixels.samples != 1 or not pixels.photometric.startswith("MONOCHROME"):
            raise refusal(PIX_008, series=series)
        if header.frame is not None and (header.frame.volumetric or "VOLUME") != "VOLUME":
            raise refusal(IDX_012, series=series)
        _check_bits(pixels, series)
        total += _check_size(header, settings, native=native) * 4
        if not native:
            _check_packed(header, settings)
    if total > settings["limits.series_bytes_max"]:
        raise refusal(PIX_002, "series", series=series, gigabytes=total / 1e9)


def _check_frame(header: Header, frame: FrameOf) -> None:
    """Refuse a frame whose object does not describe it."""
    if frame.announced != frame.described:
        raise refusal(
            PIX_014, file=header.file.name, announced=frame.announced, described=frame.described
        )
    if frame.parts_here is not None:
        parts, there = frame.parts, frame.parts_here
        raise refusal(PIX_014, "parts", file=header.file.name, parts=parts, there=there)
    if frame.missing:
        raise refusal(
            GEO_017, file=header.file.name, frame=frame.number, group=" and ".join(frame.missing)
        )


def _check_packed(header: Header, settings: Settings) -> None:
    """Compare a compressed picture's own words with the header's, before it is decoded."""
    pixels, name = header.pixels, header.name
    if pixels.packed is None:
        raise refusal(PIX_003, file=name, reason="it is not in pieces, as compressed pictures are")
    if pixels.packed.said is None:
        raise refusal(PIX_003, file=name, reason=pixels.packed.problem)
    if pixels.tag in (_FLOAT, _DOUBLE):
        raise refusal(PIX_003, file=name, reason="its values are no whole numbers")
    check_said(pixels.packed.said, pixels, file=name, settings=settings)


def _check_size(header: Header, settings: Settings, *, native: bool) -> int:
    """Voxels of a slice, after its stated size was compared with limits and with its bytes."""
    pixels, most = header.pixels, settings["limits.rows_columns_max"]
    rows, columns = pixels.rows or 0, pixels.columns or 0
    frames = header.frames or 1
    if not (0 < rows <= most and 0 < columns <= most and (frames == 1 or header.frame)):
        raise refusal(PIX_002, file=header.file.name, rows=rows, columns=columns, frames=frames)
    needed = pixels.nbytes * pixels.pictures
    if native and pixels.length not in (needed, needed + 1) and pixels.length < needed:
        raise refusal(PIX_001, file=header.file.name, there=pixels.length, needed=needed)
    return rows * columns


def _check_bits(pixels: PixelFormat, series: str) -> None:
    if pixels.tag in (_FLOAT, _DOUBLE):
        return
    allocated, stored = pixels.bits_allocated, pixels.bits_stored
    high = pixels.high_bit if pixels.high_bit is not None else (stored or 0) - 1
    fits = allocated in (8, 16, 32) and stored is not None and 1 <= stored <= allocated
    if not fits or high != (stored or 0) - 1:
        bits = f"{allocated} bits allocated, {stored} stored, highest {high}"
        raise refusal(PIX_009, series=series, bits=bits)


def _dtype(pixels: PixelFormat) -> np.dtype[Any]:
    order = ">" if pixels.syntax == EXPLICIT_BIG else "<"
    if pixels.tag in (_FLOAT, _DOUBLE):
        return np.dtype(f"{order}f{4 if pixels.tag == _FLOAT else 8}")
    kind = "i" if pixels.signed else "u"
    return np.dtype(f"{order}{kind}{(pixels.bits_allocated or 16) // 8}")


def _stored(values: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Values with the bits above BitsStored dropped, the sign taken from there."""
    if pixels.tag in (_FLOAT, _DOUBLE):
        return values
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    spare = (pixels.bits_allocated or 16) - (pixels.bits_stored or 16)
    if spare == 0:
        return native
    masked: NDArray[Any] = np.right_shift(np.left_shift(native, spare), spare)
    return masked


def _syntax_name(uid: str) -> str:
    from pydicom.uid import UID

    return UID(uid).name
