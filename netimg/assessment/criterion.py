"""One rule as data: `Criterion`, its table, its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netimg.assessment import grammar
from netimg.assessment.grammar import Expr, Parameter

SIGNS: Mapping[str, str] = {"eq": "==", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
"""Keys of an interval row and the comparison they stand for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A row of a table over one fact: the label if every limit holds."""

    label: str
    limits: tuple[tuple[str, float], ...]
    """(operator, threshold)."""


@dataclass(frozen=True, slots=True)
class When:
    """A row of a table of expressions."""

    label: str
    when: Expr


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that cover every case without overlap; ``fact`` is None for rows of expressions."""

    fact: str | None
    intervals: tuple[Interval, ...] = ()
    rows: tuple[When, ...] = ()

    @property
    def edges(self) -> tuple[float, ...]:
        """Every threshold of its intervals, ascending."""
        return tuple(sorted({edge for row in self.intervals for _, edge in row.limits}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a rule must answer to given facts; ``value`` and ``reasons`` None = not compared."""

    given: Mapping[str, Any]
    expect: str
    value: float | str | bool | None = None
    reasons: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A rule of a profile. Exactly one of ``expr`` and ``table`` is there."""

    id: str
    version: str
    profile: str
    kind: str
    scope: str
    question: str
    inputs: Mapping[str, str]
    expr: Expr | None = None
    table: Table | None = None
    applies_if: Expr | None = None
    value: str | None = None
    segment_based: bool = False
    sources: tuple[Mapping[str, str], ...] = ()
    certainty: str = ""
    review: str = "draft"
    rationale: str = ""
    examples: tuple[Example, ...] = field(default=(), repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """(id, profile): unique in a catalogue."""
        return (self.id, self.profile)

    @property
    def is_class(self) -> bool:
        """Whether it gives a label and not yes or no."""
        return self.kind == "class"

    def expressions(self) -> Iterator[Expr]:
        """Every expression in it and all their parts."""
        whole = [self.expr, self.applies_if]
        whole += [row.when for row in self.table.rows] if self.table else []
        for expr in whole:
            if expr is not None:
                yield from grammar.walk(expr)

    def facts(self) -> set[str]:
        """Names of every fact its expressions and table read."""
        named = {e.fact for e in self.expressions() if isinstance(e, _READERS)}
        if self.table is not None and self.table.fact is not None:
            named.add(self.table.fact)
        return named

    def parameters(self) -> set[str]:
        """Names of every ``$parameter`` it reads."""
        return {
            e.threshold.name
            for e in self.expressions()
            if isinstance(e, grammar.Compare) and isinstance(e.threshold, Parameter)
        }

    def references(self) -> set[tuple[str, str]]:
        """(id, profile or "") of every ``@RULE`` it asks."""
        return {(e.id, e.profile) for e in self.expressions() if isinstance(e, grammar.Rule)}


_READERS = (grammar.Compare, grammar.Is, grammar.In, grammar.Case)


def criterion_of(tree: Mapping[str, Any]) -> Criterion:
    """Rule of one ``[[rule]]`` table that fits the schema.

    Raises
    ------
    GrammarError
        If an expression cannot be read.
    """
    source = tree["source"]
    review = tree["review"]
    return Criterion(
        id=tree["id"],
        version=tree["version"],
        profile=tree["profile"],
        kind=tree["kind"],
        scope=tree["scope"],
        question=tree["question"],
        inputs=dict(tree["inputs"]),
        expr=_expression(tree.get("expr")),
        table=_table(tree["table"]) if "table" in tree else None,
        applies_if=_expression(tree.get("applies_if")),
        value=tree.get("value"),
        segment_based=tree.get("segment_based", False),
        sources=tuple(source) if isinstance(source, list) else (source,),
        certainty=tree["certainty"],
        review=review if isinstance(review, str) else f"{review['by']}, {review['date']}",
        rationale=tree["rationale"],
        examples=tuple(_example(e) for e in tree["example"]),
    )


def _expression(text: str | None) -> Expr | None:
    return None if text is None else grammar.parse(text)


def _table(tree: Mapping[str, Any]) -> Table:
    if "fact" not in tree:
        rows = tuple(When(row["label"], grammar.parse(row["when"])) for row in tree["rows"])
        return Table(None, rows=rows)
    intervals = tuple(
        Interval(row["label"], tuple((SIGNS[k], float(v)) for k, v in row.items() if k in SIGNS))
        for row in tree["rows"]
    )
    return Table(tree["fact"], intervals=intervals)


def _example(tree: Mapping[str, Any]) -> Example:
    reasons = tree.get("reasons")
    return Example(
        given=tree["given"],
        expect=tree["expect"],
        value=tree.get("value"),
        reasons=None if reasons is None else tuple(reasons),
    )
