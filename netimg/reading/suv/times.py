"""What the slices of a PET say about time, as instants; and whose scanner wrote them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.reading.suv.text import clock, day, decimal, offset_of, stamp, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.suv.header import PetSlice

FAR_S = 30 * 86400.0
"""Frames longer than this, or this far from their reference, are misprints."""

_HALF_DAY = dt.timedelta(hours=12)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Times:
    """What the slices say about time; acquisitions in slice order, None where a slice has none."""

    series: dt.datetime | None
    acquisitions: tuple[dt.datetime | None, ...]
    frame_reference_s: tuple[float | None, ...]
    frame_s: tuple[float | None, ...]
    ge: bool
    zone: str | None = None
    """Offset from universal time of the times of day, where it is known."""
    undated: bool = False
    """Whether there are times of day and no date for any."""

    @property
    def earliest(self) -> dt.datetime | None:
        """Earliest acquisition of all slices."""
        return min((a for a in self.acquisitions if a is not None), default=None)


def times_of(slices: Sequence[PetSlice]) -> Times:
    """Instants of all slices; a missing date is the series', across midnight too.

    A series time that is not the same in all slices is none.
    """
    first, zone = slices[0], zone_of(slices[0])
    series_day = day(first.series_date, "series date (0008,0021)")
    stated = {_series(part) for part in slices}
    series = stated.pop() if len(stated) == 1 else None
    acquisitions = tuple(_acquisition(s, series_day, series, zone) for s in slices)
    nothing = series is None and all(a is None for a in acquisitions)
    return Times(
        series=series,
        acquisitions=acquisitions,
        frame_reference_s=tuple(
            _seconds(s.frame_reference_ms, "frame reference time (0054,1300)") for s in slices
        ),
        frame_s=tuple(_duration(s.frame_duration_ms) for s in slices),
        ge=is_ge(first.manufacturer),
        zone=zone,
        undated=nothing and any(s.series_time or s.acquisition_time for s in slices),
    )


def zone_of(first: PetSlice) -> str | None:
    """Offset of the times of day: said by the series, else carried by a date-time in use.

    Two date-times with offsets of their own are then compared as instants, also where the series
    says nothing of its zone.
    """
    if first.timezone is not None:
        return first.timezone
    alone = first.acquisition_datetime if first.acquisition_time is None else None
    return offset_of(alone) or offset_of(first.decay_datetime)


def is_ge(manufacturer: str | None) -> bool:
    """Whether frame reference times count to the start of the frame."""
    text = (manufacturer or "").upper().strip()
    return text == "GE" or text.startswith(("GE ", "GE_", "GEMS", "GENERAL ELECTRIC"))


def is_siemens(manufacturer: str | None) -> bool:
    """Whether a private value of Siemens may be meant where its creator is missing."""
    return "SIEMENS" in (manufacturer or "").upper()


def is_philips(manufacturer: str | None) -> bool:
    """Whether a private value of Philips may be meant where its creator is missing."""
    return "PHILIPS" in (manufacturer or "").upper()


def _series(part: PetSlice) -> dt.datetime | None:
    date = day(part.series_date, "series date (0008,0021)")
    time = clock(part.series_time, "series time (0008,0031)")
    return None if date is None or time is None else dt.datetime.combine(date, time)


def _acquisition(
    part: PetSlice, series_day: dt.date | None, series: dt.datetime | None, zone: str | None
) -> dt.datetime | None:
    own = day(part.acquisition_date, "acquisition date (0008,0022)")
    time = clock(part.acquisition_time, "acquisition time (0008,0032)")
    if time is not None and own is not None:
        return dt.datetime.combine(own, time)
    if time is None or series_day is None:
        return stamp(part.acquisition_datetime, "acquisition date-time (0008,002A)", offset=zone)
    moment = dt.datetime.combine(series_day, time)
    if series is not None and series - moment > _HALF_DAY:
        moment += _DAY
    return moment


def _seconds(text: str | None, tag: str) -> float | None:
    value = decimal(text, tag)
    if value is not None and abs(value) > FAR_S * 1000.0:
        raise unreadable(tag, f"{value:g} ms")
    return None if value is None else value / 1000.0


def _duration(text: str | None) -> float | None:
    """Frame duration; 0 says nothing."""
    tag = "frame duration (0018,1242)"
    value = _seconds(text, tag)
    if value is not None and value < 0:
        raise unreadable(tag, str(text).strip())
    return value or None
