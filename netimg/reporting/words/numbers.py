"""Numbers as a reader sees them: rounded for display, never onto the wrong side of a threshold.

Volumes three significant digits (below 10 mL one decimal), mm whole (below 10 mm one decimal),
% and SUV one decimal, HU whole.
"""

from __future__ import annotations

import math

from netimg.finding import Finding

_NO_UNIT = ("", "1", "label", "bool", "list", "enum", "count")
_PRINTED = {
    "g/mL": "", "cm2/mL": "", "mm2": "mm²", "m2": "m²", "mL/m2": "mL/m²", "10^9/L": "10⁹/L",
    "10^3/uL": "10³/µL", "/uL": "/µL", "umol/L": "µmol/L", "ukat/L": "µkat/L", "a": "years",
}  # fmt: skip
_NEVER_NOTHING = ("mL", "mm", "%", "g/mL", "cm2/mL")
_NOTHING = 0.001
_MOST_DECIMALS = 12

MINUS = "\u2212"
NARROW = "\u202f"
"""Narrow no-break space between number and unit."""


def number(value: float, unit: str = "", *, threshold: float | None = None) -> str:
    """A number without its unit.

    Parameters
    ----------
    threshold
        Where given, digits are added until the text lies on the value's side of it. A volume or a
        share of 0.001 or more is never shown as 0.

    Examples
    --------
    >>> number(1612.4, "mL"), number(8.25, "mL"), number(45.6, "mm"), number(9.44, "mm")
    ('1610', '8.2', '46', '9.4')
    >>> number(19.97, "%"), number(19.97, "%", threshold=20.0), number(20.0, "%", threshold=20.0)
    ('20.0', '19.97', '20.0')
    """
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    decimals = _decimals(abs(float(value)), unit)
    limits = [] if threshold is None else [threshold]
    limits += [0.0] if unit in _NEVER_NOTHING and abs(value) >= _NOTHING else []
    while decimals < _MOST_DECIMALS and any(
        _side(round(value, decimals), limit) != _side(value, limit) for limit in limits
    ):
        decimals += 1
    return _rounded(value, decimals)


def _decimals(size: float, unit: str) -> int:
    """Decimals for a value of this size; negative rounds tens."""
    if unit in ("mL", "mL/m2", "mL/kg"):
        return 1 if size < 10 else 2 - math.floor(math.log10(size))
    if unit == "mm":
        return 1 if size < 9.95 else 0
    if unit in ("%", "g/mL", "cm2/mL"):
        return 1
    if unit in ("HU", "min", "g", "kg", "cm", "mm2", "a"):
        return 0 if size >= 9.95 or unit == "HU" else 1
    return 0 if size.is_integer() else max(0, 2 - math.floor(math.log10(size)))


def _rounded(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def _side(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold)


def unit_text(unit: str) -> str:
    """A unit as printed; empty for what has none and for SUV, which is named in words."""
    return "" if unit in _NO_UNIT else _PRINTED.get(unit, unit)


def quantity(value: float, unit: str = "", *, threshold: float | None = None) -> str:
    """A number with its unit.

    Examples
    --------
    >>> quantity(10.63, "%").replace(NARROW, " ")
    '10.6 %'
    """
    printed = unit_text(unit)
    return number(value, unit, threshold=threshold) + (f"{NARROW}{printed}" if printed else "")


def interval(finding: Finding) -> str:
    """``(8.9–12.3)`` of a finding, in brackets; empty where there is none or it is a point."""
    if finding.lo is None or finding.hi is None or finding.lo == finding.hi:
        return ""
    return f"({number(finding.lo, finding.unit)}\u2013{number(finding.hi, finding.unit)})"
