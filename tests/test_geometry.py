import math
import pickle  # noqa: TID251  # nouns and errors must cross process borders

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.geometry import AXIAL, Grid

OBLIQUE = Grid(
    shape=(7, 11, 13),
    spacing_mm=(5.0, 0.8, 0.7),
    origin_lps_mm=(-120.0, 33.0, 210.5),
    directions=(
        (0.0, -math.sin(0.3), math.cos(0.3)),
        (0.0, math.cos(0.3), math.sin(0.3)),
        (1.0, 0.0, 0.0),
    ),
)


def test_the_columns_of_a_right_handed_grid_have_determinant_minus_one_in_zyx_order() -> None:
    assert np.linalg.det(np.array(AXIAL)) == pytest.approx(-1.0)
    assert np.linalg.det(OBLIQUE.matrix) == pytest.approx(-1.0)


def test_a_mirrored_grid_is_refused() -> None:
    mirrored = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="right-handed"):
        Grid(shape=(2, 2, 2), spacing_mm=(1, 1, 1), origin_lps_mm=(0, 0, 0), directions=mirrored)


def test_a_sheared_grid_is_refused() -> None:
    sheared = ((0.0, 0.0, 1.0), (0.1, 1.0, 0.0), (0.995, 0.0, 0.0))
    with pytest.raises(ValueError, match="right angles"):
        Grid(shape=(2, 2, 2), spacing_mm=(1, 1, 1), origin_lps_mm=(0, 0, 0), directions=sheared)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("shape", (0, 2, 2), "at least one voxel"),
        ("shape", (2, 2), "three numbers"),
        ("spacing_mm", (1.0, -1.0, 1.0), "positive"),
        ("spacing_mm", (1.0, math.nan, 1.0), "positive"),
        ("origin_lps_mm", (0.0, math.inf, 0.0), "finite"),
    ],
)
def test_an_impossible_grid_cannot_be_built(field: str, value: object, match: str) -> None:
    parts = {"shape": (2, 2, 2), "spacing_mm": (1, 1, 1), "origin_lps_mm": (0, 0, 0)}
    with pytest.raises(ValueError, match=match):
        Grid(**{**parts, field: value})


def test_voxel_zero_lies_at_the_origin_and_steps_along_x_go_to_the_left() -> None:
    grid = Grid(shape=(3, 4, 5), spacing_mm=(3.0, 2.0, 1.0), origin_lps_mm=(10, 20, 30))
    world = grid.to_world(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]))
    assert world.tolist() == [[10, 20, 30], [11, 20, 30], [10, 22, 30], [10, 20, 33]]


@given(
    st.tuples(*(st.floats(-50, 50) for _ in range(3))),
)
def test_world_and_index_undo_each_other(index: tuple[float, float, float]) -> None:
    there = OBLIQUE.to_world(np.array([index]))
    assert OBLIQUE.to_index(there)[0] == pytest.approx(index, abs=1e-9)


def test_a_crop_keeps_every_voxel_where_it_was() -> None:
    part = OBLIQUE.crop((1, 2, 3), (6, 9, 12))
    assert part.shape == (5, 7, 9)
    inner = np.array([[4.0, 6.0, 8.0]])
    assert part.to_world(inner) == pytest.approx(OBLIQUE.to_world(inner + np.array([1, 2, 3])))


def test_a_crop_outside_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves a grid"):
        OBLIQUE.crop((0, 0, 0), (8, 11, 13))


def test_same_as_compares_corners_within_the_tolerance() -> None:
    shifted = Grid(
        shape=OBLIQUE.shape,
        spacing_mm=OBLIQUE.spacing_mm,
        origin_lps_mm=(-120.0, 33.0, 210.55),
        directions=OBLIQUE.directions,
    )
    assert OBLIQUE.distance_mm(shifted) == pytest.approx(0.05)
    assert OBLIQUE.same_as(shifted, tol_mm=0.051)
    assert not OBLIQUE.same_as(shifted, tol_mm=0.049)


def test_volume_extent_and_tilt_follow_from_spacing_and_directions() -> None:
    assert OBLIQUE.voxel_ml == pytest.approx(5.0 * 0.8 * 0.7 / 1000)
    assert OBLIQUE.extent_mm == pytest.approx((35.0, 8.8, 9.1))
    assert OBLIQUE.slice_normal_tilt_deg == pytest.approx(0.0)
    assert math.prod(OBLIQUE.shape) == OBLIQUE.n_voxels


def test_a_grid_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(OBLIQUE)).same_as(OBLIQUE, tol_mm=0.0)  # noqa: S301  # our own bytes
