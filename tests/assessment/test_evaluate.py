# ruff: noqa: E501  # one case a line
"""Expressions on given facts: every form of the language, four values, what is shown."""

import pytest

from netimg.assessment.catalogue import operator_parameters
from netimg.assessment.criterion import Criterion, Interval, Table, When
from netimg.assessment.evaluate import Evaluator
from netimg.assessment.examples import Given
from netimg.assessment.grammar import parse
from netimg.assessment.known import Known
from netimg.assessment.tables import probes, table_problems
from netimg.assessment.vocabulary import vocabulary
from netimg.verdict import Status

LOW_LDH = "labs.ldh <= 250"


def rule(expr=None, *, scope="patient", kind="criterion", **more):
    return Criterion(
        id="R", version="1.0", profile="OP", kind=kind, scope=scope, question="?", inputs={},
        expr=None if expr is None else parse(expr), **more,
    )  # fmt: skip


def find(name, profile, seen_from):
    assert (name, profile, seen_from) == ("OTHER", "", "OP")
    return rule("is(clinical.functioning)")


def judge(one, given):
    return Evaluator(Given(given, operator_parameters()), find).judge(
        one, "" if one.scope == "patient" else "0"
    )


def answer(expr, given):
    judged = judge(rule(expr), given)
    return judged.status.value, sorted(str(r) for r in judged.answer.reasons)


@pytest.mark.parametrize(
    ("expr", "given", "status", "reasons"),
    [
        (LOW_LDH, {"labs.ldh": 250}, "met", []),
        (LOW_LDH, {}, "unknown", ["missing_input:labs.ldh"]),
        ("labs.ldh == 250", {"labs.ldh": 250.0}, "met", []),
        ("lesion_count <= $abl_max_n", {"lesion_count": 5}, "met", []),
        ("lesion_count <= $abl_max_n", {"lesion_count": 5, "$abl_max_n": 4}, "not_met", []),
        ("not(is(clinical.functioning))", {"clinical.functioning": False}, "met", []),
        (
            "in(clinical.ascites, {mild, severe})",
            {"clinical.ascites": "unknown"},
            "unknown",
            ["missing_input:clinical.ascites"],
        ),
        ("at_least(1, is(clinical.functioning), @OTHER)", {"@OTHER": "met"}, "met", []),
        ("@OTHER", {"clinical.functioning": True}, "met", []),
        ("@OTHER", {"@OTHER": "unknown"}, "unknown", ["missing_input:@OTHER"]),
        ("@OTHER", {"@OTHER": "not_applicable"}, "not_applicable", []),
        (
            "case(clinical.ascites: none -> labs.ldh <= 1)",
            {"clinical.ascites": "mild", "labs.ldh": 1},
            "unknown",
            ["not_classifiable:clinical.ascites"],
        ),
        (
            "case(clinical.ascites: none -> labs.ldh <= 1; mild -> labs.ldh <= 2)",
            {"labs.ldh": 3},
            "not_met",
            [],
        ),
        ("every_lesion(lesion.longest_mm < 30)", {"lesions": []}, "not_applicable", []),
        ("some_lesion(lesion.longest_mm < 30)", {}, "unknown", ["missing_input:lesions"]),
        (
            "some_lesion(lesion.longest_mm < 30)",
            {"lesions": [{"longest_mm": 40}, {}]},
            "unknown",
            ["missing_input:lesion.longest_mm"],
        ),
        (
            "every_lesion(lesion.longest_mm < 30)",
            {"lesions": [{"lesion.longest_mm": 40}, {}]},
            "not_met",
            [],
        ),
        ("some_plan(plan.flr_ml >= 1)", {}, "unknown", ["missing_input:plans"]),
        ("some_plan(plan.flr_ml >= 1)", {"plans": [{"flr_ml": 0}, {"flr_ml": 2}]}, "met", []),
        (
            "some_staged_plan(plan.flr_ml >= 1)",
            {"plans": [{"flr_ml": 2}]},
            "unknown",
            ["missing_input:plans.staged"],
        ),
        (
            "some_staged_plan(plan.flr_ml >= 1)",
            {"plans": [{"flr_ml": 2}, {"flr_ml": 0, "approach": "alpps"}]},
            "not_met",
            [],
        ),
    ],
)
def test_an_expression_answers_from_what_is_given(expr, given, status, reasons):
    assert answer(expr, given) == (status, reasons)


@pytest.mark.parametrize(
    ("given", "status", "reasons"),
    [
        ({"clinical.functioning": False, "labs.ldh": 1}, "not_applicable", []),
        ({"clinical.functioning": True, "labs.ldh": 1}, "met", []),
        ({"labs.ldh": 1}, "unknown", ["missing_input:clinical.functioning"]),
    ],
)
def test_a_condition_comes_before_the_question_and_the_value_is_shown_anyway(
    given, status, reasons
):
    one = rule(LOW_LDH, applies_if=parse("is(clinical.functioning)"), value="labs.ldh")
    judged = judge(one, given)
    assert judged.status.value == status
    assert sorted(str(r) for r in judged.answer.reasons) == reasons
    assert judged.value == 1


