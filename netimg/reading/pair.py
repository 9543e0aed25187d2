"""Whether PET and CT belong together: patient, coordinate system, days between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.reading.person import same_identity
from netimg.reading.problems import doubt
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.flag import Flag
    from netimg.reading.headers import PatientHeader
    from netimg.study import Series


_LIES = ("shares the coordinate system", "another coordinate system")
"""Begin every reason that says how a PET lies to the CT."""


def same_person(a: PatientHeader, b: PatientHeader) -> bool:
    """Whether two headers name one patient; without a Patient ID nobody is equal to anybody."""
    return bool(a.id and b.id) and same_identity(a, b)


def pair(
    ct: Series, pets: Sequence[Series], *, register: bool = False
) -> tuple[tuple[Series, ...], tuple[Flag, ...]]:
    """PETs with a word on how they lie to the CT, and what to doubt about that.

    ``register``: a person asked for PETs that lie apart to be laid over the CT.
    """
    paired: list[Series] = []
    flags: list[Flag] = []
    for pet in pets:
        shared = (
            pet.frame_of_reference_uid is not None
            and pet.frame_of_reference_uid == ct.frame_of_reference_uid
        )
        if shared:
            word = f"shares the coordinate system of series {ct.number}"
        else:
            word = f"another coordinate system than series {ct.number}"
            flags.append(doubt("SEL-010/asked" if register else "SEL-010", touches=("pet",)))
        why = (w for w in pet.why if not w.startswith(_LIES))
        paired.append(replace(pet, why=(*why, word)))
        days = _days(ct, pet)
        if days is not None and days > table("choice")["pet"]["later_days_note"]:
            limit = float(table("choice")["pet"]["later_days_warning"])
            flags.append(
                doubt(
                    "SEL-014" if days > limit else "SEL-014/note",
                    touches=("pet",),
                    days=days,
                    measured=float(days),
                    limit=limit,
                )
            )
    return tuple(paired), tuple(dict.fromkeys(flags))


def _days(ct: Series, pet: Series) -> int | None:
    if ct.acquired_at is None or pet.acquired_at is None:
        return None
    return abs((ct.acquired_at.date() - pet.acquired_at.date()).days)
