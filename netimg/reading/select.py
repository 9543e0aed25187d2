"""From series that were read to what is measured: phases, CT, PETs, how they lie to each other.

`select` decides from headers, with a look at a few slices where they leave it open. `select_again`
decides once more, when the pictures have been looked at (`netimg.pipeline`), `select_without` when
the pixels of a chosen series turned out to be unusable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netimg.reading.candidate import as_candidate, with_phase, with_phase_read
from netimg.reading.choose import BY_NAME, choose_ct, undecided
from netimg.reading.choose_pet import choose_pets, in_place
from netimg.reading.glance import glanced
from netimg.reading.pair import pair
from netimg.reading.phase import from_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.reading.draft import Draft
    from netimg.study import OrganMedians, Series, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Every series with its phase, the CT and the PETs to measure, and doubts about the pair."""

    series: tuple[Series, ...]
    ct: Series | None
    pets: tuple[Series, ...]
    flags: tuple[Flag, ...]


def select(
    series: Sequence[Series],
    drafts: Mapping[int, Draft],
    *,
    asked_ct: Series | None,
    asked_pets: Sequence[Series],
    phase: str | None = None,
    register: bool = False,
) -> Selection:
    """Decide from headers, and from a few slices where they leave the choice open.

    Parameters
    ----------
    series, drafts
        Series that can be used, and all drafts by number.
    asked_ct, asked_pets
        What a person asked for by name.
    phase
        Phase of the CT that a person typed.
    register
        Whether a person asked for PETs to be registered.
    """
    named = [as_candidate(s, drafts[s.number]) if s.kind == "CT" else s for s in series]
    order = from_order(named)
    timed = [
        replace(s, phase_evidence=(*s.phase_evidence, order[s.number])) if s.number in order else s
        for s in named
    ]
    judged = [with_phase_read(s) if s.kind == "CT" else s for s in timed]
    asked = None
    if asked_ct is not None:
        asked = next(s for s in judged if s.number == asked_ct.number)
    else:
        judged = glanced(judged)
    ct = choose_ct(judged, asked=asked, phase=phase)
    if ct is not None and phase is not None:
        ct = with_phase(ct, phase)
    pets = choose_pets(judged, drafts, asked=asked_pets, ct=ct)
    return _paired(judged, ct, pets, register=register)


def select_again(study: Study, medians: Mapping[int, OrganMedians], *, stay: bool = False) -> Study:
    """The study chosen once more with what the pictures of some CTs show (by series number).

    A CT that a person asked for stays, and so does a phase that was typed; ``stay`` keeps the CT
    whatever the pictures show.
    """
    before = study.ct
    if before is None or before.phase_typed:
        return study
    judged = []
    for one in study.series:
        again = undecided(one) if one.kind == "CT" and not stay else one
        seen = one.kind == "CT" and one.number in medians
        judged.append(with_phase_read(again, medians[one.number]) if seen else again)
    now = next(s for s in judged if s.number == before.number)
    ct: Series | None = now
    if not stay:
        by_name = before.why[:1] == (BY_NAME,)
        ct = choose_ct(judged, asked=now if by_name else None)
    found = _paired(judged, ct or now, study.pets, register=study.register)
    kept = tuple(f for f in study.flags if f.code not in ("SEL-010", "SEL-014"))
    return replace(
        study, series=found.series, ct=found.ct, pets=found.pets, flags=(*kept, *found.flags)
    )


def select_without(study: Study, number: int) -> Study:
    """The study chosen once more without one of its series, the CT or a PET that was chosen.

    The next CT takes the place of a CT, with a phase that was typed; another PET of the same
    tracer that of a PET, where it may be measured unasked.
    """
    series = [s for s in study.series if s.number != number]
    ct, pets = study.ct, [pet for pet in study.pets if pet.number != number]
    if ct is not None and ct.number == number:
        typed = ct.phase.value if ct.phase_typed else None
        ct = choose_ct(series, asked=None, phase=typed)
        ct = with_phase(ct, typed) if ct is not None and typed is not None else ct
    pets += [
        other
        for gone in study.pets
        if gone.number == number
        for other in in_place(gone, series, pets)
    ]
    found = _paired(series, ct, pets, register=study.register)
    kept = tuple(f for f in study.flags if f.code not in ("SEL-010", "SEL-014"))
    return replace(
        study, series=found.series, ct=found.ct, pets=found.pets, flags=(*kept, *found.flags)
    )


def _paired(
    series: Sequence[Series], ct: Series | None, pets: Sequence[Series], *, register: bool
) -> Selection:
    flags: tuple[Flag, ...] = ()
    if ct is not None:
        pets, flags = pair(ct, pets, register=register)
    chosen = {one.number: one for one in (ct, *pets) if one is not None}
    ordered = sorted((chosen.get(s.number, s) for s in series), key=lambda s: s.number)
    return Selection(series=tuple(ordered), ct=ct, pets=tuple(pets), flags=flags)
