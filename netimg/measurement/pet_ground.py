"""An anatomy moved onto a PET: cores of the lesions, liver, and what must be kept off.

Masks move, the PET is never resampled. A lesion's **core** are the PET voxels at least half covered
by it; where no voxel is, the best covered ones stand in (``sub_voxel``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.measurement.catalogue import source_of
from netimg.measurement.components import Box, among, box_of, boxes_of, widened
from netimg.measurement.distance import depth_mm
from netimg.sampling import covered_fraction
from netimg.study import TracerClass
from netimg.volume import Mask, Quantity

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX
    from netimg.finding import Source
    from netimg.geometry import Grid
    from netimg.settings import Settings
    from netimg.study import Series
    from netimg.volume import Volume

_GRID_TOL_MM = 0.01
_OWN_UPTAKE = (31, 32, 33, 35, 37, 38, 39, 40, 41)
_HEART = 42


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Core:
    """Voxels of one lesion on the PET, on a box of its grid."""

    mask: MaskZYX
    box: Box
    sub_voxel: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PetGround:
    """One PET, and the anatomy on its grid.

    ``suv`` is None where there is no way to SUV. ``drawn_here`` says that the masks were drawn on
    this very grid: then they are measured as they are, without a search around them. ``cores`` and
    ``owner`` (lesion number per voxel) hold what lies in the field; ``liver`` is None where it is
    not known. ``kept_off`` marks organs with uptake of their own, with their margin.
    """

    series: Series
    prefix: str
    grid: Grid
    settings: Settings
    suv: FloatZYX | None
    drawn_here: bool
    paired: bool
    cores: Mapping[int, Core]
    owner: LabelZYX
    liver: MaskZYX | None
    kept_off: MaskZYX | None

    @property
    def on(self) -> Source:
        """Where the findings come from."""
        return source_of(self.series)

    @property
    def refused(self) -> tuple[str, ...]:
        """Code of the refusal to compute SUVs, if they were refused."""
        record = self.series.suv
        if record is None or record.possible or record.code is None:
            return ()
        return (record.code,)

    def number(self, key: str) -> float:
        """Setting ``measurement.<key>`` as a number."""
        return float(self.settings[f"measurement.{key}"])


def pet_ground(
    series: Series, anatomy: Anatomy | None, host: Series | None, settings: Settings
) -> PetGround:
    """Load a PET and move the anatomy onto it.

    Parameters
    ----------
    series
        A PET.
    anatomy, host
        The anatomy and the series it was drawn on; None for a PET alone. Masks of another frame
        of reference stay where they are (``paired`` false).
    settings
        Margins come from here.
    """
    volume = series.load()
    grid = volume.grid
    paired = anatomy is not None and host is not None and _same_frame(series, host)
    moved = anatomy if paired else None
    cores: dict[int, Core] = {} if moved is None else _cores(moved, grid)
    owner = np.zeros(grid.shape, dtype=np.uint16)
    for number, core in cores.items():
        free = core.mask & (owner[core.box] == 0)
        owner[core.box][free] = number
    liver = None
    if moved is not None and moved.has_liver:
        liver = on_pet(moved.liver.voxels, moved.grid, grid)
    return PetGround(
        series=series,
        prefix=series.tracer_class.value,
        grid=grid,
        settings=settings,
        suv=_suv(volume, series),
        drawn_here=moved is not None and moved.grid.same_as(grid, tol_mm=_GRID_TOL_MM),
        paired=paired,
        cores=cores,
        owner=owner,
        liver=liver,
        kept_off=None if moved is None else _kept_off(moved, grid, series, settings),
    )


def on_pet(mask: MaskZYX, own: Grid, grid: Grid) -> MaskZYX | None:
    """Voxels of ``grid`` at least half covered by a mask on ``own``; None where there are none."""
    covered = covered_fraction(Mask(voxels=mask, grid=own), grid)
    if covered is None or not covered.core().any():
        return None
    moved = np.zeros(grid.shape, dtype=np.bool_)
    moved[covered.box] = covered.core()
    return moved


def grown(mask: MaskZYX, grid: Grid, margin_mm: float) -> MaskZYX:
    """Voxels whose centre lies within ``margin_mm`` of a voxel of the mask."""
    box = box_of(mask, voxels_of(margin_mm, grid))
    wide = np.zeros(mask.shape, dtype=np.bool_)
    if box is not None:
        away = depth_mm(~mask[box], grid.spacing_mm)
        wide[box] = away <= margin_mm
    return wide


def voxels_of(margin_mm: float, grid: Grid) -> tuple[int, int, int]:
    """How many voxels a margin reaches along z, y, x, rounded up."""
    z, y, x = (math.ceil(margin_mm / s) for s in grid.spacing_mm)
    return (z, y, x)


def _suv(volume: Volume, series: Series) -> FloatZYX | None:
    possible = series.suv is not None and series.suv.possible
    return volume.values if possible and volume.quantity is Quantity.SUV_BW else None


def _same_frame(series: Series, host: Series) -> bool:
    """Whether two series share a coordinate system; one that names none shares none (GEO-014)."""
    frame = host.frame_of_reference_uid
    return series is host or (frame is not None and series.frame_of_reference_uid == frame)


def _cores(anatomy: Anatomy, grid: Grid) -> dict[int, Core]:
    """Core of each lesion that reaches the PET's field."""
    labels = anatomy.lesion_labels.labels
    cores = {}
    boxes = boxes_of(labels, max((n.number for n in anatomy.lesions), default=0))
    for number, box in boxes.items():
        z, y, x = box
        crop = anatomy.grid.crop((z.start, y.start, x.start), (z.stop, y.stop, x.stop))
        covered = covered_fraction(Mask(voxels=labels[box] == number, grid=crop), grid)
        if covered is None or not covered.fraction.any():
            continue
        half = covered.core()
        best = half if half.any() else covered.fraction == covered.fraction.max()
        cores[number] = Core(mask=best, box=covered.box, sub_voxel=not half.any())
    return cores


