"""The table of criteria: one row per rule and profile, all lesions of a rule together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from netimg.finding import Scope
from netimg.reporting.html.first_screen import View, reasons
from netimg.reporting.tables import source_line
from netimg.reporting.verdict_rows import counted, is_lesion, verdict_rows
from netimg.reporting.words import words
from netimg.reporting.words.numbers import quantity
from netimg.reporting.words.sentences import class_text, listed, name_text, value_text
from netimg.resources import load_toml
from netimg.verdict import Comparison, Status, Verdict

if TYPE_CHECKING:
    from netimg.result import StudyResult

_DASH = "–"
_SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}
_MOST_LINES = 8


def criteria(result: StudyResult) -> View:
    """Every verdict with value, threshold, distance, source, certainty and what is missing."""
    verdicts = result.assessment.verdicts
    return {
        "intro": words()["criteria"]["intro"].format(counts=counted(verdicts)),
        "rows": [_row(row, result) for row in verdict_rows(verdicts)],
        "certainties": list(words()["certainty"].values()),
    }


def _row(verdicts: list[Verdict], result: StudyResult) -> View:
    phrases = words()["criteria"]
    first = verdicts[0]
    review = phrases["draft"]
    if first.review != "draft":
        review = phrases["reviewed"].format(review=first.review)
    missing = dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons)
    return {
        "id": first.id,
        "profile": first.profile,
        "question": first.question,
        "notes": _notes(verdicts),
        "answers": _answers(verdicts),
        "lines": _levels(verdicts, result) or _lines(verdicts, result),
        "missing": reasons(missing),
        "certainty": first.certainty,
        "review": review,
        "sources": [source_line(source) for source in first.sources],
    }


def _notes(verdicts: list[Verdict]) -> list[str]:
    """For whom it stands, unless for the patient, and what it rests on."""
    phrases = words()["criteria"]
    first = verdicts[0]
    notes = []
    if is_lesion(first.scope):
        count = len(verdicts)
        scope = first.scope if count == 1 else phrases["lesions"].format(count=count)
        notes.append(phrases["for_scope"].format(scope=scope))
    elif first.scope != "patient":
        notes.append(phrases["for_scope"].format(scope=first.scope))
    if any(verdict.approximate for verdict in verdicts):
        notes.append(phrases["approximate"])
    return notes


def _answers(verdicts: list[Verdict]) -> list[View]:
    """The answer; for several lesions one line per different answer, with their names."""
    named: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        named.setdefault((verdict.status.value, _answer(verdict)), []).append(verdict.scope)
    return [
        {"status": status, "text": text, "scopes": listed(scopes, 12) if len(verdicts) > 1 else ""}
        for (status, text), scopes in named.items()
    ]


def _answer(verdict: Verdict) -> str:
    """A status in words; of a class its label."""
    if verdict.kind == "class" and verdict.status is Status.MET and verdict.value is not None:
        return class_text(verdict)
    return str(words()["status"][verdict.status.value])


def _levels(verdicts: list[Verdict], result: StudyResult) -> list[View]:
    """Of a score from SUVmax: the lesions' SUVmax by score, and the levels it is held against."""
    facts = {c.fact for verdict in verdicts for c in verdict.comparisons}
    regions: Mapping[str, str] = next((t for f, t in words()["levels"].items() if f in facts), {})
    uptake: dict[str, list[float]] = {}
    for verdict in verdicts:
        found = result.findings.get("sstr_suv_max", Scope.LESION, verdict.scope)
        if found is not None and found.number is not None:
            uptake.setdefault(_answer(verdict), []).append(found.number)
    means = {r: result.findings.get("sstr_suv_mean", Scope.REGION, r) for r in regions}
    levels = [
        regions[region].format(value=quantity(mean.number, mean.unit))
        for region, mean in means.items()
        if mean is not None and mean.number is not None
    ]
    if not regions or not uptake:
        return []
    asked = any(p.suv is not None and p.suv.norm != "bw" for p in result.study.pets)
    name = words()["lesions"]["suv_max_bw" if asked else "suv_max"]
    return [
        {
            "name": f"{answer}: {name}",
            "value": _span(uptake[answer]),
            "threshold": "" if position else ", ".join(levels) or _DASH,
            "distance": "" if position else _DASH,
        }
        for position, answer in enumerate(sorted(uptake))
    ]


def _span(numbers: list[float]) -> str:
    """Lowest and highest of several SUVs."""
    ends = dict.fromkeys(quantity(n, "g/mL") for n in (min(numbers), max(numbers)))
    return _DASH.join(ends)


def _lines(verdicts: list[Verdict], result: StudyResult) -> list[View]:
    """What was compared with what; the value alone where nothing was compared."""
    lines = [line for verdict in verdicts for line in _compared(verdict, result)]
    if lines:
        return lines[:_MOST_LINES]
    first = verdicts[0]
    shown = "" if first.kind == "class" else value_text(first.value, first.unit)
    return [{"name": "", "value": shown or _DASH, "threshold": _DASH, "distance": _DASH}]


def _compared(verdict: Verdict, result: StudyResult) -> list[View]:
    compared = [c for c in _distinct(verdict.comparisons) if _tells(c)]
    return [
        {
            "name": _line_name(c, verdict, len(compared) - 1, result),
            "value": value_text(c.value, c.unit, c.threshold) or _DASH,
            "threshold": _threshold(c),
            "distance": _distance(c),
        }
        for c in compared
    ]


def _line_name(comparison: Comparison, verdict: Verdict, others: int, result: StudyResult) -> str:
    """What a line compares; for whom its limit holds where one value has several limits.

    Parameters
    ----------
    others
        Further lines of the same verdict; alone and the rule's own value, a line needs no name.
    """
    own = verdict.value is None or comparison.value == verdict.value
    name = "" if own and not others else name_text(comparison.fact)
    same = [c for c in _distinct(verdict.comparisons) if c.fact == comparison.fact]
    if len(same) > 1:
        name = _whose(comparison, result) or name
    return f"{verdict.scope} {name}".strip() if is_lesion(verdict.scope) else name


def _whose(comparison: Comparison, result: StudyResult) -> str:
    """For whom a limit holds that is an operator parameter; empty where it is none."""
    limits = words()["limits"].get(comparison.fact, {})
    if not limits:
        return ""
    parameters = load_toml("configs", "profiles", "op.toml")["op"]
    parameters |= result.assessment.operator_differences
    return "; ".join(
        text for key, text in limits.items() if parameters.get(key) == comparison.threshold
    )


def _tells(comparison: Comparison) -> bool:
    """Whether there is a value or a limit to show; a list of allowed words alone tells nothing."""
    return comparison.value is not None or isinstance(comparison.threshold, int | float)


def _distinct(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Each comparison once: a table asks the same fact for every label."""
    return list({(c.fact, c.op, c.threshold): c for c in comparisons}.values())


def _threshold(comparison: Comparison) -> str:
    if comparison.threshold is None:
        return _DASH
    sign = _SIGNS.get(comparison.op, comparison.op)
    return f"{sign} {value_text(comparison.threshold, comparison.unit)}".strip()


def _distance(comparison: Comparison) -> str:
    """Value minus threshold, with its sign, never rounded to nothing."""
    if comparison.distance is None:
        return _DASH
    text = quantity(float(comparison.distance), comparison.unit, threshold=0.0)
    return f"+{text}" if comparison.distance > 0 else text
