"""The twelve written cases: what seven criteria must answer to them, and why."""

import json
from pathlib import Path

import pytest

from netimg.assessment import assess
from netimg.assessment.facts import facts_from_tree
from netimg.assessment.facts_findings import findings_from_facts
from netimg.planning import plan

FOLDER = Path(__file__).parent / "data" / "vignettes"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
RULES = {
    ("PROMID", "core"),
    ("NETTER1", "core"),
    ("FLR-STD", "core"),
    ("CYTO-70", "CYTO-70"),
    ("RETNET-BURDEN", "TRIAL-RETNET"),
    ("COMBO-HEPFAIL", "TACE-TEXTBOOK"),
    ("MKRENNING", "pet-suv"),
}


def judged(case):
    found = findings_from_facts(facts_from_tree(CASES[case], with_image=False))
    return assess(found, plan(found))


def rows_of(case):
    return [r for r in CASES[case]["expected"]["criteria"] if (r["id"], r["profile"]) in RULES]


EXPECTED = [
    pytest.param(case, row, id=f"{case}-{row['id']}-{row['scope']}")
    for case in CASES
    for row in rows_of(case)
]


def test_all_twelve_cases_are_there():
    assert len(CASES) == 12
    assert {
        key for case in CASES for row in rows_of(case) for key in [(row["id"], row["profile"])]
    } == RULES


@pytest.mark.parametrize("case", CASES)
def test_every_row_of_a_case_is_there_and_no_other(case):
    rows = {(r["id"], r["profile"], r["scope"]) for r in rows_of(case)}
    assert {v.key for v in judged(case).verdicts} == rows


@pytest.mark.parametrize(("case", "row"), EXPECTED)
def test_a_row_comes_out_as_written(case, row):
    verdicts = {v.key: v for v in judged(case).verdicts}
    verdict = verdicts[row["id"], row["profile"], row["scope"]]
    assert verdict.status.value == row["status"]
    assert [str(reason) for reason in verdict.reasons] == row["reasons"]
    assert verdict.approximate == row.get("approximate", False)
    if isinstance(row["value"], float):
        assert verdict.value == pytest.approx(row["value"], rel=1e-6, abs=1e-6)
    else:
        assert verdict.value == row["value"]


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_of_a_case_come_out_as_written(case):
    expected = CASES[case]["expected"]["findings"]
    values = judged(case).values
    for name in ("liver_volume_ml", "tumour_volume_ml", "burden_pct", "functional_liver_ml"):
        assert values[name] == pytest.approx(expected[name], rel=1e-6, abs=1e-6)
    assert values["lesion_count"] == expected["lesion_count"]
    assert values.get("with_indeterminate") == expected.get("with_indeterminate")


@pytest.mark.parametrize("case", [c for c in CASES if "plans" in CASES[c]])
def test_the_plans_of_a_case_come_out_as_written(case):
    expected = CASES[case]["expected"]["findings"]["plans"]
    found = judged(case).values["plans"]
    assert list(found) == list(expected)
    for name, numbers in found.items():
        for key, value in numbers.items():
            wanted = expected[name][key]
            if isinstance(value, float):
                assert value == pytest.approx(wanted, rel=1e-6, abs=1e-6), (name, key)
            else:
                assert value == wanted


@pytest.mark.parametrize("case", CASES)
def test_the_same_case_gives_the_same_answer_twice(case):
    assert judged(case).verdicts == judged(case).verdicts
