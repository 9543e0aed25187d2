"""The table of criteria: one row per rule and profile, all lesions of a rule together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from netimg.reporting.html.first_screen import View, reasons
from netimg.reporting.tables import source_line
from netimg.reporting.words import words
from netimg.reporting.words.numbers import quantity
from netimg.reporting.words.sentences import listed, name_text, value_text
from netimg.verdict import Comparison, Status, Verdict

if TYPE_CHECKING:
    from netimg.result import StudyResult

_DASH = "–"
_LESION = re.compile(r"L[1-9]\d*")
_SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}
_MOST_LINES = 8


def criteria(result: StudyResult) -> View:
    """Every verdict with value, threshold, distance, source, certainty and what is missing."""
    assessment = result.assessment
    counts = {status.value: assessment.count(status) for status in Status}
    groups = groupby(assessment.verdicts, key=_row_key)
    return {
        "intro": words()["criteria"]["intro"].format(**counts),
        "rows": [_row(list(verdicts)) for _, verdicts in groups],
        "certainties": list(words()["certainty"].values()),
    }


def _row_key(verdict: Verdict) -> tuple[str, str, str]:
    """Lesions of one rule share a row; the patient and each plan have their own."""
    scope = "lesions" if _LESION.fullmatch(verdict.scope) else verdict.scope
    return (verdict.id, verdict.profile, scope)


def _row(verdicts: list[Verdict]) -> View:
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
        "lines": _lines(first) if len(verdicts) == 1 else [],
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
    if _LESION.fullmatch(first.scope):
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
        return value_text(verdict.value, verdict.unit)
    return str(words()["status"][verdict.status.value])


def _lines(verdict: Verdict) -> list[View]:
    """What was compared with what; the value alone where nothing was compared."""
    compared = [c for c in _distinct(verdict.comparisons) if _tells(c)][:_MOST_LINES]
    if not compared:
        shown = "" if verdict.kind == "class" else value_text(verdict.value, verdict.unit)
        return [{"name": "", "value": shown or _DASH, "threshold": _DASH, "distance": _DASH}]
    return [
        {
            "name": name_text(c.fact) if len(compared) > 1 else "",
            "value": value_text(c.value, c.unit, c.threshold) or _DASH,
            "threshold": _threshold(c),
            "distance": _distance(c),
        }
        for c in compared
    ]


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
