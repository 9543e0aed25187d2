import math

import pytest

from netimg.finding import Facts, Finding, Findings, Scope


def _lesion(number: int, volume_ml: float) -> Finding:
    return Finding(
        name="volume_ml", value=volume_ml, unit="mL", scope=Scope.LESION, id=f"L{number}"
    )


def test_a_missing_value_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Finding(name="burden_pct", value=None, unit="%")
    absent = Finding(name="burden_pct", value=None, unit="%", reason="missing_input:liver")
    assert str(absent) == "unknown (missing_input:liver)"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_a_number_cannot_be_a_finding(value: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        Finding(name="burden_pct", value=value, unit="%")


def test_findings_stand_in_the_order_of_scope_id_and_name_whatever_order_they_came_in() -> None:
    items = (_lesion(10, 1.0), _lesion(2, 5.0), Finding(name="burden_pct", value=10.6, unit="%"))
    found = Findings(items)
    assert [f.id for f in found] == ["", "L2", "L10"]
    assert [f.key for f in Findings(items[::-1])] == [f.key for f in found]


def test_two_findings_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="there twice"):
        Findings((_lesion(1, 2.0), _lesion(1, 3.0)))


def test_a_table_has_one_row_per_thing_and_none_where_nothing_was_measured() -> None:
    longest = Finding(name="longest_mm", value=31.0, unit="mm", scope=Scope.LESION, id="L1")
    table = Findings((_lesion(1, 5.0), _lesion(2, 2.0), longest)).table("lesion")
    assert table["id"] == ("L1", "L2")
    assert table["volume_ml"] == (5.0, 2.0)
    assert table["longest_mm"] == (31.0, None)


def test_findings_and_facts_join_from_either_side() -> None:
    found = Findings((Finding(name="burden_pct", value=10.6, unit="%", lo=8.9, hi=12.3),))
    facts = Facts(tree={"clinical": {"ecog": 1}}, entered={"clinical": {"ecog": 1}})
    for joined in (found | facts, facts | found):
        assert joined.facts is facts
        assert str(joined["burden_pct"]) == "10.6 % (8.9-12.3)"
    assert facts.get("clinical.ecog") == 1
    assert facts.get("labs.albumin.value") is None
    with pytest.raises(KeyError, match="burdn"):
        found["burdn"]
