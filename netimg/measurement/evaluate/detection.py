"""Lesion-wise detection: which reference lesions were found, which predictions are false.

A reference lesion is **found** when at least 20 % of it is covered by the prediction; a predicted
component is **false** when less than 10 % of it lies in the reference. Between the two a
prediction is neither: too small to find, too right to be false. These shares and the least diameter
are this project's definition of its score, the same for every model: constants, no settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_closing, generate_binary_structure

from netimg.measurement.components import Box, box_of, boxes_of, components, widened
from netimg.measurement.diameters import longest_axial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid

FOUND_FRACTION = 0.20
FALSE_FRACTION = 0.10
MIN_MM = 3.0
"""Components with a shorter longest axial diameter do not count, on either side."""
SIZE_CLASSES_MM = (5.0, 10.0, 20.0, 50.0)
_FALSE_LIMITS_ML = (0.1, 1.0)
_IN_PLANE_CROSS = generate_binary_structure(2, 1)[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLesion:
    """One counted lesion of the reference.

    ``covered`` is the fraction of it inside the prediction; ``dice`` that of its matched group
    (connected group of overlapping lesions of both sides), 0 where nothing touches it.
    """

    volume_ml: float
    longest_mm: float
    covered: float
    found: bool
    dice: float
    centre_zyx: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedLesion:
    """One counted component of the prediction; ``inside`` = its fraction in the reference."""

    volume_ml: float
    longest_mm: float
    inside: float
    false: bool
    centre_zyx: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeClass:
    """Reference lesions from ``from_mm`` (included) to ``to_mm`` (excluded; inf = open)."""

    from_mm: float
    to_mm: float
    n_ref: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Lesion-wise scores of one prediction against its reference.

    ``sensitivity`` is None without reference lesions, ``precision`` None without predicted ones,
    ``f1`` None where either is. ``false_by_ml`` counts false components below 0.1, up to 1 and
    above 1 mL. Lists are ordered by volume, largest first.
    """

    n_ref: int
    n_pred: int
    ignored_ref: int
    ignored_pred: int
    found: int
    found_any: int
    iou50: int
    false: int
    merges: int
    splits: int
    sensitivity: float | None
    precision: float | None
    f1: float | None
    by_size: tuple[SizeClass, ...]
    false_by_ml: tuple[int, int, int]
    reference: tuple[ReferenceLesion, ...]
    predicted: tuple[PredictedLesion, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """Components of one side: voxels, size and whether they count, by label - 1."""

    labels: NDArray[np.uint32]
    sizes: NDArray[np.int64]
    longest_mm: NDArray[np.float64]
    counted: NDArray[np.bool_]
    ignored: int
    centres: NDArray[np.float64]


def lesion_detection(
    pred: MaskZYX,
    ref: MaskZYX,
    grid: Grid,
    *,
    ignore: MaskZYX | None = None,
    size_classes_mm: Sequence[float] = SIZE_CLASSES_MM,
) -> Detection:
    """Lesion-wise detection of a predicted mask against a reference mask.

    Parameters
    ----------
    pred, ref : (z, y, x) bool
        Predicted and reference lesions on ``grid``.
    ignore : (z, y, x) bool
        Where the reference is silent (uncertain findings): a component of either side with half
        or more of its voxels in there does not count.
    size_classes_mm
        Inner limits of the size classes, ascending; the first class begins at 3 mm.

    Returns
    -------
    Detection
        Counts, rates and one row per lesion of each side.

    Raises
    ------
    ValueError
        If a mask does not have the shape of the grid.

    Notes
    -----
    Reference lesions are the 26-components after one in-plane closing with a 3x3 cross (for the
    labels only; the mask is not changed), predicted ones the plain 26-components. Size is the
    longest axial diameter. Merges: found references under one prediction minus 1, summed; splits:
    not-false predictions on one reference minus 1, summed.
    """
    for mask in (pred, ref, *(() if ignore is None else (ignore,))):
        if mask.shape != grid.shape:
            msg = f"a mask of {mask.shape} does not lie on a grid of {grid.shape}"
            raise ValueError(msg)
    box = _common_box(pred, ref, grid)
    pred, ref = pred[box], ref[box]
    silent = None if ignore is None else ignore[box]
    corner = np.array([b.start for b in box], dtype=np.float64)
    reference = _side(_closed_labels(ref), grid, silent, corner)
    predicted = _side(components(pred)[0], grid, silent, corner)
    return _scores(reference, predicted, grid, tuple(size_classes_mm))


def _scores(
    reference: _Side, predicted: _Side, grid: Grid, size_classes_mm: tuple[float, ...]
) -> Detection:
    shared = _contact(reference, predicted)
    covered = shared.sum(axis=1) / np.maximum(reference.sizes, 1)
    inside = shared.sum(axis=0) / np.maximum(predicted.sizes, 1)
    refs, preds = np.flatnonzero(reference.counted), np.flatnonzero(predicted.counted)
    found = reference.counted & (covered >= FOUND_FRACTION)
    false = predicted.counted & (inside < FALSE_FRACTION)
    true = predicted.counted & ~false
    touching = shared > 0
    union = reference.sizes[:, None] + predicted.sizes[None, :] - shared
    iou = shared / np.maximum(union, 1)
    n_ref, n_pred, n_found, n_false = len(refs), len(preds), int(found.sum()), int(false.sum())
    sensitivity = n_found / n_ref if n_ref else None
    precision = 1.0 - n_false / n_pred if n_pred else None
    group_dice = _group_dice(shared, reference, predicted)
    ref_rows = [
        ReferenceLesion(
            volume_ml=float(reference.sizes[r] * grid.voxel_ml),
            longest_mm=float(reference.longest_mm[r]),
            covered=float(covered[r]),
            found=bool(found[r]),
            dice=float(group_dice[r]),
            centre_zyx=_triple(reference.centres[r]),
        )
        for r in refs
    ]
    pred_rows = [
        PredictedLesion(
            volume_ml=float(predicted.sizes[p] * grid.voxel_ml),
            longest_mm=float(predicted.longest_mm[p]),
            inside=float(inside[p]),
            false=bool(false[p]),
            centre_zyx=_triple(predicted.centres[p]),
        )
        for p in preds
    ]
    return Detection(
        n_ref=n_ref,
        n_pred=n_pred,
        ignored_ref=reference.ignored,
        ignored_pred=predicted.ignored,
        found=n_found,
        found_any=int((covered[refs] > 0).sum()),
        iou50=int((iou[np.ix_(refs, preds)] > 0.5).sum()),
        false=n_false,
        merges=_beyond_one(touching[found][:, predicted.counted].sum(axis=0)),
        splits=_beyond_one(touching[reference.counted][:, true].sum(axis=1)),
        sensitivity=sensitivity,
        precision=precision,
        f1=_harmonic(sensitivity, precision),
        by_size=_by_size(ref_rows, size_classes_mm),
        false_by_ml=_by_ml([row.volume_ml for row in pred_rows if row.false]),
        reference=tuple(sorted(ref_rows, key=lambda row: (-row.volume_ml, row.centre_zyx))),
        predicted=tuple(sorted(pred_rows, key=lambda row: (-row.volume_ml, row.centre_zyx))),
    )


def _common_box(pred: MaskZYX, ref: MaskZYX, grid: Grid) -> Box:
    """Box around both masks; one voxel where both are empty."""
    boxes = [box for box in (box_of(pred), box_of(ref)) if box is not None]
    if not boxes:
        return (slice(0, 1), slice(0, 1), slice(0, 1))
    z, y, x = (
        slice(min(b[k].start for b in boxes), max(b[k].stop for b in boxes)) for k in range(3)
    )
    return widened((z, y, x), (0, 0, 0), grid.shape)


def _closed_labels(ref: MaskZYX) -> NDArray[np.uint32]:
    """Labels of the reference: components of its in-plane closing, on its own voxels only."""
    padded = np.pad(ref, ((0, 0), (1, 1), (1, 1)))  # a closing must not feel the border
    closed = binary_closing(padded, structure=_IN_PLANE_CROSS)[:, 1:-1, 1:-1] | ref
    labels, _ = components(closed)
    labels[~ref] = 0
    return labels


def _side(
    labels: NDArray[np.uint32], grid: Grid, silent: MaskZYX | None, corner: NDArray[np.float64]
) -> _Side:
    """Sizes and counting of each component; those under 3 mm or in the ignored part do not."""
    count = int(labels.max())
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:].astype(np.int64)
    longest = np.zeros(count)
    centres = np.zeros((count, 3))
    counted = np.ones(count, dtype=np.bool_)
    for label, box in boxes_of(labels, count).items():
        if _reach_mm(box, grid) < MIN_MM:
            continue  # most of a noisy prediction; its diameter cannot be longer than its box
        part = labels[box] == label
        longest[label - 1] = longest_axial(part, grid.spacing_mm).longest_mm
        centres[label - 1] = np.argwhere(part).mean(axis=0) + [b.start for b in box] + corner
        if silent is not None:
            hidden = int(np.count_nonzero(silent[box] & part))
            counted[label - 1] = 2 * hidden < sizes[label - 1]
    too_small = longest < MIN_MM
    return _Side(
        labels, sizes, longest, counted & ~too_small, int((counted & too_small).sum()), centres
    )


