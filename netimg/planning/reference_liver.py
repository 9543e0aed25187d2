"""Body surface and the liver that a body of that size is expected to have."""

from __future__ import annotations

import math

from netimg.resources import load_toml


def bsa_m2(weight_kg: float, height_cm: float, *, formula: str = "mosteller") -> float:
    """Body surface area, m2, by Mosteller or DuBois.

    >>> bsa_m2(80, 180)
    2.0
    """
    if formula == "mosteller":
        return math.sqrt(height_cm * weight_kg / 3600)
    if formula == "dubois":
        return float(0.007184 * weight_kg**0.425 * height_cm**0.725)
    msg = f"no formula {formula} for body surface"
    raise ValueError(msg)


def etlv_ml(weight_kg: float, bsa: float, *, formula: str = "vauthey") -> float:
    """Estimated total liver volume, mL; formulas stand in ``configs/planning``.

    Parameters
    ----------
    weight_kg
        Body weight; used by ``vauthey_weight``.
    bsa
        Body surface, m2; used by the others.

    Examples
    --------
    >>> round(etlv_ml(80, 2.0), 6)
    1740.15
    """
    table = load_toml("configs", "planning", "reference_liver.toml")["etlv"][formula]
    body = bsa if table["of"] == "bsa" else weight_kg
    return float(table["slope"] * body + table["intercept"])
