"""One series on its way to being used: files that may make one volume, numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import GEO_003, GEO_004, GEO_008, GEO_010, GEO_014, InputError
from netimg.reading.index import kind_of
from netimg.reading.pixel_checks import format_doubts
from netimg.reading.pixels import same_picture
from netimg.reading.places import along_of, normal_of
from netimg.reading.problems import code_of, count, doubt, refusal, sentence
from netimg.reading.split import Cut, split
from netimg.reading.stack import has_place, stack
from netimg.study import Instance, Series, SetAside

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from netimg.errors import NetimgError
    from netimg.flag import Flag
    from netimg.reading.headers import Header
    from netimg.reading.split import Part, Split
    from netimg.reading.stack import Stack
    from netimg.settings import Settings
    from netimg.study import Opener


_GAP = 1.5
"""Usual gaps; a wider one lacks a slice."""
_MOST_SAID = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """Files of one volume. ``kind`` is ``CT`` or ``PET``; ``number`` as `inspect` lists it.

    ``cuts`` say which part of its series it is where that held several volumes.
    """

    headers: tuple[Header, ...]
    kind: str
    number: int
    cuts: tuple[Cut, ...] = ()
    notes: tuple[Flag, ...] = ()
    """What is said about the series as a whole: that it was split, and by what."""
    scraps: tuple[Part, ...] = ()
    """What its series holds besides that is too little for a volume."""

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self.headers[0].series_uid

    @property
    def description(self) -> str:
        """Series description, and which part this is: ``portal venous (kernel B60f)``."""
        part = ", ".join(cut.text for cut in self.cuts)
        said = self.headers[0].series_description or ""
        return f"{said} ({part})".strip() if part else said

    @property
    def label(self) -> str:
        """How sentences call it: ``series 4 "portal venous"``."""
        return (
            f'series {self.number} "{self.description}"'
            if self.description
            else (f"series {self.number}")
        )

    @property
    def touches(self) -> tuple[str, ...]:
        """Scope that its flags touch."""
        return (self.kind.lower(),)

    @property
    def moving(self) -> str:
        """``dynamic``, ``gated``, ``one of 10 times``; empty for a picture of one time."""
        pet = self.headers[0].pet
        said = pet.series_type[0].upper() if pet is not None and pet.series_type else ""
        if said in ("DYNAMIC", "GATED"):
            return said.lower()
        times = [len(cut.values) for cut in self.cuts if cut.is_time]
        return f"one of {times[0]} times" if times else ""


def drafts(headers: Sequence[Header]) -> tuple[list[Draft], list[SetAside]]:
    """CT and PET volumes of one study, and what is too little beside them.

    Numbered by SeriesNumber, UID and part: stable for one input.
    """
    groups: dict[tuple[str, str], list[Header]] = {}
    for header in headers:
        kind = kind_of(header.sop_class)[1]
        if kind in ("ct", "pet"):
            groups.setdefault((header.series_uid, kind.upper()), []).append(header)

    def place(key: tuple[str, str]) -> tuple[int, str, str]:
        number = groups[key][0].series_number
        return (number if number is not None else 1 << 40, *key)

    found: list[Draft] = []
    aside: list[SetAside] = []
    for key in sorted(groups, key=place):
        own, left = volumes_of(groups[key], key[1], number=len(found) + 1)
        found += own
        aside += left
    return found, aside


def volumes_of(
    headers: Sequence[Header], kind: str, *, number: int
) -> tuple[list[Draft], list[SetAside]]:
    """Volumes of one SeriesInstanceUID, numbered from ``number``, and what is too little."""
    parts = split(headers)
    last = number + len(parts.volumes) - 1
    own = [
        Draft(part.headers, kind, n, part.cuts)
        for n, part in enumerate(parts.volumes, start=number)
    ]
    main = max(own, key=lambda draft: len(draft.headers))
    many = Draft(main.headers, kind, number).label
    if last > number:
        word = "and" if last == number + 1 else "to"
        many = many.replace(f"series {number}", f"series {number} {word} {last}", 1)
    left, notes = _too_little(parts, many, main)
    result = [
        Draft(d.headers, kind, d.number, d.cuts, (*_split_notes(d, many), *notes), parts.scraps)
        for d in own
    ]
    return result, left


def _split_notes(draft: Draft, series: str) -> list[Flag]:
    """By what a series was split, into how many, of what size."""
    return [
        doubt(
            "GEO-009" if cut.is_time else "GEO-009/key",
            touches=draft.touches,
            series=series,
            n=len(cut.values),
            key=cut.word,
            counts=cut.said,
        )
        for cut in draft.cuts
    ]


def _too_little(parts: Split, series: str, main: Draft) -> tuple[list[SetAside], list[Flag]]:
    """Overviews and few odd slices beside a volume; frames of a file that is used, as flags."""
    used = {header.file for part in parts.volumes for header in part.headers}
    aside: dict[str, SetAside] = {}
    notes: list[Flag] = []
    for problem, group in (("IDX-011/part", parts.overviews), ("GEO-010/part", parts.scraps)):
        for part in group:
            n = len(part.headers)
            slices = "1 slice" if n == 1 else f"{n} slices"
            said = sentence(problem, slices=slices, series=series, part=part.text)
            files = dict.fromkeys(header.file.name for header in part.headers)
            if any(header.file in used for header in part.headers):
                notes.append(
                    doubt(
                        problem, touches=main.touches, slices=slices, series=series, part=part.text
                    )
                )
                continue
            for name in files:
                item = SetAside(
                    path=name, code=code_of(problem), sentence=said, series_uid=main.uid
                )
                aside.setdefault(name, item)
    return list(aside.values()), notes


def stacked(draft: Draft, settings: Settings, *, regrid: bool = False) -> Stack:
    """Grid of a series and the order of its files on it; ``regrid`` as in `stack.stack`.

    Raises
    ------
    InputError
        GEO-: why the files make no grid. Where a slice is there that would close its gap, it is not
        called missing, and nothing is filled in for it.
    """
    odd = _odd_ones(draft)
    try:
        return stack(
            draft.headers,
            series=draft.label,
            kind=draft.kind,
            same_picture=lambda a, b: same_picture(draft.headers[a], draft.headers[b], settings),
            regrid=regrid and not odd,
        )
    except InputError as error:
        if not odd or error.code not in (GEO_003, GEO_004):
            raise
        raise _not_missing(odd, draft) from error


def _odd_ones(draft: Draft) -> list[tuple[float, Header, Cut]]:
    """Slices of another kind in a gap of the others: place (mm), and by what they differ."""
    normal = normal_of(draft.headers)
    along = along_of(draft.headers)
    if normal is None or along is None or len(along) < 2:
        return []
    own = np.unique(np.round(along, 3))
    usual = float(np.median(np.diff(own))) if len(own) > 1 else 0.0
    found = []
    for part in draft.scraps:
        for header in part.headers:
            if not has_place(header) or not part.cuts:
                continue
            mm = float(np.array(header.position) @ normal)
            above = int(np.searchsorted(own, mm))
            if 0 < above < len(own) and own[above] - own[above - 1] > _GAP * usual:
                found.append((mm, header, part.cuts[-1]))
    return sorted(found, key=lambda item: item[0])


def _not_missing(odd: Sequence[tuple[float, Header, Cut]], draft: Draft) -> NetimgError:
    """Refusal of a volume whose missing slices are there, but of another kind."""
    cut = odd[0][2]
    own = [(mm, header) for mm, header, by in odd if by.key == cut.key]
    which = ", ".join(f"{h.instance_number} ({mm:.1f} mm)" for mm, h in own[:_MOST_SAID])
    if len(own) > _MOST_SAID:
        which += f" and {len(own) - _MOST_SAID} more"
    code = {"size": GEO_008, "pixel": GEO_008, "frame": GEO_014}.get(cut.key, GEO_010)
    others = max(zip(cut.counts, cut.values, strict=True))[1]
    how = cut.word if cut.key == "frame" else f"{cut.word} ({cut.value}, the others {others})"
    return refusal(code, "odd", series=draft.label, which=which, how=how)


def plain_series(draft: Draft, found: Stack, opener: Opener) -> Series:
    """What a CT and a PET say about themselves alike."""
    ordered = [draft.headers[i] for i in found.order]
    first = ordered[0]
    return Series(
        uid=draft.uid,
        number=draft.number,
        kind=draft.kind,
        description=draft.description,
        grid=found.grid,
        instances=_instances(draft, found),
        opener=opener,
        series_number=first.series_number,
        frame_of_reference_uid=_frame(ordered),
        acquired_at=_earliest(ordered),
        slice_thickness_mm=first.thickness_mm,
        kernel=first.kernel,
        body_part=first.body_part,
        regridded=None if found.resampling is None else found.resampling.made,
        manufacturer=first.manufacturer,
        flags=(*draft.notes, *found.flags, *_doubts(draft), *_short(draft, found)),
    )


def _instances(draft: Draft, found: Stack) -> tuple[Instance, ...]:
    """Files in grid order, as outputs refer to them."""
    result = []
    for z, place in enumerate(found.order):
        header = draft.headers[place]
        result.append(
            Instance(
                path=header.file.path,
                sop_instance_uid=header.sop_instance,
                sop_class_uid=header.sop_class,
                instance_number=header.instance_number,
                frame_number=header.frame_number,
                z_index=z if found.resampling is None else None,
                size_bytes=header.file.size,
                member=header.file.member,
            )
        )
    return tuple(result)


def _short(draft: Draft, found: Stack) -> list[Flag]:
    """Doubt of a PET that has fewer slices than its header says: ends leave no gap."""
    said, n = draft.headers[0].slices_said or 0, len(found.order)
    if draft.kind != "PET" or draft.cuts or said <= n:
        return []
    return [
        doubt(
            "GEO-004/fewer",
            touches=draft.touches,
            series=draft.label,
            said=said,
            n=n,
            lacking=count(said - n, "slice"),
            measured=float(n),
            limit=float(said),
        )
    ]


def _doubts(draft: Draft) -> list[Flag]:
    first = draft.headers[0]
    flags = []
    modality = {"CT": "CT", "PET": "PT"}[draft.kind]
    if first.modality and first.modality.upper() != modality:
        flags.append(
            doubt(
                "IDX-023",
                touches=draft.touches,
                series=draft.label,
                modality=first.modality,
                kind=draft.kind,
            )
        )
    if _frame(draft.headers) is None:
        flags.append(doubt("GEO-014", touches=draft.touches, series=draft.label))
    flags += format_doubts(draft.headers, series=draft.label, touches=draft.touches)
    return flags


def _frame(headers: Sequence[Header]) -> str | None:
    """Coordinate system of a series: what its slices say, save those that say nothing."""
    return next((h.frame_of_reference for h in headers if h.frame_of_reference), None)


def _earliest(headers: Sequence[Header]) -> dt.datetime | None:
    """Earliest acquisition of a series; the series' own time where no slice says one."""
    times = [h.acquired_at for h in headers if h.acquired_at is not None]
    return min(times) if times else headers[0].series_at
