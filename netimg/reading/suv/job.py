"""One resolution on its way, and the case it is about: weight, dose, half-life, injection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netimg.errors import SUV_005, SUV_013, SUV_043
from netimg.reading.problems import refusal
from netimg.reading.suv import norms, nuclide, units
from netimg.reading.suv.header import Injection, PetSlice
from netimg.reading.suv.notes import Notes
from netimg.reading.suv.nuclide import HalfLife


@dataclass(frozen=True, slots=True)
class Job:
    """Slices, policy, what was typed, the norm asked for, and the notes so far."""

    slices: tuple[PetSlice, ...]
    policy: str
    typed: dict[str, object]
    norm: str
    notes: Notes
    header: PetSlice
    """First slice as its file has it, before anything was typed."""

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
    half_life: HalfLife
    injection: Injection

    @property
    def half_life_s(self) -> float:
        """Half-life in s."""
        return self.half_life.seconds

    @property
    def nuclide(self) -> str | None:
        """Nuclide by name; None where nothing speaks for one."""
        return self.half_life.nuclide


def case_of(job: Job) -> Case:
    """Weight, half-life and dose of a job, checked in this order.

    Raises
    ------
    SUVError
        SUV-043, 013, 001, 002, 022, 008, 040, 004, 005, 037.
    """
    injection = injection_of(job)
    kg = weight_of(job)
    half_life = nuclide.half_life(injection, job.notes, repair=job.repair)
    if "half_life_s" in job.typed:
        half_life = replace(half_life, source="typed")
        _say_typed(job)
    corrected = bool(job.typed.get("branching_corrected"))
    nuclide.check_branching(injection, half_life.nuclide, job.notes, corrected=corrected)
    dose = units.dose_bq(
        injection.dose,
        kg,
        job.notes,
        nuclide=half_life.nuclide,
        enhanced=job.first.enhanced,
        repair=job.repair,
        typed="dose_bq" in job.typed,
    )
    residual = float(str(job.typed.get("residual_bq", 0.0)))
    left = dose - residual
    if left <= 0:
        raise refusal(SUV_005, "residual", residual_mbq=residual / 1e6, mbq=dose / 1e6)
    return Case(kg, left, half_life, injection)


def weight_of(job: Job) -> float:
    """Body weight in kg; a typed one is in kg and never read as grams."""
    repair = job.repair and "weight_kg" not in job.typed
    return units.weight_kg(job.first.weight, job.notes, repair=repair)


def injection_of(job: Job) -> Injection:
    """The radiopharmaceutical item that counts.

    Raises
    ------
    SUVError
        SUV-043 none, SUV-013 several and none chosen, or a number that is not recorded.
    """
    given = job.first.injections or ()
    if not given:
        raise refusal(SUV_043)
    return given[_number(job, len(given)) - 1]


def _say_typed(job: Job) -> None:
    """Say where a typed half-life stands in the place of another one."""
    items = job.header.injections or ()
    typed = job.typed.get("half_life_s")
    if items and typed is not None:
        header = items[_number(job, len(items)) - 1].half_life
        nuclide.say_typed(header, float(str(typed)), job.notes)


def _number(job: Job, recorded: int) -> int:
    """Number of the item that counts, from 1."""
    typed = job.typed.get("injection")
    if typed is None:
        if recorded > 1:
            raise refusal(SUV_013, n=recorded)
        return 1
    which = int(float(str(typed)))
    if not 1 <= which <= recorded:
        raise refusal(SUV_013, "number", which=which, n=recorded)
    return which


def body_of(job: Job) -> norms.Body:
    """Body size as far as a norm needs it."""
    kg = weight_of(job)
    height = units.height_m(job.first.size, job.notes, repair=job.repair)
    return norms.Body(kg, height, (job.first.sex or "").strip().upper() or None)
