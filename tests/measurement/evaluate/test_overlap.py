"""Dice and volume error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netimg.geometry import Grid
from netimg.measurement.evaluate.overlap import dice, volume_error

GRID = Grid(shape=(2, 3, 4), spacing_mm=(5.0, 1.0, 2.0), origin_lps_mm=(0.0, 0.0, 0.0))
MASKS = arrays(np.bool_, (2, 3, 4))


def first(n):
    return (np.arange(24) < n).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("p", "r", "expected"), [(0, 0, 1.0), (0, 5, 0.0), (5, 0, 0.0), (6, 6, 1.0), (4, 12, 0.5)]
)
def test_dice_is_twice_the_overlap_over_the_sum(p, r, expected):
    assert dice(first(p), first(r)) == expected


@given(MASKS, MASKS)
def test_dice_is_symmetric_and_between_0_and_1(p, r):
    assert dice(p, r) == dice(r, p)
    assert 0.0 <= dice(p, r) <= 1.0


@given(MASKS, MASKS, st.sampled_from([0, 1, 2]))
def test_dice_does_not_feel_a_flip(p, r, axis):
    assert dice(np.flip(p, axis), np.flip(r, axis)) == dice(p, r)


def test_volume_error_is_prediction_minus_reference():
    got = volume_error(first(6), first(4), GRID)
    assert (got.pred_ml, got.ref_ml) == pytest.approx((0.06, 0.04))
    assert (got.error_ml, got.error_pct) == pytest.approx((0.02, 50.0))


def test_volume_error_against_an_empty_reference_is_infinite_unless_both_are_empty():
    assert volume_error(first(1), first(0), GRID).error_pct == math.inf
    assert volume_error(first(0), first(0), GRID).error_pct == 0.0


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="do not lie on one grid"):
        dice(first(1), first(1)[:1])
