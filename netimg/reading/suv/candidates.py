"""Times to which a PET could have been decay-corrected, and which of them it was."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import SUV_017, SUV_025, SUV_028, SUV_029
from netimg.reading.problems import refusal
from netimg.reading.suv.decay import apart, mean_count_s, percent_text
from netimg.reading.suv.text import decimal, stamp
from netimg.reading.suv.times import FAR_S, is_ge, is_siemens
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.suv.header import PetSlice
    from netimg.reading.suv.notes import Notes
    from netimg.reading.suv.times import Times

_SECOND = dt.timedelta(seconds=1)
_HALF_DAY = dt.timedelta(hours=12)
_DAY = dt.timedelta(days=1)

EXPLICIT = ("decay_correction_datetime", "ge_scan_datetime", "siemens_decay_datetime")
"""Candidates that state the decay reference themselves, in order of trust."""

_EXPLICIT_TAGS = (
    "decay correction date-time (0018,9701)",
    "GE scan date-time (0009,xx0D)",
    "Siemens decay date-time (0071,xx22)",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A decay reference: which candidate, the instant, and per slice where they differ.

    ``confirmed_by``: beds whose frame times say the same.
    """

    method: str
    at: dt.datetime
    per_slice: tuple[dt.datetime, ...] | None = None
    confirmed_by: int = 0


def explicit(
    slices: Sequence[PetSlice],
    times: Times,
    notes: Notes,
    *,
    repair: bool = True,
    settled: bool = False,
) -> dict[str, dt.datetime]:
    """Candidates that state the reference, their dates brought to the acquisitions'.

    ``settled``: a person typed the reference; slices that state different ones state none.

    Raises
    ------
    SUVError
        SUV-025 where slices state different ones, SUV-017 for a date far from the scan's that may
        not be repaired, SUV-037.
    """
    tags = dict(zip(EXPLICIT, _EXPLICIT_TAGS, strict=True))
    found: dict[str, dt.datetime] = {}
    for name, tag in tags.items():
        stated = {_stated(name, part, notes) for part in slices} - {None}
        moments = [m for m in (stamp(s, tag, offset=times.zone) for s in stated) if m is not None]
        if not moments:
            continue
        if (max(moments) - min(moments)).total_seconds() > _limit("together_s"):
            if settled:
                continue
            values = f"{min(moments).isoformat()}, {max(moments).isoformat()}"
            raise refusal(SUV_025, attribute=tag, values=values)
        found[name] = min(moments)
    return {
        name: _near_scan(moment, name, times, notes, repair=repair)
        for name, moment in found.items()
    }


def _stated(name: str, part: PetSlice, notes: Notes) -> str | None:
    """Text of an explicit reference; a private one without its creator only of its maker."""
    if name == "decay_correction_datetime":
        return part.decay_datetime
    ge = name == "ge_scan_datetime"
    private = part.ge_scan_datetime if ge else part.siemens_decay_datetime
    if private is None or private.creator_present or not private.text:
        return None if private is None else private.text
    if not (is_ge(part.manufacturer) if ge else is_siemens(part.manufacturer)):
        return None
    notes.add("SUV-049")
    return private.text


def backcomputed(
    times: Times, half_life_s: float, *, ge: bool, zero_is_start: bool = True
) -> tuple[dt.datetime, ...] | None:
    """Reference per slice from acquisition and frame times; None where a slice lacks one.

    ``ge``: frame references count to the start of the frame. ``zero_is_start``: where they are 0
    in all slices they say nothing, and the acquisition is the reference.
    """
    moments = []
    zero = zero_is_start and all(value == 0 for value in times.frame_reference_s)
    for start, offset, frame in zip(
        times.acquisitions, times.frame_reference_s, times.frame_s, strict=True
    ):
        if start is None or offset is None or (frame is None and not ge and not zero):
            return None
        into = 0.0 if ge or zero or frame is None else mean_count_s(frame, half_life_s)
        moments.append(start + dt.timedelta(seconds=into - offset))
    return tuple(moments)


def common(moments: tuple[dt.datetime, ...] | None) -> dt.datetime | None:
    """Median of per-slice references that agree within 5 s; else None."""
    if not moments or (max(moments) - min(moments)).total_seconds() > _limit("together_s"):
        return None
    return median(moments)


def median(moments: Sequence[dt.datetime]) -> dt.datetime:
    """Median instant."""
    start = min(moments)
    middle = statistics.median((m - start).total_seconds() for m in moments)
    return start + dt.timedelta(seconds=middle)


def choose(
    found: dict[str, dt.datetime],
    times: Times,
    half_life_s: float,
    notes: Notes,
) -> Reference:
    """The reference of policy ``auto`` among the candidates.

    Raises
    ------
    SUVError
        SUV-028 no time at all, SUV-029 times that disagree and nothing decides.
    """
    for name in EXPLICIT:
        if name in found:
            return Reference(name, found[name])
    series, back = found.get("series_datetime"), found.get("backcomputed")
    earliest = times.earliest
    late = series is not None and earliest is not None and series > earliest + _SECOND
    if series is not None and not late:
        return _series_or(series, back, found, times=times, half_life_s=half_life_s, notes=notes)
    if series is not None and earliest is not None:
        return _rewritten(series, back, found, times=times, half_life_s=half_life_s, notes=notes)
    if back is not None:
        notes.add("SUV-046")
        return Reference("backcomputed", back)
    if earliest is not None:
        notes.add("SUV-047")
        return Reference("earliest_acquisition", earliest)
    raise no_time(times)


