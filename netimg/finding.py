"""The only currency between rooms: `Finding`, `Findings`, and the clinical `Facts`.

A finding is a name, a value, a unit and where it came from. Missing is a value: a finding without
a value has a reason. Names and scopes: the tables of the measures' documentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import datetime as dt

    from netimg.flag import Flag

Value: TypeAlias = float | int | bool | str | tuple[str, ...]


class Scope(Enum):
    """What a finding is about, in the order of the tables."""

    PATIENT = "patient"
    LIVER = "liver"
    SEGMENT = "segment"
    HEMILIVER = "hemiliver"
    LESION = "lesion"
    REGION = "region"
    PLAN = "plan"
    TERRITORY = "territory"
    PET = "pet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value came from.

    ``kind``: ``measured`` (``on`` = ``series 4``), ``header``, ``typed``, ``person`` (``by``),
    ``derived``.
    """

    kind: str
    on: str = ""
    by: str = ""
    date: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One value with its unit, interval, method, source and doubts.

    Parameters
    ----------
    name
        With the unit in it where it has one: ``volume_ml``.
    scope, id
        ``Scope.LESION`` and ``L1``; the id is empty for scope patient and liver.
    value
        None needs a ``reason``.
    lo, hi, interval
        Interval and its kind: ``boundary``, ``model``, ``repeat``, ``noise``.
    bound
        ``lower`` or ``upper`` where the value is only a bound.
    reason
        Reason code (``missing_input:liver``) of a value that could not be had.
    flags
        Codes of the flags that touch it.

    Raises
    ------
    ValueError
        If a value is missing without a reason, is not finite, or lies outside its interval.
    """

    name: str
    value: Value | None
    unit: str
    scope: Scope = Scope.PATIENT
    id: str = ""
    ucum: str = ""
    lo: float | None = None
    hi: float | None = None
    interval: str | None = None
    bound: str | None = None
    method: str = ""
    source: Source = field(default_factory=lambda: Source(kind="measured"))
    reason: str | None = None
    flags: tuple[str, ...] = ()
    approximate: bool = False

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            msg = f"{self.key}: a missing value needs a reason"
            raise ValueError(msg)
        number = self.value
        if isinstance(number, float) and not math.isfinite(number):
            msg = f"{self.key}: {number} is not a number"
            raise ValueError(msg)

    @property
    def key(self) -> tuple[str, str, str]:
        """(scope, id, name): unique among `Findings`."""
        return (self.scope.value, self.id, self.name)

    @property
    def number(self) -> float | None:
        """The value as a number, None where it is missing or not a number."""
        return float(self.value) if isinstance(self.value, int | float) else None

    def __str__(self) -> str:
        """Return value, unit and interval, as in ``10.6 % (8.9-12.3)``."""
        if self.value is None:
            return f"unknown ({self.reason})"
        text = f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)
        unit = "" if self.unit in ("1", "label", "bool", "list") else f" {self.unit}"
        if self.lo is None or self.hi is None:
            return text + unit
        return f"{text}{unit} ({self.lo:.4g}-{self.hi:.4g})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Clinical facts, typed by a person, in canonical units; opens no file.

    ``tree`` is the validated tree of ``netimg.facts/1`` with every value in its canonical unit;
    ``entered`` the same facts as the user wrote them (units as entered), for ``facts.json``.
    """

    tree: Mapping[str, Any]
    entered: Mapping[str, Any]
    assessment_date: dt.date | None = None
    flags: tuple[Flag, ...] = ()

    def get(self, path: str) -> Any:  # noqa: ANN401  # a node of a tree
        """Value at a dotted path (``labs.bilirubin_total.value``), None where absent."""
        node: Any = self.tree
        for key in path.split("."):
            if not isinstance(node, Mapping) or key not in node:
                return None
            node = node[key]
        return node

    def __or__(self, other: Findings) -> Findings:
        """Findings together with these facts."""
        return other | self


def suv_name(name: str, norm: str) -> str:
    """Name of an SUV in another norm than body weight.

    Examples
    --------
    >>> suv_name("sstr_suv_max", "lbm-janma"), suv_name("suv_max", "bw")
    ('sstr_suv_lbm_janma_max', 'suv_max')
    """
    if norm == "bw":
        return name
    before, mark, statistic = name.partition("suv_")
    return f"{before}{mark}{norm.replace('-', '_')}_{statistic}"


_ORDER = {scope: position for position, scope in enumerate(Scope)}


def _natural(text: str) -> tuple[object, ...]:
    """Sort key that puts L2 before L10."""
    digits = "".join(c for c in text if c.isdigit())
    return (text.rstrip("0123456789"), int(digits) if digits else -1, text)


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Findings of one study, in deterministic order, with the clinical facts if there are any.

    Raises
    ------
    ValueError
        If two findings have the same scope, id and name.
    """

    items: tuple[Finding, ...] = ()
    facts: Facts | None = None
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.items, key=lambda f: (_ORDER[f.scope], _natural(f.id), f.name))
        object.__setattr__(self, "items", tuple(ordered))
        for before, after in pairwise(ordered):
            if before.key == after.key:
                msg = f"finding {after.key} is there twice"
                raise ValueError(msg)

    def __len__(self) -> int:
        """Count findings, facts left out."""
        return len(self.items)

    def __iter__(self) -> Iterator[Finding]:
        """Findings by scope, id and name."""
        return iter(self.items)

    def get(self, name: str, scope: Scope = Scope.PATIENT, id: str = "") -> Finding | None:  # noqa: A002  # the field's name
        """One finding, None where nobody made it."""
        key = (scope.value, id, name)
        return next((f for f in self.items if f.key == key), None)

    def __getitem__(self, name: str) -> Finding:
        """Finding of the patient or the liver by name.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        found = self.get(name) or self.get(name, Scope.LIVER)
        if found is None:
            raise KeyError(name)
        return found

    def of(self, scope: Scope, id: str | None = None) -> tuple[Finding, ...]:  # noqa: A002  # the field's name
        """Findings of a scope, or of one thing of that scope."""
        return tuple(f for f in self.items if f.scope is scope and (id is None or f.id == id))

    def table(self, scope: str) -> Mapping[str, tuple[Value | None, ...]]:
        """Columns by name over the ids of a scope: ``found.table("lesion")["volume_ml"]``.

        The column ``id`` is always there.
        """
        rows = self.of(Scope(scope))
        ids = sorted({f.id for f in rows}, key=_natural)
        by_key = {(f.id, f.name): f.value for f in rows}
        names = sorted({f.name for f in rows})
        columns: dict[str, tuple[Value | None, ...]] = {"id": tuple(ids)}
        columns |= {name: tuple(by_key.get((i, name)) for i in ids) for name in names}
        return MappingProxyType(columns)

    def __or__(self, other: Facts | Findings) -> Findings:
        """Return these findings with facts, or with further findings."""
        if isinstance(other, Facts):
            return replace(self, facts=other)
        return Findings(
            items=self.items + other.items,
            facts=self.facts if other.facts is None else other.facts,
            flags=self.flags + other.flags,
        )
