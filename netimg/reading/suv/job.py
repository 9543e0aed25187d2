"""One resolution on its way, and the case it is about: weight, dose, half-life, injection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netimg.errors import SUV_005, SUV_013, SUV_043
from netimg.reading.problems import refusal
from netimg.reading.suv import norms, nuclide, units
from netimg.reading.suv.header import Injection, PetSlice
from netimg.reading.suv.notes import Notes


@dataclass(frozen=True, slots=True)
class Job:
    """Slices, policy, what was typed, the norm asked for, and the notes so far."""

    slices: tuple[PetSlice, ...]
    policy: str
    typed: dict[str, object]
    norm: str
    notes: Notes

    @property
    def first(self) -> PetSlice:
        """Slice that stands for what all of them say alike."""
        return self.slices[0]

    @property
    def unit(self) -> str:
        """Units (0054,1001), in capitals."""
        return (self.first.units or "").strip().upper()

    @property
    def repair(self) -> bool:
        """Whether implausible fields may be read otherwise, with a warning."""
        return self.policy != "qiba"

    def aside(self) -> Job:
        """The same job with notes of its own, for a calculation on the side."""
        return replace(self, notes=Notes(), norm="bw")


@dataclass(frozen=True, slots=True)
class Case:
    """What an image in Bq/mL needs: kg, dose in Bq at injection, half-life in s, injection."""

    kg: float
    dose_bq: float
    half_life_s: float
    nuclide: str | None
    injection: Injection


def case_of(job: Job) -> Case:
    """Weight, half-life and dose of a job, checked in this order.

    Raises
    ------
    SUVError
        SUV-043, 013, 001, 002, 022, 008, 040, 004, 005, 037.
    """
    injection = injection_of(job)
    kg = units.weight_kg(job.first.weight, job.notes, repair=job.repair)
    name, half_life_s = nuclide.half_life_s(injection, job.notes, repair=job.repair)
    corrected = bool(job.typed.get("branching_corrected"))
    nuclide.check_branching(injection, name, job.notes, corrected=corrected)
    dose = units.dose_bq(
        injection.dose,
        kg,
        job.notes,
        enhanced=job.first.enhanced,
        repair=job.repair,
        typed="dose_bq" in job.typed,
    )
    left = dose - float(str(job.typed.get("residual_bq", 0.0)))
    if left <= 0:
        raise refusal(SUV_005, dose=f"{left:g} Bq without the residual")
    return Case(kg, left, half_life_s, name, injection)


def injection_of(job: Job) -> Injection:
    """The radiopharmaceutical item that counts, with what was typed in its place."""
    given = job.first.injections or ()
    which = int(float(str(job.typed.get("injection", 0))))
    if not given and not {"dose_bq", "injection_time", "half_life_s"} <= set(job.typed):
        raise refusal(SUV_043)
    if len(given) > 1 and not 1 <= which <= len(given):
        raise refusal(SUV_013, n=len(given))
    item = given[min(len(given), max(1, which)) - 1] if given else Injection()
    if "dose_bq" in job.typed:
        item = replace(item, dose=as_text(job.typed["dose_bq"]))
    if "half_life_s" in job.typed:
        item = replace(item, half_life=as_text(job.typed["half_life_s"]))
    if "injection_time" in job.typed:
        typed = str(job.typed["injection_time"])
        item = replace(item, start_datetime=typed, start_time=None)
    return item


def body_of(job: Job) -> norms.Body:
    """Body size as far as a norm needs it."""
    kg = units.weight_kg(job.first.weight, job.notes, repair=job.repair)
    height = units.height_m(job.first.size, job.notes, repair=job.repair)
    return norms.Body(kg, height, (job.first.sex or "").strip().upper() or None)


def as_text(value: object) -> str:
    """A typed value as the text a header would hold."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
