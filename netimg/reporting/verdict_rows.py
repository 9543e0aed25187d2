"""Verdicts as a reader counts them: one row per rule and profile, all lesions together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from netimg.reporting.words import words
from netimg.verdict import Status, Verdict

_LESION = re.compile(r"L[1-9]\d*")


def is_lesion(scope: str) -> bool:
    """Tell whether a verdict is about a lesion."""
    return _LESION.fullmatch(scope) is not None


def verdict_rows(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Group verdicts: lesions of one rule share a row; the patient and plans have their own."""
    return [list(row) for _, row in groupby(verdicts, key=_key)]


def _key(verdict: Verdict) -> tuple[str, str, str]:
    scope = "lesions" if is_lesion(verdict.scope) else verdict.scope
    return (verdict.id, verdict.profile, scope)


def counted(verdicts: Iterable[Verdict]) -> str:
    """Say how many rows have which answer: ``3 classes given, 1 met, 2 cannot be judged``.

    The counts add up to the number of rows of `verdict_rows`.
    """
    counts = Counter(_answer(row) for row in verdict_rows(verdicts))
    phrases = words()["counts"]
    if counts["given"] == 1:
        counts["given_one"] = counts.pop("given")
    return ", ".join(text.format(count=counts[key]) for key, text in phrases.items() if counts[key])


def _answer(row: list[Verdict]) -> str:
    """Key of `words()["counts"]` for one row."""
    answers = {verdict.status for verdict in row}
    if row[0].kind == "class" and Status.MET in answers:
        return "given"
    return answers.pop().value if len(answers) == 1 else "differs"
