"""Which CT and which PETs are measured, and why: pure, on series that were read.

Ranks are tuples compared from left to right; every decision leaves a sentence in ``Series.why``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import SEL_013
from netimg.reading.ct import is_low_dose, kernel_class
from netimg.reading.pet import asked_for, is_attenuation_corrected
from netimg.reading.problems import doubt, refusal
from netimg.reading.suv.nuclide import gives_positrons
from netimg.reading.tables import table
from netimg.study import Phase, Role, Series, TracerClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.reading.draft import Draft

_SHORTEST_PREFIX = 8
_CLASSES = (TracerClass.SSTR, TracerClass.FDG, TracerClass.OTHER)
_ROLES = {TracerClass.SSTR: Role.PET_SSTR, TracerClass.FDG: Role.PET_FDG}
_RANKED_BY = (
    "its contrast phase",
    "its thinner slices",
    "its softer kernel",
    "its higher dose",
    "its finer pixels",
    "its lower series number",
)


def by_token(series: Sequence[Series], token: str) -> Series | None:
    """Series with this number, UID, or unique beginning of a UID (8 characters or more).

    Raises
    ------
    UsageError
        SEL-013 where a beginning fits several.
    """
    for one in series:
        if token in (one.uid, str(one.number)):
            return one
    fits = [one for one in series if is_meant(token, one.number, one.uid)]
    if len(fits) > 1:
        present = ", ".join(one.uid for one in fits)
        raise refusal(SEL_013, "many", asked=token, present=present)
    return fits[0] if fits else None


def is_meant(token: str, number: int | None, uid: str) -> bool:
    """Whether a token is this number, this UID, or a long enough beginning of it."""
    return token in (uid, str(number)) or (len(token) >= _SHORTEST_PREFIX and uid.startswith(token))


def not_there(series: Sequence[Series], token: str) -> Exception:
    """UsageError SEL-013 that lists what is there."""
    present = "; ".join(f"{s.number} {s.kind} {s.description!r} {s.uid}" for s in series)
    return refusal(SEL_013, asked=token, present=present or "no series")


def choose_ct(
    series: Sequence[Series], drafts: Mapping[int, Draft], *, asked: Series | None
) -> Series | None:
    """The CT to measure, with the reason; None where no CT may be chosen."""
    if asked is not None:
        flag = doubt("SEL-012", touches=("ct",), series=_name(asked), option="--ct")
        return replace(
            asked,
            role=Role.PRIMARY_CT,
            why=("chosen by you (--ct)", *asked.why),
            flags=(*asked.flags, flag),
        )
    cts = [s for s in series if s.kind == "CT"]
    rows = table("choice")["ct"]
    fit = [
        s
        for s in cts
        if s.grid.shape[0] >= rows["min_slices"] and s.grid.spacing_mm[0] <= rows["max_spacing_mm"]
    ]
    if not fit:
        return None
    ranked = sorted(fit, key=lambda s: _ct_rank(s, drafts[s.number]))
    best = ranked[0]
    reason, tie = "the only usable CT", None
    if len(ranked) > 1:
        first, second = (_ct_rank(s, drafts[s.number]) for s in ranked[:2])
        differs = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        by = _RANKED_BY[min(differs, len(_RANKED_BY) - 1)]
        reason = f"before {_name(ranked[1])} for {by}"
        if differs >= len(_RANKED_BY) - 1:
            tie = doubt("SEL-001", touches=("ct",), taken=_name(best), rule=by, option="--ct")
    flags = [*best.flags, *_ct_doubts(best, fit, drafts)]
    if tie is not None:
        flags.append(tie)
    return replace(
        best,
        role=Role.PRIMARY_CT,
        why=(f"chosen: {reason}", *best.why),
        flags=tuple(flags),
    )


def choose_pets(
    series: Sequence[Series],
    drafts: Mapping[int, Draft],
    *,
    asked: Sequence[Series],
    ct: Series | None,
) -> tuple[Series, ...]:
    """The PETs to measure, SSTR before FDG before others, each with its reason."""
    if asked:
        return tuple(_asked_pet(s, drafts[s.number]) for s in sorted(asked, key=_class_rank))
    pets = [s for s in series if s.kind == "PET" and may_be_chosen(s, drafts[s.number])]
    chosen = []
    for kind in _CLASSES:
        own = [s for s in pets if s.tracer_class is kind]
        if own:
            chosen.append(_best_pet(own, ct))
    unknown = [s for s in pets if s.tracer_class is TracerClass.UNKNOWN]
    if unknown and not chosen:
        chosen.append(_best_pet(unknown, ct))
    return tuple(chosen)


def may_be_chosen(pet: Series, draft: Draft) -> bool:
    """Whether a PET may be measured without being asked for by name."""
    if not gives_positrons(pet.nuclide) or any(f.code == "SUV-023" for f in pet.flags):
        return False
    return is_attenuation_corrected(draft.headers)


def _name(series: Series) -> str:
    text = f' "{series.description}"' if series.description else ""
    return f"series {series.number}{text}"


def _ct_rank(series: Series, draft: Draft) -> tuple[object, ...]:
    rows = table("choice")["ct"]
    classes = rows["spacing_classes_mm"]
    spacing = series.grid.spacing_mm[0]
    return (
        rows["phase_rank"].index(series.phase.value),
        sum(spacing > limit + 1e-3 for limit in classes),
        kernel_class(series.kernel),
        is_low_dose(draft),
        round(series.grid.spacing_mm[1], 3),
        series.series_number if series.series_number is not None else 1 << 40,
        series.uid,
    )


def _ct_doubts(best: Series, fit: Sequence[Series], drafts: Mapping[int, Draft]) -> list[Flag]:
    flags = []
    if best.phase in (Phase.ARTERIAL, Phase.DELAYED, Phase.UNENHANCED):
        flags.append(doubt("SEL-002", touches=("ct",), phase=best.phase.value))
    phases = {s.phase for s in fit} - {Phase.UNKNOWN}
    if len(phases) > 1:
        flags.append(doubt("SEL-016", touches=("ct",), n=len(phases), phase=best.phase.value))
    has_pet = any(draft.kind == "PET" for draft in drafts.values())
    if has_pet and is_low_dose(drafts[best.number]):
        flags.append(doubt("SEL-019", touches=("ct",)))
    return flags


def _asked_pet(pet: Series, draft: Draft) -> Series:
    pet = asked_for(pet, draft)
    flag = doubt("SEL-012", touches=("pet",), series=_name(pet), option="--pet")
    return replace(
        pet,
        role=_ROLES.get(pet.tracer_class, Role.OTHER),
        why=("chosen by you (--pet)", *pet.why),
        flags=(*pet.flags, flag),
    )


def _class_rank(pet: Series) -> tuple[int, int]:
    order = (*_CLASSES, TracerClass.UNKNOWN)
    return order.index(pet.tracer_class), pet.number


def _best_pet(own: Sequence[Series], ct: Series | None) -> Series:
    """Best of one tracer class: SUV, coordinate system of the CT, later series."""

    def rank(s: Series) -> tuple[object, ...]:
        return (
            not (s.suv is not None and s.suv.possible),
            ct is None or s.frame_of_reference_uid != ct.frame_of_reference_uid,
            -s.grid.shape[0],
            -(s.series_number or 0),
            s.uid,
        )

    ranked = sorted(own, key=rank)
    best = ranked[0]
    reason, flags = "the only PET of this tracer", best.flags
    if len(ranked) > 1:
        by = ("its SUV", "the CT's coordinate system", "its coverage", "its later series number")
        first, second = rank(best), rank(ranked[1])
        differs = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        why = by[min(differs, 3)]
        reason = f"before {_name(ranked[1])} for {why}"
        if differs >= 3:
            tie = doubt("SEL-001", touches=("pet",), taken=_name(best), rule=why, option="--pet")
            flags = (*flags, tie)
    return replace(
        best,
        role=_ROLES.get(best.tracer_class, Role.OTHER),
        why=(f"chosen: {reason}", *best.why),
        flags=flags,
    )
