"""What is wrong with a tree of clinical facts: every problem, each with code and path.

The schema (``configs/schemas/facts-1.json``) says which keys and kinds there are, the table beside
it what is physically possible, `units.ACCEPTED` which units a fact may have.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from netimg import units
from netimg.errors import (
    FACT_DATE,
    FACT_DATE_FUTURE,
    FACT_IMAGE,
    FACT_KEY,
    FACT_MISSING,
    FACT_RANGE,
    FACT_TYPE,
    FACT_UNIT,
    LES_OVERFLOW,
    LES_TWICE,
    LES_UNKNOWN,
    Code,
)
from netimg.resources import load_toml, shipped

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")

_FROM_IMAGE = (
    "segments_ml", "liver_ml", "lesions.*.vol_ml", "lesions.*.longest_mm",
    "pet.*.reference", "pet.*.lesions.*.suvmax",
)  # fmt: skip
_DATES = re.compile(r"(?:^|[._])date(?:_before|_after)?$")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the code, where in the tree, and the sentence."""

    code: Code
    path: str
    sentence: str


def problems(tree: Mapping[str, Any], *, with_image: bool) -> list[Problem]:
    """Everything that is wrong with a raw tree, in the order of the tree.

    Parameters
    ----------
    tree
        As parsed, with dates as ISO strings.
    with_image
        Whether an image measures what it can; such facts are then refused.
    """
    found = list(dict.fromkeys(_of_schema(tree, with_image=with_image)))
    if any(p.code in (FACT_KEY, FACT_TYPE, FACT_MISSING) for p in found):
        broken = {p.path for p in found}
        found += [p for p in _of_values(tree, with_image=with_image) if p.path not in broken]
        return found
    return [*found, *_of_values(tree, with_image=with_image), *_of_lesions(tree, with_image)]


def fact_paths() -> tuple[str, ...]:
    """Every fact that a single ``NAME=VALUE`` can set: ``clinical.ecog``, ``labs.inr``."""
    properties = _schema()["properties"]
    names = [
        f"{group}.{k}" for group in ("clinical", "labs") for k in properties[group]["properties"]
    ]
    return tuple(
        n for n in names if n not in ("clinical.extrahepatic", "clinical.prior_treatments")
    )


def words_of(path: str) -> tuple[str, ...]:
    """Words that an enumerated clinical fact may take; empty for numbers and yes-or-no facts."""
    node = _schema()["properties"]["clinical"]["properties"].get(path.removeprefix("clinical."), {})
    return tuple(node.get("anyOf", [{}])[0].get("enum", ()))


def kind_of(path: str) -> str:
    """``number``, ``integer``, ``boolean``, ``enum`` or ``lab``: how a fact is written."""
    group, _, name = path.partition(".")
    node = _schema()["properties"][group]["properties"][name]
    if "$ref" in node:
        kind: str = {"number": "number", "yes_no": "boolean", "lab": "lab"}[
            node["$ref"].split("/")[-1]
        ]
        return kind
    return "enum" if words_of(path) else "integer"


