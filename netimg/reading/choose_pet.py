"""Which PETs are measured, and why: one of each tracer class."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.reading.candidate import name_of
from netimg.reading.pet import asked_for, is_attenuation_corrected
from netimg.reading.problems import doubt
from netimg.reading.suv.nuclide import gives_positrons
from netimg.reading.tables import table
from netimg.reading.tracer import plain
from netimg.study import Role, Series, TracerClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.reading.draft import Draft

_CLASSES = (TracerClass.SSTR, TracerClass.FDG, TracerClass.OTHER)
_NEVER = ("SUV-023", "GEO-010")
"""A moving picture; one or two slices."""
_EARLIEST = dt.datetime(1900, 1, 1)  # noqa: DTZ001  # headers hold local time
_ROLES = {TracerClass.SSTR: Role.PET_SSTR, TracerClass.FDG: Role.PET_FDG}
_RANKED_BY = (
    "its SUV",
    "its coverage",
    "the CT's coordinate system",
    "its usual uptake time",
    "its earlier time",
    "its later reconstruction",
    "its later series number",
    "its UID, as nothing else tells them apart",
    "its place in the list, as nothing else tells them apart",
)
_TIME, _TIES = 4, 6
"""The place where another scan decides, and the first one where nothing but order does."""


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
            chosen.append(_best(own, ct, drafts))
    unknown = [s for s in pets if s.tracer_class is TracerClass.UNKNOWN]
    if unknown and not chosen:
        chosen.append(_best(unknown, ct, drafts))
    return tuple(chosen)


def may_be_chosen(pet: Series, draft: Draft) -> bool:
    """Whether a PET may be measured without being asked for by name."""
    if not gives_positrons(pet.nuclide) or any(f.code in _NEVER for f in pet.flags):
        return False
    return is_attenuation_corrected(draft.headers)


def in_place(gone: Series, series: Sequence[Series], taken: Sequence[Series]) -> list[Series]:
    """The PET of the same tracer class that takes the place of one; none where there is none.

    The one with SUV counts before one without, then the higher series number.
    """
    fit = [
        s
        for s in series
        if s.kind == "PET"
        and s.tracer_class is gone.tracer_class
        and gives_positrons(s.nuclide)
        and not any(f.code in (*_NEVER, "SEL-007") for f in s.flags)
        and all(s.number != one.number for one in taken)
    ]
    if not fit:
        return []
    best = min(fit, key=lambda s: (s.suv is None or not s.suv.possible, -s.number))
    why = f"chosen: in place of {name_of(gone)}, which cannot be used"
    return [
        replace(best, role=_ROLES.get(best.tracer_class, Role.OTHER), why=(why, *best.why)),
    ]


def _asked_pet(pet: Series, draft: Draft) -> Series:
    pet = asked_for(pet, draft)
    flag = doubt("SEL-012", touches=("pet",), series=name_of(pet), option="--pet")
    return replace(
        pet,
        role=_ROLES.get(pet.tracer_class, Role.OTHER),
        why=("chosen by you (--pet)", *pet.why),
        flags=(*pet.flags, flag),
    )


def _class_rank(pet: Series) -> tuple[int, int]:
    order = (*_CLASSES, TracerClass.UNKNOWN)
    return order.index(pet.tracer_class), pet.number


def _best(own: Sequence[Series], ct: Series | None, drafts: Mapping[int, Draft]) -> Series:
    """Best of one tracer class."""
    scans = _scans(own)

    def rank(s: Series) -> tuple[object, ...]:
        return _rank(s, ct, drafts[s.number], scans[s.number])

    ranked = sorted(own, key=rank)
    best = ranked[0]
    reason, flags = "the only PET of this tracer", best.flags
    if len(ranked) > 1:
        first, second = (rank(s) for s in ranked[:2])
        differs = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        by = _RANKED_BY[differs]
        reason = f"before {name_of(ranked[1])} for {by}"
        if differs in (_TIME - 1, _TIME):
            reason += f" ({_minutes(best)}, the other {_minutes(ranked[1])})"
        if differs == _TIME:
            flags = (*flags, _other_time(best, ranked[1], by))
        if differs >= _TIES:
            flags = (
                *flags,
                doubt("SEL-001", touches=("pet",), taken=name_of(best), rule=by, option="--pet"),
            )
        ways = [_way(drafts[s.number]) for s in (best, ranked[1])]
        if ways[0] != ways[1]:
            reason += f" (reconstructed {ways[0]}, the other {ways[1]})"
    return replace(
        best,
        role=_ROLES.get(best.tracer_class, Role.OTHER),
        why=(f"chosen: {reason}", *best.why),
        flags=flags,
    )


def _scans(own: Sequence[Series]) -> dict[int, Series]:
    """First PET of the scan that each belongs to; a scan's reconstructions share it."""
    same = dt.timedelta(minutes=float(table("choice")["pet"]["same_scan_min"]))
    found: dict[int, Series] = {}
    first: Series | None = None
    for one in sorted(own, key=lambda s: (_begun(s), s.number)):
        if first is None or _begun(one) - _begun(first) > same:
            first = one
        found[one.number] = first
    return found


