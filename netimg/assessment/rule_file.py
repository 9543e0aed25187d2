"""Rule files: text to rules, with everything that is wrong as ``file:line: message``."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.assessment import grammar
from netimg.assessment.criterion import SIGNS, Criterion, criterion_of
from netimg.assessment.facts_check import is_number
from netimg.assessment.grammar import Expr, GrammarError, Parameter
from netimg.assessment.lines import nearest_line, toml_lines
from netimg.assessment.tables import table_problems
from netimg.assessment.vocabulary import vocabulary
from netimg.resources import shipped

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """One file: its profile's row, its rules, what is wrong with it."""

    path: Path
    profile: Mapping[str, Any]
    rules: tuple[Criterion, ...]
    lines: Mapping[str, int]
    problems: tuple[str, ...]

    def at(self, path: str, message: str) -> str:
        """Return ``file:line: message`` for a key of the file."""
        return f"{self.path}:{nearest_line(self.lines, path) or 1}: {message}"


def read_rule_file(
    path: Path, *, profiles: tuple[str, ...], parameters: Mapping[str, Any]
) -> RuleFile:
    """Rules of one file; what cannot be read is a problem and not an error.

    Parameters
    ----------
    path
        A TOML file, named after its profile.
    profiles
        Names that a profile may have.
    parameters
        Operator parameters that rules may read as ``$name``.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            return _unreadable(path, f"larger than {MAX_BYTES} bytes")
        text = path.read_text("utf-8")
        tree = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        return _unreadable(path, str(error))
    lines = toml_lines(text)
    found = [*_of_schema(tree), *_of_profile(tree, path, profiles)]
    rules: list[Criterion] = []
    if not found:
        for k, entry in enumerate(tree["rule"]):
            rule, wrong = _rule(entry, f"rule.{k}", parameters)
            found += wrong
            rules += [rule] if rule is not None else []
        found += list(_of_keys(tree))
    empty = RuleFile(path=path, profile={}, rules=(), lines=lines, problems=())
    return RuleFile(
        path=path,
        profile=tree.get("profile", {}),
        rules=tuple(rules),
        lines=lines,
        problems=tuple(empty.at(where, message) for where, message in found),
    )


def _unreadable(path: Path, why: str) -> RuleFile:
    problem = f"{path}:1: cannot be read: {why}"
    return RuleFile(path=path, profile={}, rules=(), lines={}, problems=(problem,))


@cache
def _validator() -> Draft202012Validator:
    import jsonschema

    schema = json.loads(shipped("configs", "schemas", "criteria-1.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _of_schema(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for error in _validator().iter_errors(tree):
        path = ".".join(map(str, error.absolute_path))
        yield from ((f"{path}.{key}".lstrip("."), text) for key, text in _sentences(error))


def _sentences(error: ValidationError) -> Iterator[tuple[str, str]]:
    """(key, sentence) of a schema error."""
    instance: Any = error.instance
    here = f"{error.absolute_path[-1]}: " if error.absolute_path else ""
    if error.validator == "additionalProperties":
        schema: Any = error.schema
        known = tuple(schema["properties"])
        for key in sorted(set(instance) - set(known)):
            near = difflib.get_close_matches(key, known, n=1)
            hint = f", nearest {near[0]}" if near else ""
            yield key, f"{key} is not a key of a rule file{hint}"
    elif error.validator == "required":
        wanted: Any = error.validator_value
        for key in wanted:
            if key not in instance:
                yield "", f"{key} is missing"
    elif error.validator == "oneOf":
        yield "", f"{here}not one of the forms it may have"
    else:
        yield "", f"{here}{error.message}"


def _of_profile(
    tree: Mapping[str, Any], path: Path, profiles: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    name = tree.get("profile", {}).get("name") if isinstance(tree.get("profile"), Mapping) else None
    if not isinstance(name, str):
        return
    if name != path.stem:
        yield "profile.name", f"profile {name} stands in a file called {path.name}"
    if name not in profiles:
        near = difflib.get_close_matches(name, profiles, n=1)
        hint = f", nearest {near[0]}" if near else ""
        yield "profile.name", f"profile {name} is not in configs/profiles/names.toml{hint}"
    for k, rule in enumerate(tree.get("rule", [])):
        if isinstance(rule, Mapping) and rule.get("profile") != name:
            message = f"rule of profile {rule.get('profile')} in the file of {name}"
            yield f"rule.{k}.profile", message


def _of_keys(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for k, rule in enumerate(tree["rule"]):
        if rule["id"] in seen:
            yield f"rule.{k}.id", f"{rule['id']} stands twice"
        seen.add(rule["id"])


def _rule(
    tree: Mapping[str, Any], path: str, parameters: Mapping[str, Any]
) -> tuple[Criterion | None, list[tuple[str, str]]]:
    """One rule and what is wrong with it."""
    found = [(f"{path}.{key}", text) for key, text in _of_shape(tree)]
    if found:
        return None, found
    try:
        rule = criterion_of(tree)
    except GrammarError as error:
        key = next((k for k in ("expr", "applies_if", "table") if _is_bad(tree, k)), "expr")
        return None, [(f"{path}.{key}", f"{tree['id']}: {error}")]
    checks: tuple[Callable[[], Iterator[tuple[str, str]]], ...] = (
        lambda: _of_inputs(rule),
        lambda: _of_parameters(rule, parameters),
        lambda: _of_examples(rule),
        lambda: _of_boundary(rule, parameters),
    )
    found = [(f"{path}.{key}", f"{rule.id}: {text}") for check in checks for key, text in check()]
    if rule.table is not None and not found:
        found += [(f"{path}.table", f"{rule.id}: {t}") for t in table_problems(rule, parameters)]
    return rule, found


def _is_bad(tree: Mapping[str, Any], key: str) -> bool:
    """Whether this key holds the expression that cannot be read."""
    try:
        criterion_of(
            {k: v for k, v in tree.items() if k not in {"expr", "applies_if", "table"} - {key}}
        )
    except GrammarError:
        return True
    return False


def _of_shape(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the schema cannot say: one of two keys, rows of one sort."""
    if ("expr" in tree) == ("table" in tree):
        yield "id", f"{tree['id']} needs expr or table, one of them"
        return
    if ("table" in tree) != (tree["kind"] == "class"):
        yield "kind", f"{tree['id']}: a class has a table, every other kind an expression"
    if "table" not in tree:
        return
    table = tree["table"]
    labels = [row["label"] for row in table["rows"]]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield "table", f"{tree['id']}: label {label} stands twice"
    for k, row in enumerate(table["rows"]):
        limits = [key for key in row if key in SIGNS]
        is_interval = "fact" in table
        if is_interval and ("when" in row or not limits):
            yield f"table.rows.{k}", f"row {row['label']} needs limits (eq gt ge lt le), no when"
        if not is_interval and ("when" not in row or limits):
            yield f"table.rows.{k}", f"row {row['label']} needs when, and no limits"


