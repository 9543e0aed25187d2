"""What a CT of the phantom should say: volumes, diameters, density."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage import measure

from netimg.anatomy import SEGMENT_CODES
from netimg.phantoms import ct_physics
from netimg.phantoms.bounds import (
    NOTHING,
    SURE,
    Counted,
    Subject,
    around,
    distance,
    positions,
    widened,
)
from netimg.phantoms.render import cover
from netimg.phantoms.scan import render
from netimg.phantoms.shapes import Joined, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom

SPLEEN = 31
HEMILIVERS = {"right": ("V", "VI", "VII", "VIII"), "left": ("II", "III", "IV")}
PATIENT = Subject(scope="patient")


def counted(shape: Shape, grid: Grid) -> Counted:
    """Volume of a shape, and the error of rounding each voxel at its surface to full or empty."""
    covered = cover(shape, grid)
    if covered is None:
        return NOTHING
    f = covered.fraction.astype(np.float64)
    error = math.sqrt(float((f * (1 - f)).sum()))
    return Counted(ml=float(f.sum()) * grid.voxel_ml, error_ml=error * grid.voxel_ml)


def volumes(phantom: Phantom, grid: Grid, order: tuple[int, ...]) -> list[dict[str, Any]]:
    """Volumes of liver, tumour, segments, hemilivers, spleen; burdens; shares of the lesions.

    ``order`` is the position in ``phantom.lesions`` of L1, L2, ...
    """
    spots = [phantom.lesions[index].body.shape for index in order]
    lesion = [counted(spot, grid) for spot in spots]
    segment = {SEGMENT_CODES[code]: counted(s, grid) for code, s in phantom.segments.items()}
    shares = {
        SEGMENT_CODES[code]: [counted(Joined(parts=(spot, s), every=True), grid) for spot in spots]
        for code, s in phantom.segments.items()
    }
    inside = {name: sum(parts, NOTHING) for name, parts in shares.items()}
    # Voxels between two segments are rounded to one or the other: only the surface counts.
    surface = counted(phantom.liver.shape, grid)
    liver = Counted(ml=sum(part.ml for part in segment.values()), error_ml=surface.error_ml)
    tumour = sum(lesion, NOTHING)
    rows = _patient(phantom, grid, liver, lesion)
    for name, whole in segment.items():
        subject = Subject(scope="segment", id=name)
        rows += _burden(subject, inside[name], whole)
    for name, codes in HEMILIVERS.items():
        part = sum((inside[code] for code in codes), NOTHING)
        whole = sum((segment[code] for code in codes), NOTHING)
        rows += _burden(Subject(scope="hemiliver", id=name), part, whole)
        rows.append(PATIENT.percent(f"burden_{name}_pct", part, whole))
    rows.append(PATIENT.percent("burden_caudate_pct", inside["I"], segment["I"]))
    if lesion:
        rows.append(PATIENT.percent("dominant_lesion_pct", lesion[0], tumour))
    for number, whole in enumerate(lesion, start=1):
        for name in segment:
            rows += _share(number, name, shares[name][number - 1], whole, grid)
    return rows


def _patient(
    phantom: Phantom, grid: Grid, liver: Counted, lesion: list[Counted]
) -> list[dict[str, Any]]:
    """Rows of the whole patient."""
    spleen = next(s.shape for s in phantom.structures if s.label == SPLEEN)
    tumour, count = sum(lesion, NOTHING), float(len(lesion))
    return [
        PATIENT.volume("liver_volume_ml", liver),
        PATIENT.volume("tumour_volume_ml", tumour),
        PATIENT.volume("functional_liver_ml", liver - tumour),
        PATIENT.percent("burden_pct", tumour, liver),
        PATIENT.row("lesion_count", "1", count, (count, count)),
        PATIENT.volume("spleen_volume_ml", counted(spleen, grid)),
    ]


def _burden(subject: Subject, inside: Counted, whole: Counted) -> list[dict[str, Any]]:
    """Rows of a part of the liver."""
    return [
        subject.volume("volume_ml", whole),
        subject.volume("tumour_volume_ml", inside),
        subject.percent("burden_pct", inside, whole),
    ]


def _share(
    number: int, segment: str, share: Counted, whole: Counted, grid: Grid
) -> list[dict[str, Any]]:
    """Share of a lesion that lies in a segment, if any does."""
    if share.ml <= 0:
        return []
    value = share.ml / whole.ml
    error = 3 * (math.hypot(share.error_ml, whole.error_ml) + grid.voxel_ml) / whole.ml
    bounds = (max(0.0, value - error), min(1.0, value + error))
    subject = Subject(scope="lesion", id=f"L{number}")
    return [subject.row(f"segment_fraction_{segment}", "1", value, bounds)]


def size(shape: Shape, grid: Grid, subject: Subject) -> list[dict[str, Any]]:
    """Volume and longest axial diameter of a lesion."""
    fine = around(shape, grid, margin_mm=max(grid.spacing_mm), factor=4)
    away = distance(shape, fine)
    inside = away < 0
    ml = [float(inside[p].sum()) * grid.voxel_ml for p in positions(4)]
    mm = [longest_axial_mm(inside[p], grid.spacing_mm[1:]) for p in positions(4)]
    half_pixel = max(grid.spacing_mm[1:]) / 2
    exact_ml = float(inside.sum()) * fine.voxel_ml
    exact_mm = longest_contour_mm(away, fine.spacing_mm[1:])
    return [
        subject.row("volume_ml", "mL", exact_ml, widened(ml)),
        subject.row("longest_mm", "mm", exact_mm, widened(mm, half_pixel, half_pixel)),
    ]


def longest_contour_mm(away: NDArray[np.float32], spacing_mm: tuple[float, float]) -> float:
    """Longest in-plane diameter of the surface where ``away`` is 0, found between the points."""
    longest = 0.0
    for plane in away:
        contours = [c * spacing_mm for c in measure.find_contours(plane, 0.0)]
        if contours:
            points = np.concatenate(contours)
            gaps = points[:, None] - points[None]
            longest = max(longest, float(np.sqrt((gaps**2).sum(axis=-1).max())))
    return longest


def longest_axial_mm(inside: MaskZYX, spacing_mm: tuple[float, float]) -> float:
    """Longest in-plane diameter of a mask in one piece, outer edge to outer edge, 0 if empty.

    Row and column ends are moved out by half a pixel; ``spacing_mm`` is along y, x.
    """
    longest = 0.0
    for part in inside:
        pixels = np.argwhere(part)
        if len(pixels) == 0:
            continue
        ends = []
        for along, across in ((1, 0), (0, 1)):
            for sign, first in ((-0.5, np.minimum), (0.5, np.maximum)):
                start = part.shape[along] if sign < 0 else -1
                edge = np.full(part.shape[across], start)
                first.at(edge, pixels[:, across], pixels[:, along])
                lines = np.unique(pixels[:, across])
                point = np.empty((len(lines), 2))
                point[:, across], point[:, along] = lines, edge[lines] + sign
                ends.append(point)
        outline = np.concatenate(ends) * spacing_mm
        gaps = outline[:, None] - outline[None]
        longest = max(longest, float(np.sqrt((gaps**2).sum(axis=-1).max())))
    return longest


def density(
    phantom: Phantom, index: int, grid: Grid, subject: Subject, *, noise: float
) -> list[dict[str, Any]]:
    """Mean HU of a lesion in the noiseless CT."""
    table = phantom.config["ct"]
    shape = phantom.lesions[index].body.shape
    fine = around(shape, grid, margin_mm=3 * max(grid.spacing_mm), factor=2)
    image = render(phantom, fine, ("hu",))["hu"]
    inside = distance(shape, fine) < 0
    # A voxel is two fine points wide: the mean of three with half weights at the ends is centred.
    for axis in range(3):
        image = ndimage.convolve1d(image, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    image = ct_physics.with_kernel(image, fine, table["kernel_mm"])
    means = [float(image[p][inside[p]].mean()) for p in positions(2) if inside[p].any()]
    volume_ml = float(inside.sum()) * fine.voxel_ml
    grain_ml = ct_physics.grain_ml(ct_physics.noise_grain_mm(grid, table["noise_mm"]))
    error = SURE * noise * ct_physics.MIDDLE * table["noise_hu"]
    error /= math.sqrt(max(1.0, volume_ml / grain_ml))
    value = float(image[inside].mean())
    return [subject.row("hu_mean", "HU", value, widened(means, error, error))]
