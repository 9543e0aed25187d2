"""The catalogue: every rule file that ships, and a house's own; list, show, check."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from netimg.assessment.criterion import Criterion
from netimg.assessment.examples import run_examples
from netimg.assessment.rule_file import RuleFile, read_rule_file
from netimg.errors import CRIT_001, CRIT_002, CRIT_003, USE_001, CriteriaError, UsageError
from netimg.resources import load_toml, shipped
from netimg.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """Rules in order: profiles as in ``configs/profiles/names.toml``, then as in their files."""

    rules: tuple[Criterion, ...]
    profiles: Mapping[str, Mapping[str, Any]]
    always: tuple[str, ...]
    parameters: Mapping[str, Any]
    version: str

    def find(self, name: str, profile: str = "", seen_from: str = "") -> Criterion:
        """Rule by id, in a profile, the profile it is seen from, or the only one that has it.

        Raises
        ------
        CriteriaError
            CRIT-003 if there is none, or several profiles have one.
        """
        found = [r for r in self.rules if r.id == name and profile in ("", r.profile)]
        near = [r for r in found if r.profile == seen_from]
        if len(near or found) == 1:
            return (near or found)[0]
        if found:
            names = ", ".join(f"{r.id}@{r.profile}" for r in found)
            raise CriteriaError(CRIT_003, what=f"{name} stands in several profiles: {names}.",
                                todo="Name the profile: ID@PROFILE.")  # fmt: skip
        full = f"{name}@{profile}" if profile else name
        close = difflib.get_close_matches(name, [r.id for r in self.rules], n=1, cutoff=0.4)
        todo = f"Did you mean {close[0]}?" if close else "netimg criteria list shows all."
        raise CriteriaError(CRIT_003, what=f"there is no criterion {full}.", todo=todo)

    def of_profiles(self, profiles: Sequence[str]) -> tuple[Criterion, ...]:
        """Rules of these profiles and of those that are always evaluated; all if none is named.

        Raises
        ------
        CriteriaError
            CRIT-002 for a profile that has no rules, with the nearest name.
        """
        for name in profiles:
            if name not in self.profiles:
                near = difflib.get_close_matches(name, self.profiles, n=1, cutoff=0.4)
                todo = f"Did you mean {near[0]}?" if near else ""
                known = ", ".join(self.profiles)
                raise CriteriaError(
                    CRIT_002, what=f"there is no profile {name}; there are {known}.", todo=todo
                )
        if not profiles:
            return self.rules
        wanted = {*profiles, *self.always}
        return tuple(r for r in self.rules if r.profile in wanted)

    def listed(
        self, *, profile: str | None = None, kind: str | None = None, scope: str | None = None
    ) -> list[dict[str, Any]]:
        """Rules as documents, filtered.

        Raises
        ------
        CriteriaError, UsageError
            CRIT-002 for an unknown profile, USE-001 for a kind or scope that does not exist.
        """
        kinds = ("criterion", "contraindication", "caution", "class")
        for name, value, known in (
            ("--kind", kind, kinds),
            ("--scope", scope, ("patient", "lesion", "plan")),
        ):
            if value is not None and value not in known:
                todo = f"Give one of {', '.join(known)}."
                raise UsageError(USE_001, what=f"{name} {value} does not exist.", todo=todo)
        if profile is not None:
            self.of_profiles((profile,))
        return [
            rule_document(rule, self.parameters)
            for rule in self.rules
            if profile in (None, rule.profile)
            and kind in (None, rule.kind)
            and scope in (None, rule.scope)
        ]

    def described(self, name: str) -> dict[str, Any]:
        """One rule as a document, by ``ID`` or ``ID@PROFILE``.

        Raises
        ------
        CriteriaError
            CRIT-003 if there is none.
        """
        rule, _, profile = name.partition("@")
        return rule_document(self.find(rule, profile), self.parameters)


def rule_document(rule: Criterion, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a reader of a rule wants to see, in a fixed order."""
    table: list[dict[str, str]] = []
    if rule.table is not None:
        for interval in rule.table.intervals:
            limits = " and ".join(f"{op} {edge:g}" for op, edge in interval.limits)
            table.append({"label": interval.label, "when": f"{rule.table.fact} {limits}"})
        table += [{"label": row.label, "when": str(row.when)} for row in rule.table.rows]
    return {
        "id": rule.id,
        "profile": rule.profile,
        "version": rule.version,
        "kind": rule.kind,
        "scope": rule.scope,
        "question": rule.question,
        "expression": "" if rule.expr is None else str(rule.expr),
        "table": table,
        "applies_if": "" if rule.applies_if is None else str(rule.applies_if),
        "inputs": dict(rule.inputs),
        "parameters": {f"${name}": parameters[name] for name in sorted(rule.parameters())},
        "value": rule.value or "",
        "segment_based": rule.segment_based,
        "certainty": rule.certainty,
        "review": rule.review,
        "rationale": rule.rationale,
        "sources": [dict(source) for source in rule.sources],
    }


