"""Units as printed, as coded, as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg import units

PAIRS = [(fact, unit) for fact, table in units.ACCEPTED.items() for unit in table]


@pytest.mark.parametrize("fact", units.ACCEPTED)
def test_the_first_unit_of_a_fact_is_its_canonical_one(fact):
    assert units.canonical(fact) == next(iter(units.ACCEPTED[fact]))
    assert units.to_canonical(fact, 3.25, units.canonical(fact)) == 3.25


@pytest.mark.parametrize("fact", units.ACCEPTED)
def test_every_canonical_unit_has_a_code(fact):
    assert units.canonical(fact) in units.UCUM


@pytest.mark.parametrize(
    ("fact", "value", "unit", "expected"),
    [
        ("labs.bilirubin_total", 34.208, "umol/L", 2.0),
        ("labs.bilirubin_total", 17.104, "umol/L", 1.0),
        ("labs.albumin", 30.0, "g/L", 3.0),
        ("labs.creatinine", 88.402, "umol/L", 1.0),
        ("labs.ldh", 10.0, "ukat/L", 599.88),
        ("labs.platelets", 220000.0, "/uL", 220.0),
        ("labs.platelets", 220.0, "10^3/uL", 220.0),
        ("labs.hb", 132.0, "g/L", 13.2),
        ("labs.hb", 5.0, "mmol/L", 8.057),
        ("clinical.weight_kg", 100.0, "lb", 45.359237),
        ("clinical.height_cm", 1.8, "m", 180.0),
        ("clinical.height_cm", 70.0, "in", 177.8),
    ],
)
def test_a_value_in_another_unit_is_the_same_quantity(fact, value, unit, expected):
    assert units.to_canonical(fact, value, unit) == pytest.approx(expected, rel=1e-12)


@given(st.sampled_from(PAIRS), st.floats(1e-3, 1e6))
def test_conversion_is_proportional_and_can_be_undone(pair, value):
    fact, unit = pair
    times, by = units.ACCEPTED[fact][unit]
    there = units.to_canonical(fact, value, unit)
    assert there / times * by == pytest.approx(value, rel=1e-12)
    assert units.to_canonical(fact, 2 * value, unit) == pytest.approx(2 * there, rel=1e-12)


def test_a_unit_that_does_not_belong_to_a_fact_is_no_key():
    with pytest.raises(KeyError):
        units.to_canonical("labs.albumin", 4.0, "mg/dL")
    with pytest.raises(KeyError):
        units.ucum("furlong")


@pytest.mark.parametrize("micro", ["\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}", "u"])
def test_both_micro_signs_are_written_u(micro):
    assert units.written(f" {micro}mol/L ") == "umol/L"
