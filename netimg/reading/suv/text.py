"""Text of DICOM headers as numbers and instants; what cannot be read is SUV-037 with its tag."""

from __future__ import annotations

import datetime as dt
import math
import re

from netimg.errors import SUV_037, NetimgError
from netimg.reading.problems import refusal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_CLOCK = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_STAMP = re.compile(r"(\d{8})[T ]?(\d{2,6}(?:\.\d{1,6})?)(?:\s*([+-]\d{2}:?\d{2}))?")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_LAST_YEAR = 9998
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)")


def decimal(text: str | None, tag: str) -> float | None:
    """A decimal string as a number; None where it is absent or blank."""
    bare = _bare(text)
    if not bare:
        return None
    if not _NUMBER.fullmatch(bare) or not math.isfinite(float(bare)):
        raise unreadable(tag, bare)
    return float(bare)


def day(text: str | None, tag: str) -> dt.date | None:
    """A date (``20240310``, ``2024.03.10``); None where it is absent.

    Year 1, which programs write for "no date", is not read.
    """
    bare = _bare(text)
    if not bare:
        return None
    found = _DATE.fullmatch(bare)
    if not found or not 1 < int(found[1]) <= _LAST_YEAR:
        raise unreadable(tag, bare)
    try:
        return dt.date(*map(int, found.groups()))
    except ValueError:
        raise unreadable(tag, bare) from None


def clock(text: str | None, tag: str) -> dt.time | None:
    """A time of day (``1015``, ``10:15:00``, ``101500.25``); None where it is absent."""
    bare = _bare(text)
    if not bare:
        return None
    found = _CLOCK.fullmatch(bare)
    if not found:
        raise unreadable(tag, bare)
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    micro = int((found.group(4) or "0").ljust(6, "0"))
    try:
        return dt.time(hour, minute, 59 if second == 60 else second, micro)
    except ValueError:
        raise unreadable(tag, bare) from None


def stamp(text: str | None, tag: str, *, offset: str | None = None) -> dt.datetime | None:
    """A date-time, moved to the series' offset where both offsets are known, else as written.

    Accepts the DICOM form and ``2026-03-02T09:41:00``, as a person types it.
    """
    bare = _bare(text)
    if not bare:
        return None
    typed = _ISO.fullmatch(bare)
    found = None if typed else _STAMP.fullmatch(bare)
    if typed:
        date, time = day(typed[1], tag), clock(typed[2], tag)
    elif found:
        date, time = day(found[1], tag), clock(found[2], tag)
    else:
        raise unreadable(tag, bare)
    if date is None or time is None:
        raise unreadable(tag, bare)
    moment = dt.datetime.combine(date, time)
    own, series = (_offset(found[3]) if found else None), _offset(offset)
    return moment if own is None or series is None else moment + (series - own)


def offset_of(text: str | None) -> str | None:
    """Offset from universal time at the end of a date-time (``+0100``); None where it has none."""
    found = re.search(r"[+-]\d{2}:?\d{2}$", _bare(text))
    return found[0] if found and _STAMP.fullmatch(_bare(text)) else None


def is_date_alone(text: str | None) -> bool:
    """Whether a date-time stops after the day."""
    return _DATE.fullmatch(_bare(text)) is not None


def is_hour_alone(text: str | None) -> bool:
    """Whether a time, or a date-time, stops after the hour."""
    return re.fullmatch(r"(\d{8}[T ]?)?\d{2}(\s*[+-]\d{2}:?\d{2})?", _bare(text)) is not None


def unreadable(tag: str, value: str) -> NetimgError:
    """SUV-037 for a value that is no number, date or time."""
    return refusal(SUV_037, tag=tag, value=repr(value))


def _bare(text: str | None) -> str:
    return (text or "").strip(" \0\t\r\n")


def _offset(text: str | None) -> dt.timedelta | None:
    found = _OFFSET.fullmatch(_bare(text))
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return dt.timedelta(minutes=-minutes if found[1] == "-" else minutes)
