"""To which time the values were decay-corrected, by policy."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from netimg.errors import SUV_028, SUV_030
from netimg.reading.problems import refusal
from netimg.reading.suv import candidates
from netimg.reading.suv.candidates import Reference
from netimg.reading.suv.decay import apart, percent_text
from netimg.reading.suv.text import stamp
from netimg.reading.tables import table

if TYPE_CHECKING:
    from netimg.reading.suv.administration import Administration
    from netimg.reading.suv.job import Case, Job
    from netimg.reading.suv.times import Times


def gather(job: Job, case: Case, times: Times, given: Administration) -> dict[str, dt.datetime]:
    """Every decay reference that could be right, by name."""
    settled = "reference_time" in job.typed
    found = candidates.explicit(
        job.slices, times, job.notes, repair=job.repair or settled, settled=settled
    )
    if times.series is not None:
        found["series_datetime"] = times.series
    shared = candidates.common(candidates.backcomputed(times, case.half_life_s, ge=times.ge))
    if shared is not None:
        found["backcomputed"] = shared
    near = times.series or times.earliest
    if job.unit == "BQML" and near is not None:
        ratio = candidates.philips_ratio(
            job.slices,
            administered=given.moment or given.before(near),
            dose_bq=case.dose_bq,
            weight_kg=case.kg,
            half_life_s=case.half_life_s,
        )
        if ratio is not None:
            found["philips_ratio"] = ratio
    if times.earliest is not None:
        found["earliest_acquisition"] = times.earliest
    return found


def choose(job: Job, case: Case, times: Times, found: dict[str, dt.datetime]) -> Reference:
    """The reference of the job's policy, or the one a person typed.

    Raises
    ------
    SUVError
        SUV-028 no time at all, SUV-029 times that disagree, SUV-030 frame duration missing.
    """
    typed = job.typed.get("reference_time")
    if typed is not None:
        at = stamp(str(typed), "--reference-at", offset=times.zone)
        if at is None:
            raise refusal(SUV_028)
        _say_far(job, case, at, found)
        return Reference("typed", at)
    if job.policy == "qiba":
        return _qiba(times, found)
    if job.policy == "ibsi":
        return _ibsi(case, times, found)
    return candidates.choose(found, times, case.half_life_s, job.notes)


def _say_far(job: Job, case: Case, at: dt.datetime, found: dict[str, dt.datetime]) -> None:
    """Say where a typed reference is none of the times of the series, not even nearly."""
    if not found:
        return
    nearest = min(found.values(), key=lambda moment: abs(moment - at))
    off = apart((nearest - at).total_seconds(), case.half_life_s)
    if off > float(table("suv")["times"]["refuse"]):
        job.notes.add(
            "SUV-029/typed",
            typed=at.isoformat(" ", "seconds"),
            nearest=nearest.isoformat(" ", "seconds"),
            percent=percent_text(off),
        )


def _qiba(times: Times, found: dict[str, dt.datetime]) -> Reference:
    """Series time unless it is later than the scan, else GE's own, else the first acquisition."""
    series, earliest = times.series, times.earliest
    second = dt.timedelta(seconds=1)
    if series is not None and (earliest is None or series <= earliest + second):
        return Reference("series_datetime", series)
    for name in ("ge_scan_datetime", "earliest_acquisition"):
        if name in found:
            return Reference(name, found[name])
    raise candidates.no_time(times)


def _ibsi(case: Case, times: Times, found: dict[str, dt.datetime]) -> Reference:
    """GE's own time, else acquisition, frame reference and mean count time of each slice."""
    if "ge_scan_datetime" in found:
        return Reference("ge_scan_datetime", found["ge_scan_datetime"])
    if None in times.acquisitions or None in times.frame_reference_s:
        raise candidates.no_time(times)
    if None in times.frame_s:
        raise refusal(SUV_030)
    back = candidates.backcomputed(times, case.half_life_s, ge=False, zero_is_start=False)
    if not back:
        raise candidates.no_time(times)
    return Reference("backcomputed_per_slice", min(back), back)
