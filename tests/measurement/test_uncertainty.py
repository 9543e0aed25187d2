"""Intervals of volumes, burden and lengths."""

import numpy as np
import pytest

from netimg.measurement.uncertainty import (
    ModelBand,
    burden_interval,
    containing,
    length_interval,
    wider,
)
from netimg.settings import Settings
from netimg.volume import Quantity, Volume
from tests.make import arrays as make

GRID = make.grid((6, 20, 20), (2.0, 1.0, 1.0))
BOX = np.s_[2:4, 5:9, 5:9]


def probability(values, grid=GRID):
    return Volume(values=values.astype(np.float32), grid=grid, quantity=Quantity.PROBABILITY)


def band_of(volume, labels, **changes):
    settings = Settings.shipped().with_values(
        {f"measurement.{key}": value for key, value in changes.items()}, layer="test"
    )
    return ModelBand(volume, labels, GRID, settings)


def test_burden_combines_both_parts_at_their_far_ends():
    got = burden_interval((90.0, 110.0, "model"), (950.0, 1050.0, "boundary"))
    assert got == (pytest.approx(100 * 90 / 1050), pytest.approx(100 * 110 / 950), "model")


def test_burden_never_exceeds_100_percent_and_an_empty_liver_has_no_upper_end_below_it():
    assert burden_interval((900.0, 1100.0, "boundary"), (950.0, 1050.0, "boundary"))[1] == 100.0
    assert burden_interval((0.0, 1.0, "boundary"), (0.0, 0.0, "boundary")) == (0, 100, "boundary")


def test_the_kind_is_that_of_the_relatively_wider_part():
    assert burden_interval((99.0, 101.0, "model"), (500.0, 1500.0, "boundary"))[2] == "boundary"


def test_the_wider_interval_wins_and_the_first_in_a_tie():
    narrow, wide = (9.0, 11.0, "boundary"), (8.0, 11.0, "model")
    assert wider(narrow, wide) == wide
    assert wider(wide, narrow) == wide
    assert wider(narrow, (1.0, 3.0, "model")) == narrow
    assert wider(narrow, None) == narrow


def test_an_interval_is_stretched_to_the_value():
    assert containing(5.0, (6.0, 8.0, "model")) == (5.0, 8.0, "model")
    assert containing(9.0, (6.0, 8.0, "model")) == (6.0, 9.0, "model")


def test_a_length_is_uncertain_by_one_diagonal_and_never_negative():
    assert length_interval(20.0, (3.0, 4.0)) == (15.0, 25.0, "boundary")
    assert length_interval(2.0, (3.0, 4.0))[0] == 0.0


def test_the_model_is_sure_from_seven_tenths_and_thinks_possible_from_three():
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[2:4, 5:9, 5:9] = 1
    p = np.zeros(GRID.shape)
    p[2:4, 4:10, 5:9] = 0.3
    p[2:4, 5:9, 5:9] = 0.69
    p[2:4, 5:7, 5:9] = 0.7
    band = band_of(probability(p), labels)
    lo, hi, kind = band.lesion(1, BOX)
    assert (lo, hi, kind) == (pytest.approx(16 * 0.002), pytest.approx(48 * 0.002), "model")
    assert band.total() == (lo, hi, kind)


def test_where_the_model_counts_as_sure_or_thinks_possible_is_a_setting():
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[BOX] = 1
    p = (labels > 0) * 0.6
    p[2:4, 9:11, 5:9] = 0.2
    of_settings = band_of(probability(p), labels, model_sure=0.6, model_possible=0.2)
    lo, hi, _ = of_settings.lesion(1, BOX)
    assert (round(lo / 0.002), round(hi / 0.002)) == (32, 48)
    short = band_of(probability(p), labels, model_possible=0.2, model_reach_mm=1.0)
    assert round(short.lesion(1, BOX)[1] / 0.002) == 40  # one voxel of 1 mm beyond the box


def test_what_does_not_hang_together_with_the_lesion_is_not_its_own():
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[BOX] = 1
    p = (labels > 0) * 0.9
    p[2:4, 12:14, 12:14] = 0.5
    assert band_of(probability(p), labels).lesion(1, BOX)[1] == pytest.approx(32 * 0.002)


def test_two_lesions_that_share_a_possible_bridge_count_it_once_in_the_total():
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[2, 5, 2:5], labels[2, 5, 7:10] = 1, 2
    p = (labels > 0) * 0.9
    p[2, 5, 5:7] = 0.5
    band = band_of(probability(p), labels)
    each = [band.lesion(1, np.s_[2:3, 5:6, 2:5]), band.lesion(2, np.s_[2:3, 5:6, 7:10])]
    assert [round(hi / 0.002) for _, hi, _ in each] == [5, 5]
    assert round(band.total()[1] / 0.002) == 8


def test_a_probability_on_a_crop_is_found_at_its_place():
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[BOX] = 1
    crop = GRID.crop((1, 4, 3), (5, 12, 15))
    p = ((labels > 0) * 0.9)[1:5, 4:12, 3:15]
    lo, hi, _ = band_of(probability(p, crop), labels).lesion(1, BOX)
    assert (round(lo / 0.002), round(hi / 0.002)) == (32, 32)
