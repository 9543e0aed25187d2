"""Arrays with a truth from formulas: ellipsoids on any grid, a small liver with lesions, studies.

Nothing here calls the code under test beyond the nouns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from netimg.anatomy import Anatomy
from netimg.geometry import AXIAL, Grid
from netimg.study import Patient, Phase, Series, Study, SuvRecord, TracerClass
from netimg.volume import LabelMap, Mask, Quantity, Volume


def grid(shape=(40, 60, 60), spacing_mm=(2.0, 1.0, 1.0), origin_lps_mm=(0.0, 0.0, 0.0), **more):
    """Return a grid; axial unless ``directions`` are given."""
    return Grid(shape=shape, spacing_mm=spacing_mm, origin_lps_mm=origin_lps_mm, **more)


def oblique(angles_deg=(10.0, 20.0, 30.0)):
    """Directions of an axial scan turned about L, P and S."""
    turned = np.array(AXIAL)
    for axis, angle in enumerate(np.radians(angles_deg)):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[[a, a, b, b], [a, b, a, b]] = (
            math.cos(angle),
            -math.sin(angle),
            math.sin(angle),
            math.cos(angle),
        )
        turned = turn @ turned
    return tuple(tuple(float(v) for v in row) for row in turned)


def points_of(on: Grid):
    """World points of all voxel centres, (z, y, x, 3), read-only."""
    return _points(on.shape, on.spacing_mm, on.origin_lps_mm, on.directions)


@lru_cache(maxsize=6)
def _points(shape, spacing_mm, origin_lps_mm, directions):
    on = grid(shape, spacing_mm, origin_lps_mm, directions=directions)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = on.to_world(index.reshape(-1, 3)).reshape(*shape, 3)
    points.flags.writeable = False
    return points


def ellipsoid(on: Grid, centre_lps_mm, semi_mm):
    """Voxels whose centre lies in an ellipsoid with axes along L, P, S."""
    offset = (points_of(on) - np.array(centre_lps_mm)) / np.array(semi_mm)
    return (offset**2).sum(axis=-1) <= 1.0


def ellipsoid_ml(semi_mm):
    """Return the volume of an ellipsoid by its formula."""
    return 4.0 / 3.0 * math.pi * float(np.prod(semi_mm)) / 1000.0


def half_voxel_ml(semi_mm, spacing_mm):
    """How far a voxel count may lie from the formula: the shell of half a voxel diagonal."""
    half = math.hypot(*spacing_mm) / 2.0
    return ellipsoid_ml(np.add(semi_mm, half)) - ellipsoid_ml(semi_mm)


def rectangular_mesh(shape, spacing_mm):
    """Voxel indices and mm along each axis, as the peak table's expressions want them."""
    k, j, i = np.meshgrid(*map(np.arange, shape), indexing="ij")
    z, y, x = (n * s for n, s in zip((k, j, i), spacing_mm, strict=True))
    return {"k": k, "j": j, "i": i, "z": z, "y": y, "x": x, "np": np, "abs": np.abs}


@dataclass(frozen=True)
class Ball:
    """A lesion of known place, size and density."""

    centre_lps_mm: tuple[float, float, float]
    semi_mm: tuple[float, float, float]
    hu: float = 60.0
    suv: float = 20.0


LIVER = Ball((50.0, 60.0, 45.0), (45.0, 40.0, 36.0), hu=110.0, suv=5.0)
LESIONS = (
    Ball((30.0, 60.0, 45.0), (14.0, 12.0, 13.0), hu=60.0),
    Ball((66.0, 58.0, 50.0), (8.0, 9.0, 8.0), hu=150.0),
    Ball((45.0, 84.0, 40.0), (5.0, 5.0, 6.0), hu=60.0),
)
"""By volume, as an Anatomy numbers them: L1 far to the patient's right, L2 left, L3 behind."""

LIVER_GRID = Grid(shape=(46, 60, 66), spacing_mm=(2.0, 1.8, 1.6), origin_lps_mm=(0.0, 8.0, 0.0))


