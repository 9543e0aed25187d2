"""Which CT is measured, and why: pure, on series that were read.

Ranks are tuples compared from left to right; every decision leaves a sentence in ``Series.why``.
The PETs are chosen in `choose_pet`; `select` brings all decisions together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import SEL_013
from netimg.flag import Severity
from netimg.reading.candidate import kernel_class, name_of
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table
from netimg.study import Coverage, Phase, Role, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.flag import Flag

_SHORTEST_PREFIX = 8
_MOST_LISTED = 12
BY_NAME = "chosen by you (--ct)"
"""First reason of a CT that a person asked for."""
_CHOSEN = ("chosen: ", "chosen by you")
_CHOICE_CODES = ("SEL-001", "SEL-002", "SEL-012", "SEL-016", "SEL-019")
_RANKED_BY = (
    "its coverage of the liver",
    "its contrast phase",
    "its slices as they were taken, not evened out (--regrid)",
    "its thinner slices",
    "its softer kernel",
    "its higher dose",
    "its finer pixels",
    "its original slices, not converted ones",
    "its lower series number",
    "its UID, as nothing else tells them apart",
    "its place in the list, as nothing else tells them apart",
)
_TIES = 3
"""How many of the last places of the ranking are ties."""
_COVERAGE = (Coverage.COMPLETE, Coverage.NEARLY, Coverage.UNKNOWN, Coverage.CUT)


def by_token(series: Sequence[Series], token: str) -> Series | None:
    """Series with this number, UID, or unique beginning of a UID (8 characters or more).

    Raises
    ------
    UsageError
        SEL-013 where a beginning fits several.
    """
    for one in series:
        if token == str(one.number):
            return one
    fits = [one for one in series if token == one.uid]
    fits = fits or [one for one in series if is_meant(token, one.number, one.uid)]
    if len(fits) > 1 and len({one.uid for one in fits}) == 1:
        option = "--ct" if fits[0].kind == "CT" else "--pet"
        raise several([(one.number, one.description) for one in fits], token, option)
    if len(fits) > 1:
        present = ", ".join(one.uid for one in fits)
        raise refusal(SEL_013, "many", asked=token, present=present)
    return fits[0] if fits else None


def several(volumes: Sequence[tuple[int, str]], token: str, option: str) -> Exception:
    """SEL-013: a UID whose series was split; its volumes are told apart by number."""
    shown = ", ".join(f'{number} "{text}"' for number, text in volumes[:_MOST_LISTED])
    rest = len(volumes) - _MOST_LISTED
    return refusal(
        SEL_013,
        "parts",
        asked=token,
        n=len(volumes),
        present=f"{shown} and {rest} more" if rest > 0 else shown,
        option=option,
        number=volumes[0][0],
    )


def is_meant(token: str, number: int | None, uid: str) -> bool:
    """Whether a token is this number, this UID, or a long enough beginning of it."""
    return token in (uid, str(number)) or (len(token) >= _SHORTEST_PREFIX and uid.startswith(token))


def not_there(series: Sequence[Series], token: str) -> Exception:
    """UsageError SEL-013 that lists what is there."""
    present = "; ".join(f"{s.number} {s.kind} {s.description!r} {s.uid}" for s in series)
    return refusal(SEL_013, asked=token, present=present or "no series")


_BY_NAME_ONLY = {
    "SEL-017": Severity.HIGH,
    "PIX-006": Severity.HIGH,
    "PIX-009": Severity.MEDIUM,
}
"""A calculated picture; one whose unit is not said; one of 8 bits."""


def candidates(series: Sequence[Series]) -> list[Series]:
    """CTs that may be measured without being asked for by name."""
    rows = table("choice")["ct"]
    return [
        s
        for s in series
        if s.kind == "CT"
        and s.grid.shape[0] >= rows["min_slices"]
        and s.grid.spacing_mm[0] <= rows["max_spacing_mm"]
        and not by_name_only(s)
    ]


def by_name_only(ct: Series) -> list[str]:
    """Codes for which a CT is measured only where it was asked for."""
    found = ((f.code, f.severity) for f in ct.flags)
    return [code for code, severity in found if _BY_NAME_ONLY.get(code) is severity]


def choose_ct(
    series: Sequence[Series], *, asked: Series | None, phase: str | None = None
) -> Series | None:
    """The CT to measure, with the reason; None where no CT may be chosen.

    Phases, coverage and dose are those the series carry. Where some are read to be of the phase
    that a person typed, one of them is taken.
    """
    if asked is not None:
        asked = _as_asked(undecided(asked))
        flag = doubt("SEL-012", touches=("ct",), series=name_of(asked), option="--ct")
        return replace(
            asked,
            role=Role.PRIMARY_CT,
            why=(BY_NAME, *asked.why),
            flags=(*asked.flags, *_doubts(asked, series, by_name=True), flag),
        )
    fit = [undecided(s) for s in candidates(series)]
    if not fit:
        return None
    reason, ties = "the only usable CT", []
    meant = [s for s in fit if s.phase.value == phase]
    if meant and len(meant) < len(fit):
        fit, reason = meant, f"the only CT of the {phase} phase (--phase)"
    ranked = sorted(fit, key=ct_rank)
    best = ranked[0]
    if len(ranked) > 1:
        first, second = (ct_rank(s) for s in ranked[:2])
        differs = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        by = _RANKED_BY[differs]
        reason = f"before {name_of(ranked[1])} for {by}"
        if differs >= len(_RANKED_BY) - _TIES:
            ties.append(
                doubt("SEL-001", touches=("ct",), taken=name_of(best), rule=by, option="--ct")
            )
    return replace(
        best,
        role=Role.PRIMARY_CT,
        why=(f"chosen: {reason}", *best.why),
        flags=(*best.flags, *_doubts(best, series, by_name=False), *ties),
    )


def _as_asked(series: Series) -> Series:
    """The CT as a person asked for it: its doubts no longer say that it must be asked for."""
    flags, label = [], name_of(series)
    for flag in series.flags:
        if flag.code == "SEL-004" and flag.severity is Severity.HIGH and flag.value is not None:
            numbers = {"spacing_mm": flag.value, "smallest_mm": 2 * flag.value}
            limit = float(table("choice")["ct"]["coarse_spacing_mm"])
            flags.append(
                doubt(
                    "SEL-004",
                    touches=flag.touches,
                    series=label,
                    measured=flag.value,
                    limit=limit,
                    **numbers,
                )
            )
        elif flag.code == "SEL-017" and flag.severity is Severity.HIGH:
            flags.append(doubt("SEL-017/asked", touches=flag.touches, series=label))
        elif flag.code != "GEO-010":
            flags.append(flag)
    return replace(series, flags=tuple(flags))


def undecided(series: Series) -> Series:
    """The series without what an earlier choice said about it."""
    return replace(
        series,
        role=Role.CT,
        why=tuple(w for w in series.why if not w.startswith(_CHOSEN)),
        flags=tuple(f for f in series.flags if f.code not in _CHOICE_CODES),
    )


def ct_rank(series: Series) -> tuple[object, ...]:
    """Key to sort CTs by, the best first; places as in ``_RANKED_BY``."""
    rows = table("choice")["ct"]
    spacing = series.grid.spacing_mm[0]
    return (
        _COVERAGE.index(series.coverage),
        rows["phase_rank"].index(series.phase.value),
        any(f.code == "GEO-018" for f in series.flags),
        sum(spacing > limit + 1e-3 for limit in rows["spacing_classes_mm"]),
        kernel_class(series.kernel),
        series.low_dose,
        round(series.grid.spacing_mm[1], 3),
        any(i.sop_class_uid in rows["converted"] for i in series.instances),
        series.series_number if series.series_number is not None else 1 << 40,
        series.uid,
        series.number,
    )


def _doubts(best: Series, series: Sequence[Series], *, by_name: bool) -> list[Flag]:
    flags = []
    fit = candidates(series)
    others = [s for s in fit if s.number != best.number]
    if not by_name and best.phase in (Phase.ARTERIAL, Phase.DELAYED, Phase.UNENHANCED):
        portal = next((s for s in others if s.phase is Phase.PORTAL), None)
        maybe = [s.number for s in others if any(e.phase == "portal" for e in s.phase_evidence)]
        if portal is None and maybe:
            flags.append(
                doubt(
                    "SEL-002/uncertain",
                    touches=("ct",),
                    phase=best.phase.value,
                    others=_numbered(maybe),
                    option=f"--ct {maybe[0]}",
                )
            )
        elif portal is None:
            flags.append(doubt("SEL-002", touches=("ct",), phase=best.phase.value))
        else:
            flags.append(
                doubt(
                    "SEL-002/cut",
                    touches=("ct",),
                    phase=best.phase.value,
                    other=name_of(portal),
                )
            )
    phases = {s.phase for s in (best, *others)} - {Phase.UNKNOWN}
    if len(phases) > 1:
        flags.append(doubt("SEL-016", touches=("ct",), n=len(phases), phase=best.phase.value))
    if best.low_dose and any(s.kind == "PET" for s in series):
        better = next((s for s in others if not s.low_dose), None)
        if better is None:
            flags.append(doubt("SEL-019", touches=("ct",)))
        else:
            flags.append(doubt("SEL-019/other", touches=("ct",), other=name_of(better)))
    return flags


def _numbered(numbers: Sequence[int]) -> str:
    """``series 3 says``, ``series 3, 4 and 6 say``."""
    *first, last = map(str, numbers)
    return f"series {', '.join(first)} and {last} say" if first else f"series {last} says"
