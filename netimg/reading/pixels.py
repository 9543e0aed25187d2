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

from netimg.errors import IDX_003, PIX_001, PIX_015, PIX_019
from netimg.reading.decode import Frame, decode_frame, decode_frames
from netimg.reading.pixel_format import FLOAT
from netimg.reading.plausible import (
    AIR_HU,
    Look,
    declared_filling,
    has_rubbish,
    tissue_declared,
    usual_filling,
)
from netimg.reading.problems import refusal
from netimg.reading.scan import DEFLATED, EXPLICIT_BIG, scan
from netimg.reading.walk import Archives, content, open_found
from netimg.settings import Settings
from netimg.volume import Quantity, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from netimg.errors import NetimgError
    from netimg.geometry import Grid
    from netimg.reading.headers import Header
    from netimg.reading.pixel_format import PixelFormat
    from netimg.reading.walk import Bytes, Found


@dataclass(frozen=True, slots=True)
class StoredSlice:
    """One slice: its file, how its pixels are stored, and how they become values."""

    file: Found
    pixels: PixelFormat
    slope: float
    intercept: float
    factor: float = 1.0
    """Applied after slope and intercept: activity to SUV."""
    mapped: tuple[float, float] | None = None
    """Stored values that slope and intercept speak of, lowest and highest; None: all."""


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
            IDX-003 a file cannot be read any more or was changed, PIX-003 or
            PIX-004 a compressed picture cannot be decoded, PIX-012 values that are not those of a
            CT, PIX-015 values beyond their mapping, PIX-019 values that are not numbers, PIX-020 a
            PET of one value.
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
        suv = self.quantity is Quantity.SUV_BW
        look = Look(len(self.slices), ct=self.quantity is Quantity.HU, suv=suv)
        undecided: list[tuple[int, NDArray[np.bool_]]] = []
        lowest, highest = np.float32(np.inf), np.float32(-np.inf)
        # What is too large for a number becomes infinite, and is refused below.
        with Archives(self.settings) as archives, np.errstate(over="ignore", invalid="ignore"):
            samples = _read_slices(self.slices, self.settings, archives)
            for z, (part, raw) in enumerate(zip(self.slices, samples, strict=True)):
                values[z], filling, bright = self._slice(part, raw, look)
                look.add(values[z], filling)
                if bright is not None:
                    undecided.append((z, bright))
                # Slice by slice, while it is in the processor's cache; NaN is passed on.
                lowest = np.minimum(lowest, values[z].min())
                highest = np.maximum(highest, values[z].max())
        low, high = float(lowest), float(highest)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise refusal(PIX_019, series=self.series)
        if undecided and look.settle(values, undecided):
            low, high = float(values.min()), float(values.max())
        if look.unmapped:
            raise self._beyond(look)
        flags = look.finish(values, low=low, high=high, series=self.series)
        return Volume(values=values, grid=self.grid, quantity=self.quantity, flags=tuple(flags))

    def _beyond(self, look: Look) -> NetimgError:
        """PIX-015: values that the mapping of the header says nothing about."""
        ranges = [part.mapped for part in self.slices if part.mapped is not None]
        first, last = min(low for low, _ in ranges), max(high for _, high in ranges)
        percent = 100.0 * look.unmapped / look.voxels
        return refusal(
            PIX_015, "range", series=self.series, first=first, last=last, percent=percent
        )

    def _slice(
        self, part: StoredSlice, raw: NDArray[Any], look: Look
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Values of a slice, filling set to air (CT) or to nothing (PET); and where it is.

        Last, where a PET has declared filling that is as bright as uptake: the whole series decides
        about that.
        """
        stored = _masked(raw, part.pixels)
        if stored is not raw and not look.rubbish:
            look.rubbish = has_rubbish(raw, stored, part.pixels.bits_stored or 16)
        scaled = _scaled(stored, part)
        filling = declared_filling(stored, scaled, part.pixels, raw=raw, ct=look.ct)
        bright: NDArray[np.bool_] | None = None
        if look.ct:
            tissue = tissue_declared(stored, scaled, part.pixels)
            if (n := int(np.count_nonzero(tissue))) > 0:
                look.kept, look.kept_hu = look.kept + n, float(scaled[tissue][0])
            usual = usual_filling(stored, scaled)
            filling = _either(filling, usual)
        elif filling is not None and bool((filling & (scaled > 0)).any()):
            bright = filling & (scaled > 0)
            filling = filling & ~bright
        if part.mapped is not None:
            look.unmapped += _outside(stored, filling, part.mapped)
        if filling is not None:
            scaled[filling] = AIR_HU if look.ct else 0.0
        if part.factor != 1.0:
            scaled *= part.factor
        return scaled, filling, bright


def _outside(
    stored: NDArray[Any], filling: NDArray[np.bool_] | None, mapped: tuple[float, float]
) -> int:
    """Samples beyond the values that a mapping speaks of, filling aside."""
    beyond = (stored < mapped[0]) | (stored > mapped[1])
    return int(np.count_nonzero(beyond if filling is None else beyond & ~filling))


def _either(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Where one of two masks is set, as far as there are any."""
    if a is None or b is None:
        return b if a is None else a
    return a | b


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
    return _masked(_read(file, pixels, _Unpacked(settings, archives)), pixels)


def _read(file: Found, pixels: PixelFormat, unpacked: _Unpacked) -> NDArray[Any]:
    """Samples of one picture, with whatever stands above BitsStored."""
    if pixels.packed is not None:
        return decode_frame(unpacked.frame(file, pixels), unpacked.settings)
    rows, columns = int(pixels.rows or 0), int(pixels.columns or 0)
    dtype = _dtype(pixels)
    needed = rows * columns * dtype.itemsize
    if file.member is None and pixels.syntax != DEFLATED:
        try:
            with open_found(file) as stream:
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
    native: NDArray[Any] = flat.astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(rows, columns)


def _read_slices(
    slices: Iterable[StoredSlice], settings: Settings, archives: Archives
) -> Iterator[NDArray[Any]]:
    """Samples of slices in order; several compressed ones are decoded at a time."""
    unpacked = _Unpacked(settings, archives)
    for packed, run in groupby(slices, key=lambda part: part.pixels.packed is not None):
        if not packed:
            for part in run:
                yield _read(part.file, part.pixels, unpacked)
            continue
        parts = tuple(run)
        frames = (unpacked.frame(part.file, part.pixels) for part in parts)
        yield from decode_frames(frames, settings)


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


def _dtype(pixels: PixelFormat) -> np.dtype[Any]:
    order = ">" if pixels.syntax == EXPLICIT_BIG else "<"
    if pixels.is_float:
        return np.dtype(f"{order}f{4 if pixels.tag == FLOAT else 8}")
    kind = "i" if pixels.signed else "u"
    return np.dtype(f"{order}{kind}{(pixels.bits_allocated or 16) // 8}")


def _masked(samples: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Samples with the bits above BitsStored dropped, the sign taken from there."""
    spare = (pixels.bits_allocated or 16) - (pixels.bits_stored or 16)
    if pixels.is_float or spare == 0:
        return samples
    masked: NDArray[Any] = np.right_shift(np.left_shift(samples, spare), spare)
    return masked
