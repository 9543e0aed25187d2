"""From the units of the values to one factor per slice: a path for each kind of unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from netimg.errors import (
    SUV_025,
    SUV_026,
    SUV_029,
    SUV_030,
    SUV_031,
    SUV_038,
    SUVError,
)  # fmt: skip
from netimg.reading.problems import refusal
from netimg.reading.suv import administration, candidates, norms, nuclide, reference, units
from netimg.reading.suv.checks import decay_of
from netimg.reading.suv.decay import apart, change, decayed, frame_gain, percent_text
from netimg.reading.suv.job import body_of, case_of
from netimg.reading.suv.result import SuvResult
from netimg.reading.suv.text import decimal
from netimg.reading.suv.times import is_philips, times_of
from netimg.reading.tables import table

if TYPE_CHECKING:
    import datetime as dt

    from netimg.reading.suv.header import PetSlice
    from netimg.reading.suv.job import Case, Job
    from netimg.reading.suv.times import Times


def by_unit(job: Job) -> SuvResult:
    """Factors of a job whose headers passed the checks."""
    if job.unit in units.STORED_SUV:
        return stored_suv(job)
    if job.unit == "CNTS":
        return counts(job)
    if job.unit == "CPS":
        return activity(job, "CPS", scale=tuple(_per_ml(part) for part in job.slices))
    return activity(job, "BQML")


def stored_suv(job: Job) -> SuvResult:
    """Values that are SUV already, brought back to body weight."""
    stated = (job.first.suv_type or "").strip().upper()
    kind = "BSA" if job.unit == "CM2ML" else stated or "BW"
    job.notes.add("SUV-019", type=kind)
    if job.unit == "GML" and not stated:
        job.notes.add("SUV-048")
    factor, kg = 1.0, None
    if kind != "BW":
        body = body_of(job)
        kg = body.weight_kg
        factor = 1.0 / norms.ratio(norms.BY_TYPE[kind], body, job.notes)
    path = f"{job.unit} {kind}"
    factors = (factor,) * len(job.slices)
    return _result(job, factors, unit_path=path, method="stored_suv", weight_kg=kg)


def counts(job: Job) -> SuvResult:
    """Philips counts: the scanner's own factors, of each slice its own."""
    suv = _positive(job, "philips_suv_factor")
    own = _positive(job, "philips_activity_factor")
    if suv and decay_of(job.first) != "NONE":
        job.notes.add("SUV-018", name="Philips SUV factor")
        if own:
            _compare(job, suv, own)
        return _result(job, suv, unit_path="CNTS, SUV factor", method="philips_suv_factor")
    if own:
        job.notes.add("SUV-018", name="Philips activity factor")
        return activity(job, "CNTS, activity factor", scale=own)
    raise refusal(SUV_031)


def activity(job: Job, path: str, *, scale: tuple[float, ...] = ()) -> SuvResult:
    """Values in Bq/mL after ``scale`` per slice: weight, dose, half-life and times decide."""
    case = case_of(job)
    decay = decay_of(job.first)
    scale = scale or (1.0,) * len(job.slices)
    if decay == "ADMIN":
        return _to_injection(job, case, path, scale)
    if decay == "NONE":
        return _as_acquired(job, case, path, scale)
    return _to_start(job, case, path, scale)


def _to_injection(job: Job, case: Case, path: str, scale: tuple[float, ...]) -> SuvResult:
    """Values decay-corrected to the injection: the dose is not decayed."""
    factor = 1000.0 * case.kg / case.dose_bq
    relative: dict[str, float] = {"as_stated": 1.0}
    moment = None
    if not nuclide.gives_positrons(case.nuclide) and _never_decayed(job):
        # SPECT consoles write ADMIN and leave the values as acquired, or the other way round.
        times = times_of(job.slices)
        moment = _administered(job, case, times)
        gain = _gains(case, times, moment)[0]
        relative["as_acquired"] = gain
        off = abs(gain - 1.0)
        a, b = "decay correction ADMIN", "decay factor 1"
        limits = table("suv")["times"]
        if off > limits["refuse"]:
            raise refusal(SUV_029, a=a, b=b, percent=percent_text(off))
        if off > limits["agree"]:
            taken = "the stated correction to the injection"
            percent = percent_text(off)
            job.notes.add("SUV-029/note", a=a, b=b, percent=percent, taken=taken)
    return _result(
        job,
        tuple(factor * s for s in scale),
        unit_path=path,
        method="admin",
        case=case,
        relative=relative,
        administered_at=moment,
    )