def _of_inputs(rule: Criterion) -> Iterator[tuple[str, str]]:
    """Facts that are read and declared are the same, exist, and have the unit they are given."""
    words = vocabulary()
    for name, unit in rule.inputs.items():
        word = words.get(name)
        if word is None:
            near = difflib.get_close_matches(name, words, n=1)
            hint = f", nearest {near[0]}" if near else ""
            yield f"inputs.{name}", f"{name} is not a fact that rules can read{hint}"
        elif unit != word.unit:
            yield f"inputs.{name}", f"{name} is given in {unit}, it has {word.unit}"
        scope = name.partition(".")[0]
        if scope in ("lesion", "plan") and rule.scope != scope and not _is_quantified(rule, scope):
            yield f"inputs.{name}", f"{name} is read in scope {rule.scope}"
    for name in sorted(rule.facts() - set(rule.inputs)):
        yield "inputs", f"{name} is read and not among the inputs"
    for name in sorted(set(rule.inputs) - rule.facts()):
        yield f"inputs.{name}", f"{name} is among the inputs and not read"
    if rule.value not in (None, "label") and rule.value not in rule.inputs:
        yield "value", f"value {rule.value} is not among the inputs"
    yield from _of_kinds(rule)


def _is_quantified(rule: Criterion, scope: str) -> bool:
    return any(getattr(e, "quantifier", "").endswith(scope) for e in rule.expressions())


