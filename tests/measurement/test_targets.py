"""RECIST targets."""

import pytest

from netimg.lesion import Lesion, LesionStatus, LesionType
from netimg.measurement.targets import Candidate, choose_targets, measurable

LIMITS = {"min_mm": 10.0, "thick_slice_mm": 5.0}


def candidate(number=1, longest_mm=20.0, *, flags=(), contrast_hu=-40.0, **lesion):
    return Candidate(
        lesion=Lesion(number=number, tracking_uid=f"2.25.{number}", **lesion),
        longest_mm=longest_mm,
        flags=frozenset(flags),
        contrast_hu=contrast_hu,
    )


def chosen(*candidates, thickness_mm=2.5):
    got = choose_targets(candidates, at_most=2, thickness_mm=thickness_mm, **LIMITS)
    return [target.lesion.number for target in got]


@pytest.mark.parametrize(
    ("longest_mm", "thickness_mm", "expected"),
    [
        (10.0, 5.0, True),
        (9.99, 5.0, False),
        (12.0, 6.0, True),
        (11.99, 6.0, False),
        (10.0, 1.0, True),
    ],
)
def test_a_lesion_is_measurable_from_10_mm_or_twice_a_thick_slice(
    longest_mm, thickness_mm, expected
):
    got = measurable(candidate(longest_mm=longest_mm), thickness_mm=thickness_mm, **LIMITS)
    assert got is expected


def test_cut_lesions_cysts_and_rejected_ones_are_never_measurable():
    cut = candidate(flags=["touches_fov"])
    cyst = candidate(type=LesionType.CYST)
    rejected = candidate(status=LesionStatus.REJECTED)
    for lesion in (cut, cyst, rejected):
        assert not measurable(lesion, thickness_mm=2.5, **LIMITS)


def test_the_two_longest_are_chosen():
    assert chosen(candidate(1, 15.0), candidate(2, 30.0), candidate(3, 25.0)) == [2, 3]


def test_within_the_same_millimetre_contrast_and_then_number_decide():
    pale, clear = candidate(1, 20.9, contrast_hu=-10.0), candidate(2, 20.1, contrast_hu=50.0)
    assert chosen(pale, clear) == [2, 1]
    assert chosen(candidate(2, 20.9), candidate(1, 20.1)) == [1, 2]


@pytest.mark.parametrize(
    "worse",
    [{"flags": ["line_leaves_lesion"]}, {"flags": ["touches_lesion"]}, {"flags": ["one_slice"]}],
    ids=str,
)
def test_a_longer_lesion_that_is_hard_to_measure_stands_back(worse):
    assert chosen(candidate(1, 40.0, **worse), candidate(2, 12.0), candidate(3, 11.0)) == [2, 3]


def test_an_accepted_lesion_goes_before_a_proposed_one():
    accepted = candidate(3, 11.0, status=LesionStatus.ACCEPTED)
    assert chosen(candidate(1, 40.0), candidate(2, 30.0), accepted) == [3, 1]


def test_without_a_measurable_lesion_there_is_no_target():
    assert chosen(candidate(1, 8.0)) == []
