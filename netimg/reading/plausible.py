"""What the values of a series say about themselves: filling, air, uptake, ends of the scale.

Looked at while slices pass by: a thin sample of voxels, and counts. Limits and values:
``configs/reading/pixels.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import PIX_012, PIX_020
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.flag import Flag
    from netimg.reading.pixel_format import PixelFormat

_BIN_HU = 20.0

AIR_HU = -1024.0
"""What filling outside the picture becomes in a CT."""


def declared_filling(
    stored: NDArray[Any],
    scaled: NDArray[Any],
    pixels: PixelFormat,
    *,
    raw: NDArray[Any],
    ct: bool,
) -> NDArray[np.bool_] | None:
    """Samples that the header calls filling; None where it names none.

    ``raw``: samples with the bits above BitsStored, where a filling may stand that is no value.
    A filling of a CT that is tissue or bone in HU is not believed: some exporters declare 0 HU.
    """
    if pixels.padding is None:
        return None
    limit = pixels.padding if pixels.padding_limit is None else pixels.padding_limit
    low, high = sorted((pixels.padding, limit))
    filling: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    if ct:
        filling &= ~_is_tissue(scaled)
    if raw is not stored:
        filling |= (raw >= low) & (raw <= high) & (raw != stored)
    return filling


def tissue_declared(
    stored: NDArray[Any], scaled: NDArray[Any], pixels: PixelFormat
) -> NDArray[np.bool_]:
    """Samples of a CT that the header calls filling and that are not believed to be any."""
    if pixels.padding is None:
        return np.zeros(stored.shape, dtype=bool)
    limit = pixels.padding if pixels.padding_limit is None else pixels.padding_limit
    low, high = sorted((pixels.padding, limit))
    kept: NDArray[np.bool_] = (stored >= low) & (stored <= high) & _is_tissue(scaled)
    return kept


def _is_tissue(scaled: NDArray[Any]) -> NDArray[np.bool_]:
    limits = table("pixels")["filling"]
    tissue: NDArray[np.bool_] = (scaled > limits["air_most_hu"]) & (
        scaled <= limits["bone_most_hu"]
    )
    return tissue


def has_rubbish(raw: NDArray[Any], stored: NDArray[Any], bits: int) -> bool:
    """Whether bits above those of the picture hold something else than its sign."""
    changed = raw != stored
    return bool(changed.any()) and bool((changed & (np.right_shift(raw, bits) != 0)).any())


def usual_filling(stored: NDArray[Any], scaled: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Filling of a CT slice whose header names none, by the value of its corners.

    A value below every possible HU is filling wherever it stands; one that is possible as air only
    where it fills what lies outside the circle that a scanner reconstructs.
    """
    limits = table("pixels")["filling"]
    known, found = set(limits["values"]), None
    for y in (0, -1):
        for x in (0, -1):
            value, kept = float(scaled[y, x]), float(stored[y, x])
            if not ({value, kept} & known) or value > limits["air_most_hu"]:
                continue
            filling = scaled == value
            if value >= AIR_HU:
                outside = _outside(scaled.shape[0], scaled.shape[1])
                filling &= outside
                if np.count_nonzero(filling) < limits["outside_share"] * np.count_nonzero(outside):
                    continue
            found = filling if found is None else found | filling
    return found