def _begun(pet: Series) -> dt.datetime:
    return pet.acquired_at or _EARLIEST


def _unusual_min(pet: Series) -> float:
    """How far the uptake time lies outside the usual range, whole minutes; an unknown one most."""
    low, high = table("choice")["pet"]["usual_uptake_min"]
    seconds = None if pet.suv is None else pet.suv.uptake_s
    if seconds is None:
        return float("inf")
    return float(round(max(0.0, low - seconds / 60.0, seconds / 60.0 - high)))


def _minutes(pet: Series) -> str:
    seconds = None if pet.suv is None else pet.suv.uptake_s
    return "uptake time unknown" if seconds is None else f"{seconds / 60.0:.0f} min after injection"


def _other_time(best: Series, other: Series, by: str) -> Flag:
    """SEL-001 of two scans."""
    return doubt(
        "SEL-001/times",
        touches=("pet",),
        taken=name_of(best),
        at=f"{_begun(best):%H:%M}",
        other=name_of(other),
        then=f"{_begun(other):%H:%M}",
        rule=by,
        option="--pet",
    )


def _rank(s: Series, ct: Series | None, draft: Draft, scan: Series) -> tuple[object, ...]:
    """SUV, coverage of the CT (else length), its coordinate system, the scan, the later one."""
    made = draft.headers[0].series_at
    return (
        not (s.suv is not None and s.suv.possible),
        -_covers(s, ct),
        ct is None or s.frame_of_reference_uid != ct.frame_of_reference_uid,
        _unusual_min(scan),
        _begun(scan),
        -(made - _EARLIEST).total_seconds() if made is not None else 0.0,
        -(s.series_number or 0),
        s.uid,
        s.number,
    )


def _covers(pet: Series, ct: Series | None) -> float:
    """Share of the CT's length that a PET covers, in tenths; its length in 10 cm without a CT."""
    if ct is None:
        return round(pet.grid.extent_mm[0] / 100.0)
    if pet.frame_of_reference_uid != ct.frame_of_reference_uid:
        return round(10.0 * min(1.0, pet.grid.extent_mm[0] / ct.grid.extent_mm[0])) / 10.0
    (low, high), (first, last) = _reach(ct), _reach(pet)
    share = max(0.0, min(high, last) - max(low, first)) / (high - low)
    return round(10.0 * share) / 10.0


def _reach(series: Series) -> tuple[float, float]:
    """Lowest and highest point along the patient, mm."""
    heights = series.grid.corners_lps()[:, 2]
    return float(heights.min()), float(heights.max()) + 1e-3


def _way(draft: Draft) -> str:
    """``with PSF and TOF``: what the words of a reconstruction say."""
    first = draft.headers[0]
    text = f" {plain(' '.join((first.series_description or '', first.protocol or '')))} "
    named = [
        str(name)
        for name, words in table("choice")["pet"]["reconstruction"].items()
        if any(f" {word} " in text for word in words)
    ]
    return f"with {' and '.join(named)}" if named else "without PSF and TOF said"
