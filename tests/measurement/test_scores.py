"""Modified Krenning score from numbers."""

import pytest

from netimg.measurement.scores import krenning

FULL = {"blood_pool": 1.5, "liver": 5.0, "spleen": 9.0}


@pytest.mark.parametrize(
    ("suv_max", "score"),
    [(1.0, 1), (1.5, 1), (1.51, 2), (5.0, 2), (5.01, 3), (9.0, 3), (9.01, 4), (60.0, 4)],
)
def test_equal_to_a_reference_is_the_lower_score(suv_max, score):
    assert krenning(suv_max, **FULL).value == score


def test_no_visible_uptake_is_zero_whatever_the_numbers():
    assert krenning(30.0, **FULL, visible=False).value == 0


@pytest.mark.parametrize(
    ("missing", "suv_max", "lowest", "highest"),
    [
        ("spleen", 7.0, 3, 4),
        ("spleen", 3.0, 2, 2),
        ("blood_pool", 3.0, 1, 2),
        ("blood_pool", 7.0, 3, 3),
        ("liver", 7.0, 2, 3),
        ("liver", 20.0, 2, 4),
        ("liver", 1.0, 1, 3),
    ],
)
def test_a_missing_reference_leaves_what_is_still_possible(missing, suv_max, lowest, highest):
    got = krenning(suv_max, **(FULL | {missing: None}))
    assert (got.lowest, got.highest) == (lowest, highest)
    assert got.missing == ((missing,) if lowest != highest else ())
    assert (got.value is None) == (lowest != highest)


def test_without_any_reference_every_score_above_zero_is_possible():
    got = krenning(7.0, blood_pool=None, liver=None, spleen=None)
    assert (got.lowest, got.highest) == (1, 4)
    assert got.missing == ("blood_pool", "liver", "spleen")


@pytest.mark.parametrize(
    ("longest_mm", "suv_max", "value"), [(9.9, 3.0, None), (10.0, 3.0, 2), (9.9, 7.0, 3)]
)
def test_low_uptake_of_a_small_lesion_may_be_partial_volume(longest_mm, suv_max, value):
    got = krenning(suv_max, **FULL, longest_mm=longest_mm, min_lesion_mm=10.0)
    assert got.value == value
    assert got.too_small == (value is None)
    assert not got.missing
