from dataclasses import replace

import pytest

from netimg.assessment import assess
from netimg.finding import Finding, Findings, Scope
from netimg.reporting.html.criteria import criteria
from netimg.reporting.verdict_rows import counted
from netimg.reporting.words.numbers import NARROW
from netimg.reporting.words.sentences import class_text
from netimg.verdict import Comparison, Reason, Status, Verdict
from tests.make import result as make


def verdict(**how):
    usual = {
        "id": "X", "profile": "core", "kind": "criterion", "scope": "patient",
        "status": Status.MET, "question": "Is it so?", "certainty": "V",
    }  # fmt: skip
    return Verdict(**(usual | how))


def compare(fact, value, threshold, unit, op=">="):
    known = isinstance(value, float) and isinstance(threshold, float)
    return Comparison(
        fact=fact, op=op, value=value, threshold=threshold, unit=unit,
        distance=value - threshold if known else None, status=Status.MET,
    )  # fmt: skip


def rows_of(*verdicts):
    result = make.result(pet=False)
    judged = replace(result.assessment, verdicts=verdicts)
    return criteria(replace(result, assessment=judged))["rows"]


def test_all_lesions_of_a_rule_share_one_row():
    (row,) = rows_of(
        *(
            verdict(id="MKRENNING", kind="class", scope=f"L{n}", value=score)
            for n, score in enumerate(("4", "4", "3"), start=1)
        ),
        verdict(
            id="MKRENNING", kind="class", scope="L4", status=Status.UNKNOWN,
            reasons=(Reason("not_assessable", "lesions.L4"),),
        ),
    )  # fmt: skip
    assert row["notes"] == ["for 4 lesions"]
    assert [(a["text"], a["scopes"]) for a in row["answers"]] == [
        ("4", "L1 and L2"), ("3", "L3"), ("cannot be judged", "L4"),
    ]  # fmt: skip
    assert row["missing"] == "cannot be assessed: L4"


def test_a_score_from_uptake_shows_the_uptake_and_the_levels_it_is_held_against():
    result = make.result()
    means = (("blood_pool", 1.25), ("liver_reference", 5.0), ("spleen", 16.9))
    regions = tuple(
        Finding(name="sstr_suv_mean", value=mean, unit="g/mL", scope=Scope.REGION, id=region)
        for region, mean in means
    )
    others = tuple(f for f in result.findings if f.scope is not Scope.REGION)
    verdicts = tuple(
        verdict(
            id="MKRENNING", kind="class", scope=f"L{n}", value="4",
            comparisons=(compare("lesion.krenning", 4, 4.0, "1", "=="),),
        )
        for n in (1, 2)
    )  # fmt: skip
    judged = replace(result.assessment, verdicts=verdicts)
    known = replace(result, assessment=judged, findings=Findings(items=(*others, *regions)))
    (row,) = criteria(known)["rows"]
    assert [line["value"] for line in row["lines"]] == ["10.0–20.0"]
    assert row["lines"][0]["name"] == "4: SUVmax"
    assert [line["threshold"] for line in row["lines"]] == ["blood 1.2, liver 5.0, spleen 16.9"]
    scored = replace(judged, verdicts=(verdicts[0], replace(verdicts[1], value="2")))
    (row,) = criteria(replace(known, assessment=scored))["rows"]
    assert [line["name"] for line in row["lines"]] == ["2: SUVmax", "4: SUVmax"]
    assert [line["threshold"] for line in row["lines"]][1:] == [""]


def test_limits_of_one_value_say_for_whom_they_hold():
    limits = (20.0, 30.0, 40.0)
    row = verdict(
        status=Status.UNKNOWN, scope="plan a", value=25.0, unit="%",
        comparisons=tuple(compare("plan.sflr_pct", 25.0, limit, "%") for limit in limits),
    )  # fmt: skip
    (shown,) = rows_of(row)
    assert [line["name"] for line in shown["lines"]] == [
        "normal liver",
        "after chemotherapy",
        "fibrosis, cirrhosis",
    ]


def test_a_value_that_is_not_the_rules_own_is_named():
    other = compare("labs.ldh", 198.0, 425.0, "U/L", ">")
    (row,) = rows_of(verdict(value=4.9, unit="%", comparisons=(other,)))
    assert row["lines"][0]["name"] == "LDH"


