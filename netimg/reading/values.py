"""What the values of the measured series say, beside what their headers say."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import InputError
from netimg.flag import Flag, Severity
from netimg.reading.choose import BY_NAME
from netimg.reading.problems import doubt
from netimg.reading.select import select_without
from netimg.study import SetAside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.study import Series, Study
    from netimg.volume import Volume

_ALONE = ("IDX-018", "SEL-018")
_BY_NAME = (BY_NAME, "chosen by you (--pet)")


def with_values(study: Study) -> Study:
    """The study with the flags of its loaded values, for those who only look.

    A chosen series whose values refuse it is set aside, and the next one takes its place; the
    study may be left without CT and PET.

    Raises
    ------
    InputError
        Why a series that a person asked for by name cannot be used.
    """
    study, images, _ = loaded(study)
    return with_flags(study, {number: image.flags for number, image in images.items()})


def loaded(study: Study) -> tuple[Study, dict[int, Volume], InputError | None]:
    """The study whose chosen series can be loaded; what cannot is set aside with the reason.

    Returns
    -------
    study
        As it was where everything could be loaded.
    images
        Of the chosen series, by number.
    first
        Why the first series was set aside; None where none was.

    Raises
    ------
    InputError
        Why a series that a person asked for by name cannot be used.
    """
    first: InputError | None = None
    images: dict[int, Volume] = {}
    while (series := next((s for s in _chosen(study) if s.number not in images), None)) is not None:
        try:
            images[series.number] = series.load()
        except InputError as error:
            if any(why in _BY_NAME for why in series.why):
                raise
            first = first or error
            study = without(study, series, error)
    return study, images, first


def without(study: Study, series: Series, error: InputError) -> Study:
    """The study chosen once more without a series, whose files are set aside with the reason."""
    fate = f"series {series.number}"
    files = [(path, _without_number(told, series.number)) for path, told in study.files]
    aside = [
        SetAside(path=path, code=str(error.code), sentence=error.what, series_uid=series.uid)
        for path, told in study.files
        if told == fate
    ]
    touches = (series.kind.lower(),)
    flag = Flag(code=str(error.code), severity=Severity.HIGH, sentence=error.what, touches=touches)
    again = select_without(study, series.number)
    alone = () if again.pets else _ALONE  # what says that a PET is measured alone
    flags = (*(f for f in again.flags if f.code not in alone), flag)
    if again.ct is None and series.kind == "CT" and again.pets:
        flags = (*flags, doubt("SEL-018/pet", reasons=f"{error.code} {error.what.rstrip('.')}"))
    everything = sorted((*again.set_aside, *aside), key=lambda item: os.fsencode(item.path))
    return replace(again, files=tuple(files), set_aside=tuple(everything), flags=flags)


def _without_number(fate: str, number: int) -> str:
    """Fate of a file without one of the series that it is in: ``series 1, 2``, ``set aside``."""
    if not fate.startswith("series "):
        return fate
    kept = [n for n in fate.removeprefix("series ").split(", ") if n != str(number)]
    return f"series {', '.join(kept)}" if kept else "set aside"


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