@dataclass(frozen=True)
class Scene:
    """An anatomy, the image it was drawn on, and the truth by formula."""

    anatomy: Anatomy
    volume: Volume
    liver: Ball = LIVER
    lesions: tuple[Ball, ...] = LESIONS
    truth_ml: dict[str, float] = field(default_factory=dict)


def anatomy(
    on: Grid = LIVER_GRID, lesions=LESIONS, *, segments=True, organs=None, quantity=Quantity.HU
) -> Scene:
    """Liver of one ellipsoid with lesions of ellipsoids, painted without noise.

    Segments are eight boxes: VIII, VII, VI, V to the right of the liver's centre, IV, III, II to
    the left, I a small block at the middle of the back.
    """
    liver = ellipsoid(on, LIVER.centre_lps_mm, LIVER.semi_mm)
    labels = np.zeros(on.shape, dtype=np.uint16)
    is_hu = quantity is Quantity.HU
    image = np.where(liver, LIVER.hu if is_hu else LIVER.suv, -50.0 if is_hu else 0.5)
    for number, ball in enumerate(lesions, start=1):
        inside = ellipsoid(on, ball.centre_lps_mm, ball.semi_mm)
        labels[inside] = number
        image[inside] = ball.hu if is_hu else ball.suv
    drawn = Mask(voxels=labels > 0, grid=on)
    made = Anatomy.from_masks(
        Mask(voxels=liver, grid=on),
        drawn,
        segments=LabelMap(labels=_segments(on, liver | (labels > 0)), grid=on)
        if segments
        else None,
        organs=organs,
    )
    truth = {"liver": ellipsoid_ml(LIVER.semi_mm)}
    truth |= {f"L{n}": ellipsoid_ml(ball.semi_mm) for n, ball in enumerate(lesions, start=1)}
    truth["tumour"] = sum(v for name, v in truth.items() if name != "liver")
    return Scene(
        anatomy=made,
        volume=Volume(values=image.astype(np.float32), grid=on, quantity=quantity),
        lesions=tuple(lesions),
        truth_ml=truth,
    )


def _segments(on: Grid, liver):
    """Return codes 11-18 by position; right of the patient is low L."""
    left, posterior, superior = np.moveaxis(points_of(on), -1, 0)
    l0, p0, s0 = LIVER.centre_lps_mm
    right, upper, front = left < l0, superior >= s0, posterior < p0
    codes = np.where(
        right,
        np.where(upper, np.where(front, 18, 17), np.where(front, 15, 16)),
        np.where(left < l0 + 12.0, 14, np.where(upper, 12, 13)),
    )
    caudate = (np.abs(left - l0) < 6.0) & (posterior > p0 + 25.0)
    return (np.where(caudate, 11, codes) * liver).astype(np.uint16)


@dataclass(frozen=True)
class Given:
    """Opener that hands out a volume made in memory; picklable."""

    volume: Volume

    def __call__(self) -> Volume:
        return self.volume


def series(volume: Volume, number=1, *, kind="CT", suv=None, **more) -> Series:
    """Return a series over a volume in memory, all in one coordinate system.

    A PET has SUV unless it is told otherwise.
    """
    given = {"phase": Phase.PORTAL} if kind == "CT" else {"suv": suv or SuvRecord(possible=True)}
    return Series(
        uid=f"1.2.{number}",
        number=number,
        kind=kind,
        description=f"{kind} {number}",
        grid=volume.grid,
        instances=(),
        opener=Given(volume),
        **({"frame_of_reference_uid": "1.2.826"} | given | more),
    )


def study(ct: Series | None = None, *pets: Series) -> Study:
    """Return a study of series in memory."""
    return Study(
        uid="1.2",
        patient=Patient(),
        series=tuple(s for s in (ct, *pets) if s is not None),
        set_aside=(),
        ct=ct,
        pets=pets,
        files=(),
        source="memory",
    )


def sstr(volume: Volume, number=2, **more) -> Series:
    """Return an SSTR PET over a volume in memory."""
    return series(volume, number, kind="PET", tracer_class=TracerClass.SSTR, **more)


def fdg(volume: Volume, number=3, **more) -> Series:
    """Return an FDG PET over a volume in memory."""
    return series(volume, number, kind="PET", tracer_class=TracerClass.FDG, **more)
