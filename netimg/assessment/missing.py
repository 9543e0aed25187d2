"""Which absent facts matter: for each, how many criteria one admissible value of it decides."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from netimg.assessment import grammar
from netimg.assessment.criterion import Criterion
from netimg.assessment.evaluate import Evaluator, Evidence
from netimg.assessment.known import Known
from netimg.assessment.logic import Answer, Truth
from netimg.assessment.tables import probes
from netimg.assessment.vocabulary import vocabulary
from netimg.verdict import Reason

_ABSENCES = ("missing_input", "stale", "needs_reader")
MAX_TRIALS = 2000

Find = Callable[[str, str, str], Criterion]


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A row that cannot be judged: its rule, its subject, why."""

    rule: Criterion
    subject: str
    reasons: tuple[Reason, ...]


def ranked(rows: Sequence[OpenRow], evidence: Evidence, find: Find) -> tuple[tuple[str, int], ...]:
    """(fact, criteria it would decide by itself), most first, then by name.

    A rule asked of many lesions counts once, of many plans once per plan. Every absent fact is
    named; 0 for one that decides nothing without others.
    """
    decided: dict[str, set[tuple[str, str, str]]] = {}
    for row in rows:
        for fact in {r.what for r in row.reasons if _is_absent(r)}:
            told = decided.setdefault(fact, set())
            if _criterion(row) not in told and _would_decide(row, fact, evidence, find):
                told.add(_criterion(row))
    counts = {fact: len(told) for fact, told in decided.items()}
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _criterion(row: OpenRow) -> tuple[str, str, str]:
    """What a row counts as: all lesions of a rule are one criterion, each plan is its own."""
    return row.rule.id, row.rule.profile, "" if row.rule.scope == "lesion" else row.subject


def _is_absent(reason: Reason) -> bool:
    return reason.code in _ABSENCES and not reason.what.startswith("flag.")


def _would_decide(row: OpenRow, fact: str, evidence: Evidence, find: Find) -> bool:
    """Whether some value of this fact alone settles the row."""
    names = sorted(n for n in _facts(row.rule, find) if _hangs_on(fact, n, row, evidence))
    if not names:
        return {reason.what for reason in row.reasons} == {fact}
    choices = [_admissible(name, row.rule, evidence, find) for name in names]
    for values in itertools.islice(itertools.product(*choices), MAX_TRIALS):
        supposed = _Supposed(evidence, fact, dict(zip(names, values, strict=True)))
        answer = Evaluator(supposed, find).judge(row.rule, row.subject).answer
        if answer.truth is not Truth.UNKNOWN:
            return True
    return False


def _asked(rule: Criterion, find: Find) -> Iterator[Criterion]:
    """A rule and every rule it asks."""
    yield rule
    for name, profile in sorted(rule.references()):
        yield from _asked(find(name, profile, rule.profile), find)


def _facts(rule: Criterion, find: Find) -> set[str]:
    return {name for asked in _asked(rule, find) for name in asked.facts()}


def _subjects(name: str, row: OpenRow, evidence: Evidence) -> tuple[str, ...]:
    """Whom a fact is asked of in a row."""
    if row.subject or not name.startswith(("lesion.", "plan.")):
        return (row.subject,)
    return (evidence.lesions() or ()) if name.startswith("lesion.") else evidence.plans()


def _hangs_on(fact: str, name: str, row: OpenRow, evidence: Evidence) -> bool:
    return any(
        _only_for(evidence.fact(name, subject), fact) for subject in _subjects(name, row, evidence)
    )


def _only_for(known: Known, fact: str) -> bool:
    """Whether this one absence is all that keeps a value from being known."""
    return {r.what for r in known.reasons | known.doubts} == {fact}


def _admissible(
    name: str, rule: Criterion, evidence: Evidence, find: Find
) -> tuple[float | str | bool, ...]:
    """Values that stand for every way the rule can look at a fact."""
    word = vocabulary()[name]
    if word.unit == "bool":
        return (True, False)
    if word.words:
        return tuple(w for w in word.words if w != "unknown")
    edges: set[float] = set()
    for asked in _asked(rule, find):
        if asked.table is not None and asked.table.fact == name:
            edges |= set(asked.table.edges)
        for expr in asked.expressions():
            if isinstance(expr, grammar.Compare) and expr.fact == name:
                named = expr.threshold
                edges.add(
                    named if isinstance(named, float) else float(evidence.parameter(named.name))
                )
    return probes(name, sorted(edges))


@dataclass(frozen=True, slots=True)
class _Supposed:
    """Evidence in which one absent fact is told; what hangs on it alone has the given values."""

    base: Evidence
    told_fact: str
    values: dict[str, float | str | bool]

    def fact(self, name: str, subject: str) -> Known:
        known = self.base.fact(name, subject)
        if name not in self.values or not _only_for(known, self.told_fact):
            return known
        value = self.values[name]
        if known.bounds is not None and isinstance(value, int | float):
            value = min(max(value, known.bounds[0]), known.bounds[1])
        return Known(value=value, error_name=known.error_name)

    def lesions(self) -> tuple[str, ...] | None:
        return self.base.lesions()

    def plans(self, *, staged: bool = False) -> tuple[str, ...]:
        return self.base.plans(staged=staged)

    def parameter(self, name: str) -> float | str | bool:
        return self.base.parameter(name)

    def told(self, rule: str, subject: str) -> Answer | None:
        return self.base.told(rule, subject)
