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
