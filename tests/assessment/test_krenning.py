"""Modified Krenning score from SUVs."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment.known import Known, missing
from netimg.assessment.krenning import REFERENCES, krenning

BLOOD, LIVER, SPLEEN = 1.2, 5.0, 18.0


def score(suvmax, *, blood=BLOOD, liver=LIVER, spleen=SPLEEN, visible=True, longest_mm=20.0, u=0.0):
    values = dict(zip(REFERENCES, (blood, liver, spleen), strict=True))
    references = {
        name: Known.absent({missing(f"pet.sstr.reference.{name}")})
        if value is None
        else Known(value=value)
        for name, value in values.items()
    }
    lesion = (
        Known.absent(())
        if suvmax is None
        else Known(value=suvmax, half_width=u, error_name="pet.suvmax")
    )
    return krenning(
        "L1", lesion, references, visible=visible, longest_mm=longest_mm, min_lesion_mm=10.0
    )


@pytest.mark.parametrize(
    ("suvmax", "expected"),
    [(1.0, 1), (1.2, 1), (1.21, 2), (5.0, 2), (5.01, 3), (18.0, 3), (18.01, 4)],
)
def test_uptake_equal_to_a_reference_is_not_above_it(suvmax, expected):
    assert score(suvmax).value == expected
    assert not score(suvmax).reasons


def test_a_lesion_that_a_person_does_not_see_scores_zero():
    assert score(9.0, visible=False).value == 0
    assert score(None, visible=False).value == 0


def test_a_missing_spleen_leaves_three_or_four():
    found = score(14.0, spleen=None)
    assert found.shown == "3..4"
    assert {str(r) for r in found.reasons} == {"missing_input:pet.sstr.reference.spleen_mean"}


def test_a_reference_that_separates_nothing_is_not_asked_for():
    assert score(3.0, spleen=None).value == 2
    assert score(30.0, blood=None).value == 4


def test_a_missing_liver_names_every_reference_that_still_matters():
    found = score(3.0, liver=None, blood=None)
    assert (found.lo, found.hi) == (1, 3)
    assert {r.what.rpartition(".")[2] for r in found.reasons} == {"liver_mean", "blood_pool_mean"}


def test_a_small_lesion_of_low_uptake_may_hide_more():
    found = score(4.0, longest_mm=8.0)
    assert found.shown == "2..4"
    assert {str(r) for r in found.reasons} == {"not_assessable:lesions.L1"}
    assert score(4.0, longest_mm=10.0).value == 2
    assert score(5.5, longest_mm=8.0).value == 3


def test_without_uptake_nothing_is_known():
    found = score(None)
    assert found.bounds is None
    assert {str(r) for r in found.reasons} == {"missing_input:pet.sstr.lesions.L1.suvmax"}


def test_in_strict_mode_a_reference_nearer_than_the_error_is_open():
    found = score(5.2, u=0.52)
    assert found.shown == "2..3"
    assert {str(r) for r in found.reasons} == {"within_error:pet.suvmax"}
    assert score(5.52, u=0.52).value == 3


@given(
    st.floats(0.1, 50),
    st.tuples(st.floats(0.1, 30), st.floats(0.1, 30), st.floats(0.1, 30)),
    st.sets(st.integers(0, 2)),
)
def test_a_missing_reference_only_widens_the_score(suvmax, levels, hidden):
    full = score(suvmax, blood=levels[0], liver=levels[1], spleen=levels[2])
    shown = [None if k in hidden else level for k, level in enumerate(levels)]
    part = score(suvmax, blood=shown[0], liver=shown[1], spleen=shown[2])
    assert part.bounds[0] <= full.value <= part.bounds[1]


def test_every_reference_at_every_level_gives_one_score():
    for blood, liver, spleen in itertools.permutations((1.0, 2.0, 3.0)):
        for suvmax in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5):
            assert score(suvmax, blood=blood, liver=liver, spleen=spleen).value in range(1, 5)
