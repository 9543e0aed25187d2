"""When the activity was injected, and whether that can be true."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import SUV_006, SUV_007, SUV_017, SUV_039, SUV_041, SUV_042
from netimg.reading.problems import refusal
from netimg.reading.suv.decay import apart, percent_text
from netimg.reading.suv.nuclide import is_long_lived
from netimg.reading.suv.text import clock, day, is_date_alone, is_hour_alone, offset_of, stamp
from netimg.reading.tables import table

if TYPE_CHECKING:
    from netimg.reading.suv.header import Injection
    from netimg.reading.suv.notes import Notes

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Administration:
    """Injection as recorded: a full date-time, or only a time of day."""

    moment: dt.datetime | None
    time: dt.time

    def before(self, reference: dt.datetime) -> dt.datetime:
        """Last such time of day at or before ``reference``."""
        same_day = dt.datetime.combine(reference.date(), self.time)
        return same_day if same_day <= reference else same_day - _DAY


def read(
    injection: Injection,
    *,
    half_life_s: float,
    nuclide: str | None,
    offset: str | None,
    scan: dt.datetime | None,
    notes: Notes,
) -> Administration:
    """Injection time from the header; ``scan`` is the start of the scan, ``offset`` its zone.

    Raises
    ------
    SUVError
        SUV-006 missing, SUV-017 zeroed by de-identification, SUV-037 unreadable, SUV-039 a
        long-lived nuclide without date, SUV-041 two times that differ.
    """
    time = clock(injection.start_time, "injection time (0018,1072)")
    moment = _moment(injection.start_datetime, time, offset)
    if moment is None and time is None:
        raise refusal(SUV_006)
    shown = moment.time() if moment is not None else time
    assert shown is not None  # noqa: S101  # one of both is there
    early = dt.time(table("suv")["injection"]["night_until_h"])
    if shown == dt.time(0) and scan is not None and not dt.time(0) < scan.time() <= early:
        text = f"injection 00:00:00, scan {scan.time().isoformat('seconds')}"
        raise refusal(SUV_017, list=text)
    _say_coarse(injection, offset, notes, clock_too=time is not None)
    if moment is not None and time is not None:
        _agree(moment, time, half_life_s, notes)
    if moment is None and is_long_lived(half_life_s):
        hours = f"{half_life_s / 3600:.1f} h"
        raise refusal(SUV_039, nuclide=nuclide or "A nuclide", half_life=hours)
    return Administration(moment, shown)


def _say_coarse(injection: Injection, offset: str | None, notes: Notes, *, clock_too: bool) -> None:
    """Say where the recorded time has no minutes, or a zone that cannot be told from the scan's."""
    dated = injection.start_datetime if not is_date_alone(injection.start_datetime) else None
    value = (dated or injection.start_time or "").strip()
    if is_hour_alone(value):
        notes.add("SUV-006/hour", value=value)
    if offset is None and offset_of(dated) and not clock_too:
        notes.add("SUV-006/zone", value=value)


def _moment(text: str | None, time: dt.time | None, offset: str | None) -> dt.datetime | None:
    """The recorded date-time; a day alone takes the time of day that stands beside it."""
    tag = "injection date-time (0018,1078)"
    if not is_date_alone(text):
        return stamp(text, tag, offset=offset)
    date = day(text, tag)
    return None if date is None or time is None else dt.datetime.combine(date, time)


def settle(
    given: Administration,
    reference: dt.datetime,
    *,
    half_life_s: float,
    nuclide: str | None,
    tracer: str | None,
    notes: Notes,
    repair: bool,
) -> dt.datetime:
    """Injection as an instant that fits the reference.

    Raises
    ------
    SUVError
        SUV-007 after the scan, SUV-042 too long before it.
    """
    rows = table("suv")["injection"]
    short = not is_long_lived(half_life_s)
    longest = rows["longest_uptake_half_lives"] * half_life_s
    if short:
        longest = min(longest, rows["longest_uptake_h"] * 3600.0)
    moment = given.moment
    if moment is None:
        moment = given.before(reference)
        notes.add("SUV-024" if moment.date() < reference.date() else "SUV-045")
        if (reference - moment).total_seconds() >= rows["wrapped_uptake_h"] * 3600.0:
            late = (moment + _DAY - reference).total_seconds()
            raise refusal(SUV_007, minutes=late / 60.0)
    uptake = (reference - moment).total_seconds()
    if not 0.0 <= uptake <= longest and short and given.moment is not None and repair:
        by_clock = given.before(reference)
        if 0.0 <= (reference - by_clock).total_seconds() <= longest:
            _say_repaired(moment, by_clock, reference, notes)
            moment, uptake = by_clock, (reference - by_clock).total_seconds()
    if uptake < 0:
        raise refusal(SUV_007, minutes=-uptake / 60.0)
    if uptake > longest:
        raise refusal(SUV_042, hours=uptake / 3600.0, nuclide=nuclide or "this nuclide")
    low, high = rows["usual_uptake_min"]
    if short and not low * 60 <= uptake <= high * 60:
        usual = f"{low:.0f}-{high:.0f}"
        tracer = tracer or nuclide or "this tracer"
        notes.add("SUV-016", minutes=uptake / 60.0, range=usual, tracer=tracer)
    return moment


def _agree(moment: dt.datetime, time: dt.time, half_life_s: float, notes: Notes) -> None:
    """Compare the two recorded times of day."""
    other = dt.datetime.combine(moment.date(), time)
    seconds = (moment - other).total_seconds()
    seconds -= 86400.0 * round(seconds / 86400.0)
    off = apart(seconds, half_life_s)
    texts = moment.time().isoformat("seconds"), time.isoformat("seconds")
    if off > table("suv")["times"]["refuse"]:
        raise refusal(SUV_041, a=texts[0], b=texts[1])
    if off > table("suv")["times"]["agree"]:
        taken = f"the date-time {texts[0]}"
        notes.add("SUV-029/note", a=texts[0], b=texts[1], percent=percent_text(off), taken=taken)


def _say_repaired(
    before: dt.datetime, after: dt.datetime, reference: dt.datetime, notes: Notes
) -> None:
    if before - after == _DAY:
        if after.date() < reference.date():
            notes.add("SUV-024")
        else:
            notes.add("SUV-024/late", before=before.isoformat(" "), scan=reference.isoformat(" "))
        return
    notes.add(
        "SUV-017/repaired",
        list=f"injection {before.isoformat()} and scan {reference.isoformat()}",
        repaired=after.isoformat(),
    )
