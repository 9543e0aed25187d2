"""DICOM series of a synthetic trunk with lungs, spine, aorta and liver, in any contrast phase."""

from __future__ import annotations

import functools

import numpy as np

from netimg.geometry import Grid
from netimg.volume import Quantity, Volume
from tests.make.arrays import points_of
from tests.make.dicom import ct_series

GRID = Grid(shape=(64, 158, 193), spacing_mm=(5.0, 2.0, 2.0), origin_lps_mm=(-190.0, -150.0, 0.0))
"""From the pelvis (0 mm) to above the dome (315 mm)."""
HU = {
    "unenhanced": {"aorta": 42.0, "liver": 56.0},
    "arterial": {"aorta": 320.0, "liver": 68.0},
    "portal": {"aorta": 150.0, "liver": 108.0},
    "delayed": {"aorta": 105.0, "liver": 90.0},
}


@functools.cache
def ct(phase="portal", on=GRID, *, noise_hu=10.0):
    """Return a CT, made once; its lungs begin at 180 mm, its dome lies at 240 mm."""
    points = points_of(on)
    bright = HU[phase]
    values = np.where(_inside(points, (0, 0, 150), (165, 110, 900)), 40.0, -1000.0)
    for at, semi, hu in (
        ((0, 0, 150), (158, 103, 900), -90.0),  # fat below the skin
        ((0, 10, 150), (140, 88, 900), 35.0),  # organs and muscle
        ((-75, 5, 330), (60, 70, 150), -850.0),
        ((75, 5, 330), (60, 70, 150), -850.0),
        ((0, 72, 150), (24, 20, 900), 420.0),  # spine: a hard shell,
        ((0, 72, 150), (20, 16, 900), 190.0),  # a softer core
        ((8, 38, 150), (17, 16, 900), -60.0),  # fat around the aorta
        ((8, 38, 150), (11, 11, 900), bright["aorta"]),
        ((-60, -10, 165), (78, 60, 75), bright["liver"]),
    ):
        values = np.where(_inside(points, at, semi), hu, values)
    core = _inside(points, (0, 72, 150), (20, 16, 900))
    grain = np.sin(points[..., 0] / 2.0) * np.sin(points[..., 1] / 2.0)
    values = np.where(core, values + 90.0 * grain, values)  # bone is uneven
    values = values + np.random.default_rng(5).normal(0.0, noise_hu, values.shape)
    values = np.maximum(values, -1024.0)  # what unsigned pixels can hold
    return Volume(values=values.astype(np.float32), grid=on, quantity=Quantity.HU)


def write(folder, phase="portal", *, slices=slice(None), **bends):
    """Write the CT, or some of its slices, as DICOM; see `tests.make.dicom.ct_series`."""
    first = GRID.origin_lps_mm[2] + GRID.spacing_mm[0] * (slices.start or 0)
    return ct_series(
        folder,
        ct(phase).values[slices],
        spacing_mm=GRID.spacing_mm,
        first_lps_mm=(GRID.origin_lps_mm[0], GRID.origin_lps_mm[1], first),
        **bends,
    )


def _inside(points, centre, semi_mm):
    return (((points - np.array(centre)) / np.array(semi_mm)) ** 2).sum(axis=-1) <= 1.0
