"""What the values of the measured series say, beside what their headers say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import InputError
from netimg.flag import Flag, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.study import Series, Study


def with_values(study: Study) -> Study:
    """The study with the flags of its loaded values, for those who only look.

    A series whose values refuse it keeps its place and carries the reason as a flag: who measures
    it gets that error.
    """
    return with_flags(study, {s.number: _of(s) for s in _chosen(study)})


def with_flags(study: Study, flags: Mapping[int, tuple[Flag, ...]]) -> Study:
    """The study whose chosen series carry further flags, by series number."""
    if not any(flags.values()):
        return study

    def noted(series: Series) -> Series:
        more = flags.get(series.number, ())
        return replace(series, flags=tuple(dict.fromkeys((*series.flags, *more))))

    again = {s.number: noted(s) for s in _chosen(study)}
    return replace(
        study,
        ct=None if study.ct is None else again[study.ct.number],
        pets=tuple(again[pet.number] for pet in study.pets),
        series=tuple(again.get(s.number, s) for s in study.series),
    )


def _chosen(study: Study) -> list[Series]:
    return [s for s in (study.ct, *study.pets) if s is not None]


def _of(series: Series) -> tuple[Flag, ...]:
    try:
        return series.load().flags
    except InputError as error:
        return (
            Flag(
                code=str(error.code),
                severity=Severity.HIGH,
                sentence=error.what,
                touches=(series.kind.lower(),),
            ),
        )