def load_catalogue(settings: Settings | None = None) -> Catalogue:
    """Every rule that ships, and those of the folders in ``criteria.extra``.

    Raises
    ------
    CriteriaError
        CRIT-001 with file and line of everything that is wrong.
    """
    extra = tuple(str(folder) for folder in (settings or Settings.shipped())["criteria.extra"])
    return _shipped() if not extra else _load(extra)


@cache
def _shipped() -> Catalogue:
    return _load(())


def operator_parameters() -> dict[str, Any]:
    """Operator parameters as shipped."""
    return dict(load_toml("configs", "profiles", "op.toml")["op"])


def check_files(
    paths: Sequence[Path] | None = None, *, settings: Settings | None = None
) -> tuple[list[str], int]:
    """Check rule files and run their examples.

    Parameters
    ----------
    paths
        Files or folders; None = the catalogue of the settings.

    Returns
    -------
    problems, examples
        ``file:line: message`` each, and how many examples ran.
    """
    if paths is None:
        extra = (settings or Settings.shipped())["criteria.extra"]
        given = [*_files(shipped("configs", "criteria")), *_extra_files(extra)]
        return _checked(_read(given))
    given = [file for path in paths for file in _files(path)]
    names = {file.resolve() for file in given}
    beside = [f for f in _files(shipped("configs", "criteria")) if f.resolve() not in names]
    return _checked(_read(given), beside=_read(beside))


def _load(extra: tuple[str, ...]) -> Catalogue:
    files = _read([*_files(shipped("configs", "criteria")), *_extra_files(extra)])
    problems = [problem for file in files for problem in file.problems]
    problems += [] if problems else list(_across(files))
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise CriteriaError(
            CRIT_001,
            what="; ".join(problems[:5]) + more + ".",
            todo="Mend the file; netimg criteria check names everything.",
        )
    names = load_toml("configs", "profiles", "names.toml")
    order = {name: k for k, name in enumerate(names["order"])}
    files = sorted(files, key=lambda file: order[file.profile["name"]])
    text = "".join(repr(rule) for file in files for rule in file.rules)
    return Catalogue(
        rules=tuple(rule for file in files for rule in file.rules),
        profiles={file.profile["name"]: file.profile for file in files},
        always=tuple(names["always"]),
        parameters=operator_parameters(),
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
    )


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _extra_files(folders: Sequence[str]) -> list[Path]:
    return [file for folder in folders for file in _files(Path(folder))]


def _read(paths: Sequence[Path]) -> list[RuleFile]:
    names = tuple(load_toml("configs", "profiles", "names.toml")["order"])
    return [read_rule_file(p, profiles=names, parameters=operator_parameters()) for p in paths]


def _checked(files: Sequence[RuleFile], beside: Sequence[RuleFile] = ()) -> tuple[list[str], int]:
    """Problems of files, then what they are to each other, then their examples."""
    problems = [problem for file in files for problem in file.problems]
    if problems:
        return problems, 0
    problems = list(_across([*beside, *files]))
    if problems:
        return problems, 0
    parameters = operator_parameters()
    whole = _catalogue_of([*beside, *files], parameters)
    ran = 0
    for file in files:
        for k, rule in enumerate(file.rules):
            ran += len(rule.examples)
            for n, message in run_examples(rule, parameters, whole.find):
                problems.append(file.at(f"rule.{k}.example.{n}", message))
    return problems, ran


def _catalogue_of(files: Sequence[RuleFile], parameters: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        rules=tuple(rule for file in files for rule in file.rules),
        profiles={},
        always=(),
        parameters=parameters,
        version="",
    )


def _across(files: Sequence[RuleFile]) -> Iterator[str]:
    """Rules defined twice, references that lead nowhere, and circles of references."""
    whole = _catalogue_of(files, {})
    seen: dict[tuple[str, str], Path] = {}
    for file in files:
        for k, rule in enumerate(file.rules):
            if rule.key in seen:
                message = f"{rule.id}@{rule.profile} stands in {seen[rule.key]} already"
                yield file.at(f"rule.{k}.id", message)
            seen[rule.key] = file.path
            for name, profile in sorted(rule.references()):
                try:
                    whole.find(name, profile, rule.profile)
                except CriteriaError as error:
                    yield file.at(f"rule.{k}.expr", f"{rule.id}: {error.what}")
                    return
    for file in files:
        for k, rule in enumerate(file.rules):
            circle = _circle(whole, rule, (rule.key,))
            if circle:
                names = " -> ".join(name for name, _ in circle)
                yield file.at(f"rule.{k}.expr", f"{rule.id} asks itself: {names}")


def _circle(
    whole: Catalogue, rule: Criterion, path: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """A way back to the first rule of the path, empty if there is none."""
    for name, profile in sorted(rule.references()):
        asked = whole.find(name, profile, rule.profile)
        if asked.key == path[0]:
            return (*path, asked.key)
        if asked.key not in path:
            found = _circle(whole, asked, (*path, asked.key))
            if found:
                return found
    return ()