@lru_cache(maxsize=4)
def _outside(rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels outside the ellipse that touches the edges of a picture."""
    y = (np.arange(rows) - (rows - 1) / 2) / (rows / 2)
    x = (np.arange(columns) - (columns - 1) / 2) / (columns / 2)
    outside: NDArray[np.bool_] = y[:, None] ** 2 + x[None, :] ** 2 > 1.0
    return outside


@dataclass(slots=True)
class Look:
    """What was seen of a series so far; `finish` says what it means.

    Parameters
    ----------
    slices
        How many will pass.
    ct
        Whether values are HU.
    suv
        Whether values are SUV.
    """

    slices: int
    ct: bool
    suv: bool = False
    voxels: int = 0
    filled: int = 0
    rubbish: bool = False
    beyond: int = 0
    """Voxels of a CT above every number that 16 bits with a sign can hold."""
    unmapped: int = 0
    """Voxels whose stored value the mapping to real values does not speak of."""
    kept: int = 0
    """Voxels that are declared as filling and are not believed to be any."""
    kept_hu: float = 0.0
    """Value of such a voxel of a CT."""
    _sample: list[NDArray[np.float32]] = field(default_factory=list)
    _seen: int = 0
    _last: NDArray[np.float32] | None = None
    _jump: tuple[int, float] | None = None

    def add(self, values: NDArray[np.float32], filling: NDArray[np.bool_] | None) -> None:
        """Take note of a slice in its final values."""
        limits = table("pixels")["sample"]
        self.voxels += values.size
        if filling is not None:
            self.filled += int(np.count_nonzero(filling))
        if self.ct:
            thin = max(1, max(values.shape) // limits["pixels"])
            part = values[::thin, ::thin].copy()
            if filling is not None:
                part[filling[::thin, ::thin]] = np.nan
            if self._last is not None and self._jump is None:
                change = _common_change(self._last, part, table("pixels")["jump"])
                self._jump = None if change is None else (self._seen, change)
            self._last = part
            every = max(1, self.slices // limits["slices"])
            if self._seen % every == 0:
                self._sample.append(part)
            self.beyond += int(np.count_nonzero(values > table("pixels")["top"]["possible_hu"]))
        self._seen += 1

    def settle(
        self, values: NDArray[np.float32], undecided: list[tuple[int, NDArray[np.bool_]]]
    ) -> bool:
        """Decide about filling of a PET that is above 0: set to 0 only above all of the picture.

        ``undecided``: where it is, by slice. Returns whether it was set.
        """
        masks = dict(undecided)
        n = sum(int(np.count_nonzero(mask)) for mask in masks.values())
        least = min(float(values[z][mask].min()) for z, mask in undecided)
        inside = [values[z][~masks[z]] if z in masks else values[z] for z in range(len(values))]
        highest = max((float(part.max()) for part in inside if part.size), default=np.inf)
        many = 100.0 * (self.filled + n) > table("pixels")["pet"]["filled_percent"] * self.voxels
        if least <= highest or many:
            self.kept = n
            return False
        for z, mask in undecided:
            values[z][mask] = 0.0
        self.filled += n
        return True

    def finish(
        self, values: NDArray[np.float32], *, low: float, high: float, series: str
    ) -> list[Flag]:
        """Doubts about the values of a whole series.

        Raises
        ------
        InputError
            PIX-012: values that cannot be HU. PIX-020: a PET of one value.
        """
        touches = ("ct",) if self.ct else ("pet",)
        flags = []
        if self.rubbish:
            flags.append(doubt("PIX-009/rubbish", touches=touches, series=series))
        if self.filled:
            percent = 100.0 * self.filled / self.voxels
            flags.append(doubt("PIX-011", touches=touches, series=series, percent=percent))
        if self.ct and self.kept:
            percent, hu = 100.0 * self.kept / self.voxels, self.kept_hu
            flags.append(
                doubt("PIX-011/kept", touches=touches, series=series, percent=percent, hu=hu)
            )
        if self.ct:
            flags += self._air(low=low, high=high, series=series)
            flags += self._beyond(high=high, series=series)
            flags += _top(values, high=high, series=series)
        else:
            flags += self._uptake(values, low=low, high=high, series=series)
        return flags

    def _uptake(
        self, values: NDArray[np.float32], *, low: float, high: float, series: str
    ) -> list[Flag]:
        """Refuse a PET of one value; doubt filling that is none, and SUV that nothing has."""
        if low == high:
            raise refusal(PIX_020, series=series, value=low)
        limits, flags, touches = table("pixels")["pet"], [], ("pet",)
        if self.kept:
            percent = 100.0 * self.kept / self.voxels
            flags.append(
                doubt(
                    "PIX-020/filling", touches=touches, series=series, percent=percent, highest=high
                )
            )
        percent, most = 100.0 * self.filled / self.voxels, limits["filled_percent"]
        if percent > most:
            flags.append(
                doubt(
                    "PIX-020/filled",
                    touches=touches,
                    series=series,
                    percent=percent,
                    measured=percent,
                    limit=most,
                )
            )
        if self.suv and high > limits["suv_most"]:
            z = int(values.reshape(len(values), -1).max(axis=1).argmax())
            flags.append(
                doubt(
                    "PIX-020/suv",
                    touches=touches,
                    series=series,
                    suv=high,
                    slice=z + 1,
                    n=self.slices,
                    most=limits["suv_most"],
                    measured=high,
                    limit=limits["suv_most"],
                )
            )
        return flags

    def _beyond(self, *, high: float, series: str) -> list[Flag]:
        """Refuse values that no CT number can have; doubt a few of them."""
        limits = table("pixels")["top"]
        if self.beyond == 0:
            return []
        percent = 100.0 * self.beyond / self.voxels
        most = limits["possible_hu"]
        if self.beyond > limits["beyond_share"] * self.voxels:
            raise refusal(PIX_012, "beyond", series=series, most=most, hu=high, percent=percent)
        return [
            doubt(
                "PIX-012/few_beyond",
                touches=("ct",),
                series=series,
                voxels="1 voxel" if self.beyond == 1 else f"{self.beyond} voxels",
                lie="lies" if self.beyond == 1 else "lie",
                most=most,
                hu=high,
                measured=high,
                limit=float(most),
            )
        ]

    def _air(self, *, low: float, high: float, series: str) -> list[Flag]:
        """Refuse values whose air is not that of a CT; doubt those without air in the picture."""
        limits = table("pixels")["air"]
        if low == high:
            raise refusal(PIX_012, series=series, value=f"all of them are {low:g}")
        if self._jump is not None:
            z, change = self._jump
            raise refusal(
                PIX_012, "jump", series=series, a=z, b=z + 1, n=self.slices, change=change
            )
        sample = np.stack(self._sample)
        air = _air_hu(sample, limits)
        if air is not None:
            if air < limits["least_hu"]:
                raise refusal(PIX_012, series=series, value=f"air is {air:g}")
            tissue = sample[sample >= limits["below_hu"]]
            middle = float(np.median(tissue)) if tissue.size else limits["tissue_most_hu"]
            if middle > limits["tissue_most_hu"]:
                raise refusal(PIX_012, "tissue", series=series, tissue=middle, air=air)
            if air > limits["most_hu"]:
                around = _crowded(_edge(sample, limits["edge"]), limits)
                if around is not None:
                    raise refusal(PIX_012, series=series, value=f"air is {around:g}")
                return [self._doubt("PIX-012/thin", series, air)]
            return []
        return self._no_air(sample, limits, series)

    def _no_air(
        self, sample: NDArray[np.float32], limits: dict[str, Any], series: str
    ) -> list[Flag]:
        """Values without air: what lies farthest from the body stands in for it."""
        inside = sample[np.isfinite(sample)]
        if inside.size == 0:
            raise refusal(PIX_012, series=series, value="all of them are filling")
        edge = _edge(sample)
        middle, bright = np.percentile(inside, (50, limits["bright_percentile"])).tolist()
        tissue = middle >= limits["tissue_least_hu"] and bright <= limits["bright_most_hu"]
        if bool((edge == edge[0]).all()) or not tissue:
            raise refusal(PIX_012, series=series, value=f"air is {float(np.median(edge)):g}")
        return [self._doubt("PIX-012/none", series, middle)]

    def _doubt(self, problem: str, series: str, value: float) -> Flag:
        return doubt(problem, touches=("ct",), series=series, hu=value, measured=value)


def _common_change(
    before: NDArray[np.float32], after: NDArray[np.float32], limits: dict[str, Any]
) -> float | None:
    """HU by which (nearly) all pixels of a slice differ from the one before, if they do.

    Where a body begins or ends, the air beside it stays; only another scale changes all of it.
    """
    if before.shape != after.shape:
        return None
    change = (after - before)[np.isfinite(before) & np.isfinite(after)]
    if change.size < limits["least_share"] * after.size:
        return None
    low, middle, high = np.percentile(change, limits["percentiles"]).tolist()
    return float(middle) if max(low, -high) > limits["least_hu"] else None


def _crowded(edge: NDArray[np.float32], limits: dict[str, Any]) -> float | None:
    """The one dark value that surrounds the picture, as air does and lung does not."""
    middle = float(np.median(edge))
    near = np.abs(edge - middle) <= limits["crowd_hu"]
    dark = middle < limits["below_hu"]
    return middle if dark and np.count_nonzero(near) >= limits["crowd_share"] * edge.size else None


def _edge(sample: NDArray[np.float32], share: float = 1.0) -> NDArray[np.float32]:
    """Corners of all slices; where they are filled, what is not filled and nearest to them.

    ``share`` of that distance from the middle counts as the edge too.
    """
    rows, columns = sample.shape[1:]
    y = np.abs(np.arange(rows) - (rows - 1) / 2) / rows
    x = np.abs(np.arange(columns) - (columns - 1) / 2) / columns
    far = np.broadcast_to(np.hypot(y[:, None], x[None, :]), sample.shape)
    known = np.isfinite(sample)
    edge: NDArray[np.float32] = sample[known & (far >= share * far[known].max() - 1e-9)]
    return edge


def _air_hu(sample: NDArray[np.float32], limits: dict[str, Any]) -> float | None:
    """Where dark values crowd: the air around the patient. None where hardly any value is dark.

    Lung is as dark as it is wide of range; air is one value with its noise.
    """
    dark = sample[sample < limits["below_hu"]]  # filling is NaN, and no part of it
    if dark.size < limits["least_share"] * sample.size:
        return None
    dark = np.maximum(dark, limits["darkest_hu"])
    width = limits["noise_hu"]
    counts, edges = np.histogram(
        dark, bins=np.arange(limits["darkest_hu"], limits["below_hu"] + _BIN_HU, _BIN_HU)
    )
    crowd = np.convolve(counts, np.ones(max(1, round(width / _BIN_HU))), mode="same")
    middle = float(edges[int(np.argmax(crowd))]) + _BIN_HU / 2
    return float(np.median(dark[np.abs(dark - middle) <= width / 2]))


def _top(values: NDArray[np.float32], *, high: float, series: str) -> list[Flag]:
    """Whether bright values stop at the end of a 12-bit scale, or go beyond it."""
    limits = table("pixels")["top"]
    end = float(limits["end_hu"])
    if high > end:
        return [doubt("PIX-018", touches=("ct",), series=series, hu=high, measured=high)]
    if high == end:
        share = float(np.count_nonzero(values == np.float32(end))) / values.size
        if share > limits["share"]:
            return [doubt("PIX-017", touches=("ct",), series=series, percent=100.0 * share)]
    return []
