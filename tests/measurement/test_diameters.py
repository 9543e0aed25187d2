"""Longest axial and 3-D diameters, short axis, extent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netimg.measurement.diameters import longest_3d_mm, longest_axial, z_extent_mm
from tests.measurement.tables import agrees, phantom, shape_grid, shape_mask, table

SHAPES = table("shape_cases")["cases"]
SPACING = (3.0, 0.9, 1.2)
MASKS = arrays(np.bool_, (3, 5, 6)).filter(np.any)


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case["id"])
def test_diameters_follow_the_table(case):
    mask, spacing = shape_mask(case), shape_grid(case).spacing_mm
    expected = case["digital"]
    axial = longest_axial(mask, spacing)
    assert axial.longest_mm == pytest.approx(expected["longest_axial_mm"], abs=1e-6)
    assert axial.slice_index == expected["longest_axial_slice"]
    assert axial.short_mm == pytest.approx(expected["short_axis_mm"], abs=1e-4)
    assert longest_3d_mm(mask, spacing) == pytest.approx(expected["diameter_3d_mm"], abs=1e-4)
    assert z_extent_mm(mask, spacing) == pytest.approx(expected["z_extent_mm"])


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case["id"])
def test_the_ends_are_as_far_apart_as_the_diameter_says(case):
    spacing = np.array(shape_grid(case).spacing_mm)
    axial = longest_axial(shape_mask(case), tuple(spacing))
    gap = (np.array(axial.end_a) - np.array(axial.end_b)) * spacing
    assert np.linalg.norm(gap) == pytest.approx(axial.longest_mm)
    assert axial.end_a[0] == axial.end_b[0] == axial.slice_index


def test_the_3d_diameter_of_the_ibsi_phantom():
    _, mask, grid, expected = phantom()
    assert agrees(longest_3d_mm(mask, grid.spacing_mm), expected["longest_3d_mm"])


def test_a_rectangle_has_its_outline_diagonal_and_not_its_corner_diagonal():
    mask = np.zeros((1, 6, 9), dtype=bool)
    mask[0, 1:4, 2:7] = True  # 3 rows, 5 columns of 1 mm
    got = longest_axial(mask, (1.0, 1.0, 1.0))
    assert got.longest_mm == pytest.approx(np.hypot(2, 5))  # row ends of the outer rows


def test_islands_of_a_slice_are_never_measured_across():
    mask = np.zeros((1, 5, 20), dtype=bool)
    mask[0, 2, 1:4] = mask[0, 2, 15:19] = True
    assert longest_axial(mask, (1.0, 1.0, 1.0)).longest_mm == pytest.approx(4.0)


def test_parts_that_touch_at_a_corner_are_one():
    mask = np.zeros((1, 6, 6), dtype=bool)
    mask[0, 1, 1] = mask[0, 2, 2] = mask[0, 3, 3] = True
    assert longest_axial(mask, (1.0, 1.0, 1.0)).longest_mm > 3.0


def test_of_equal_slices_the_lowest_is_taken():
    mask = np.ones((4, 3, 3), dtype=bool)
    mask[0] = False
    assert longest_axial(mask, SPACING).slice_index == 1


def test_the_line_of_a_crescent_leaves_the_lesion():
    mask = np.zeros((1, 12, 12), dtype=bool)
    mask[0, 1:11, 1] = mask[0, 1, 1:11] = mask[0, 10, 1:11] = True  # three sides of a square
    got = longest_axial(mask, (1.0, 1.0, 1.0))
    assert got.outside_mm > 0.5 * got.longest_mm
    solid = longest_axial(np.ones((1, 4, 4), dtype=bool), (1.0, 1.0, 1.0))
    assert solid.outside_mm == 0.0


@given(MASKS, st.sampled_from([0, 1, 2]))
def test_a_flip_changes_no_length(mask, axis):
    flipped = np.flip(mask, axis)
    here, there = longest_axial(mask, SPACING), longest_axial(flipped, SPACING)
    assert there.longest_mm == pytest.approx(here.longest_mm)
    if axis:  # a flip along z may turn a tie between two slices
        assert there.short_mm == pytest.approx(here.short_mm)
    assert longest_3d_mm(flipped, SPACING) == pytest.approx(longest_3d_mm(mask, SPACING))


@given(MASKS)
def test_swapping_rows_and_columns_with_their_spacing_changes_no_length(mask):
    swapped, spacing = np.swapaxes(mask, 1, 2), (SPACING[0], SPACING[2], SPACING[1])
    here, there = longest_axial(mask, SPACING), longest_axial(swapped, spacing)
    assert there.longest_mm == pytest.approx(here.longest_mm)
    assert there.short_mm == pytest.approx(here.short_mm)


@given(MASKS, st.floats(0.1, 10.0))
def test_lengths_scale_with_the_spacing(mask, k):
    scaled = tuple(k * s for s in SPACING)
    here = longest_axial(mask, SPACING)
    assert longest_axial(mask, scaled).longest_mm == pytest.approx(k * here.longest_mm)
    assert longest_3d_mm(mask, scaled) == pytest.approx(k * longest_3d_mm(mask, SPACING))


@given(MASKS, arrays(np.bool_, (3, 5, 6)))
def test_a_larger_mask_has_no_smaller_3d_diameter(mask, more):
    assert longest_3d_mm(mask | more, SPACING) >= longest_3d_mm(mask, SPACING) - 1e-9


@given(MASKS)
def test_the_diameter_is_that_of_the_slow_definition(mask):
    got = longest_axial(mask, SPACING)
    assert got.longest_mm == pytest.approx(slow_longest(mask))


def slow_longest(mask):
    """All pairs of all outline points of all 8-connected parts, by flood fill."""
    best = 0.0
    for image in mask:
        left = {tuple(p) for p in np.argwhere(image)}
        while left:
            part, edge = set(), [left.pop()]
            while edge:
                y, x = edge.pop()
                part.add((y, x))
                near = {(y + a, x + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
                left -= near
                edge += near
            outline = [
                ((y + a / 2) * SPACING[1], (x + b / 2) * SPACING[2])
                for y, x in part
                for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))
                if (y + a, x + b) not in part
            ]
            best = max(
                best, *(np.hypot(p[0] - q[0], p[1] - q[1]) for p in outline for q in outline)
            )
    return best


def test_an_empty_mask_has_no_axial_diameter_and_a_3d_diameter_of_zero():
    empty = np.zeros((2, 3, 4), dtype=bool)
    with pytest.raises(ValueError, match="empty mask"):
        longest_axial(empty, SPACING)
    assert longest_3d_mm(empty, SPACING) == z_extent_mm(empty, SPACING) == 0.0
