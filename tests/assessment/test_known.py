"""Comparisons: literal operators, float noise, intervals, uncertainty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment.known import Known, compare, holds, is_among, missing, reason, says_yes
from netimg.assessment.logic import FALSE, NOT_APPLICABLE, TRUE, Truth
from netimg.verdict import Reason

WHY = missing("labs.inr")


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        (">=", False, True, True),
        (">", False, False, True),
    ],
)
def test_operators_are_literal_but_for_float_noise(op, below, at, above):
    assert holds(69.999, op, 70.0) is below
    assert holds(70.0, op, 70.0) is at
    assert holds(70.0 + 5e-8, op, 70.0) is at
    assert holds(70.0 - 5e-8, op, 70.0) is at
    assert holds(70.0 + 1e-6, op, 70.0) is above


def test_noise_is_relative_above_one_and_absolute_below():
    assert holds(1e-10, "==", 0.0)
    assert not holds(1e-8, "==", 0.0)
    assert holds(1e6 + 5e-4, "==", 1e6)


def test_an_interval_is_decided_where_both_ends_agree():
    known = Known(lo=5, hi=9, reasons=frozenset({WHY}))
    assert compare(known, ">=", 5) == TRUE
    assert compare(known, ">", 9) == FALSE
    assert compare(known, ">=", 7).reasons == {WHY}
    assert compare(known, "==", 7).reasons == {WHY}
    assert compare(known, "==", 4) == FALSE
    assert known.shown == "5..9"


def test_strict_mode_leaves_what_is_nearer_than_the_error_open():
    known = Known(value=22.0, half_width=3.3, error_name="plan.sflr_pct")
    assert compare(known, ">=", 20).reasons == {Reason("within_error", "plan.sflr_pct")}
    assert compare(Known(value=23.3, half_width=3.3, error_name="x"), ">=", 20) == TRUE
    assert compare(Known(value=16.7, half_width=3.3, error_name="x"), ">=", 20) == FALSE


def test_a_doubt_bars_the_decision_and_shows_the_value():
    doubt = Reason("needs_reader", "flag.liver_cut_fov")
    known = Known(value=4.0).doubted({doubt})
    assert known.shown == 4.0
    assert compare(known, "<=", 70).reasons == {doubt}


def test_words_and_truths():
    assert is_among(Known(value="chemo"), ("normal", "chemo")) == TRUE
    assert is_among(Known(value=4), ("4",)) == TRUE
    assert is_among(Known.absent({WHY}), ("a",)).reasons == {WHY}
    assert says_yes(Known(value=False)) == FALSE
    assert says_yes(Known(applicable=False)) == NOT_APPLICABLE
    assert compare(Known(applicable=False), ">", 1) == NOT_APPLICABLE


def test_a_reason_is_read_from_its_text():
    assert reason("missing_input:labs.ldh") == Reason("missing_input", "labs.ldh")
    assert reason("pet_ref_liver_none") == Reason("needs_reader", "pet_ref_liver_none")


@given(
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(0, 100),
    st.sampled_from(["<", "<=", ">", ">=", "=="]),
)
def test_a_number_inside_its_interval_never_changes_a_decision(a, b, threshold, op):
    lo, hi = min(a, b), max(a, b)
    before = compare(Known(lo=lo, hi=hi, reasons=frozenset({WHY})), op, threshold)
    for value in (lo, (lo + hi) / 2, hi):
        after = compare(Known(value=value), op, threshold)
        assert before.truth is Truth.UNKNOWN or before == after