def no_time(times: Times) -> Exception:
    """SUV-028: no time at all, or times of day without a date."""
    return refusal(SUV_028, "undated" if times.undated else "")


def _series_or(
    series: dt.datetime,
    back: dt.datetime | None,
    found: dict[str, dt.datetime],
    *,
    times: Times,
    half_life_s: float,
    notes: Notes,
) -> Reference:
    """The series time, unless a better witness contradicts it."""
    if back is None:
        notes.add("SUV-046")
        return Reference("series_datetime", series)
    witnesses = [back]
    other = common(backcomputed(times, half_life_s, ge=False)) if times.ge else None
    if other is not None:
        witnesses.append(other)
    starts = {a for a in times.acquisitions if a is not None}
    off = min(apart((w - series).total_seconds(), half_life_s) for w in witnesses)
    if off <= _limit("agree"):
        return Reference("series_datetime", series, confirmed_by=len(starts))
    off = apart((back - series).total_seconds(), half_life_s)
    ratio = found.get("philips_ratio")
    if ratio is not None:
        for name, moment in (("series_datetime", series), ("backcomputed", back)):
            if apart((moment - ratio).total_seconds(), half_life_s) <= _limit("agree"):
                _disagree(series, back, off, notes, taken=table("suv")["sources"][name])
                return Reference(name, moment)
        raise _refused(series, back, off)
    earliest = times.earliest
    if len(starts) >= 2:
        _disagree(series, back, off, notes, taken="the common origin of the frames")
        return Reference("backcomputed", back)
    near = earliest is not None and abs((earliest - series).total_seconds()) <= _limit("together_s")
    if near or off <= _limit("refuse"):
        _disagree(series, back, off, notes, taken="the series time")
        return Reference("series_datetime", series)
    raise _refused(series, back, off)


def _rewritten(
    series: dt.datetime,
    back: dt.datetime | None,
    found: dict[str, dt.datetime],
    *,
    times: Times,
    half_life_s: float,
    notes: Notes,
) -> Reference:
    """The series time is later than the acquisition: a reconstruction or an export wrote it."""
    earliest = times.earliest
    assert earliest is not None  # noqa: S101  # the caller looked
    minutes = (series - earliest).total_seconds() / 60.0
    if back is not None and back <= earliest + _SECOND:
        ratio = found.get("philips_ratio")
        if ratio is not None:
            off = apart((back - ratio).total_seconds(), half_life_s)
            if off > _limit("agree"):
                raise _refused(back, ratio, off)
        notes.add("SUV-012", minutes=minutes, method="the origin of the frames")
        return Reference("backcomputed", back)
    notes.add("SUV-012", minutes=minutes, method="the earliest acquisition")
    notes.add("SUV-047")
    return Reference("earliest_acquisition", earliest)


def philips_ratio(
    slices: Sequence[PetSlice],
    *,
    administered: dt.datetime | None,
    dose_bq: float,
    weight_kg: float,
    half_life_s: float,
) -> dt.datetime | None:
    """Reference that the scanner's own g/Bq implies; BQML files that carry both factors."""
    first = slices[0]
    if first.philips_suv_factor is None or first.philips_activity_factor is None:
        return None
    suv = decimal(first.philips_suv_factor.text, "SUV factor (7053,xx00)")
    activity = decimal(first.philips_activity_factor.text, "activity factor (7053,xx09)")
    if not suv or not activity or suv < 0 or activity < 0 or administered is None:
        return None
    seconds = half_life_s * math.log2(dose_bq * (suv / activity) / (1000.0 * weight_kg))
    return administered + dt.timedelta(seconds=seconds) if abs(seconds) < FAR_S else None


def _near_scan(
    moment: dt.datetime, name: str, times: Times, notes: Notes, *, repair: bool
) -> dt.datetime:
    """The moment, its date replaced by the acquisitions' where it lies far off."""
    scan = times.earliest or times.series
    if scan is None or abs(moment - scan) <= _HALF_DAY:
        return moment
    if not repair:
        raise refusal(SUV_017, list=f"{name} {moment.isoformat()} and scan {scan.isoformat()}")
    same_day = dt.datetime.combine(scan.date(), moment.time())
    nearest = min((same_day - _DAY, same_day, same_day + _DAY), key=lambda m: abs(m - scan))
    notes.add(
        "SUV-017/repaired",
        list=f"{name} {moment.isoformat()} and scan {scan.isoformat()}",
        repaired=nearest.isoformat(),
    )
    return nearest


def _disagree(
    series: dt.datetime, back: dt.datetime, off: float, notes: Notes, *, taken: str
) -> None:
    a, b = _shown(series, back)
    a, b = f"series time {a}", f"frame times {b}"
    notes.add("SUV-029/note", a=a, b=b, percent=percent_text(off), taken=taken)


def _refused(a: dt.datetime, b: dt.datetime, off: float) -> Exception:
    first, second = _shown(a, b)
    return refusal(SUV_029, a=first, b=second, percent=percent_text(off))


def _shown(a: dt.datetime, b: dt.datetime) -> tuple[str, str]:
    """Two instants as times of day, with their dates where these differ."""
    if a.date() == b.date():
        return a.time().isoformat("seconds"), b.time().isoformat("seconds")
    return a.isoformat(" ", "seconds"), b.isoformat(" ", "seconds")


def _limit(name: str) -> float:
    return float(table("suv")["times"][name])
