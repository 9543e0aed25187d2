"""A rule meets what is known: its answer, the value beside it, every comparison on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from netimg.assessment import grammar, known, logic
from netimg.assessment.criterion import Criterion, Interval, Table
from netimg.assessment.grammar import Compare, Expr, In, Is, Parameter
from netimg.assessment.known import Known
from netimg.assessment.logic import Answer, Truth
from netimg.assessment.vocabulary import vocabulary
from netimg.verdict import Comparison, Reason, Status

_STAGED = "some_staged_plan"


class Evidence(Protocol):
    """Where facts come from: a patient, or the ``given`` of an example."""

    def fact(self, name: str, subject: str) -> Known:
        """What is known; ``subject`` is the lesion or plan for names of those scopes."""

    def lesions(self) -> tuple[str, ...] | None:
        """Counted metastases; None where the list is not known."""

    def plans(self, *, staged: bool = False) -> tuple[str, ...]:
        """Names of plans, or of staged plans only."""

    def parameter(self, name: str) -> float | str | bool:
        """Value of an operator parameter."""

    def told(self, rule: str, subject: str) -> Answer | None:
        """Answer of a rule that is given and not computed; None where it is to be computed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Answer of a rule for one subject; ``value`` is what is shown beside it."""

    answer: Answer
    value: float | str | bool | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def status(self) -> Status:
        """The answer in the words of a verdict."""
        return STATUS[self.answer.truth]


STATUS = {
    Truth.TRUE: Status.MET,
    Truth.FALSE: Status.NOT_MET,
    Truth.UNKNOWN: Status.UNKNOWN,
    Truth.NOT_APPLICABLE: Status.NOT_APPLICABLE,
}


@dataclass(slots=True)
class Evaluator:
    """Judges rules on one body of evidence.

    ``find`` gives the rule that an ``@ID`` means, seen from a profile.
    """

    evidence: Evidence
    find: Callable[[str, str, str], Criterion]
    _comparisons: dict[tuple[str, str, str, str], Comparison] = field(default_factory=dict)

    def judge(self, rule: Criterion, subject: str = "") -> Judgement:
        """Judge a rule for the patient (``""``), a lesion or a plan."""
        self._comparisons = {}
        return self._judge(rule, subject)

    def _judge(self, rule: Criterion, subject: str) -> Judgement:
        gate = logic.TRUE
        if rule.applies_if is not None:
            gate = self.answer(rule.applies_if, rule, subject)
        if rule.table is not None:
            answer, label = self._table(rule.table, rule, subject)
        else:
            answer, label = self._expression(rule, subject), None
        value: float | str | bool | None = label
        if rule.value not in (None, "label"):
            value = self.evidence.fact(str(rule.value), subject).shown
        if gate.truth is Truth.UNKNOWN:
            answer = gate
        elif gate.truth is not Truth.TRUE:
            answer = logic.NOT_APPLICABLE
        return Judgement(answer, value, tuple(self._comparisons.values()))

    def _expression(self, rule: Criterion, subject: str) -> Answer:
        if rule.expr is None:
            msg = f"rule {rule.id} has neither expression nor table"
            raise ValueError(msg)
        return self.answer(rule.expr, rule, subject)

    def answer(self, expr: Expr, rule: Criterion, subject: str = "") -> Answer:
        """Answer to an expression of a rule."""
        match expr:
            case grammar.All() | grammar.Any() | grammar.AtLeast():
                parts = [self.answer(part, rule, subject) for part in expr.parts]
                return _combined(expr, parts)
            case grammar.Not():
                return logic.negation(self.answer(expr.part, rule, subject))
            case grammar.Case():
                return self._case(expr, rule, subject)
            case grammar.Quantified():
                return self._quantified(expr, rule)
            case grammar.Rule():
                return self._reference(expr, rule, subject)
            case _:
                return self._leaf(expr, subject)

    def _leaf(self, expr: Compare | Is | In, subject: str) -> Answer:
        """Answer to a question about one fact."""
        found = self.evidence.fact(expr.fact, subject)
        match expr:
            case Compare():
                return self._compare(expr.fact, expr.op, self._threshold(expr.threshold), subject)
            case Is():
                answer = known.says_yes(found)
                return self._noted(expr.fact, "is", "true", answer, subject)
            case In():
                answer = known.is_among(found, expr.values)
                return self._noted(expr.fact, "in", ", ".join(expr.values), answer, subject)

    def _threshold(self, threshold: float | Parameter) -> float:
        if isinstance(threshold, Parameter):
            return float(self.evidence.parameter(threshold.name))
        return threshold

    def _compare(self, fact: str, op: str, threshold: float, subject: str) -> Answer:
        answer = known.compare(self.evidence.fact(fact, subject), op, threshold)
        return self._noted(fact, op, threshold, answer, subject)

    def _noted(
        self, fact: str, op: str, threshold: float | str, answer: Answer, subject: str
    ) -> Answer:
        """Keep the comparison for the explanation, each once."""
        found = self.evidence.fact(fact, subject)
        distance = None
        if found.bounds is not None and found.value is not None and isinstance(threshold, float):
            distance = found.bounds[0] - threshold
        word = vocabulary().get(fact)
        self._comparisons[(fact, op, str(threshold), subject)] = Comparison(
            fact=fact,
            op=op,
            value=found.shown,
            threshold=threshold,
            unit=word.unit if word and word.is_number else "",
            distance=distance,
            status=STATUS[answer.truth],
            provenance=found.provenance,
        )
        return answer

    def _case(self, expr: grammar.Case, rule: Criterion, subject: str) -> Answer:
        selector = self.evidence.fact(expr.fact, subject)
        words = ", ".join(value for value, _ in expr.branches)
        if not selector.applicable:
            return self._noted(expr.fact, "in", words, logic.NOT_APPLICABLE, subject)
        if selector.value is None or selector.doubts:
            reasons = selector.reasons | selector.doubts
            self._noted(expr.fact, "in", words, logic.unknown(reasons), subject)
            branches = [self.answer(part, rule, subject) for _, part in expr.branches]
            return logic.alternatives(branches, reasons)
        for value, part in expr.branches:
            if known.is_among(selector, (value,)).truth is Truth.TRUE:
                self._noted(expr.fact, "in", value, logic.TRUE, subject)
                return self.answer(part, rule, subject)
        return logic.unknown({Reason("not_classifiable", expr.fact)})

    def _quantified(self, expr: grammar.Quantified, rule: Criterion) -> Answer:
        if expr.quantifier.endswith("lesion"):
            lesions = self.evidence.lesions()
            if lesions is None:
                return logic.unknown({known.missing("lesions")})
            answers = [self.answer(expr.part, rule, name) for name in lesions]
            every = expr.quantifier == "every_lesion"
            return logic.conjunction(answers) if every else logic.disjunction(answers)
        staged = expr.quantifier == _STAGED
        plans = self.evidence.plans(staged=staged)
        if not plans:
            return logic.unknown({known.missing("plans.staged" if staged else "plans")})
        return logic.disjunction([self.answer(expr.part, rule, name) for name in plans])

    def _reference(self, expr: grammar.Rule, rule: Criterion, subject: str) -> Answer:
        given = self.evidence.told(str(expr)[1:], subject)
        if given is not None:
            return given
        asked = self.find(expr.id, expr.profile, rule.profile)
        return self._judge(asked, "" if asked.scope == "patient" else subject).answer

    def _table(self, table: Table, rule: Criterion, subject: str) -> tuple[Answer, str | None]:
        if table.fact is not None:
            return self._intervals(table, table.fact, subject)
        answers = [self.answer(row.when, rule, subject) for row in table.rows]
        for row, answer in zip(table.rows, answers, strict=True):
            if answer.truth is Truth.TRUE:
                return logic.TRUE, row.label
        pairs = zip(table.rows, answers, strict=True)
        open_ = [row.label for row, answer in pairs if answer.truth is Truth.UNKNOWN]
        if not open_:
            return logic.NOT_APPLICABLE, None
        reasons = {reason for answer in answers for reason in answer.reasons}
        return logic.unknown(reasons), "..".join(open_)

    def _intervals(self, table: Table, fact: str, subject: str) -> tuple[Answer, str | None]:
        found = self.evidence.fact(fact, subject)
        if not found.applicable:
            return logic.NOT_APPLICABLE, None
        if found.bounds is None:
            answer = logic.unknown(found.reasons | found.doubts)
            self._noted(fact, "in", _labels(table.intervals), answer, subject)
            return answer, None
        answer, label = _classified(table, found)
        shown: float | str = _labels(table.intervals)
        if answer.truth is Truth.TRUE:
            row = next(r for r in table.intervals if r.label == label)
            for op, threshold in row.limits:
                self._compare(fact, op, threshold, subject)
        else:
            self._noted(fact, "in", shown, answer, subject)
        return answer, label


def _combined(expr: grammar.All | grammar.Any | grammar.AtLeast, parts: list[Answer]) -> Answer:
    match expr:
        case grammar.All():
            return logic.conjunction(parts)
        case grammar.Any():
            return logic.disjunction(parts)
        case grammar.AtLeast():
            return logic.at_least(expr.count, parts)


def _labels(rows: Sequence[Interval]) -> str:
    return ", ".join(row.label for row in rows)


def _classified(table: Table, found: Known) -> tuple[Answer, str | None]:
    """Label of a number, or the labels of both ends where it is not certain."""
    if found.bounds is None:
        return logic.unknown(found.reasons | found.doubts), None
    lo, hi = found.bounds
    reasons = set(found.doubts)
    if any(known.within_error(found, edge) for edge in table.edges):
        reasons.add(Reason("within_error", found.error_name))
        lo, hi = max(0.0, lo - found.half_width), hi + found.half_width
    first, last = _label(table, lo), _label(table, hi)
    if first != last or reasons:
        reasons |= found.reasons
        label = first if first == last else f"{first}..{last}"
        return logic.unknown(reasons), label
    return logic.TRUE, first


def _label(table: Table, value: float) -> str:
    """Label of the row that holds a number; a complete table has exactly one."""
    for row in table.intervals:
        if all(known.holds(value, op, threshold) for op, threshold in row.limits):
            return row.label
    msg = f"{value} lies in no row of the table"
    raise ValueError(msg)
