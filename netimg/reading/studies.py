"""From a path to a `Study`: files indexed, series read, CT and PETs chosen.

`open_study` refuses what cannot be measured, `survey_study` only describes (``netimg inspect``),
`find_studies` lists what is there (``netimg batch``).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from netimg.errors import IDX_014, SEL_011, InputError
from netimg.flag import Flag, Severity
from netimg.progress import Progress, silent
from netimg.reading.choose import by_token, is_meant, not_there, several
from netimg.reading.choose_person import of_one_person
from netimg.reading.ct import read_ct
from netimg.reading.draft import Draft, drafts, volumes_of
from netimg.reading.each_pet import check_meant
from netimg.reading.few import too_few
from netimg.reading.index import Index, index, is_image, kind_of
from netimg.reading.listing import FoundStudy, elsewhere, find_studies, listed, pick
from netimg.reading.memory import check_memory
from netimg.reading.nothing import nothing_usable, too_coarse
from netimg.reading.overrides import check_overrides
from netimg.reading.pair import same_person
from netimg.reading.person import patient_of, same_identity, study_header
from netimg.reading.pet import read_pet
from netimg.reading.problems import code_of, count, doubt, refusal, sentence
from netimg.reading.select import select
from netimg.settings import Settings
from netimg.study import Series, SetAside, Study

if TYPE_CHECKING:
    from netimg.reading.headers import Header

__all__ = ["FoundStudy", "find_studies", "open_study", "survey_study"]

log = logging.getLogger(__name__)

NOTHING: Mapping[str, object] = MappingProxyType({})


def open_study(
    path: str | Path,
    *,
    study: str | None = None,
    ct: str | None = None,
    pet: Sequence[str] = (),
    overrides: Mapping[str, object] = NOTHING,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Study:
    """Read one examination; nothing is loaded until ``series.load()``.

    Parameters
    ----------
    path
        Folder of any depth, zip, or one file.
    study
        Which one where there are several: UID, its beginning, or the number in the list.
    ct, pet
        Series to measure: UID, unique beginning of at least 8 characters, or number.
    overrides
        What a person typed: `netimg.reading.suv.resolve.OVERRIDES` and
        `netimg.reading.overrides.CHOICES`.

    Returns
    -------
    Study
        Every file in a series or set aside; ``ct`` is None where a PET is used alone.

    Raises
    ------
    InputError
        IDX-001, IDX-002, IDX-008, IDX-009, IDX-017, IDX-020, PIX-002, SEL-011, or the reason why a
        series that was asked for cannot be used.
    UsageError
        USE-001 an override that cannot be meant, USE-003 several studies, USE-005 no such study or
        patient, SEL-013 no such series.
    NothingUsable
        IDX-018 neither CT nor PET, SEL-018 every CT was refused.
    ValueError
        If an override's key is unknown.
    """
    reading = _begin(path, study, overrides, settings, progress)
    found = reading.study(ct=ct, pet=pet)
    if found.ct is None and not found.pets:
        raise nothing_usable(found, reading.refused_cts)
    check_memory(found, reading.settings)
    return found


def survey_study(
    path: str | Path,
    *,
    study: str | None = None,
    ct: str | None = None,
    pet: Sequence[str] = (),
    overrides: Mapping[str, object] = NOTHING,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Study:
    """Describe one examination like `open_study`, also where nothing in it can be measured."""
    return _begin(path, study, overrides, settings, progress).study(ct=ct, pet=pet)


def _begin(
    path: str | Path,
    study: str | None,
    overrides: Mapping[str, object],
    settings: Settings | None,
    progress: Progress,
) -> _Reading:
    """Files indexed, the examination picked."""
    check_overrides(overrides)
    settings = settings or Settings.shipped()
    root = Path(path)
    found = index(root, settings, progress=progress)
    uid = pick(listed(found, root), study)
    return _Reading(root, found, uid, dict(overrides), settings)


@dataclass(slots=True)
class _Reading:
    """One examination on its way from headers to a `Study`."""

    root: Path
    index: Index
    uid: str
    overrides: dict[str, object]
    settings: Settings
    refused_cts: list[str] = field(default_factory=list)
    """Why each CT that was refused cannot be used, known once the study was read."""

    def study(self, *, ct: str | None, pet: Sequence[str]) -> Study:
        """The study, with the series a person asked for (tokens) or those that are chosen."""
        images, aside = self._own()
        found_parts, too_little = drafts(images)
        aside += too_little
        parts = {draft.number: draft for draft in found_parts}
        pets = [d for d in found_parts if d.kind == "PET"]
        asked = [d for d in pets if any(is_meant(token, d.number, d.uid) for token in pet)]
        check_meant(self.overrides, asked or pets)
        series, refused = self._read(parts)
        self.refused_cts = [
            f"{error.code} {error.what.rstrip('.')} ({_files(parts[n])})"
            for n, error in refused.items()
            if parts[n].kind == "CT"
        ]
        asked_ct = self._asked(series, parts, refused, "CT", ct) if ct else None
        asked_pets = []
        for token in pet:
            found = self._asked_pet(series, parts, refused, token)
            if (few := too_few(found)) is not None:
                raise few
            asked_pets.append(found)
            if all(one.number != found.number for one in series):
                series.append(found)
        phase = self.overrides.get("phase")
        chosen = select(
            series,
            parts,
            asked_ct=asked_ct,
            asked_pets=asked_pets,
            phase=None if phase is None else str(phase),
            register=bool(self.overrides.get("register")),
        )
        aside += self._left_out(parts, chosen.series, refused)
        return self._noun(
            images,
            chosen.series,
            aside,
            primary=chosen.ct,
            pets=chosen.pets,
            flags=(*chosen.flags, *_refused_frames(parts, chosen.series, refused)),
        )

    def _own(self) -> tuple[list[Header], list[SetAside]]:
        """Images of this study, and its files (and those of no study) that are no images."""
        imaged = {h.study_uid for h in self.index.images}
        own = [
            h
            for h in self.index.headers
            if h.study_uid == self.uid or (h.study_uid not in imaged and not is_image(h))
        ]
        aside = [a for a in self.index.set_aside if self._is_ours(a)]
        aside += [_unused(h) for h in own if not is_image(h)]
        images, others = self._identified([h for h in own if is_image(h)])
        return images, aside + others

    def _is_ours(self, item: SetAside) -> bool:
        return not self.uid or self.index.studies.get(item.path, self.uid) == self.uid

    def _noun(
        self,
        images: Sequence[Header],
        series: Sequence[Series],
        aside: Sequence[SetAside],
        *,
        primary: Series | None,
        pets: tuple[Series, ...],
        flags: tuple[Flag, ...],
    ) -> Study:
        head = study_header(images)
        fates = _fates(self.index, series)
        fates += [(a.path, "set aside") for a in aside]
        if images and "patient" in self.overrides:
            flags = (*flags, doubt("SEL-012/patient"))
        if (primary is None) is bool(pets):
            hint = elsewhere(self.index, self.root, self.uid, "pet" if primary else "ct")
            flags = flags if hint is None else (*flags, hint)
        if primary is None and pets:
            flags = (*flags, self._no_ct(series, len(fates)))
        log.info(
            "study read",
            extra={"n_series": len(series), "aside": len(aside), "pets": len(pets)},
        )
        return Study(
            uid=self.uid,
            patient=patient_of(images, self.overrides),
            series=tuple(series),
            set_aside=tuple(sorted(aside, key=lambda a: os.fsencode(a.path))),
            ct=primary,
            pets=pets,
            files=tuple(sorted(fates)),
            source=str(self.root),
            date=head.date,
            time=head.time,
            description=head.description,
            accession=head.accession,
            flags=(*self.index.flags, *flags),
            register=bool(self.overrides.get("register")),
        )

    def _no_ct(self, series: Sequence[Series], n_files: int) -> Flag:
        """Why a PET is measured alone."""
        reasons = [*self.refused_cts, *(too_coarse(s) for s in series if s.kind == "CT")]
        if reasons:
            return doubt("SEL-018/pet", reasons="; ".join(reasons))
        return doubt("IDX-018/pet", n=n_files)

    def _identified(self, images: Sequence[Header]) -> tuple[list[Header], list[SetAside]]:
        """Images of one patient identity; two are refused unless one was chosen."""
        chosen = self.overrides.get("patient")
        kept, rest = of_one_person(images, self.uid, None if chosen is None else str(chosen))
        return kept, [_aside(h, "IDX-020/aside", file=h.file.name) for h in rest]

    def _read(self, parts: Mapping[int, Draft]) -> tuple[list[Series], dict[int, InputError]]:
        """Series that can be used, and by number why the others cannot."""
        series: list[Series] = []
        refused: dict[int, InputError] = {}
        for number, draft in parts.items():
            try:
                series.append(self._one(draft))
            except InputError as error:
                refused[number] = error
        return series, refused

    def _one(self, draft: Draft) -> Series:
        if draft.uid in self.index.contradicted:
            raise refusal(IDX_014, "series", series=draft.label)
        if draft.kind == "CT":
            return read_ct(draft, self.settings, regrid=bool(self.overrides.get("regrid")))
        return read_pet(draft, self.settings, self.overrides)

    def _asked(
        self,
        series: Sequence[Series],
        parts: Mapping[int, Draft],
        refused: Mapping[int, InputError],
        kind: str,
        token: str,
    ) -> Series:
        """Series a person asked for; where it was refused, the reason is raised."""
        fits = [s for s in series if s.kind == kind]
        found = by_token(fits, token)
        if found is not None:
            return found
        for number, error in refused.items():
            draft = parts[number]
            if draft.kind == kind and is_meant(token, draft.number, draft.uid):
                raise error
        raise not_there(fits, token)

    def _asked_pet(
        self,
        series: Sequence[Series],
        parts: dict[int, Draft],
        refused: Mapping[int, InputError],
        token: str,
    ) -> Series:
        """PET a person asked for, also from another study of the same patient."""
        strange = [
            h
            for h in self.index.images
            if h.study_uid != self.uid
            and kind_of(h.sop_class)[1] == "pet"
            and is_meant(token, None, h.series_uid)
        ]
        if by_token([s for s in series if s.kind == "PET"], token) is not None or not strange:
            return self._asked(series, parts, refused, "PET", token)
        own = next((d.headers[0].patient for d in parts.values()), None)
        if own is not None and not same_person(own, strange[0].patient):
            nameless = not own.id or not strange[0].patient.id
            variant = "no_id" if nameless and same_identity(own, strange[0].patient) else ""
            raise refusal(SEL_011, variant, where=f"series {strange[0].series_uid}")
        number = max(parts, default=0) + 1
        volumes, _ = volumes_of(strange, "PET", number=number)
        if len(volumes) > 1:
            raise several([(d.number, d.description) for d in volumes], token, "--pet")
        parts[number] = volumes[0]
        return self._one(parts[number])

    def _left_out(
        self,
        parts: Mapping[int, Draft],
        series: Sequence[Series],
        refused: Mapping[int, InputError],
    ) -> list[SetAside]:
        """Files of refused series, and second copies of slices."""
        used = {(str(i.path), i.member) for s in series for i in s.instances}
        aside: dict[tuple[str, str | None], SetAside] = {}
        for number, draft in parts.items():
            error = refused.get(number)
            code = "GEO-013" if error is None else str(error.code)
            text = sentence(code, slices=count(1, "slice")) if error is None else error.what
            for header in draft.headers:
                if _place(header) not in used:
                    aside.setdefault(_place(header), _set_aside(header, code, text))
        return list(aside.values())


def _files(draft: Draft) -> str:
    n = len({_place(header) for header in draft.headers})
    return "1 file" if n == 1 else f"{n} files"


def _place(header: Header) -> tuple[str, str | None]:
    """Where the file of a picture lies: path, and name inside an archive."""
    return str(header.file.path), header.file.member


def _fates(found: Index, series: Sequence[Series]) -> list[tuple[str, str]]:
    """Files that are in a series, with its number; a file of many frames may be in several."""
    numbers: dict[tuple[str, str | None], list[str]] = {}
    for one in series:
        for place in dict.fromkeys((str(i.path), i.member) for i in one.instances):
            numbers.setdefault(place, []).append(str(one.number))
    named = {h.file.name: numbers[_place(h)] for h in found.headers if _place(h) in numbers}
    return [(name, f"series {', '.join(own)}") for name, own in named.items()]


def _refused_frames(
    parts: Mapping[int, Draft], series: Sequence[Series], refused: Mapping[int, InputError]
) -> tuple[Flag, ...]:
    """Why a part of a file of many frames is not used while another part of it is."""
    used = {(str(i.path), i.member) for s in series for i in s.instances}
    return tuple(
        Flag(code=str(error.code), severity=Severity.INFO, sentence=error.what)
        for number, error in refused.items()
        if any(_place(h) in used for h in parts[number].headers)
    )


def _unused(header: Header) -> SetAside:
    """A DICOM object that is no CT and no PET."""
    name, fate = kind_of(header.sop_class)
    if fate == "captured":
        return _aside(header, "IDX-012", series=header.file.name)
    problem = "IDX-010/mask" if fate == "mask" else "IDX-010"
    return _aside(header, problem, file=header.file.name, kind=name)


def _aside(header: Header, problem: str, **numbers: object) -> SetAside:
    return _set_aside(header, code_of(problem), sentence(problem, **numbers))


def _set_aside(header: Header, code: str, text: str) -> SetAside:
    return SetAside(path=header.file.name, code=code, sentence=text, series_uid=header.series_uid)