def _kept_off(anatomy: Anatomy, grid: Grid, series: Series, settings: Settings) -> MaskZYX | None:
    """Organs with uptake of their own, grown by their margin, on the PET."""
    if anatomy.organs is None:
        return None
    codes = _OWN_UPTAKE + ((_HEART,) if series.tracer_class is TracerClass.FDG else ())
    organs = on_pet(among(anatomy.organs.labels, codes), anatomy.grid, grid)
    if organs is None:
        return None
    return grown(organs, grid, float(settings["measurement.pet_organ_margin_mm"]))


def search_region(
    ground: PetGround, number: int, *, liver_ends: float | None
) -> tuple[MaskZYX, Box]:
    """Core of a lesion and the margin in which its maximum is looked for.

    Within ``pet_margin_mm`` of the core, near the liver where it is known, nearer to this lesion
    than to any other (the lower number in a tie), off organs with uptake of their own, and above
    what normal liver reaches: else a lesion that takes up nothing would be given the uptake of
    the liver around it (docs/adr/0008). Masks that were drawn on this PET have no margin.

    Parameters
    ----------
    liver_ends
        SUV above which it is no longer normal liver; None = not known, and the margin is left out.

    Returns
    -------
    mask, box
        (z, y, x) bool on a box of the PET's grid.
    """
    core = ground.cores[number]
    if ground.drawn_here or ground.suv is None or liver_ends is None:
        return core.mask, core.box
    margin = ground.number("pet_margin_mm")
    box = widened(core.box, voxels_of(2.0 * margin, ground.grid), ground.grid.shape)
    own = np.zeros([b.stop - b.start for b in box], dtype=np.bool_)
    inner = tuple(
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(core.box, box, strict=True)
    )
    own[inner] = core.mask
    spacing = ground.grid.spacing_mm
    away = depth_mm(~own, spacing)
    region: MaskZYX = away <= margin
    owner = ground.owner[box]
    others = (owner != 0) & (owner != number)
    if others.any():
        lower = depth_mm(~(others & (owner < number)), spacing)
        higher = depth_mm(~(others & (owner > number)), spacing)
        region &= (away < lower) & (away <= higher) & ~others
    if ground.liver is not None:
        reach = ground.number("pet_liver_margin_mm")
        region &= depth_mm(~ground.liver[box], spacing) <= reach
    if ground.kept_off is not None:
        region &= ~ground.kept_off[box]
    region &= ground.suv[box] > liver_ends
    return region | own, box
