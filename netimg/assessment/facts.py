"""Clinical facts: from the raw tree of a facts file to `Facts` in canonical units.

The text is read by ``reading.facts_file``; here it gets its meaning. All problems of a tree are
told at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from netimg import units
from netimg.assessment.facts_check import Problem, fact_paths, kind_of, problems, words_of
from netimg.assessment.lines import nearest_line
from netimg.errors import USE_001, FactsError, UsageError
from netimg.finding import Facts
from netimg.flag import Flag, Severity
from netimg.resources import shipped

_ONE = re.compile(r"(?P<name>[\w.]+)\s*=\s*(?P<value>[^@]+?)\s*(?:@\s*(?P<date>\S+))?\Z")
_QUANTITY = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>.*)\Z")
_TRUTHS = {"true": True, "false": False, "yes": True, "no": False}


def facts_from_tree(
    tree: Mapping[str, Any],
    *,
    with_image: bool,
    lines: Mapping[str, int] | None = None,
    where: str = "",
) -> Facts:
    """Facts of a raw tree, checked and in canonical units.

    Parameters
    ----------
    tree
        Parsed TOML or JSON of schema ``netimg.facts/1``.
    with_image
        Whether an image measures what it can; such facts are then refused.
    lines
        Line of each path in the file (`lines.toml_lines`), for messages.
    where
        Name of the file, for messages.

    Returns
    -------
    Facts
        ``tree``: clinical facts as plain values, laboratory values in canonical units, dates as
        ISO text, enumerated ``unknown`` left out. ``entered``: as the user wrote it.

    Raises
    ------
    FactsError
        FACT- and LES- codes. One error names every problem; its code is that of the first.
    """
    entered = _plain(tree)
    found = problems(entered, with_image=with_image)
    if found:
        raise _error(found, lines or {}, where)
    date = entered.get("assessment_date")
    return Facts(
        tree=_canonical(entered),
        entered=entered,
        assessment_date=None if date is None else dt.date.fromisoformat(date),
    )


def one_fact(text: str) -> tuple[str, Any]:
    """Path and raw value of one fact as typed for ``--fact``.

    Parameters
    ----------
    text
        ``NAME=VALUE``, with unit and ``@DATE`` where the fact has them.

    Raises
    ------
    UsageError
        USE-001 for a name that is no fact, or a value that is not of its kind.

    Examples
    --------
    >>> one_fact("clinical.ecog=1")
    ('clinical.ecog', 1)
    >>> one_fact("labs.bilirubin_total=21 umol/L@2026-02-20")
    ('labs.bilirubin_total', {'value': 21, 'unit': 'umol/L', 'date': '2026-02-20'})
    """
    match = _ONE.match(text.strip())
    if match is None:
        raise _usage(text, f"{text!r} is not NAME=VALUE", 'As in "labs.inr=1.1 1@2026-02-20".')
    name = match["name"]
    if name not in fact_paths():
        near = difflib.get_close_matches(name, fact_paths(), n=1, cutoff=0.4)
        todo = f"Did you mean {near[0]}?" if near else "netimg criteria list shows what is read."
        raise _usage(text, f"{name} is not a fact", todo)
    value, unit = _typed(name, match["value"], text)
    entry: dict[str, Any] = {"value": value}
    if unit:
        entry["unit"] = units.written(unit)
    if match["date"]:
        entry["date"] = match["date"]
    return name, entry if kind_of(name) == "lab" or len(entry) > 1 else value


def with_fact(tree: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Raw tree with one typed fact laid over it; it wins over the file's.

    Parameters
    ----------
    tree
        Raw tree of a file, or ``{"schema": "netimg.facts/1"}``.
    text
        As for `one_fact`.
    """
    name, value = one_fact(text)
    group, _, key = name.partition(".")
    return dict(tree) | {group: dict(tree.get(group, {})) | {key: value}}


def told_twice(tree: Mapping[str, Any], texts: Sequence[str]) -> tuple[Flag, ...]:
    """Flag for every typed fact that the file gives otherwise; the typed one is taken."""
    flags = []
    for text in texts:
        name, value = one_fact(text)
        group, _, key = name.partition(".")
        if key in tree.get(group, {}) and _plain(tree[group][key]) != value:
            sentence = f"File and --fact differ for {name}; the option was taken."
            flags.append(
                Flag(
                    code="FACT-TWICE", severity=Severity.MEDIUM, sentence=sentence, touches=(name,)
                )
            )
    return tuple(flags)


def template() -> str:
    """Return a commented facts file to fill in, TOML."""
    return shipped("configs", "schemas", "facts-template.toml").read_text("utf-8")


def _usage(text: str, what: str, todo: str) -> UsageError:
    return UsageError(USE_001, what=f"{what}.", where=f"--fact {text}", todo=todo)


def _typed(name: str, value: str, text: str) -> tuple[float | int | bool | str, str]:
    """Value of the kind the fact has, and the unit behind it."""
    kind = kind_of(name)
    quantity = _QUANTITY.match(value)
    if kind == "boolean" and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()], ""
    if kind == "enum" and value in words_of(name):
        return value, ""
    if kind in ("number", "integer", "lab") and quantity:
        number = quantity["number"]
        whole = number.lstrip("+-").isdigit()
        return (int(number) if whole else float(number)), quantity["unit"]
    wanted = {"boolean": "true or false", "enum": f"one of {', '.join(words_of(name))}"}
    raise _usage(text, f"{name} is {value!r}, wanted {wanted.get(kind, 'a number')}", "")


def _error(found: Sequence[Problem], lines: Mapping[str, int], where: str) -> FactsError:
    """All problems as one refusal."""
    parts = []
    for problem in found:
        line = nearest_line(lines, problem.path)
        place = f" (line {line})" if line else ""
        code = "" if problem is found[0] else f"{problem.code} "
        parts.append(f"{code}{problem.sentence}{place}")
    todo = "Correct the facts; nothing was taken from them."
    return FactsError(found[0].code, what="; ".join(parts) + ".", where=where, todo=todo)


def _plain(node: Any) -> Any:  # noqa: ANN401  # a node of a tree
    """A copy that JSON can hold: dates as ISO text."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(value) for value in node]
    if isinstance(node, dt.date):
        return node.isoformat()
    return node


def _canonical(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Units to canonical; clinical objects to their value; told 'unknown' left out."""
    clean = {k: v for k, v in tree.items() if k not in ("expected", "comment", "title")}
    if "clinical" in clean:
        values = {k: _clinical(f"clinical.{k}", v) for k, v in clean["clinical"].items()}
        clean["clinical"] = {k: v for k, v in values.items() if v != "unknown"}
    if "labs" in clean:
        clean["labs"] = {k: _lab(f"labs.{k}", v) for k, v in clean["labs"].items()}
    return clean


def _clinical(path: str, node: Any) -> Any:  # noqa: ANN401  # a node of a tree
    if not isinstance(node, Mapping):
        return node
    value = node["value"]
    unit = node.get("unit")
    return value if unit is None else units.to_canonical(path, value, units.written(unit))


def _lab(path: str, node: Mapping[str, Any]) -> dict[str, Any]:
    unit = units.written(node["unit"])
    entry = dict(node) | {
        "value": units.to_canonical(path, node["value"], unit),
        "unit": units.canonical(path),
    }
    if "uln" in node:
        entry["uln"] = units.to_canonical(path, node["uln"], unit)
    return entry
