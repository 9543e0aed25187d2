"""A CT and a PET of one synthetic trunk; the PET may lie elsewhere by a known turn and shift.

Everything is made of ellipsoids, evaluated at each voxel's own world point: moving the PET moves
the points, so no image is resampled and the truth is exact.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import ndimage

from netimg.geometry import Grid
from netimg.volume import Mask, Quantity, Volume
from tests.make.arrays import points_of

CT_GRID = Grid(
    shape=(88, 120, 160), spacing_mm=(3.0, 2.5, 2.5), origin_lps_mm=(-200.0, -150.0, 0.0)
)
PET_GRID = Grid(
    shape=(80, 70, 90), spacing_mm=(4.0, 4.5, 4.5), origin_lps_mm=(-200.0, -155.0, -30.0)
)
LIVER = ((-70.0, -10.0, 130.0), (85.0, 75.0, 65.0))
"""Centre and half axes, L, P, S, mm: the dome lies at 195 mm."""
CENTRE = np.array(LIVER[0])
_BODY = ((0.0, 0.0, 120.0), (175.0, 115.0, 400.0))
_PARTS = (
    # centre, half axes, HU, SUV
    ((-80.0, 0.0, 240.0), (75.0, 85.0, 110.0), -850.0, 0.4),  # lung right
    ((85.0, 0.0, 240.0), (65.0, 80.0, 95.0), -850.0, 0.4),  # lung left
    ((0.0, 75.0, 120.0), (22.0, 18.0, 400.0), 250.0, 0.8),  # spine
    ((20.0, 45.0, 120.0), (10.0, 10.0, 400.0), 150.0, 1.5),  # aorta
    ((110.0, 45.0, 140.0), (32.0, 28.0, 45.0), 110.0, 7.0),  # spleen
    ((70.0, 50.0, 60.0), (26.0, 26.0, 50.0), 150.0, 9.0),  # kidney left
    ((-70.0, 60.0, 50.0), (24.0, 24.0, 48.0), 150.0, 9.0),  # kidney right
    ((20.0, -60.0, 170.0), (45.0, 35.0, 40.0), 45.0, 1.8),  # heart and stomach
    (*LIVER, 105.0, 5.0),
)


@functools.cache
def ct(on=CT_GRID, noise_hu=8.0):
    """Return the CT in HU."""
    values = _painted(points_of(on), 2)
    values += np.random.default_rng(1).normal(0.0, noise_hu, values.shape)
    values = np.maximum(values, -1024.0)  # what unsigned pixels can hold
    return Volume(values=values.astype(np.float32), grid=on, quantity=Quantity.HU)


@functools.cache
def liver(on=CT_GRID):
    """Return the liver on the CT."""
    return Mask(voxels=_inside(points_of(on), *LIVER), grid=on)


@functools.cache
def pet(on=PET_GRID, *, turn_deg=(0.0, 0.0, 0.0), shift_mm=(0.0, 0.0, 0.0), fwhm_mm=6.0):
    """Return a PET whose patient lies turned about the liver's centre and shifted (L, P, S).

    A point of the patient at ``x`` on the CT lies at ``turn (x - CENTRE) + CENTRE + shift`` here.
    """
    matrix, shift = rotation(turn_deg), np.array(shift_mm)
    points = (points_of(on) - CENTRE - shift) @ matrix + CENTRE  # the inverse, row by row
    values = _painted(points, 3)
    sigma = fwhm_mm / 2.3548 / np.array(on.spacing_mm)
    blurred = ndimage.gaussian_filter(values, sigma)
    noise = np.random.default_rng(2).normal(0.0, 0.05, values.shape) * np.sqrt(blurred + 0.1)
    return Volume(values=(blurred + noise).astype(np.float32), grid=on, quantity=Quantity.SUV_BW)


def error_mm(found, turn_deg, shift_mm):
    """Largest distance by which a registration misplaces points of the liver's surface, mm."""
    angles = np.linspace(0, 2 * math.pi, 12, endpoint=False)
    heights = np.linspace(-1, 1, 7)
    sphere = np.array(
        [
            (math.sqrt(1 - h * h) * math.cos(a), math.sqrt(1 - h * h) * math.sin(a), h)
            for a in angles
            for h in heights
        ]
    )
    truth = CENTRE + sphere * np.array(LIVER[1])
    on_pet = (truth - CENTRE) @ rotation(turn_deg).T + CENTRE + np.array(shift_mm)
    matrix = np.array(found.matrix)
    back = on_pet @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.linalg.norm(back - truth, axis=1).max())


def rotation(angles_deg):
    """Turn about L, then P, then S."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_deg)):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def _inside(points, centre, semi_mm):
    return (((points - np.array(centre)) / np.array(semi_mm)) ** 2).sum(axis=-1) <= 1.0


def _painted(points, column):
    """HU (column 2) or SUV (column 3) at world points."""
    air, soft = {2: (-1000.0, 40.0), 3: (0.0, 1.0)}[column]
    values = np.where(_inside(points, *_BODY), soft, air)
    for part in _PARTS:
        values = np.where(_inside(points, *part[:2]), part[column], values)
    return values
