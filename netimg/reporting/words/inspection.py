"""The text form of ``netimg inspect``: what is there, what is used and why, what is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from netimg.reporting.words import words
from netimg.reporting.words.sentences import tracer_name
from netimg.reporting.words.terminal import table_lines

_ALIKE_SHOWN = 3
"""Sentences of one code that are shown; the document has all."""


def inspect_lines(tree: Mapping[str, Any]) -> Iterator[str]:
    """Text form of ``inspect --json``: series, what is used, SUV, doubts, what is set aside."""
    yield from _head(tree)
    yield from table_lines([_series_row(series) for series in tree["series"]])
    yield from _used(tree)
    for series in tree["series"]:
        if series.get("not_used"):
            yield f"not used  {_named(series)}"
    for series in tree["series"]:
        if series.get("suv") is not None:
            yield f"SUV  series {series['number']}: {_suv(series['suv'])}"
    yield from _problems(tree.get("problems", ()))
    counts = tree["files"]
    split = f"{counts['in_series']} in series + {counts['set_aside']} set aside"
    yield f"{_files(counts['found'])} = {split}"
    for entry in tree.get("every_file", ()):
        yield f"{entry['path']}  {entry['fate']}"


def _head(tree: Mapping[str, Any]) -> Iterator[str]:
    patient = tree.get("patient")
    if patient:
        yield "patient  " + ", ".join(f"{k} {v}" for k, v in patient.items() if v is not None)
    study = tree.get("study") or {}
    said = [study[key] for key in ("date", "time", "description") if study.get(key)]
    if study.get("time"):
        said[said.index(study["time"])] = study["time"][:5]
    if said:
        yield f"study  {', '.join(said)}"


def _used(tree: Mapping[str, Any]) -> Iterator[str]:
    phrases = words()["inspect"]
    uses = tree.get("used", ())
    if not uses:
        any_there = "nothing_by_itself" if tree["series"] else "nothing"
        yield f"used  {phrases[any_there]}"
    for use in uses:
        yield f"used  series {use['number']} as {_role(use, used=True)}"
        for why in use.get("why", ()):
            yield f"      {why}"


def _series_row(series: Mapping[str, Any]) -> dict[str, str]:
    suv = series.get("suv")
    possible = "" if suv is None else ("yes" if suv["possible"] else f"no ({suv['code']})")
    return {
        "no": str(series["number"]),
        "kind": series["kind"],
        "description": series["description"] or "-",
        "slices": str(series["slices"]),
        "spacing mm": " x ".join(f"{s:.3g}" for s in series["spacing_mm"]),
        "plane": series.get("plane", "-"),
        "phase or tracer": _phase_or_tracer(series),
        "SUV": possible,
        "role": _role(series, used=series["used"]),
    }


def _phase_or_tracer(series: Mapping[str, Any]) -> str:
    if series["kind"] == "PET":
        return tracer_name(series.get("tracer"), series.get("nuclide"))
    phase = series.get("phase")
    return str(words()["phases"][phase]) if phase else "-"


def _role(series: Mapping[str, Any], *, used: bool) -> str:
    role = "other_pet" if used and series["role"] == "other" else series["role"]
    return str(words()["roles"][role])


def _named(series: Mapping[str, Any]) -> str:
    """Why a series is not used; the sentence names it, or it is named before."""
    why, name = series["not_used"], f"series {series['number']}"
    return str(why) if why.casefold().startswith(f"{name} ") else f"{name}: {why}"


def _suv(suv: Mapping[str, Any]) -> str:
    """Whether there is SUV, how it comes about, or why not and what to do."""
    phrases = words()["inspect"]
    if not suv["possible"]:
        why = " ".join(filter(None, (suv["code"], suv.get("sentence"), suv.get("todo"))))
        return f"{phrases['no_suv']}. {why}"
    parts = [_norm(suv), suv.get("sentence")]
    if suv.get("uptake_s") is not None:
        parts.append(phrases["minutes"].format(minutes=f"{suv['uptake_s'] / 60:.0f}"))
    return "; ".join(part for part in parts if part)


def _norm(suv: Mapping[str, Any]) -> str:
    """What SUV is normalised by, and the factor to the norm that was asked for."""
    phrases, norms = words()["inspect"], words()["norms"]
    asked = suv.get("norm", "bw")
    ratio = (suv.get("norm_ratios") or {}).get(asked)
    if asked == "bw" or ratio is None:
        return str(phrases["suv"].format(norm=norms["bw"]))
    other = norms.get(asked, asked)
    return str(phrases["suv_other"].format(norm=norms["bw"], ratio=f"{ratio:.3f}", other=other))


def _problems(problems: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Doubts first, then what was set aside; of one code only the first few."""
    for aside in (False, True):
        kept = [p for p in problems if (p["severity"] == "set aside") == aside]
        for code, same in groupby(kept, key=lambda p: p["code"]):
            rows = list(same)
            for row in rows[:_ALIKE_SHOWN]:
                yield _problem(row, aside=aside)
            rest = rows[_ALIKE_SHOWN:]
            if rest:
                more = sum(row["count"] for row in rest) if aside else len(rest)
                yield words()["inspect"]["more"].format(code=code, more=more)


def _problem(row: Mapping[str, Any], *, aside: bool) -> str:
    files = f"{_files(row['count'])} set aside: " if aside else ""
    return f"{row['code']}  {files}{row['sentence']} {row.get('todo', '')}".rstrip()


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"