def _as_acquired(job: Job, case: Case, path: str, scale: tuple[float, ...]) -> SuvResult:
    """Values not decay-corrected: one factor per slice."""
    times = times_of(job.slices)
    moment = _administered(job, case, times)
    _check_starts(job, case, times)
    factors = tuple(
        1000.0 * case.kg / case.dose_bq * gain * s
        for gain, s in zip(_gains(case, times, moment), scale, strict=True)
    )
    earliest = times.earliest
    return _result(
        job,
        factors,
        unit_path=path,
        method="none_forward",
        case=case,
        administered_at=moment,
        uptake_s=(earliest - moment).total_seconds() if earliest else None,
    )


def _check_starts(job: Job, case: Case, times: Times) -> None:
    """Refuse one acquisition time for slices whose frame times say that they are of several beds.

    Values as acquired need the start of each bed.
    """
    into = [value for value in times.frame_reference_s if value is not None]
    if len(set(times.acquisitions)) > 1 or len(into) < len(job.slices):
        return
    apart_s = max(into) - min(into)
    off = apart(apart_s, case.half_life_s)
    limits = table("suv")["times"]
    if apart_s <= limits["together_s"] or off <= limits["agree"]:
        return
    start = times.acquisitions[0]
    a = f"one acquisition time {start.time().isoformat('seconds') if start else ''}"
    b = f"frame times up to {apart_s / 60.0:.1f} min apart"
    if off > limits["refuse"]:
        raise refusal(SUV_029, a=a, b=b, percent=percent_text(off))
    taken = "the acquisition time"
    job.notes.add("SUV-029/note", a=a, b=b, percent=percent_text(off), taken=taken)


def _to_start(job: Job, case: Case, path: str, scale: tuple[float, ...]) -> SuvResult:
    """Values decay-corrected to the start of the scan: the dose is decayed to there."""
    times = times_of(job.slices)
    given = _recorded(job, case, times)
    found = reference.gather(job, case, times, given)
    chosen = reference.choose(job, case, times, found)
    moment = administration.settle(
        given,
        chosen.at,
        half_life_s=case.half_life_s,
        nuclide=case.nuclide,
        tracer=case.injection.tracer,
        notes=job.notes,
        repair=job.repair,
    )
    points = chosen.per_slice or (chosen.at,) * len(job.slices)
    left = [decayed((p - moment).total_seconds(), case.half_life_s) for p in points]
    return _result(
        job,
        tuple(
            1000.0 * case.kg / (case.dose_bq * share) * s
            for share, s in zip(left, scale, strict=True)
        ),
        unit_path=path,
        method=chosen.method,
        case=case,
        administered_at=moment,
        reference_at=chosen.at,
        confirmed_by=chosen.confirmed_by,
        uptake_s=(chosen.at - moment).total_seconds(),
        candidates=found,
        relative={
            name: change((at - chosen.at).total_seconds(), case.half_life_s)
            for name, at in found.items()
        },
    )


def _never_decayed(job: Job) -> bool:
    """Whether every slice says that its values were left as acquired (decay factor 1)."""
    tag = "decay factor (0054,1321)"
    return all(decimal(part.decay_factor, tag) == 1.0 for part in job.slices)


def _gains(case: Case, times: Times, moment: dt.datetime) -> list[float]:
    """Per slice: activity at injection over the mean activity during the frame."""
    gains = []
    for start, frame in zip(times.acquisitions, times.frame_s, strict=True):
        if start is None:
            raise candidates.no_time(times)
        if frame is None:
            raise refusal(SUV_030)
        elapsed = (start - moment).total_seconds()
        gains.append(frame_gain(frame, case.half_life_s) / decayed(elapsed, case.half_life_s))
    return gains


def _recorded(job: Job, case: Case, times: Times) -> administration.Administration:
    """Injection time as the header (or a person) has it."""
    return administration.read(
        case.injection,
        half_life_s=case.half_life_s,
        nuclide=case.nuclide,
        offset=times.zone,
        scan=times.earliest or times.series,
        notes=job.notes,
    )