@cache
def _schema() -> dict[str, Any]:
    text = shipped("configs", "schemas", "facts-1.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> Draft202012Validator:
    import jsonschema

    return jsonschema.Draft202012Validator(_schema())


@cache
def _ranges() -> tuple[tuple[re.Pattern[str], tuple[float, float], str], ...]:
    table = load_toml("configs", "schemas", "facts-ranges-1.toml")
    return tuple(
        (re.compile(re.escape(path).replace(r"\*", r"[^.]+") + r"\Z"), (low, high), path)
        for path, (low, high) in table.items()
    )


def _of_schema(tree: Mapping[str, Any], *, with_image: bool) -> Iterator[Problem]:
    for error in _validator().iter_errors(tree):
        yield from _translated(error, with_image=with_image)


def _translated(error: ValidationError, *, with_image: bool) -> Iterator[Problem]:
    """One schema error in the words of the code table."""
    path = ".".join(map(str, error.absolute_path))
    at = path or "the file"
    if error.validator == "anyOf":
        branch = 1 if isinstance(error.instance, Mapping) else 0
        for inner in error.context or ():
            if inner.relative_schema_path[0] == branch:
                yield from _translated(inner, with_image=with_image)
    elif error.validator == "additionalProperties":
        known = tuple(error.schema.get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            yield _not_a_fact(f"{path}.{key}".lstrip("."), key, known, path)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Problem(FACT_MISSING, f"{path}.{key}".lstrip("."), f"{at} needs {key}")
    elif error.validator == "pattern" and _DATES.search(path):
        sentence = f"{path} = {error.instance!r} is not a date (YYYY-MM-DD)"
        yield Problem(FACT_DATE, path, sentence)
    else:
        yield Problem(FACT_TYPE, path, f"{at} is {_shown(error.instance)}, wanted {_wanted(error)}")


def _not_a_fact(path: str, key: str, known: Sequence[str], parent: str) -> Problem:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    full = [p for p in fact_paths() if p.rpartition(".")[2] == key and p != path]
    name = f"{parent}.{near[0]}".lstrip(".") if near else (full[0] if full else "")
    hint = f"nearest {name}" if name else f"here belong {', '.join(known)}"
    return Problem(FACT_KEY, path, f"{path} is not a fact, {hint}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'the text "{value}"'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence):
        return "a list"
    return "true or false" if isinstance(value, bool) else f"{value}"


def _wanted(error: ValidationError) -> str:
    value = error.validator_value
    if error.validator == "enum":
        return "one of " + ", ".join(map(str, value))
    if error.validator == "const":
        return f'"{value}"'
    kinds = {
        "number": "a number (4.1, without quotes; the unit is a key of its own)",
        "integer": "a whole number", "boolean": "true or false", "string": "a text",
        "array": "a list", "object": "a table",
    }  # fmt: skip
    if isinstance(value, str) and value in kinds:
        return kinds[value]
    return error.message


def _leaves(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, node) of every node below, outer ones first."""
    if path:
        yield path, node
    inner: Iterator[tuple[str, object]] = iter(())
    if isinstance(node, Mapping):
        inner = iter((str(k), v) for k, v in node.items())
    elif isinstance(node, Sequence) and not isinstance(node, str):
        inner = iter((str(k), v) for k, v in enumerate(node))
    for key, value in inner:
        if path or key != "expected":
            yield from _leaves(value, f"{path}.{key}".lstrip("."))


def is_number(value: object) -> bool:
    """Whether it is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_values(tree: Mapping[str, Any], *, with_image: bool) -> Iterator[Problem]:
    """Dates, units, physical ranges, and what only the image may say."""
    today = _date(tree.get("assessment_date"))
    for path, value in _leaves(tree):
        if with_image and any(_fits(pattern, path) for pattern in _FROM_IMAGE):
            sentence = f"{path} is measured from the image here; use masks to correct it"
            yield Problem(FACT_IMAGE, path, sentence)
        if _DATES.search(path) and isinstance(value, str):
            yield from _of_date(path, value, today)
        if isinstance(value, Mapping) and "value" in value:
            yield from _of_quantity(path, value)
        elif is_number(value) and not path.endswith((".value", ".uln")):
            yield from _of_number(path, float(value))  # type: ignore[arg-type]  # is_number says so


def _fits(pattern: str, path: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", r"[^.]+"), path))


def _date(text: object) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _of_date(path: str, text: str, today: dt.date | None) -> Iterator[Problem]:
    day = _date(text)
    if day is None:
        yield Problem(FACT_DATE, path, f"{path} = {text!r} is not a date (YYYY-MM-DD)")
    elif today is not None and day > today:
        sentence = f"{path} = {text} lies after the assessment date {today}"
        yield Problem(FACT_DATE_FUTURE, path, sentence)


def _of_quantity(path: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    """A value with a unit: laboratory values and dated clinical facts."""
    unit = entry.get("unit")
    accepted = units.ACCEPTED.get(path, {})
    if isinstance(unit, str) and units.written(unit) not in accepted:
        names = ", ".join(accepted) or "no unit at all"
        sentence = f"{path} cannot be in {unit}; accepted: {names}"
        yield Problem(FACT_UNIT, f"{path}.unit", sentence)
        return
    for key in ("value", "uln"):
        value = entry.get(key)
        if is_number(value):
            number = float(value)  # type: ignore[arg-type]  # is_number says so
            if isinstance(unit, str):
                number = units.to_canonical(path, number, units.written(unit))
            yield from _of_number(path, number)


def _of_number(path: str, value: float) -> Iterator[Problem]:
    if not math.isfinite(value):
        yield Problem(FACT_TYPE, path, f"{path} is {value}, wanted a number")
        return
    for pattern, (low, high), _ in _ranges():
        if pattern.match(path) and not low <= value <= high:
            unit = units.canonical(path)
            shown = f"{low:g} to {high:g}" + ("" if unit == "1" else f" {unit}")
            sentence = f"{path} = {value:g} is physically impossible ({shown})"
            yield Problem(FACT_RANGE, path, sentence)


def _of_lesions(tree: Mapping[str, Any], with_image: bool) -> Iterator[Problem]:  # noqa: FBT001  # passed on
    """Names that must be unique or exist, and lesions that must fit into their segments."""
    lesions = tree.get("lesions", [])
    ids = [str(lesion["id"]) for lesion in lesions]
    names = [str(plan["name"]) for plan in tree.get("plans", [])]
    for kind, given in (("lesions", ids), ("plans", names)):
        for name in sorted({n for n in given if given.count(n) > 1}):
            yield Problem(LES_TWICE, kind, f"two {kind} are called {name}")
    yield from _of_plans(tree)
    if with_image:
        return
    for k, lesion in enumerate(lesions):
        if "longest_mm" not in lesion:
            path = f"lesions.{k}"
            yield Problem(FACT_MISSING, f"{path}.longest_mm", f"{path} needs longest_mm")
    yield from _unknown_lesions(tree, ids)
    yield from _overflow(tree)


def _of_plans(tree: Mapping[str, Any]) -> Iterator[Problem]:
    known = tuple(load_toml("configs", "planning", "templates.toml")["templates"])
    for k, plan in enumerate(tree.get("plans", [])):
        path = f"plans.{k}"
        template = plan.get("template")
        if template is None and "segments" not in plan:
            sentence = f"{path} needs template or segments"
            yield Problem(FACT_MISSING, path, sentence)
        elif template is not None and "segments" in plan:
            sentence = f"{path} has template and segments, wanted one of them"
            yield Problem(FACT_TYPE, path, sentence)
        elif template is not None and template not in known:
            near = difflib.get_close_matches(template, known, n=1)
            hint = f", nearest {near[0]}" if near else ""
            sentence = f"{path}.template is {template}, wanted one of {', '.join(known)}{hint}"
            yield Problem(FACT_TYPE, f"{path}.template", sentence)


def _unknown_lesions(tree: Mapping[str, Any], ids: Sequence[str]) -> Iterator[Problem]:
    named = [
        (f"plans.{k}.local.{i}.lesion", str(local["lesion"]))
        for k, plan in enumerate(tree.get("plans", []))
        for i, local in enumerate(plan.get("local", []))
    ]
    named += [
        (f"pet.{tracer}.lesions.{name}", name)
        for tracer, pet in tree.get("pet", {}).items()
        for name in pet.get("lesions", {})
    ]
    for path, name in named:
        if name not in ids:
            present = ", ".join(ids) or "none"
            yield Problem(LES_UNKNOWN, path, f"{path} names lesion {name}; present: {present}")


def _overflow(tree: Mapping[str, Any]) -> Iterator[Problem]:
    tumour = [
        lesion.get("vol_ml", {})
        for lesion in tree.get("lesions", [])
        if lesion.get("type", "metastasis") in ("metastasis", "indeterminate")
    ]
    if "segments_ml" in tree:
        sizes = tree["segments_ml"]
        rooms = [(f"segment {s}", [v.get(s, 0.0) for v in tumour], sizes[s]) for s in SEGMENTS]
    elif "liver_ml" in tree:
        rooms = [("the liver", [x for v in tumour for x in v.values()], tree["liver_ml"])]
    else:
        return
    for name, parts, room_ml in rooms:
        used_ml = math.fsum(parts)
        if used_ml > room_ml + 1e-9 * max(1.0, room_ml):
            sentence = (
                f"lesions of {name} are larger than {name} ({used_ml:g} mL in {room_ml:g} mL)"
            )
            yield Problem(LES_OVERFLOW, "lesions", sentence)
