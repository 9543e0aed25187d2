"""The examples of a rule, run: facts as given, everything else absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netimg.assessment import known, logic
from netimg.assessment.criterion import Criterion, Example
from netimg.assessment.evaluate import STATUS, Evaluator, Judgement
from netimg.assessment.facts_check import is_number
from netimg.assessment.known import Known, missing
from netimg.assessment.logic import Answer, Truth
from netimg.verdict import Status

_ANSWERS = {
    Status.MET.value: logic.TRUE,
    Status.NOT_MET.value: logic.FALSE,
    Status.NOT_APPLICABLE.value: logic.NOT_APPLICABLE,
}


@dataclass(frozen=True, slots=True)
class Given:
    """Evidence of an example: ``given`` by name, ``@ID`` and ``$name``; all else absent."""

    given: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def fact(self, name: str, subject: str) -> Known:
        """A given fact; those of a listed lesion or plan come from its own table."""
        table = self._table(f"{name.partition('.')[0]}s", subject)
        value = table.get(name, table.get(name.partition(".")[2]))
        if value is None or value == "unknown":
            return Known.absent({missing(name)})
        return Known(value=value, error_name=name)

    def _table(self, group: str, subject: str) -> Mapping[str, Any]:
        """Table of a listed lesion or plan; without a list all stands in one."""
        listed = self.given.get(group)
        if listed is None or not subject:
            return self.given
        table: Mapping[str, Any] = dict(enumerate(listed)).get(int(subject), {})
        return table

    def lesions(self) -> tuple[str, ...] | None:
        """Positions of the listed lesions."""
        listed = self.given.get("lesions")
        return None if listed is None else tuple(map(str, range(len(listed))))

    def plans(self, *, staged: bool = False) -> tuple[str, ...]:
        """Positions of the listed plans."""
        listed = self.given.get("plans", [])
        chosen = [k for k, p in enumerate(listed) if not staged or _is_staged(p)]
        return tuple(map(str, chosen))

    def parameter(self, name: str) -> float | str | bool:
        """A given parameter, else the operator's."""
        value: float | str | bool = self.given.get(f"${name}", self.parameters[name])
        return value

    def told(self, rule: str, subject: str) -> Answer | None:
        """Status of a rule that the example, or the listed plan, gives."""
        table = self._table("plans", subject)
        status = table.get(f"@{rule}", self.given.get(f"@{rule}"))
        if status is None:
            return None
        return _ANSWERS.get(str(status), logic.unknown({missing(f"@{rule}")}))


def _is_staged(plan: Mapping[str, Any]) -> bool:
    approach: str = plan.get("approach", "one_stage")
    return approach != "one_stage"


def run_examples(
    rule: Criterion,
    parameters: Mapping[str, Any],
    find: Callable[[str, str, str], Criterion],
) -> Iterator[tuple[int, str]]:
    """(position, message) of every example that does not come out as expected."""
    for k, example in enumerate(rule.examples):
        evaluator = Evaluator(Given(example.given, parameters), find)
        subject = "" if rule.scope == "patient" else "0"
        message = _difference(example, evaluator.judge(rule, subject))
        if message:
            yield k, f"{rule.id}, example {k + 1}: {message}"


def _difference(example: Example, judged: Judgement) -> str:
    """What differs, or nothing."""
    status = STATUS[judged.answer.truth].value
    if status != example.expect:
        return f"expected {example.expect}, found {status}"
    if example.value is not None and not _same(example.value, judged.value):
        return f"expected value {example.value}, found {judged.value}"
    reasons = tuple(sorted(map(str, judged.answer.reasons)))
    if example.reasons is not None and tuple(sorted(example.reasons)) != reasons:
        found = ", ".join(reasons) or "none"
        return f"expected reasons {', '.join(example.reasons) or 'none'}, found {found}"
    if judged.answer.truth is not Truth.UNKNOWN and reasons:
        return f"a decided answer carries reasons: {', '.join(reasons)}"
    return ""


def _same(expected: float | str | bool, found: float | str | bool | None) -> bool:
    if is_number(expected) and is_number(found):
        return known.equal(expected, found)
    return expected == found
