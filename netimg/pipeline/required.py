"""``--require``: end with 4, saying why, where a part that was asked for could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import RUN_005, NothingUsable
from netimg.flag import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from netimg.anatomy import Anatomy
    from netimg.finding import Facts
    from netimg.flag import Flag
    from netimg.study import Study

_Why = tuple[str, str]
"""Why a part could not be had, and what to do about it."""

_LEAVE = "Leave the option out to get the rest of the result."


def check_read(parts: Collection[str], study: Study, facts: Facts | None) -> None:
    """Refuse, before any mask is made, what the input or the typed line cannot give.

    Raises
    ------
    NothingUsable
        RUN-005 for ``pet``, ``suv`` or ``facts``.
    """
    lacks: dict[str, _Why] = {}
    if not study.pets:
        lacks["pet"] = (_no_pet(study), "")
    if not any(s.suv is not None and s.suv.possible for s in study.pets):
        lacks["suv"] = _no_suv(study)
    if facts is None:
        todo = "Give a file with --facts, or single ones with --fact."
        lacks["facts"] = ("No clinical facts were given.", todo)
    _refuse(parts, lacks)


def check_found(
    parts: Collection[str], study: Study, anatomy: Anatomy | None, flags: Iterable[Flag]
) -> None:
    """Refuse a result without the liver or the segments that were asked for.

    Raises
    ------
    NothingUsable
        RUN-005 for ``liver`` or ``segments``.
    """
    lacks: dict[str, _Why] = {}
    if anatomy is None or not anatomy.has_liver:
        lacks["liver"] = lacks["segments"] = (_no_liver(study, anatomy, flags), "")
    elif anatomy.segments is None:
        why = "The liver is there and is not divided into segments."
        lacks["segments"] = (why, "Give them with --segments-mask, or in a --mask.")
    _refuse(parts, lacks)


def _refuse(parts: Collection[str], lacks: Mapping[str, _Why]) -> None:
    """End with the first part that was asked for and is lacking."""
    for part in parts:
        if part not in lacks:
            continue
        why, todo = lacks[part]
        raise NothingUsable(
            RUN_005,
            what=f"{part} was required and could not be had. {why}",
            where=f"--require {part}",
            todo=f"{todo} {_LEAVE}".strip(),
        )


def _no_pet(study: Study) -> str:
    count = sum(s.kind == "PET" for s in study.series)
    if count:
        return f"None of {count} PET series could be used."
    return "No PET series could be read; netimg inspect says what became of every file."


def _no_suv(study: Study) -> _Why:
    """Code, sentence and remedy of each PET without SUV."""
    records = [s.suv for s in study.pets if s.suv is not None]
    if not records:
        return _no_pet(study), ""
    why = dict.fromkeys(f"{record.code} {record.sentence}".strip() for record in records)
    todo = dict.fromkeys(record.todo for record in records if record.todo)
    return " ".join(why), " ".join(todo)


def _no_liver(study: Study, anatomy: Anatomy | None, flags: Iterable[Flag]) -> str:
    if anatomy is not None:
        return "The masks that were given hold no liver."
    doubts = (*study.flags, *flags)
    high = dict.fromkeys(f"{f.code} {f.sentence}" for f in doubts if f.severity is Severity.HIGH)
    return " ".join(high) or "There is no CT that could be used."
