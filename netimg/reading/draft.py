"""One series on its way to being used: files of one SeriesInstanceUID, numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.reading.index import kind_of
from netimg.reading.pixels import same_picture
from netimg.reading.problems import doubt
from netimg.reading.stack import stack
from netimg.study import Instance, Series

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from netimg.flag import Flag
    from netimg.reading.headers import Header
    from netimg.reading.stack import Stack
    from netimg.settings import Settings
    from netimg.study import Opener


@dataclass(frozen=True, slots=True)
class Draft:
    """Files of one series. ``kind`` is ``CT`` or ``PET``; ``number`` as `inspect` lists it."""

    headers: tuple[Header, ...]
    kind: str
    number: int

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self.headers[0].series_uid

    @property
    def label(self) -> str:
        """How sentences call it: ``Series 4 "portal venous"``."""
        description = self.headers[0].series_description
        return f'series {self.number} "{description}"' if description else f"series {self.number}"

    @property
    def touches(self) -> tuple[str, ...]:
        """Scope that its flags touch."""
        return (self.kind.lower(),)


def drafts(headers: Sequence[Header]) -> list[Draft]:
    """CT and PET series of one study, numbered by SeriesNumber and UID: stable for one input."""
    groups: dict[tuple[str, str], list[Header]] = {}
    for header in headers:
        kind = kind_of(header.sop_class)[1]
        if kind in ("ct", "pet"):
            groups.setdefault((header.series_uid, kind.upper()), []).append(header)

    def place(key: tuple[str, str]) -> tuple[int, str, str]:
        number = groups[key][0].series_number
        return (number if number is not None else 1 << 40, *key)

    ordered = sorted(groups, key=place)
    return [Draft(tuple(groups[key]), key[1], n) for n, key in enumerate(ordered, start=1)]


def stacked(draft: Draft, settings: Settings) -> Stack:
    """Grid of a series and the order of its files on it.

    Raises
    ------
    InputError
        GEO-: why the files make no grid.
    """
    return stack(
        draft.headers,
        series=draft.label,
        kind=draft.kind,
        same_picture=lambda a, b: same_picture(draft.headers[a], draft.headers[b], settings),
    )


def plain_series(draft: Draft, found: Stack, opener: Opener) -> Series:
    """What a CT and a PET say about themselves alike."""
    ordered = [draft.headers[i] for i in found.order]
    first = ordered[0]
    return Series(
        uid=draft.uid,
        number=draft.number,
        kind=draft.kind,
        description=first.series_description or "",
        grid=found.grid,
        instances=_instances(draft, found),
        opener=opener,
        series_number=first.series_number,
        frame_of_reference_uid=first.frame_of_reference,
        acquired_at=_earliest(ordered),
        slice_thickness_mm=first.thickness_mm,
        kernel=first.kernel,
        body_part=first.body_part,
        manufacturer=first.manufacturer,
        flags=(*found.flags, *_doubts(draft)),
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
                z_index=z,
                size_bytes=header.file.size,
                member=header.file.member,
            )
        )
    return tuple(result)


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
    if first.frame_of_reference is None:
        flags.append(doubt("GEO-014", touches=draft.touches, series=draft.label))
    lossy = [h.lossy for h in draft.headers if h.lossy is not None]
    if lossy:
        ratio = lossy[0] or "ratio not said"
        flags.append(doubt("PIX-010", touches=draft.touches, series=draft.label, ratio=ratio))
    if first.pixels.photometric == "MONOCHROME1":
        flags.append(doubt("PIX-007", touches=draft.touches, series=draft.label))
    if first.pixels.bits_allocated == 8:
        flags.append(doubt("PIX-009/eight", touches=draft.touches, series=draft.label))
    return flags


def _earliest(headers: Sequence[Header]) -> dt.datetime | None:
    """Earliest acquisition of a series; the series' own time where no slice says one."""
    times = [h.acquired_at for h in headers if h.acquired_at is not None]
    return min(times) if times else headers[0].series_at
