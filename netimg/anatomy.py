"""Liver, lesions and what else is known of the anatomy, on one grid: `Anatomy`.

The grid is the CT's, or the PET's where there is no CT with a liver. Lesions are numbered when an
Anatomy is built, so every room and every file uses the same ``L1 ... Ln``.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np

from netimg.lesion import Lesion, LesionStatus
from netimg.volume import LabelMap, Mask, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import LabelZYX
    from netimg.flag import Flag
    from netimg.geometry import Grid

LABEL_NAMES: Mapping[int, str] = {
    1: "liver", 2: "lesion",
    11: "segment I", 12: "segment II", 13: "segment III", 14: "segment IV",
    15: "segment V", 16: "segment VI", 17: "segment VII", 18: "segment VIII",
    141: "segment IVa", 142: "segment IVb",
    21: "hepatic veins", 22: "portal vein", 23: "inferior vena cava", 24: "aorta",
    31: "spleen", 32: "kidney left", 33: "kidney right", 34: "gallbladder", 35: "stomach",
    36: "pancreas", 37: "adrenal left", 38: "adrenal right", 39: "duodenum", 40: "colon",
    41: "small bowel", 42: "heart", 43: "lung", 51: "vertebrae", 52: "other bone",
    61: "metal or clip", 62: "lipiodol", 63: "ablation zone", 65: "cyst", 71: "ascites",
}  # fmt: skip
"""The stable label codes of every card, mask file and test."""

SEGMENT_CODES: Mapping[int, str] = {
    11: "I", 12: "II", 13: "III", 14: "IV", 15: "V", 16: "VI", 17: "VII", 18: "VIII",
}  # fmt: skip
"""Couinaud segments by label code."""

MIN_LESION_ML = 0.03
"""Smaller components are noise of the mask: counted in `Anatomy.ignored_ml`, not numbered.

