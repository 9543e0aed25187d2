"""From probabilities to a liver and its lesions, in steps that each say what they changed.

All on a box of the upright CT grid. Parameters come from the card, else from
``configs/segmentation.toml`` (table ``segmentation.postprocess``). The liver is not smoothed: that
would bias its volume. Touching lesions are not split here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.segmentation.pieces import boxes_of, centres_of, pieces_of, sizes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid
    from netimg.segmentation.protocol import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: its name, the mL it added (positive) or removed (negative), and a remark."""

    name: str
    changed_ml: float
    remark: str = ""

    def __str__(self) -> str:
        """Return the line of the log."""
        return f"{self.name}: {self.changed_ml:+.1f} mL{f', {self.remark}' if self.remark else ''}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cleaned:
    """Liver (lesions included) and lesions on the box of a prediction."""

    liver: MaskZYX
    lesions: MaskZYX | None
    steps: tuple[Step, ...]
    pieces_ml: tuple[float, ...]
    """Volume of each piece of liver before any was dropped, in order of place."""
    dropped_ml: float


def clean(prediction: Prediction, limits: Mapping[str, float]) -> Cleaned:
    """Thresholds and tidying up of a prediction.

    Parameters
    ----------
    limits
        Settings ``segmentation.postprocess`` with the card's values over them.
    """
    grid, steps = prediction.grid, []
    probability: NDArray[Any] = prediction.liver
    if limits["smooth_mm"] > 0:
        probability = _smoothed(probability, grid, limits["smooth_mm"])
    liver = probability >= np.float16(limits["liver_threshold"])
    liver, pieces_ml, dropped = keep_pieces(liver, grid, limits["keep_ml"], limits["keep_mm"])
    steps.append(dropped)
    liver, filled = fill_holes(liver, grid, limits["hole_mm2"])
    steps.append(filled)
    liver, cut = cut_bridges(liver, prediction.locator, grid, limits)
    steps.append(cut)
    lesions = None
    if prediction.lesion is not None:
        lesions, more = find_lesions(prediction.lesion, liver, grid, limits)
        steps += more
    return Cleaned(
        liver=liver,
        lesions=lesions,
        steps=tuple(steps),
        pieces_ml=pieces_ml,
        dropped_ml=-dropped.changed_ml,
    )


def keep_pieces(
    liver: MaskZYX, grid: Grid, keep_ml: float, keep_mm: float
) -> tuple[MaskZYX, tuple[float, ...], Step]:
    """Largest 26-component, and others that are large and near.

    Returns
    -------
    mask : (z, y, x) bool
    pieces_ml : tuple of float
        Volume of every component before, in order of place.
    step
    """
    labels = pieces_of(liver)
    counts = sizes_of(labels)
    if counts.max(initial=0) == 0:
        return liver, (), Step(name="largest piece", changed_ml=0.0, remark="nothing there")
    main = int(counts.argmax())
    kept = {main}
    large = [int(k) for k in np.flatnonzero(counts * grid.voxel_ml > keep_ml) if k != main]
    if large:
        away = _distance_mm(labels != main, grid)
        kept |= {k for k in large if float(away[labels == k].min()) <= keep_mm}
    table = np.zeros(len(counts), dtype=bool)
    table[list(kept)] = True
    out = table[labels]
    lost = float(counts.sum() - counts[list(kept)].sum()) * grid.voxel_ml
    remark = f"{np.count_nonzero(counts) - len(kept)} pieces dropped, {len(kept)} kept"
    pieces_ml = tuple((counts[1:] * grid.voxel_ml).tolist())
    return out, pieces_ml, Step(name="largest piece", changed_ml=-lost, remark=remark)


def fill_holes(liver: MaskZYX, grid: Grid, hole_mm2: float) -> tuple[MaskZYX, Step]:
    """Holes closed on all sides, and holes of one axial slice below ``hole_mm2``."""
    from scipy import ndimage

    out = _filled(liver)
    pixel_mm2 = grid.spacing_mm[1] * grid.spacing_mm[2]
    for z in range(out.shape[0]):
        if not out[z].any():
            continue
        holes = ndimage.binary_fill_holes(out[z]) & ~out[z]
        if holes.any():
            labels = pieces_of(holes, connectivity=4)
            small = np.bincount(labels.ravel()) * pixel_mm2 < hole_mm2
            small[0] = False
            out[z] |= small[labels]
    added = float(np.count_nonzero(out) - np.count_nonzero(liver)) * grid.voxel_ml
    return out, Step(name="holes", changed_ml=added)


