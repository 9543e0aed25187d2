import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.phantoms.shapes import (
    Column,
    Ellipsoid,
    HalfSpace,
    Joined,
    Repeated,
    Shell,
    Tube,
    Without,
    shape_from_tree,
)


def away(shape, *point):
    return float(shape.distance(*(np.array([float(v)]) for v in point))[0])


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(-60, 60))
def test_a_sphere_knows_its_distance_everywhere(x, y, z):
    sphere = Ellipsoid(centre=(1.0, 2.0, 3.0), radii=(20.0, 20.0, 20.0))
    wanted = math.dist((x, y, z), (1, 2, 3)) - 20
    # 1e-12 mm2 keep the slope finite at the centre, where the distance is 20 mm all round.
    assert away(sphere, x, y, z) == pytest.approx(wanted, abs=1e-3)


@given(st.floats(0, 2 * math.pi), st.floats(-1, 1), st.floats(-2, 2))
def test_near_its_surface_an_ellipsoid_knows_its_distance(turn, height, gap):
    radii = np.array([20.0, 12.0, 30.0])
    flat = math.sqrt(1 - height**2)
    on = radii * [flat * math.cos(turn), flat * math.sin(turn), height]
    normal = on / radii**2
    normal /= np.linalg.norm(normal)
    # Second order: gap^2 / (2 x smallest radius of curvature, 12^2 / 30 = 4.8 mm).
    assert away(
        Ellipsoid(centre=(0, 0, 0), radii=tuple(radii)), *(on + gap * normal)
    ) == pytest.approx(gap, abs=0.05 + gap**2 / (2 * 4.8))


def test_a_turned_ellipsoid_points_where_it_was_turned():
    long = Ellipsoid(centre=(0, 0, 0), radii=(30, 5, 5), turn_deg=(0, 0, 90))
    assert away(long, 0, 29, 0) < 0 < away(long, 29, 0, 0)


def test_the_box_of_a_turned_ellipsoid_holds_it_tightly():
    shape = Ellipsoid(centre=(1, 2, 3), radii=(30, 10, 5), turn_deg=(20, 30, 40))
    step = 0.5
    low, high = (np.array(c) for c in shape.box)
    axes = [np.arange(a - 3, h + 3, step) for a, h in zip(low, high, strict=True)]
    mesh = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = np.argwhere(shape.distance(*mesh) < 0)
    for k in range(3):
        assert low[k] <= axes[k][inside[:, k].min()] <= low[k] + step
        assert high[k] - step <= axes[k][inside[:, k].max()] <= high[k]


def test_a_column_has_no_end_and_its_radii():
    column = Column(centre=(0, 0), radii=(40, 20), exponent=2.4)
    assert away(column, 40, 0, 1e4) == pytest.approx(0, abs=1e-9)
    assert away(column, 0, 21, 0) == pytest.approx(1, abs=0.01)
    assert away(column, 0, 0, 0) < 0


def test_a_tube_of_one_radius_is_a_capsule():
    tube = Tube(points=((0, 0, 0, 5), (0, 0, 40, 5)))
    assert away(tube, 8, 0, 20) == pytest.approx(3)
    assert away(tube, 0, 0, 47) == pytest.approx(2)


def test_a_half_space_lies_behind_its_plane():
    back = HalfSpace(point=(0, 0, 10), normal=(0, 0, 2))
    assert away(back, 5, 5, 7) == pytest.approx(-3)
    assert back.box[1][2] == 10


def test_union_intersection_and_cut_follow_their_parts():
    one = Ellipsoid(centre=(0, 0, 0), radii=(10, 10, 10))
    two = Ellipsoid(centre=(12, 0, 0), radii=(10, 10, 10))
    assert away(Joined(parts=(one, two), every=False), 20, 0, 0) < 0
    assert away(Joined(parts=(one, two), every=True), 20, 0, 0) > 0
    assert away(Joined(parts=(one, two), every=True), 6, 0, 0) < 0
    assert away(Without(base=one, cut=(two,)), 6, 0, 0) > 0
    assert away(Without(base=one, cut=(two,)), -6, 0, 0) < 0


def test_a_smooth_union_fills_the_notch_and_moves_nothing_far_from_it():
    parts = (
        Ellipsoid(centre=(-9, 0, 0), radii=(10, 10, 10)),
        Ellipsoid(centre=(9, 0, 0), radii=(10, 10, 10)),
    )
    assert away(Joined(parts=parts, every=False), 0, 5, 0) > 0
    assert away(Joined(parts=parts, every=False, smooth_mm=8), 0, 5, 0) < 0
    assert away(Joined(parts=parts, every=False, smooth_mm=8), 19, 0, 0) == pytest.approx(
        0, abs=1e-6
    )


def test_a_shell_is_as_thick_as_it_says():
    shell = Shell(base=Ellipsoid(centre=(0, 0, 0), radii=(20, 20, 20)), thickness_mm=4)
    assert [away(shell, r, 0, 0) < 0 for r in (17.9, 18.1, 21.9, 22.1)] == [
        False,
        True,
        True,
        False,
    ]


def test_copies_stand_every_so_many_millimetres_and_fall_to_the_sides():
    ball = Ellipsoid(centre=(0, 0, 0), radii=(50, 50, 4))
    stack = Repeated(base=ball, every_mm=30, at_mm=5, fall=0.5)
    assert away(stack, 0, 0, 5) < 0
    assert away(stack, 0, 0, 65) < 0
    assert away(stack, 0, 0, 20) > 0
    assert away(stack, 20, 0, -5) < 0  # fallen by 10 mm
    assert away(stack, -20, 0, -5) < 0


def test_a_shape_is_read_from_a_table_and_others_are_used_by_name():
    named = {"egg": shape_from_tree({"ellipsoid": {"centre": [0, 0, 0], "radii": [9, 9, 9]}}, {})}
    grown = shape_from_tree({"use": "egg", "grow_mm": 2.0}, named)
    assert away(grown, 12, 0, 0) == pytest.approx(1)
    hollow = shape_from_tree(
        {"base": {"use": "egg", "grow_mm": 2}, "minus": [{"use": "egg"}]}, named
    )
    assert away(hollow, 10, 0, 0) < 0 < away(hollow, 8, 0, 0)


@pytest.mark.parametrize("tree", [{}, {"smooth_mm": 3}, {"cube": {}}, {"use": "egg", "tall": 1}])
def test_a_table_that_is_no_shape_is_refused(tree):
    with pytest.raises(ValueError, match=r"needs a kind|does not have"):
        shape_from_tree(tree, {"egg": Ellipsoid(centre=(0, 0, 0), radii=(1, 1, 1))})