def test_the_counts_above_the_table_are_those_of_its_rows():
    scores = [verdict(id="K", kind="class", scope=f"L{n}", value="4") for n in (1, 2, 3)]
    mixed = [
        verdict(id="S", scope="L1"), verdict(id="S", scope="L2", status=Status.NOT_MET)
    ]  # fmt: skip
    verdicts = (*scores, *mixed, verdict(id="A"), verdict(id="B", status=Status.UNKNOWN))
    assert counted(verdicts) == (
        "1 class given, 1 met, 1 not the same for all lesions, 1 cannot be judged"
    )
    assert len(rows_of(*verdicts)) == 4


def test_patient_and_plans_keep_rows_of_their_own():
    rows = rows_of(verdict(), verdict(scope="plan a"), verdict(scope="plan b"))
    assert [row["notes"] for row in rows] == [[], ["for plan a"], ["for plan b"]]


def test_profiles_are_never_merged():
    rows = rows_of(verdict(profile="A"), verdict(profile="B"))
    assert [row["profile"] for row in rows] == ["A", "B"]


def test_each_comparison_has_a_line_with_its_name():
    (row,) = rows_of(
        verdict(
            comparisons=(
                compare("burden_pct", 4.9, 50.0, "%", ">"),
                compare("labs.ldh", 198.0, 425.0, "U/L", ">"),
                compare("labs.ldh", 198.0, 425.0, "U/L", ">"),
            )
        )
    )
    assert [line["name"] for line in row["lines"]] == ["burden", "LDH"]
    assert row["lines"][1]["threshold"].startswith("> 425")
    assert row["lines"][1]["distance"].startswith("\u2212227")


def test_a_single_comparison_needs_no_name_and_shows_its_side():
    (row,) = rows_of(verdict(comparisons=(compare("x", 19.96, 20.0, "%"),)))
    (line,) = row["lines"]
    assert line["name"] == ""
    assert line["value"].startswith("19.96")
    assert line["distance"].startswith("\u22120.04") or line["distance"].startswith("\u22120.0")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.MET, "met"),
        (Status.NOT_MET, "not met"),
        (Status.UNKNOWN, "cannot be judged"),
        (Status.NOT_APPLICABLE, "not applicable"),
    ],
)
def test_statuses_are_said_in_the_words_of_the_catalogue(status, text):
    (row,) = rows_of(verdict(status=status))
    assert row["answers"][0] == {"status": status.value, "text": text, "scopes": ""}


def test_a_missing_value_is_a_dash():
    missing = compare("labs.ldh", None, 425.0, "U/L")
    (row,) = rows_of(verdict(status=Status.UNKNOWN, comparisons=(missing,)))
    assert row["lines"][0]["value"] == "\u2013"
    assert row["lines"][0]["distance"] == "\u2013"


def test_review_and_approximation_are_said():
    (row,) = rows_of(verdict(review="A. Reader, 2026-03-01", approximate=True, scope="plan a"))
    assert row["review"] == "reviewed: A. Reader, 2026-03-01"
    assert row["notes"] == ["for plan a", "approximate segments"]


def test_a_list_of_words_without_a_value_has_no_line():
    words_alone = compare("clinical.liver_background", None, "normal, chemo", "enum", "in")
    missing = compare("plan.sflr_pct", None, 20.0, "%")
    (row,) = rows_of(verdict(status=Status.UNKNOWN, comparisons=(words_alone, missing)))
    assert [line["threshold"][0] for line in row["lines"]] == ["≥"]
    known = compare("clinical.liver_background", "normal", "normal", "enum", "in")
    (row,) = rows_of(verdict(comparisons=(known, missing)))
    assert row["lines"][0]["threshold"] == "in normal"


@pytest.mark.parametrize(
    ("burden", "promid", "netter"),
    [
        (0.0, "0 %", "< 25 %"),
        (4.0, "> 0–10 %", "< 25 %"),
        (10.0, "> 0–10 %", "< 25 %"),
        (25.0, "> 10–25 %", "25–50 %"),
        (60.0, "> 50 %", "> 50 %"),
    ],
)
def test_classes_of_burden_are_written_as_a_clinician_writes_them(burden, promid, netter):
    found = Findings(items=(Finding(name="burden_pct", value=burden, unit="%"),))
    shown = replace(make.result(), assessment=assess(found, None))
    rows = {row["id"]: row for row in criteria(shown)["rows"]}
    for name, text in (("PROMID", promid), ("NETTER1", netter)):
        assert rows[name]["answers"][0]["text"].replace(NARROW, " ") == text


def test_a_score_is_no_range():
    score = verdict(id="MKRENNING", kind="class", scope="L1", value="4")
    assert class_text(score) == "4"