def cut_bridges(
    liver: MaskZYX, locator: MaskZYX | None, grid: Grid, limits: Mapping[str, float]
) -> tuple[MaskZYX, Step]:
    """Cut off what hangs on the liver by a thin bridge and lies outside the first stage's liver."""
    if locator is None or not liver.any():
        return liver, Step(name="bridges", changed_ml=0.0)
    core = _distance_mm(liver, grid) > limits["bridge_mm"]
    labels = pieces_of(core, connectivity=6)
    counts = sizes_of(labels)
    large = np.flatnonzero(counts * grid.voxel_ml > limits["bridge_ml"])
    if len(large) < 2:
        return liver, Step(name="bridges", changed_ml=0.0)
    near = _distance_mm(~locator, grid) <= limits["bridge_locator_mm"]
    centres = centres_of(labels)
    outside = [
        k
        for k in large
        if k != counts.argmax() and not near[tuple(np.rint(centres[k]).astype(int))]
    ]
    if not outside:
        return liver, Step(name="bridges", changed_ml=0.0)
    # Each voxel of the liver goes with the core that is nearest.
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=grid.spacing_mm, return_distances=False, return_indices=True
    )
    owner = labels[tuple(nearest)]
    out = liver & ~np.isin(owner, outside)
    lost = float(np.count_nonzero(liver) - np.count_nonzero(out)) * grid.voxel_ml
    remark = f"{len(outside)} pieces cut off"
    return out, Step(name="bridges", changed_ml=-lost, remark=remark)


def find_lesions(
    probability: NDArray[np.float16], liver: MaskZYX, grid: Grid, limits: Mapping[str, float]
) -> tuple[MaskZYX, list[Step]]:
    """Lesions inside the liver: threshold, sureness, size, holes.

    Parameters
    ----------
    probability : (z, y, x)
        Of lesion, where there is liver.
    """
    found = (probability >= np.float16(limits["lesion_threshold"])) & liver
    labels = pieces_of(found)
    counts = sizes_of(labels)
    all_ml = float(counts.sum()) * grid.voxel_ml
    sure = np.unique(labels[found & (probability >= np.float16(limits["lesion_high"]))])
    kept = np.zeros(len(counts), dtype=bool)
    kept[sure] = True
    kept[0] = False
    unsure_ml = float(counts[~kept].sum()) * grid.voxel_ml
    steps = [
        Step(name="lesions", changed_ml=all_ml, remark=f"{np.count_nonzero(counts)} pieces"),
        Step(name="unsure lesions", changed_ml=-unsure_ml),
    ]
    boxes = boxes_of(labels) if kept.any() else []
    small_ml = 0.0
    for k in np.flatnonzero(kept):
        if not _is_large(labels[boxes[k]] == k, int(counts[k]), grid, limits):
            kept[k] = False
            small_ml += int(counts[k]) * grid.voxel_ml
    steps.append(Step(name="small lesions", changed_ml=-small_ml))
    out = kept[labels]
    whole = _filled(out) & liver
    added = float(np.count_nonzero(whole) - np.count_nonzero(out)) * grid.voxel_ml
    steps.append(Step(name="holes of lesions", changed_ml=added))
    return whole, steps


def _is_large(piece: MaskZYX, voxels: int, grid: Grid, limits: Mapping[str, float]) -> bool:
    """Whether a lesion reaches the least volume and axial length."""
    if voxels * grid.voxel_ml < limits["lesion_min_ml"]:
        return False
    slices = np.flatnonzero(piece.any(axis=(1, 2)))
    if len(slices) == 1 and grid.spacing_mm[0] < limits["one_slice_mm"]:
        return False
    return max(axial_length_mm(piece[z], grid) for z in slices) >= limits["lesion_min_mm"]


def axial_length_mm(piece: NDArray[np.bool_], grid: Grid) -> float:
    """Longest distance within one slice between voxels of a piece, outer edge to outer edge."""
    pixel = np.array(grid.spacing_mm[1:])
    points = np.argwhere(piece) * pixel
    if len(points) > 64:
        from scipy.spatial import ConvexHull, QhullError

        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # all on one line
            points = points[[0, -1]]
    gaps = points[:, None] - points[None]
    return float(np.sqrt((gaps**2).sum(axis=-1)).max()) + float(pixel.mean())


def _filled(mask: MaskZYX) -> MaskZYX:
    """Mask with the background that does not reach the box's faces (6-connected) filled."""
    empty = np.pad(~mask, 1, constant_values=True)
    labels = pieces_of(empty, connectivity=6)
    core = (slice(1, -1),) * 3
    out: MaskZYX = labels[core] != labels[0, 0, 0]
    return out


def _distance_mm(inside: MaskZYX, grid: Grid) -> NDArray[np.float32]:
    """Distance of each true voxel to the nearest false one, mm; the box's faces do not count."""
    import edt

    distance: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(inside), anisotropy=grid.spacing_mm, black_border=False, parallel=1
    )
    return distance


def _smoothed(probability: NDArray[np.float16], grid: Grid, sd_mm: float) -> NDArray[np.float32]:
    from scipy import ndimage

    sigma = [sd_mm / s for s in grid.spacing_mm]
    out: NDArray[np.float32] = ndimage.gaussian_filter(probability.astype(np.float32), sigma)
    return out