def _administered(job: Job, case: Case, times: Times) -> dt.datetime:
    """Injection as an instant before the earliest acquisition."""
    given = _recorded(job, case, times)
    if times.earliest is None:
        raise candidates.no_time(times)
    return administration.settle(
        given,
        times.earliest,
        half_life_s=case.half_life_s,
        nuclide=case.nuclide,
        tracer=case.injection.tracer,
        notes=job.notes,
        repair=job.repair,
    )


def _compare(job: Job, suv: tuple[float, ...], own: tuple[float, ...]) -> None:
    """Own calculation beside the scanner's SUV factor, where one can be made."""
    try:
        mine = activity(job.aside(), "CNTS", scale=own).factors
    except SUVError:
        return
    percent = max(abs(a / b - 1.0) * 100.0 for a, b in zip(mine, suv, strict=True))
    limits = table("suv")["philips"]
    if percent > limits["refuse_pct"]:
        raise refusal(SUV_026, percent=percent)
    if percent > limits["note_pct"]:
        job.notes.add("SUV-026/note", percent=percent)


def _per_ml(part: PetSlice) -> float:
    """Bq/mL per count and second (policy ``ibsi``)."""
    if "DCAL" in {c.upper() for c in part.corrected_image or ()}:
        sides = [
            decimal(text, "pixel spacing (0028,0030)")
            for text in (part.pixel_spacing or "").split("\\")
        ]
        sides.append(decimal(part.thickness, "slice thickness (0018,0050)"))
        known = [side for side in sides if side and side > 0]
        if len(known) == 3:
            return 1000.0 / math.prod(known)
        raise refusal(SUV_038)
    factor = decimal(part.calibration_factor, "calibration factor (0054,1322)")
    if not factor or factor < 0:
        raise refusal(SUV_038)
    return factor


def _positive(job: Job, field: str) -> tuple[float, ...] | None:
    """A Philips factor above 0 of every slice; 0 means not usable.

    Raises
    ------
    SUVError
        SUV-025 where only some slices have it, SUV-037.
    """
    tag = {"philips_suv_factor": "SUV factor (7053,xx00)"}.get(field, "activity factor (7053,xx09)")
    values = []
    for part in job.slices:
        private = getattr(part, field)
        if private is None or not (private.creator_present or is_philips(part.manufacturer)):
            continue
        if not private.creator_present:
            job.notes.add("SUV-049")
        value = decimal(private.text, tag)
        if value and value > 0:
            values.append(value)
    if values and len(values) < len(job.slices):
        shown = f"{len(values)} of {len(job.slices)} have one"
        raise refusal(SUV_025, attribute=tag, values=shown)
    return tuple(values) or None


def _ratios(job: Job) -> dict[str, float]:
    """Ratio of every norm that can be had; the one asked for must."""
    ratios = {"bw": 1.0}
    if job.norm != "bw":
        ratios[job.norm] = norms.ratio(job.norm, body_of(job), job.notes)
    quiet = job.aside()
    for name in norms.NORMS:
        if name not in ratios:
            try:
                ratios[name] = norms.ratio(name, body_of(quiet), quiet.notes)
            except SUVError:
                continue
    return {name: ratios[name] for name in norms.NORMS if name in ratios}


def _result(
    job: Job,
    factors: tuple[float, ...],
    *,
    case: Case | None = None,
    **known: Any,  # noqa: ANN401  # fields of SuvResult
) -> SuvResult:
    """Everything gathered, as a result."""
    ratios = _ratios(job)
    if case is not None:
        known |= {
            "weight_kg": case.kg,
            "dose_bq": case.dose_bq,
            "half_life_s": case.half_life_s,
            "half_life_read": case.half_life.read,
            "half_life_from": case.half_life.source,
            "nuclide": case.nuclide,
        }
        if known.get("uptake_s") is not None:
            known["decayed_dose_bq"] = case.dose_bq * decayed(known["uptake_s"], case.half_life_s)
    return SuvResult(
        factors=factors,
        norm=job.norm,
        norm_ratios=ratios,
        policy=job.policy,
        notes=tuple(job.notes.flags),
        typed=dict(job.typed),
        listed=dict(job.first.listed),
        **known,
    )
