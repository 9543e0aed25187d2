"""What a person typed, for one PET among several: ``UID=VALUE``, or ``N=VALUE`` by its number.

A value without a name is for every PET. Where the PETs of a study come from different injections,
such a value would be right for one of them at most, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import USE_001, UsageError
from netimg.reading.choose import is_meant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netimg.reading.draft import Draft

OPTIONS = {
    "dose_bq": "--dose-mbq",
    "residual_bq": "--residual-mbq",
    "injection_time": "--injected-at",
    "reference_time": "--reference-at",
    "half_life_s": "--half-life-s",
    "injection": "--injection",
}
"""Overrides that belong to one injection or one scan, and how they are typed."""

_NUMBERS = ("dose_bq", "residual_bq", "half_life_s", "injection")


def values(value: object) -> Iterator[tuple[str | None, object]]:
    """Each typed value with the PET it names; None where it names none."""
    several = value if isinstance(value, (tuple, list)) else (value,)
    for one in several:
        token, equals, rest = str(one).partition("=")
        yield (token, rest) if equals else (None, one)


def for_pet(overrides: Mapping[str, object], uid: str, number: int) -> dict[str, object]:
    """Overrides of one series: its own values, else those for every PET."""
    found: dict[str, object] = {}
    for key, value in overrides.items():
        if key not in OPTIONS:
            found[key] = value
            continue
        typed = {_is_of(token, uid, number): one for token, one in values(value)}
        if True in typed:
            own = typed[True]
            found[key] = float(str(own)) if key in _NUMBERS else own
        elif None in typed:
            found[key] = typed[None]
    return found


def check_meant(overrides: Mapping[str, object], pets: Sequence[Draft]) -> None:
    """Refuse a value for every PET where the PETs come from different injections.

    Raises
    ------
    UsageError
        USE-001 with the numbers of the PETs.
    """
    if len({_injection(draft) for draft in pets}) < 2:
        return
    for key, option in OPTIONS.items():
        for token, value in values(overrides[key]) if key in overrides else ():
            if token is None:
                listed = ", ".join(f"{d.number} ({d.description or 'PET'})" for d in pets)
                what = (
                    f"{option} is for one PET, and there are {len(pets)} of different injections: "
                    f"series {listed}."
                )
                todo = f"Say which: {option} {pets[0].number}=..."
                raise UsageError(USE_001, what=what, todo=todo)
            if not any(_is_of(token, d.uid, d.number) for d in pets):
                what = f"{option} {token}={value} names no PET of this study."
                numbers = ", ".join(str(d.number) for d in pets)
                raise UsageError(USE_001, what=what, todo=f"PETs are series {numbers}.")


def _is_of(token: str | None, uid: str, number: int) -> bool | None:
    """Whether a name means this series; None where there is no name."""
    return None if token is None else is_meant(token, number, uid)


def _injection(draft: Draft) -> tuple[object, ...]:
    """What tells one injection from another; two reconstructions of one scan share it."""
    pet = draft.headers[0].pet
    items = pet.injections or () if pet is not None else ()
    return tuple(
        (i.tracer, i.tracer_code, i.nuclide_code, i.dose, i.start_datetime or i.start_time)
        for i in items
    )
