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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeGuard

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


def problems(tree: object, *, with_image: bool) -> list[Problem]:
    """Everything that is wrong with a raw tree, in the order of the tree.

    Parameters
    ----------
    tree
        As parsed, with dates as ISO strings.
    with_image
        Whether an image measures what it can; such facts are then refused.
    """
    if not isinstance(tree, Mapping):
        return [Problem(FACT_TYPE, "", f"the file is {_shown(tree)}, wanted a table")]
    found = list(dict.fromkeys(_of_schema(tree, with_image=with_image)))
    broken = {p.path for p in found}
    found += [p for p in _of_values(tree, with_image=with_image) if p.path not in broken]
    for group, check in _GROUPS:
        if not any(path.partition(".")[0] in group for path in broken):
            found += check(tree, with_image)
    return found


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
    instance: Any = error.instance
    path = ".".join(map(str, error.absolute_path))
    at = path or "the file"
    if error.validator == "anyOf":
        branch = 1 if isinstance(instance, Mapping) else 0
        for inner in error.context or ():
            if inner.relative_schema_path[0] == branch:
                yield from _translated(inner, with_image=with_image)
    elif error.validator == "additionalProperties":
        known = _known_keys(error)
        for key in sorted(set(instance) - set(known)):
            yield _not_a_fact(f"{path}.{key}".lstrip("."), key, known, path)
    elif error.validator == "required":
        for key in _listed(error):
            if key not in instance:
                yield Problem(FACT_MISSING, f"{path}.{key}".lstrip("."), f"{at} needs {key}")
    elif error.validator == "pattern" and _DATES.search(path):
        sentence = f"{path} = {instance!r} is not a date (YYYY-MM-DD)"
        yield Problem(FACT_DATE, path, sentence)
    else:
        yield Problem(FACT_TYPE, path, f"{at} is {_shown(instance)}, wanted {_wanted(error)}")


def _known_keys(error: ValidationError) -> tuple[str, ...]:
    """Keys that belong where an unknown one stands."""
    schema = error.schema
    return tuple(schema.get("properties", {})) if isinstance(schema, Mapping) else ()


def _listed(error: ValidationError) -> tuple[str, ...]:
    """Words of the schema that an error is about."""
    words = error.validator_value
    return tuple(map(str, words)) if isinstance(words, Sequence) else ()


def _not_a_fact(path: str, key: str, known: Sequence[str], parent: str) -> Problem:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    full = [p for p in fact_paths() if p.rpartition(".")[2] == key and p != path]
    name = full[0] if full else (f"{parent}.{near[0]}".lstrip(".") if near else "")
    hint = f"nearest {name}" if name else f"here belong {', '.join(known)}"
    return Problem(FACT_KEY, path, f"{path} is not a fact, {hint}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'the text "{value}"'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence):
        return "a list"
    if value is None:
        return "nothing"
    return "true or false" if isinstance(value, bool) else f"{value}"


def _wanted(error: ValidationError) -> str:
    value = error.validator_value
    if error.validator == "enum":
        return "one of " + ", ".join(_listed(error))
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


def is_number(value: object) -> TypeGuard[float]:
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
            yield from _of_number(path, float(value))


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
            number = float(value)
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


def _of_lesions(tree: Mapping[str, Any], with_image: bool) -> Iterator[Problem]:
    """Names that must be unique, lesions that must have a size and fit into their segments."""
    lesions = tree.get("lesions", [])
    yield from _twice("lesions", [str(lesion["id"]) for lesion in lesions])
    if with_image:
        return
    for k, lesion in enumerate(lesions):
        if "longest_mm" not in lesion:
            path = f"lesions.{k}"
            yield Problem(FACT_MISSING, f"{path}.longest_mm", f"{path} needs longest_mm")
    yield from _overflow(tree)


def _twice(group: str, names: Sequence[str]) -> Iterator[Problem]:
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield Problem(LES_TWICE, group, f"two {group} are called {name}")


def _of_plans(tree: Mapping[str, Any], with_image: bool) -> Iterator[Problem]:  # noqa: ARG001  # one of the groups
    """Plans with one name each, that say which segments leave."""
    yield from _twice("plans", [str(plan["name"]) for plan in tree.get("plans", [])])
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


def _of_names(tree: Mapping[str, Any], with_image: bool) -> Iterator[Problem]:
    """Lesions that plans and PETs name; with an image they are known only later."""
    if with_image:
        return
    ids = [str(lesion["id"]) for lesion in tree.get("lesions", [])]
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


def _of_operator(tree: Mapping[str, Any], with_image: bool) -> Iterator[Problem]:  # noqa: ARG001  # one of the groups
    """Operator parameters that a facts file overrides: they exist, and fit."""
    table = load_toml("configs", "profiles", "op.toml")
    for name, value in tree.get("op", {}).items():
        path = f"op.{name}"
        if name not in table["op"]:
            yield _not_a_fact(path, name, tuple(table["op"]), "op")
            continue
        usual, words = table["op"][name], table["choices"].get(name)
        both_numbers = is_number(usual) and is_number(value)
        fits = value in words if words else both_numbers or type(usual) is type(value)
        if not fits:
            wanted = f"one of {', '.join(words)}" if words else f"as in {usual}"
            yield Problem(FACT_TYPE, path, f"{path} is {_shown(value)}, wanted {wanted}")


_GROUPS: tuple[
    tuple[tuple[str, ...], Callable[[Mapping[str, Any], bool], Iterator[Problem]]], ...
] = (
    (("lesions", "segments_ml", "liver_ml"), _of_lesions),
    (("plans",), _of_plans),
    (("lesions", "plans", "pet"), _of_names),
    (("op",), _of_operator),
)
"""Checks that look at several keys at once, and the parts of the tree that must be sound first."""
