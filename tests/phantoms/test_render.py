import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netimg.phantoms.render import axes, axial_grid, cover, inside, paint_on, whole
from netimg.phantoms.shapes import Column, Ellipsoid, HalfSpace

GRID = axial_grid((-40, -36, -45), (40, 36, 45), (3.0, 2.0, 2.0))


def test_a_grid_begins_at_its_outer_face():
    assert GRID.origin_lps_mm == (-39.0, -35.0, -43.5)
    assert GRID.shape == (30, 36, 40)
    assert GRID.extent_mm == (90.0, 72.0, 80.0)


@settings(max_examples=15)
@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-4, 4), st.floats(6, 28))
def test_the_filled_volume_of_a_sphere_is_that_of_the_formula(x, y, z, radius):
    filled = cover(Ellipsoid(centre=(x, y, z), radii=(radius,) * 3), GRID)
    exact_ml = 4 / 3 * math.pi * radius**3 / 1000
    # A quarter voxel apart: the rounding of N surface points, 3 standard errors, N ~ area / points.
    points = 4 * math.pi * radius**2 / (12.0 ** (2 / 3) / 16)
    assert filled.volume_ml(GRID) == pytest.approx(
        exact_ml, abs=3 * 0.5 * math.sqrt(points) * GRID.voxel_ml / 64
    )


def test_an_ellipsoid_fills_four_thirds_pi_abc():
    filled = cover(Ellipsoid(centre=(1, 2, 3), radii=(30, 20, 25)), GRID)
    assert filled.volume_ml(GRID) == pytest.approx(4 / 3 * math.pi * 30 * 20 * 25 / 1000, rel=1e-3)


def test_a_voxel_cut_by_a_plane_is_filled_to_the_plane():
    plane = HalfSpace(point=(0.5, 0, 0), normal=(1, 0, 0))  # voxels of 2 mm from 0 to 2
    filled = cover(plane, GRID)
    image = np.zeros(GRID.shape, dtype=np.float32)
    paint_on(image, filled, 1.0)
    x = axes(GRID, whole(GRID))[0]
    # Points lie 0.25, 0.75, 1.25, 1.75 mm into the voxel: one of four is inside.
    assert image[5, 5][x == 1.0] == pytest.approx(0.25)
    assert image[5, 5][x == -1.0] == 1.0
    assert image[5, 5][x == 3.0] == 0.0


def test_paint_mixes_by_the_filled_share():
    image = np.full(GRID.shape, 100.0, dtype=np.float32)
    filled = cover(Ellipsoid(centre=(0, 0, 0), radii=(15, 15, 15)), GRID)
    paint_on(image, filled, -100.0)
    share = float(((100.0 - image) / 200.0).sum(dtype=np.float64)) * GRID.voxel_ml
    assert share == pytest.approx(filled.volume_ml(GRID), rel=1e-5)


def test_a_voxel_is_inside_when_its_centre_is():
    sphere = Ellipsoid(centre=(0, 0, 0), radii=(12, 12, 12))
    x, y, z = axes(GRID, whole(GRID))
    far = np.sqrt(x[None, None] ** 2 + y[None, :, None] ** 2 + z[:, None, None] ** 2)
    assert np.array_equal(inside(sphere, GRID), far < 12)


def test_what_lies_outside_the_grid_covers_nothing():
    assert cover(Ellipsoid(centre=(200, 0, 0), radii=(10, 10, 10)), GRID) is None
    assert not inside(Ellipsoid(centre=(200, 0, 0), radii=(10, 10, 10)), GRID).any()


def test_what_leaves_the_grid_covers_its_part():
    filled = cover(Column(centre=(0, 0), radii=(10, 10)), GRID)
    assert filled.volume_ml(GRID) == pytest.approx(math.pi * 100 * 90 / 1000, rel=0.01)
