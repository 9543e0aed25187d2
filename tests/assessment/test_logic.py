"""Kleene logic with reasons."""

import itertools

import pytest

from netimg.assessment.logic import (
    FALSE,
    NOT_APPLICABLE,
    TRUE,
    Truth,
    alternatives,
    at_least,
    conjunction,
    disjunction,
    negation,
    unknown,
)
from netimg.verdict import Reason

A, B = Reason("missing_input", "a"), Reason("missing_input", "b")
UA, UB = unknown({A}), unknown({B})
FOUR = (TRUE, FALSE, UA, NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("parts", "all_", "any_"),
    [
        ((TRUE, TRUE), TRUE, TRUE),
        ((TRUE, FALSE), FALSE, TRUE),
        ((FALSE, FALSE), FALSE, FALSE),
        ((TRUE, UA), UA, TRUE),
        ((FALSE, UA), FALSE, UA),
        ((UA, UB), unknown({A, B}), unknown({A, B})),
        ((NOT_APPLICABLE, TRUE), TRUE, TRUE),
        ((NOT_APPLICABLE, UB), UB, UB),
        ((NOT_APPLICABLE, NOT_APPLICABLE), NOT_APPLICABLE, NOT_APPLICABLE),
        ((), NOT_APPLICABLE, NOT_APPLICABLE),
    ],
)
def test_all_and_any_follow_the_table(parts, all_, any_):
    assert conjunction(parts) == all_
    assert disjunction(parts) == any_


def test_de_morgan_holds_for_every_three_answers():
    for parts in itertools.product(FOUR, repeat=3):
        turned = [negation(p) for p in parts]
        assert negation(conjunction(parts)) == disjunction(turned)


def test_at_least_counts_the_open_ones_on_both_sides():
    assert at_least(2, (TRUE, TRUE, UA)) == TRUE
    assert at_least(2, (TRUE, FALSE, UA)) == UA
    assert at_least(3, (TRUE, FALSE, UA)) == FALSE
    assert at_least(2, (NOT_APPLICABLE, TRUE, UB)) == UB


def test_only_open_answers_give_reasons_and_decided_ones_carry_none():
    for parts in itertools.product((*FOUR, UB), repeat=2):
        for result in (conjunction(parts), disjunction(parts), at_least(1, parts)):
            assert bool(result.reasons) == (result.truth is Truth.UNKNOWN)


def test_learning_an_answer_never_changes_a_decided_result():
    for parts in itertools.product((TRUE, FALSE, UA), repeat=3):
        before = conjunction(parts), disjunction(parts), at_least(2, parts)
        for learned in itertools.product((TRUE, FALSE), repeat=3):
            told = [n if p == UA else p for p, n in zip(parts, learned, strict=True)]
            after = conjunction(told), disjunction(told), at_least(2, told)
            for was, now in zip(before, after, strict=True):
                assert not was.decided or was == now


def test_an_unknown_choice_is_decided_where_every_branch_agrees():
    assert alternatives([TRUE, TRUE], {A}) == TRUE
    assert alternatives([TRUE, FALSE], {A}) == UA
    assert alternatives([TRUE, UB], {A}) == unknown({A, B})
