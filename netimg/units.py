"""The closed table of units.

Findings carry a unit as printed; ``UCUM`` gives its code for JSON and DICOM. What a clinical fact
may be entered in, and the factor to its canonical unit, is `ACCEPTED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UCUM: Mapping[str, str] = MappingProxyType(
    {
        "1": "1",
        "%": "%",
        "mL": "ml",
        "mm": "mm",
        "mm2": "mm2",
        "HU": "[hnsf'U]",
        "g/mL": "g/ml",
        "cm2/mL": "cm2/ml",
        "g": "g",
        "kg": "kg",
        "cm": "cm",
        "m2": "m2",
        "a": "a",
        "min": "min",
        "mL/m2": "ml/m2",
        "mL/kg": "ml/kg",
        "mg/dL": "mg/dL",
        "g/dL": "g/dL",
        "U/L": "U/L",
        "10^9/L": "10*9/L",
        "mmol/L": "mmol/L",
        "mL/min": "mL/min",
        "Gy": "Gy",
        "bool": "",
        "label": "",
        "list": "",
    }
)
"""Unit as printed -> UCUM code; no code for what has no unit."""


def ucum(unit: str) -> str:
    """UCUM code of a printed unit.

    Raises
    ------
    KeyError
        If the unit is not in the table.
    """
    return UCUM[unit]


def _table(canonical: str, **others: tuple[float, float]) -> Mapping[str, tuple[float, float]]:
    return MappingProxyType({canonical: (1.0, 1.0), **others})


_ENZYME = MappingProxyType({"U/L": (1.0, 1.0), "ukat/L": (59.988, 1.0)})
_CELLS = MappingProxyType({"10^9/L": (1.0, 1.0), "/uL": (1.0, 1000.0), "10^3/uL": (1.0, 1.0)})

ACCEPTED: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "clinical.age_y": _table("a", years=(1.0, 1.0)),
        "clinical.weight_kg": _table("kg", lb=(0.45359237, 1.0)),
        "clinical.height_cm": _table("cm", m=(100.0, 1.0), **{"in": (2.54, 1.0)}),
        "clinical.ki67_pct": _table("%"),
        "clinical.lvef_pct": _table("%"),
        "clinical.lung_shunt_pct": _table("%"),
        "clinical.lung_dose_gy_session": _table("Gy"),
        "clinical.lung_dose_gy_cumulative": _table("Gy"),
        "labs.bilirubin_total": _table("mg/dL", **{"umol/L": (1.0, 17.104)}),
        "labs.albumin": _table("g/dL", **{"g/L": (1.0, 10.0)}),
        "labs.creatinine": _table("mg/dL", **{"umol/L": (1.0, 88.402)}),
        "labs.inr": _table("1"),
        "labs.egfr": _table("mL/min"),
        "labs.ast": _ENZYME,
        "labs.alt": _ENZYME,
        "labs.alp": _ENZYME,
        "labs.ldh": _ENZYME,
        "labs.platelets": _CELLS,
        "labs.wbc": _CELLS,
        "labs.anc": _CELLS,
        "labs.hb": _table("g/dL", **{"g/L": (1.0, 10.0), "mmol/L": (1.6114, 1.0)}),
        "labs.sodium": _table("mmol/L"),
    }
)
"""Clinical fact -> unit it may be entered in -> (times, divided by) to its canonical unit.

The canonical unit stands first. A laboratory value's upper limit has the unit of its value.
"""


def canonical(fact: str) -> str:
    """Canonical unit of a clinical fact, ``1`` where it has none.

    >>> canonical("labs.bilirubin_total")
    'mg/dL'
    """
    return next(iter(ACCEPTED.get(fact, {"1": (1.0, 1.0)})))


def to_canonical(fact: str, value: float, unit: str) -> float:
    """Value of a clinical fact in its canonical unit.

    Raises
    ------
    KeyError
        If the fact cannot be entered in that unit.

    Examples
    --------
    >>> to_canonical("labs.bilirubin_total", 34.208, "umol/L")
    2.0
    """
    times, by = ACCEPTED[fact][unit]
    return value * times / by


def written(unit: str) -> str:
    """A unit as people type it, in the spelling of the table: both micro signs become ``u``."""
    return unit.strip().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
