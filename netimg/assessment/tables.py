"""Decision tables: whether their rows cover every case exactly once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netimg.assessment import grammar
from netimg.assessment.criterion import Criterion, Interval, Table
from netimg.assessment.evaluate import Evaluator
from netimg.assessment.examples import Given
from netimg.assessment.grammar import Parameter
from netimg.assessment.known import holds
from netimg.assessment.logic import Truth
from netimg.assessment.vocabulary import vocabulary
from netimg.verdict import Status

MAX_COMBINATIONS = 50_000


def table_problems(rule: Criterion, parameters: Mapping[str, Any]) -> list[str]:
    """Gaps and overlaps of a rule's table, each with a case that shows it."""
    table = rule.table
    if table is None:
        return []
    if table.fact is not None:
        return list(_of_intervals(table, table.fact))
    return list(_of_rows(rule, table, parameters))


def _of_intervals(table: Table, fact: str) -> Iterator[str]:
    for value in probes(fact, table.edges):
        rows = [row.label for row in table.intervals if _is_in(row, value)]
        if not rows:
            yield f"gap: {fact} = {value:g} is in no row"
        elif len(rows) > 1:
            yield f"overlap: {fact} = {value:g} is in {' and '.join(rows)}"


def _is_in(row: Interval, value: float) -> bool:
    return all(holds(value, op, threshold) for op, threshold in row.limits)


def probes(fact: str, edges: Sequence[float]) -> tuple[float, ...]:
    """Numbers that stand for every case of a fact: its edges, and one between any two of them."""
    word = vocabulary()[fact]
    if word.levels:
        return word.levels
    known = sorted(set(edges))
    if not known:
        return (0.0,)
    between = [(a + b) / 2 for a, b in itertools.pairwise(known)]
    outside = [known[0] - max(1.0, abs(known[0])), known[-1] + max(1.0, abs(known[-1]))]
    lowest = [word.lowest] if math.isfinite(word.lowest) else []
    found = {*known, *between, *outside, *lowest}
    return tuple(sorted(v for v in found if v >= word.lowest))


def _of_rows(rule: Criterion, table: Table, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Exactly one row of a table of expressions is true in every case that can occur."""
    if any(isinstance(expr, grammar.Quantified) for expr in rule.expressions()):
        yield "a quantifier has no place in a table"
        return
    cases = _cases(rule, parameters)
    size = math.prod(len(values) for values in cases.values())
    if size > MAX_COMBINATIONS:
        yield f"{size} combinations are too many to check, at most {MAX_COMBINATIONS}"
        return
    for values in itertools.product(*cases.values()):
        case = dict(zip(cases, values, strict=True))
        evaluator = Evaluator(Given(case, parameters), _never)
        answers = [(row.label, evaluator.answer(row.when, rule)) for row in table.rows]
        rows = [label for label, answer in answers if answer.truth is Truth.TRUE]
        if len(rows) != 1:
            shown = ", ".join(f"{name} = {value}" for name, value in case.items())
            what = f"overlap: {' and '.join(rows)}" if rows else "gap"
            yield f"{what} where {shown}"
            return


def _cases(rule: Criterion, parameters: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Values that stand for every case of every fact and reference of a table."""
    edges: dict[str, set[float]] = {}
    cases: dict[str, tuple[Any, ...]] = {}
    for expr in rule.expressions():
        match expr:
            case grammar.Compare():
                edge = _number(expr.threshold, parameters)
                edges.setdefault(expr.fact, set()).add(edge)
            case grammar.Is():
                cases[expr.fact] = (True, False)
            case grammar.In():
                cases[expr.fact] = _words(expr.fact, expr.values, cases.get(expr.fact, ()))
            case grammar.Case():
                branches = tuple(value for value, _ in expr.branches)
                cases[expr.fact] = _words(expr.fact, branches, cases.get(expr.fact, ()))
            case grammar.Rule():
                cases[str(expr)] = (Status.MET.value, Status.NOT_MET.value)
    return cases | {fact: probes(fact, sorted(found)) for fact, found in edges.items()}


def _never(name: str, profile: str, seen_from: str) -> Criterion:
    """Every reference is told: no rule is looked up."""
    msg = f"{name}@{profile} is asked from {seen_from} and not told"
    raise ValueError(msg)


def _words(fact: str, named: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    word = vocabulary()[fact]
    possible = tuple(w for w in word.words if w != "unknown")
    return possible or tuple(dict.fromkeys((*before, *named, "any other")))


def _number(threshold: float | Parameter, parameters: Mapping[str, Any]) -> float:
    return float(parameters[threshold.name]) if isinstance(threshold, Parameter) else threshold
