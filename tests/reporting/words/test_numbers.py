import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.finding import Finding
from netimg.reporting.words.numbers import MINUS, NARROW, interval, number, quantity, unit_text

UNITS = ["mL", "mm", "%", "g/mL", "HU", "1", "min", "kg"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1612.4, "mL", "1610"),
        (171.3, "mL", "171"),
        (25.013, "mL", "25.0"),
        (9.96, "mL", "10.0"),
        (9.94, "mL", "9.9"),
        (0.03, "mL", "0.03"),
        (0.004, "%", "0.004"),
        (0.0000002, "mL", "0.0"),
        (0.0, "mL", "0.0"),
        (45.6, "mm", "46"),
        (9.96, "mm", "10"),
        (9.44, "mm", "9.4"),
        (10.63, "%", "10.6"),
        (38.25, "g/mL", "38.2"),
        (-12.6, "HU", f"{MINUS}13"),
        (-0.2, "HU", "0"),
        (3, "1", "3"),
        (4.0, "1", "4"),
        (425.0, "U/L", "425"),
        (0.87654, "1", "0.877"),
    ],
)
def test_each_kind_of_number_is_rounded_as_readers_expect(value, unit, text):
    assert number(value, unit) == text


@pytest.mark.parametrize(
    ("value", "threshold", "text"),
    [
        (19.97, 20.0, "19.97"),
        (19.9996, 20.0, "19.9996"),
        (20.0, 20.0, "20.0"),
        (20.04, 20.0, "20.04"),
        (19.4, 20.0, "19.4"),
        (-0.03, 0.0, f"{MINUS}0.03"),
    ],
)
def test_a_number_near_a_threshold_gets_the_digits_that_show_its_side(value, threshold, text):
    assert number(value, "%", threshold=threshold) == text


@given(
    value=st.floats(0.001, 5000), offset=st.floats(1e-6, 10), unit=st.sampled_from(UNITS),
    above=st.booleans(),
)  # fmt: skip
def test_no_number_is_ever_shown_on_the_wrong_side(value, offset, unit, above):
    threshold = value - offset if above else value + offset
    shown = float(number(value, unit, threshold=threshold).replace(MINUS, "-"))
    assert (shown > threshold) is (value > threshold)
    assert (shown < threshold) is (value < threshold)


def test_units_stand_after_a_narrow_space_and_none_is_printed_for_none():
    assert quantity(171.3, "mL") == f"171{NARROW}mL"
    assert quantity(38.2, "g/mL") == "38.2"
    assert quantity(4, "1") == "4"
    assert unit_text("10^9/L") == "10⁹/L"


def test_an_interval_is_shown_only_where_there_is_one():
    assert interval(Finding(name="x", value=5.0, unit="%", lo=4.0, hi=6.04)) == "(4.0\u20136.0)"
    assert interval(Finding(name="x", value=5.0, unit="%")) == ""
