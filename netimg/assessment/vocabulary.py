"""Which facts a rule may read: their names, units and kinds. Anything else is refused at load."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from netimg import units
from netimg.assessment.facts_check import fact_paths, kind_of, words_of


@dataclass(frozen=True, slots=True)
class Word:
    """A fact that rules may read.

    ``unit``: as printed, ``bool``, ``enum`` or ``1``. ``lowest``: least possible number.
    ``levels``: the only values it takes, where these are few. ``by_reader``: only a person can say
    it, so its absence is ``needs_reader`` and not ``missing_input``.
    """

    unit: str
    lowest: float = -math.inf
    levels: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    by_reader: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it can be compared with a threshold."""
        return self.unit not in ("bool", "enum")


_BY_READER = ("clinical.surgeon_resectability", "clinical.aggressive_course")

_PATIENT = {
    "liver_volume_ml": "mL", "tumour_volume_ml": "mL", "functional_liver_ml": "mL",
    "burden_pct": "%", "lesion_count": "1",
}  # fmt: skip
_LESION = {"longest_mm": "mm", "volume_ml": "mL"}
_PLAN = {
    "flr_ml": "mL", "mflr_pct": "%", "sflr_pct": "%", "bwr_pct": "%", "flr_per_bsa_ml_m2": "mL/m2",
    "margin_parenchyma_ml": "mL", "clearance_volume_pct": "%", "clearance_count_pct": "%",
    "residual_tumour_ml": "mL",
}  # fmt: skip


@cache
def vocabulary() -> Mapping[str, Word]:
    """Every fact by its name; ``lesion.`` and ``plan.`` names belong to those scopes."""
    found: dict[str, Word] = {}
    for path in fact_paths():
        kind = kind_of(path)
        unit = {"boolean": "bool", "enum": "enum"}.get(kind, units.canonical(path))
        by_reader = path in _BY_READER
        found[path] = Word(unit, lowest=0.0, words=words_of(path), by_reader=by_reader)
        if kind == "lab":
            found[f"{path}_uln"] = Word("1", lowest=0.0)
    found |= {name: Word(unit, lowest=0.0) for name, unit in _PATIENT.items()}
    found |= {f"lesion.{name}": Word(unit, lowest=0.0) for name, unit in _LESION.items()}
    found |= {f"plan.{name}": Word(unit, lowest=0.0) for name, unit in _PLAN.items()}
    found["lesion.krenning"] = Word("1", levels=(0.0, 1.0, 2.0, 3.0, 4.0))
    found["lesion.krenning_visual"] = Word("1", levels=(0.0, 1.0, 2.0, 3.0, 4.0), by_reader=True)
    found["plan.inflow_outflow_preserved"] = Word("bool", by_reader=True)
    return found