This project's choice, no setting: the numbers of lesions must not hang on one.
"""

_NAMESPACE = uuid.UUID("d4cbd8c6-9f2e-5f4e-8a21-7a6a3d2b7c11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a mask came from.

    ``kind`` is ``model``, ``file`` or ``person``; ``name`` the model id, file name or person;
    ``sha256`` of the weights or the file.
    """

    kind: str
    name: str
    sha256: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anatomy:
    """Liver and lesions on one grid, with optional segments, organs and lesion probability.

    Parameters
    ----------
    liver
        Liver **with** its lesions.
    lesion_labels
        Lesion number per voxel; inside the liver.
    lesions
        One `Lesion` per number 1..n, in order.
    segments
        Couinaud segments, codes 11-18 (141, 142) of `LABEL_NAMES`; None = not known.
    organs
        Other structures, codes of `LABEL_NAMES`; None = not known.
    lesion_probability
        Calibrated 0..1 on a crop of the grid; None for a person's masks.
    origins
        Per part (``liver``, ``lesions``, ``segments``, ``organs``) where it came from. A part
        that is not named was not looked for: see `has_liver`, `has_lesions`.
    log
        What was done, step by step, with numbers (mL changed by post-processing, seconds).

    Raises
    ------
    ValueError
        If the parts lie on different grids or numbers and lesions do not match.
    """

    liver: Mask
    lesion_labels: LabelMap
    lesions: tuple[Lesion, ...] = ()
    segments: LabelMap | None = None
    organs: LabelMap | None = None
    lesion_probability: Volume | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    ignored_ml: float = 0.0
    """Volume of lesion components too small to be numbered."""
    ignored_count: int = 0
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", dict(sorted(self.origins.items())))
        grid = self.liver.grid
        for part in (self.lesion_labels, self.segments, self.organs):
            if part is not None and not part.grid.same_as(grid, tol_mm=0.01):
                msg = "all parts of an Anatomy lie on one grid"
                raise ValueError(msg)
        numbers = tuple(lesion.number for lesion in self.lesions)
        if numbers != tuple(sorted(set(numbers))) or not set(self.lesion_labels.present()) <= set(
            numbers
        ):
            msg = f"lesion labels {self.lesion_labels.present()} do not match lesions {numbers}"
            raise ValueError(msg)

    @property
    def grid(self) -> Grid:
        """The grid of all parts."""
        return self.liver.grid

    @property
    def has_liver(self) -> bool:
        """Whether the liver is known; without it `liver` holds the lesions alone."""
        return "liver" in self.origins

    @property
    def has_lesions(self) -> bool:
        """Whether somebody looked for lesions; an empty lesion map then means none found."""
        return "lesions" in self.origins

    @property
    def lesion_mask(self) -> Mask:
        """Every numbered lesion together."""
        return Mask(voxels=self.lesion_labels.labels > 0, grid=self.grid)

    def lesion(self, number: int) -> Mask:
        """Voxels of lesion ``number``."""
        return self.lesion_labels.mask(number)

    def organ(self, code: int) -> Mask | None:
        """Mask of an organ by its code in `LABEL_NAMES`; None where it is not known."""
        if self.organs is None or code not in self.organs.present():
            return None
        return self.organs.mask(code)

    @classmethod
    def from_masks(
        cls,
        liver: Mask | None,
        lesions: Mask | LabelMap | None = None,
        *,
        segments: LabelMap | None = None,
        organs: LabelMap | None = None,
        lesion_probability: Volume | None = None,
        origins: Mapping[str, Origin] | None = None,
        flags: tuple[Flag, ...] = (),
        log: tuple[str, ...] = (),
    ) -> Anatomy:
        """Anatomy from masks of any origin; lesions are numbered here.

        A lesion mask, or a label map with the single label 1, is split into 26-connected
        components; in a label map with several labels each label is one lesion. Components below
        `MIN_LESION_ML` are counted as ignored. What a person or a file gave is accepted, what a
        model found is proposed. Numbers follow volume (largest first), then z, y, x of the centroid
        in LPS, rounded to 0.1 mm. A label with a tracking UID that is one lesion keeps it. Lesion
        voxels count as liver. ``liver`` may be None where only
        lesions were drawn, ``lesions`` None where nobody looked for them.
        """
        if liver is None and lesions is None:
            msg = "an Anatomy needs a liver or lesions"
            raise ValueError(msg)
        grid = lesions.grid if liver is None and lesions is not None else liver.grid  # type: ignore[union-attr]  # one of both is there
        whole = np.zeros(grid.shape, dtype=bool) if liver is None else liver.voxels
        given = Origin(kind="person", name="given masks")
        drawn = {"liver": liver, "lesions": lesions, "segments": segments, "organs": organs}
        if origins is None:
            origins = {part: given for part, mask in drawn.items() if mask is not None}
        parts: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
        numbered: tuple[Lesion, ...] = ()
        ignored = (0, 0.0)
        if lesions is not None:
            if not lesions.grid.same_as(grid, tol_mm=0.01):
                msg = "liver and lesions lie on different grids"
                raise ValueError(msg)
            parts, ignored = _numbered(lesions)
            status = _status_of(origins.get("lesions"))
            known = _tracked(lesions, parts)
            numbered = _lesions(parts, grid, lesion_probability, status, known)
            whole = whole | (parts > 0)
        return cls(
            liver=Mask(voxels=whole, grid=grid),
            lesion_labels=LabelMap(labels=parts, grid=grid),
            lesions=numbered,
            segments=segments,
            organs=organs,
            lesion_probability=lesion_probability,
            origins=origins,
            flags=flags,
            ignored_count=ignored[0],
            ignored_ml=ignored[1],
            log=log,
        )

    def __repr__(self) -> str:
        """One line: liver volume and number of lesions."""
        return f"Anatomy(liver {self.liver.volume_ml:.4g} mL, {len(self.lesions)} lesions)"


