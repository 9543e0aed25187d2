"""Masks and lesions in ``results.json``, and back again with the mask files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.anatomy import LABEL_NAMES, Anatomy, Origin
from netimg.finding import Findings, Scope
from netimg.lesion import Lesion, LesionStatus, LesionType
from netimg.reporting.json_text import Document, plain, present
from netimg.reporting.masks_nifti import read_labels, read_probability
from netimg.reporting.places import Place, lesion_places
from netimg.reporting.study_json import grid_from_json, grid_json
from netimg.volume import LabelMap, Mask

if TYPE_CHECKING:
    from netimg.geometry import Grid
    from netimg.volume import Volume

SEGMENT_PREFIX = "segment_fraction_"
"""Names of the findings that say which share of a lesion lies in a segment."""


def anatomy_json(anatomy: Anatomy, files: frozenset[str], on: int | None) -> Document:
    """``anatomy``: per part its file and origin; the grid of all of them.

    Parameters
    ----------
    files
        Paths that are written; a part without a file has no ``file``.
    on
        Number of the series whose grid this is.
    """
    parts = {
        "liver": anatomy.has_liver,
        "lesions": anatomy.has_lesions,
        "segments": anatomy.segments is not None,
        "organs": anatomy.organs is not None,
        "lesion_probability": anatomy.lesion_probability is not None,
    }
    document: Document = {"grid": grid_json(anatomy.grid), **present(series=on)}
    for part, there in parts.items():
        if there:
            path = f"masks/{part}.nii.gz"
            origin = anatomy.origins.get(part)
            document[part] = {
                **({"file": path} if path in files else {}),
                **({} if origin is None else {"source": _origin_json(origin)}),
            }
    if anatomy.lesion_probability is not None:
        document["lesion_probability"]["grid"] = grid_json(anatomy.lesion_probability.grid)
    document["ignored"] = {"count": anatomy.ignored_count, "volume_ml": anatomy.ignored_ml}
    return document


def _origin_json(origin: Origin) -> Document:
    return {
        "kind": origin.kind,
        "name": origin.name,
        **present(sha256=origin.sha256, detail=origin.detail),
    }


def lesions_json(anatomy: Anatomy, findings: Findings) -> list[Document]:
    """``lesions``: identity, place and values of each."""
    places = lesion_places(anatomy, findings)
    return [_lesion_json(lesion, findings, places.get(lesion.id)) for lesion in anatomy.lesions]


def _lesion_json(lesion: Lesion, findings: Findings, place: Place | None) -> Document:
    own = findings.of(Scope.LESION, lesion.id)
    shares = {
        f.name.removeprefix(SEGMENT_PREFIX): f.value
        for f in own
        if f.name.startswith(SEGMENT_PREFIX) and f.value
    }
    hemiliver = findings.get("hemiliver", Scope.LESION, lesion.id)
    target = findings.get("target", Scope.LESION, lesion.id)
    where: Document = {}
    if place is not None:
        where = {
            "bbox": [list(pair) for pair in reversed(place.box)],  # i, j, k
            "centroid_lps_mm": list(place.centroid_lps_mm),
            "slice_index": place.slice_index,
        }
    return {
        "id": lesion.id,
        "tracking_uid": lesion.tracking_uid,
        "status": lesion.status.value,
        "type": lesion.type.value,
        **present(
            confidence=lesion.confidence,
            segments=shares,
            hemiliver=hemiliver.value if hemiliver else None,
        ),
        **where,
        **_axes(findings, lesion.id),
        **(
            {"target": present(value=target.value, why=target.method)}
            if target and target.value is not None
            else {}
        ),
        "values": {f.name: plain(f.value) for f in own if f.value is not None},
    }


def _axes(findings: Findings, lesion: str) -> Document:
    """Ends of the measured axes as world points (L, P, S)."""
    axes = {}
    for axis in ("longest", "short_axis"):
        ends = [
            [findings.get(f"{axis}_end_{end}_{c}_mm", Scope.LESION, lesion) for c in "lps"]
            for end in "ab"
        ]
        points = [[f.value for f in end if f is not None and f.value is not None] for end in ends]
        if all(len(point) == 3 for point in points):
            axes[axis] = points
    return {"axes": axes} if axes else {}


def anatomy_from_json(document: Mapping[str, Any], out: Path) -> Anatomy | None:
    """The anatomy of a result folder; None where there is none.

    Parts whose mask was not written are empty (lesions; the liver holds the lesions alone) or
    absent.
    """
    if "anatomy" not in document:
        return None
    entry = document["anatomy"]
    grid = grid_from_json(entry["grid"])
    lesions = _labels(entry.get("lesions", {}), out, grid) or _nothing(grid)
    liver = _labels(entry.get("liver", {}), out, grid) or lesions
    return Anatomy(
        liver=Mask(voxels=liver.labels > 0, grid=grid),
        lesion_labels=lesions,
        lesions=tuple(_lesion(lesion) for lesion in document["lesions"]),
        segments=_labels(entry.get("segments", {}), out, grid),
        organs=_labels(entry.get("organs", {}), out, grid),
        lesion_probability=_probability(entry, out),
        origins={
            part: Origin(**entry[part]["source"])
            for part in ("liver", "lesions", "segments", "organs", "lesion_probability")
            if "source" in entry.get(part, {})
        },
        ignored_count=entry["ignored"]["count"],
        ignored_ml=entry["ignored"]["volume_ml"],
    )


def _labels(part: Mapping[str, Any], out: Path, grid: Grid) -> LabelMap | None:
    if "file" not in part:
        return None
    labels = read_labels(out / part["file"], grid)
    names = {c: name for c, name in LABEL_NAMES.items() if c in set(labels.present())}
    return LabelMap(labels=labels.labels, grid=grid, names=names)


def _nothing(grid: Grid) -> LabelMap:
    import numpy as np

    return LabelMap(labels=np.zeros(grid.shape, dtype=np.uint16), grid=grid)


def _probability(entry: Mapping[str, Any], out: Path) -> Volume | None:
    part = entry.get("lesion_probability", {})
    if "file" not in part:
        return None
    return read_probability(out / part["file"], grid_from_json(part["grid"]))


def _lesion(entry: Mapping[str, Any]) -> Lesion:
    return Lesion(
        number=int(entry["id"].removeprefix("L")),
        tracking_uid=entry["tracking_uid"],
        status=LesionStatus(entry["status"]),
        type=LesionType(entry["type"]),
        confidence=entry.get("confidence"),
    )
