"""Scores of masks against masks: what a model's card and ``netimg evaluate`` report.

In: two masks or label maps on one grid. Out: `Evaluation`, numbers only. "Accuracy" alone is
never said: each score names its structure and its level (voxel or lesion).
Start reading at `overlap`; `detection` is the lesion-wise part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netimg.errors import MSK_001, MaskError
from netimg.measurement.evaluate.detection import SIZE_CLASSES_MM, Detection, lesion_detection
from netimg.measurement.evaluate.overlap import VolumeError, dice, volume_error
from netimg.volume import LabelMap, Mask

__all__ = [
    "Detection",
    "Evaluation",
    "StructureScores",
    "VolumeError",
    "dice",
    "evaluate_masks",
    "lesion_detection",
    "volume_error",
]

WHOLE = "mask"
"""Name of the structure where no labels are given: everything above 0."""
_GRID_TOL_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureScores:
    """Scores of one structure; ``detection`` only where lesions are counted."""

    name: str
    dice: float
    volume: VolumeError
    both_empty: bool
    detection: Detection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of one prediction against one reference, structure by structure.

    ``burden_error_pct`` is predicted minus reference burden in percentage points; None unless
    liver and lesions of both sides are known.
    """

    structures: tuple[StructureScores, ...]
    burden_error_pct: float | None = None

    def __getitem__(self, name: str) -> StructureScores:
        """Scores of a structure by name; KeyError if it was not asked for."""
        for scores in self.structures:
            if scores.name == name:
                return scores
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; an infinite number is the string ``inf``."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def evaluate_masks(
    pred: Mask | LabelMap,
    ref: Mask | LabelMap,
    *,
    labels: Mapping[str, int] | None = None,
    ignore: Mask | None = None,
    size_classes_mm: Sequence[float] = SIZE_CLASSES_MM,
) -> Evaluation:
    """Score a prediction against a reference on the same grid.

    Parameters
    ----------
    pred, ref
        Masks, or label maps with the same codes.
    labels
        Name and code of each structure, as in ``{"liver": 1, "lesion": 2}``. Without it everything
        above 0 is one structure called ``mask``. The liver holds its lesions: where both are
        named, the code of the lesions counts as liver too.
    ignore
        Where the reference is silent, for detection only.
    size_classes_mm
        Inner limits of the size classes of detection.

    Returns
    -------
    Evaluation
        Lesion-wise detection is added for ``lesion`` and ``mask``.

    Raises
    ------
    MaskError
        MSK-001 if the grids differ, with the distance in mm.
    ValueError
        If ``labels`` are given for a `Mask`.
    """
    grid = ref.grid
    if not pred.grid.same_as(grid, tol_mm=_GRID_TOL_MM):
        raise _off_grid(pred, ref)
    scores = []
    for name in labels or {WHOLE: 1}:
        p, r = (_structure(part, name, labels) for part in (pred, ref))
        counted = name in ("lesion", WHOLE)
        silent = None if ignore is None else ignore.voxels
        scores.append(
            StructureScores(
                name=name,
                dice=dice(p, r),
                volume=volume_error(p, r, grid),
                both_empty=not (p.any() or r.any()),
                detection=lesion_detection(
                    p, r, grid, ignore=silent, size_classes_mm=size_classes_mm
                )
                if counted
                else None,
            )
        )
    return Evaluation(structures=tuple(scores), burden_error_pct=_burden_error(scores))


def _structure(part: Mask | LabelMap, name: str, labels: Mapping[str, int] | None) -> Any:  # noqa: ANN401  # a mask array
    """Voxels of a named structure; the liver with its lesions."""
    if isinstance(part, Mask):
        if labels is not None:
            msg = "a mask has no labels; give a label map"
            raise ValueError(msg)
        return part.voxels
    if labels is None:
        return part.labels > 0
    inside = part.labels == labels[name]
    if name == "liver" and "lesion" in labels:
        inside = inside | (part.labels == labels["lesion"])
    return inside


def _burden_error(scores: Sequence[StructureScores]) -> float | None:
    volumes = {s.name: s.volume for s in scores}
    if "liver" not in volumes or "lesion" not in volumes:
        return None
    liver, lesion = volumes["liver"], volumes["lesion"]
    if liver.pred_ml == 0 or liver.ref_ml == 0:
        return None
    return 100.0 * (lesion.pred_ml / liver.pred_ml - lesion.ref_ml / liver.ref_ml)


def _off_grid(pred: Mask | LabelMap, ref: Mask | LabelMap) -> MaskError:
    p, r = pred.grid, ref.grid
    apart = f"{p.distance_mm(r):.2f} mm apart at the farthest corner"
    return MaskError(
        MSK_001,
        what=f"prediction ({p!r}) and reference ({r!r}) lie on different grids, {apart}.",
        todo="Give two masks of the same image.",
    )


def _plain(node: Any) -> Any:  # noqa: ANN401  # a tree
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, float) and math.isinf(node):
        return "inf" if node > 0 else "-inf"
    return node