def _numbered(lesions: Mask | LabelMap) -> tuple[LabelZYX, tuple[int, float]]:
    """Label every lesion 1..n by volume, then place; return what was too small."""
    grid = lesions.grid
    given = lesions.voxels if isinstance(lesions, Mask) else lesions.labels
    box = _box(given)  # everything below takes many bytes a voxel
    corner = np.array([part.start for part in box])
    if isinstance(lesions, LabelMap) and len(lesions.present()) > 1:
        raw: NDArray[Any] = np.array(given[box])
        smallest_ml = 0.0
    else:
        # uint8: cc3d 4.1.1 fails on some boolean volumes
        raw = cc3d.connected_components((given[box] > 0).astype(np.uint8, order="C"))
        smallest_ml = MIN_LESION_ML
    counts = np.bincount(raw.ravel())
    found = [int(i) for i in np.flatnonzero(counts) if i != 0]
    small = [i for i in found if counts[i] * grid.voxel_ml < smallest_ml]
    kept = [i for i in found if i not in set(small)]
    centroids = cc3d.statistics(raw.astype(np.uint32))["centroids"] if kept else None

    def place(label: int) -> tuple[float, ...]:
        at = corner if centroids is None else centroids[label] + corner
        lps = grid.to_world(at[None])[0]
        return (-float(counts[label]), *(round(float(lps[k]), 1) for k in (2, 1, 0)))

    table = np.zeros(len(counts), dtype=np.uint16)
    for number, label in enumerate(sorted(kept, key=place), start=1):
        table[label] = number
    numbers: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    numbers[box] = table[raw]
    return numbers, (len(small), sum(int(counts[i]) for i in small) * grid.voxel_ml)


def _box(labels: NDArray[Any]) -> tuple[slice, slice, slice]:
    """Smallest box around what is not 0; the first voxel where all is."""
    box = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hit = np.flatnonzero(labels.any(axis=others))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 1))
    return box[0], box[1], box[2]


def _status_of(origin: Origin | None) -> LesionStatus:
    """Accepted where a person stands behind the mask, else proposed."""
    given = origin is not None and origin.kind in ("person", "file")
    return LesionStatus.ACCEPTED if given else LesionStatus.PROPOSED


def _tracked(lesions: Mask | LabelMap, numbers: LabelZYX) -> dict[int, str]:
    """Tracking UIDs by lesion number, of labels that are one lesion; each UID once."""
    known: dict[int, str] = {}
    if isinstance(lesions, Mask):
        return known
    for label, uid in lesions.tracking_uids.items():
        own = np.flatnonzero(np.bincount(numbers[lesions.labels == label], minlength=1))
        own = own[own > 0]
        if len(own) == 1 and uid not in known.values():
            known[int(own[0])] = uid
    return known


def _lesions(
    labels: LabelZYX,
    grid: Grid,
    probability: Volume | None,
    status: LesionStatus,
    known: Mapping[int, str],
) -> tuple[Lesion, ...]:
    """Lesion nouns of a numbered label map; tracking UIDs from the content where none is known."""
    count = int(labels.max()) if labels.size else 0
    flat = np.flatnonzero(labels)
    owner = labels.ravel()[flat]
    means = _mean_probability(labels, grid, probability, count)
    lesions = []
    for number in range(1, count + 1):
        voxels = flat[owner == number].astype("<i8").tobytes()
        digest = hashlib.sha256(repr(grid.affine_lps.round(3).tolist()).encode() + voxels)
        uid = uuid.uuid5(_NAMESPACE, digest.hexdigest())
        lesions.append(
            Lesion(
                number=number,
                tracking_uid=known.get(number, f"2.25.{uid.int}"),
                status=status,
                confidence=means.get(number),
            )
        )
    return tuple(lesions)


def _mean_probability(
    labels: LabelZYX, grid: Grid, probability: Volume | None, count: int
) -> dict[int, float]:
    """Mean probability inside each lesion; empty where there is no probability."""
    if probability is None or count == 0:
        return {}
    start = np.rint(grid.to_index(np.array([probability.grid.origin_lps_mm]))[0]).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(start, probability.grid.shape, strict=True))
    inside = labels[box].ravel()
    hit = np.flatnonzero(inside)
    sums = np.bincount(inside[hit], weights=probability.values.ravel()[hit], minlength=count + 1)
    sizes = np.bincount(inside[hit], minlength=count + 1)
    return {n: float(sums[n] / sizes[n]) for n in range(1, count + 1) if sizes[n]}