def test_every_comparison_is_kept_once_also_in_a_rule_that_is_asked():
    judged = judge(
        rule("all(labs.ldh > 5, labs.ldh > 5, any(@OTHER, labs.ast < 3))"),
        {"labs.ldh": 9, "labs.ast": 4, "clinical.functioning": True},
    )
    told = [(c.fact, c.op, c.threshold, c.distance, c.status) for c in judged.comparisons]
    assert told == [
        ("labs.ldh", ">", 5.0, 4.0, Status.MET),
        ("clinical.functioning", "is", "true", None, Status.MET),
        ("labs.ast", "<", 3.0, 1.0, Status.NOT_MET),
    ]


ROWS = Table(
    None,
    rows=(
        When("low", parse(LOW_LDH)),
        When("high", parse("all(labs.ldh > 250, not(in(clinical.ascites, {none})))")),
        When("dry", parse("all(labs.ldh > 250, in(clinical.ascites, {none}))")),
    ),
)


@pytest.mark.parametrize(
    ("given", "status", "value"),
    [
        ({"labs.ldh": 250}, "met", "low"),
        ({"labs.ldh": 251, "clinical.ascites": "none"}, "met", "dry"),
        ({"labs.ldh": 251}, "unknown", "high..dry"),
        ({"clinical.ascites": "none"}, "unknown", "low..dry"),
        ({}, "unknown", "low..high..dry"),
    ],
)
def test_a_table_of_expressions_gives_the_row_that_is_true_or_those_that_may_be(
    given, status, value
):
    judged = judge(rule(kind="class", table=ROWS, value="label"), given)
    assert (judged.status.value, judged.value) == (status, value)


def test_a_table_of_intervals_shows_both_ends_of_what_is_partly_known():
    table = Table(
        "lesion.krenning",
        intervals=tuple(Interval(str(k), (("==", float(k)),)) for k in range(5)),
    )
    one = rule(kind="class", scope="lesion", table=table, value="label")

    class Partly(Given):
        def fact(self, name, subject):  # noqa: ARG002
            return Known(lo=3, hi=4)

    judged = Evaluator(Partly({}, {}), find).judge(one, "0")
    assert (judged.status, judged.value) == (Status.UNKNOWN, "3..4")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ({"a": "@OTHER", "b": "not(@OTHER)"}, None),
        ({"a": "@OTHER", "b": LOW_LDH}, "gap|overlap"),
        (
            {
                "a": "case(clinical.ascites: none -> labs.ldh < $opc_burden; mild -> @OTHER;"
                " moderate -> @OTHER; severe -> @OTHER)",
                "b": "not(case(clinical.ascites: none -> labs.ldh < $opc_burden; mild -> @OTHER;"
                " moderate -> @OTHER; severe -> @OTHER))",
            },
            None,
        ),
        (
            {
                "a": "at_least(2, labs.ldh > 1, labs.ast > 1, is(clinical.functioning))",
                "b": "any(all(labs.ldh <= 1, labs.ast <= 1), "
                "all(labs.ldh <= 1, not(is(clinical.functioning))), "
                "all(labs.ast <= 1, not(is(clinical.functioning))))",
            },
            None,
        ),
        ({"a": "in(clinical.ascites, {none})", "b": "in(clinical.ascites, {mild})"}, "gap"),
        ({"a": "every_lesion(lesion.longest_mm > 3)"}, "a quantifier has no place in a table"),
        ({"a": f"any({', '.join(f'labs.ldh > {k}' for k in range(40))})",
          "b": f"all({', '.join(f'labs.{n} < {k}' for n in ('ldh', 'ast', 'alt') for k in range(60))})"},
         "too many to check"),
    ],
)  # fmt: skip
def test_rows_of_expressions_are_checked_case_by_case(rows, problem):
    table = Table(None, rows=tuple(When(label, parse(text)) for label, text in rows.items()))
    found = table_problems(rule(kind="class", table=table), operator_parameters())
    if problem is None:
        assert found == []
    else:
        assert len(found) == 1
        assert any(word in found[0] for word in problem.split("|"))


def test_probes_stand_for_every_case_of_a_number():
    assert probes("burden_pct", (0.0, 10.0)) == (0.0, 5.0, 10.0, 20.0)
    assert probes("lesion.krenning", (2.0,)) == (0.0, 1.0, 2.0, 3.0, 4.0)


def test_every_fact_has_a_unit_and_every_word_fact_its_words():
    for name, word in vocabulary().items():
        assert word.unit
        assert (word.unit == "enum") == bool(word.words), name