def _reach_mm(box: Box, grid: Grid) -> float:
    """In-plane diagonal of a box, face to face."""
    sizes = [(b.stop - b.start) * s for b, s in zip(box[1:], grid.spacing_mm[1:], strict=True)]
    return math.hypot(*sizes)


def _contact(reference: _Side, predicted: _Side) -> NDArray[np.int64]:
    """Voxels that reference component i and predicted component j share, (n_ref, n_pred)."""
    n_ref, n_pred = len(reference.sizes), len(predicted.sizes)
    both = (reference.labels > 0) & (predicted.labels > 0)
    pairs = (reference.labels[both].astype(np.int64) - 1) * n_pred + predicted.labels[both] - 1
    return np.bincount(pairs, minlength=n_ref * n_pred).reshape(n_ref, n_pred).astype(np.int64)


def _group_dice(
    shared: NDArray[np.int64], reference: _Side, predicted: _Side
) -> NDArray[np.float64]:
    """Dice of the connected group of overlapping lesions that each reference lesion is in."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_ref, n_pred = shared.shape
    i, j = np.nonzero(shared)
    edges = coo_array((np.ones(len(i)), (i, n_ref + j)), shape=(n_ref + n_pred, n_ref + n_pred))
    n_groups, group = connected_components(edges, directed=False)
    sizes = np.concatenate((reference.sizes, predicted.sizes)).astype(np.float64)
    total = np.bincount(group, weights=sizes, minlength=n_groups)
    common = np.bincount(group[i], weights=shared[i, j], minlength=n_groups)
    dices: NDArray[np.float64] = (2.0 * common / np.maximum(total, 1.0))[group[:n_ref]]
    return dices


def _beyond_one(touches: NDArray[np.int64]) -> int:
    return int(np.maximum(touches - 1, 0).sum())


def _harmonic(sensitivity: float | None, precision: float | None) -> float | None:
    if sensitivity is None or precision is None:
        return None
    total = sensitivity + precision
    return 2.0 * sensitivity * precision / total if total > 0 else 0.0


def _by_size(rows: list[ReferenceLesion], limits: tuple[float, ...]) -> tuple[SizeClass, ...]:
    edges = (MIN_MM, *limits, math.inf)
    classes = []
    for low, high in pairwise(edges):
        members = [row for row in rows if low <= row.longest_mm < high]
        classes.append(
            SizeClass(
                from_mm=low, to_mm=high, n_ref=len(members), found=sum(m.found for m in members)
            )
        )
    return tuple(classes)


def _by_ml(volumes: list[float]) -> tuple[int, int, int]:
    small, large = _FALSE_LIMITS_ML
    return (
        sum(v < small for v in volumes),
        sum(small <= v <= large for v in volumes),
        sum(v > large for v in volumes),
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    z, y, x = values.tolist()
    return (z, y, x)