def _of_kinds(rule: Criterion) -> Iterator[tuple[str, str]]:
    """Numbers are compared, words are looked up, yes-or-no facts are asked."""
    words = vocabulary()
    for expr in rule.expressions():
        name = getattr(expr, "fact", None)
        word = words.get(name) if isinstance(name, str) else None
        if word is None:
            continue
        kind = type(expr).__name__
        wanted = {"Compare": word.is_number, "Is": word.unit == "bool"}.get(kind, True)
        if not wanted:
            yield "expr", f"{expr} does not fit {name}, which is {word.unit}"
        named = _named_words(expr)
        for value in named:
            if word.words and value not in word.words:
                yield "expr", f"{name} is never {value}; it is one of {', '.join(word.words)}"


def _named_words(expr: Expr) -> tuple[str, ...]:
    """Words that an expression asks a fact for."""
    match expr:
        case grammar.Case():
            return tuple(value for value, _ in expr.branches)
        case grammar.In():
            return expr.values
        case _:
            return ()


def _of_parameters(rule: Criterion, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(rule.parameters()):
        value = parameters.get(name)
        if value is None:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f", nearest ${near[0]}" if near else ""
            yield "expr", f"${name} is not an operator parameter{hint}"
        elif isinstance(value, bool | str):
            yield "expr", f"${name} is {value!r} and no number"


def _of_examples(rule: Criterion) -> Iterator[tuple[str, str]]:
    """Every answer, or every label, and unknown must have an example."""
    expected = {e.expect for e in rule.examples}
    wanted = {"met", "unknown"} if rule.is_class else {"met", "not_met", "unknown"}
    for status in sorted(wanted - expected):
        yield "example", f"there is no example for {status}"
    if rule.table is not None:
        labels = {row.label for row in rule.table.intervals}
        labels |= {row.label for row in rule.table.rows}
        shown = {e.value for e in rule.examples if e.expect == "met"}
        for label in sorted(labels - {str(v) for v in shown}):
            yield "example", f"there is no example for label {label}"
    for k, example in enumerate(rule.examples):
        for name in example.given:
            if name[0] not in "@$" and name not in (*rule.inputs, "lesions", "plans"):
                yield f"example.{k}", f"{name} is given and not among the inputs"


def _of_boundary(rule: Criterion, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A rule that compares numbers has an example exactly on one of its limits."""
    limits: set[tuple[str | None, float]] = set()
    if rule.table is not None:
        limits |= {(rule.table.fact, edge) for edge in rule.table.edges}
    for expr in rule.expressions():
        if isinstance(expr, grammar.Compare):
            named = expr.threshold
            number = parameters.get(named.name) if isinstance(named, Parameter) else named
            if is_number(number):
                limits.add((expr.fact, float(number)))
    given = {pair for example in rule.examples for pair in _given_pairs(example.given)}
    if limits and not limits & given:
        facts = ", ".join(sorted(f"{fact} = {number:g}" for fact, number in limits))
        yield "example", f"there is no example exactly on a limit ({facts})"


def _given_pairs(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(fact, value) of an example, also of its lesions and plans."""
    for name, value in given.items():
        if name in ("lesions", "plans"):
            for entry in value:
                for key, inner in entry.items():
                    yield from ((key, inner), (f"{name[:-1]}.{key}", inner))
        elif isinstance(value, int | float | str):
            yield name, value
