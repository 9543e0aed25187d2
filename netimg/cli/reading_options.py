"""Options of ``run``, ``inspect`` and ``batch`` that decide what is read: `Chosen`, `Reading`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from netimg.cli import checks
from netimg.cli.options import option
from netimg.resources import load_toml

_READ = "What is read"
_PATIENT = "Patient values in place of the header's"
_NORMS = ("bw", "lbm-janma", "lbm-james", "lbm-morgan", "ibw", "bsa")
_EACH = "; with several PETs UID=VALUE, repeatable."
_PHASES = ("unenhanced", "arterial", "portal", "delayed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which study and series of an input are meant; in a batch, of one row of its list."""

    study: Annotated[
        str | None, option(_READ, "--study", "Choose among several studies.", metavar="UID|N")
    ] = None
    ct: Annotated[
        str | None, option(_READ, "--ct", "CT series by UID or number.", metavar="UID")
    ] = None
    pet: Annotated[
        list[str] | None,
        option(_READ, "--pet", "PET series by UID or number; repeatable.", metavar="UID"),
    ] = None
    patient: Annotated[
        str | None,
        option(_READ, "--patient", "Choose where a study carries two identities.", metavar="ID"),
    ] = None

    def overrides(self) -> dict[str, Any]:
        """The identity that was chosen, under the name of the Python API."""
        return {} if self.patient is None else {"patient": self.patient}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a person says about the images, of one study or of every study of a batch."""

    phase: Annotated[
        str | None, option(_READ, "--phase", "unenhanced, arterial, portal or delayed.")
    ] = None
    tracer: Annotated[
        list[str] | None,
        option(
            _READ,
            "--tracer",
            "Tracer id of configs/reading/tracers.toml; with several PETs UID=ID, repeatable.",
            metavar="[UID=]ID",
        ),
    ] = None
    register: Annotated[
        bool,
        option(
            _READ, "--register", "Turn and shift a PET of another frame of reference onto the CT."
        ),
    ] = False
    regrid: Annotated[
        bool,
        option(_READ, "--regrid", "Straighten a tilted CT, even out or fill an uneven one."),
    ] = False
    weight_kg: Annotated[
        float | None, option(_PATIENT, "--weight-kg", "Body weight at the PET, kg.")
    ] = None
    height_cm: Annotated[
        float | None, option(_PATIENT, "--height-cm", "Body height, cm; for other SUV norms.")
    ] = None
    sex: Annotated[str | None, option(_PATIENT, "--sex", "F, M or O.")] = None
    dose_mbq: Annotated[
        list[str] | None,
        option(_PATIENT, "--dose-mbq", f"Activity injected, MBq{_EACH}", metavar="[UID=]MBQ"),
    ] = None
    residual_mbq: Annotated[
        list[str] | None,
        option(
            _PATIENT,
            "--residual-mbq",
            f"Activity left in the syringe at the injection, MBq; is subtracted{_EACH}",
            metavar="[UID=]MBQ",
        ),
    ] = None
    injected_at: Annotated[
        list[str] | None,
        option(
            _PATIENT, "--injected-at", f"As in 2026-03-02T09:41:00{_EACH}", metavar="[UID=]TIME"
        ),
    ] = None
    reference_at: Annotated[
        list[str] | None,
        option(
            _PATIENT,
            "--reference-at",
            f"Time the values are decay-corrected to{_EACH}",
            metavar="[UID=]TIME",
        ),
    ] = None
    half_life_s: Annotated[
        list[str] | None,
        option(_PATIENT, "--half-life-s", f"Half-life of the nuclide, s{_EACH}", metavar="[UID=]S"),
    ] = None
    injection: Annotated[
        list[str] | None,
        option(
            _PATIENT,
            "--injection",
            f"Which of several injections, from 1{_EACH}",
            metavar="[UID=]N",
        ),
    ] = None
    branching_corrected: Annotated[
        bool,
        option(_PATIENT, "--branching-corrected", "The positron fraction was corrected."),
    ] = False
    allow_intercept: Annotated[
        bool, option(_PATIENT, "--allow-intercept", "Apply a PET intercept that is not 0.")
    ] = False
    suv_norm: Annotated[
        str | None,
        option(
            _PATIENT,
            "--suv-norm",
            "Norm whose factor to SUVbw is told: lbm-janma, lbm-james, lbm-morgan, ibw, bsa.",
        ),
    ] = None
    suv_policy: Annotated[str | None, option(_PATIENT, "--suv-policy", "auto, qiba or ibsi.")] = (
        None
    )

    def overrides(self) -> dict[str, Any]:
        """Typed values under the names of the Python API; what was not typed is left out.

        Raises
        ------
        UsageError
            USE-001 with what would be right.
        """
        self._check()
        typed: dict[str, Any] = {
            "phase": self.phase,
            "tracer": _each(self.tracer),
            "regrid": self.regrid or None,
            "register": self.register or None,
            "weight_kg": self.weight_kg,
            "height_m": None if self.height_cm is None else self.height_cm / 100.0,
            "sex": self.sex,
            "dose_bq": _scaled(self.dose_mbq, 1e6),
            "residual_bq": _scaled(self.residual_mbq, 1e6),
            "injection_time": _each(self.injected_at),
            "reference_time": _each(self.reference_at),
            "half_life_s": _scaled(self.half_life_s, 1.0),
            "injection": _scaled(self.injection, 1.0),
            "branching_corrected": self.branching_corrected or None,
            "allow_intercept": self.allow_intercept or None,
            "suv_norm": self.suv_norm,
            "suv_policy": self.suv_policy,
        }
        return {key: value for key, value in typed.items() if value is not None}

    def _check(self) -> None:
        checks.one_of("--phase", self.phase, _PHASES)
        known = load_toml("configs", "reading", "tracers.toml")
        for text in self.tracer or ():
            checks.one_of("--tracer", text.rpartition("=")[2], known)
        checks.one_of("--sex", self.sex, ("F", "M", "O"))
        checks.one_of("--suv-norm", self.suv_norm, _NORMS)
        checks.one_of("--suv-policy", self.suv_policy, ("auto", "qiba", "ibsi"))
        checks.above_zero("--weight-kg", self.weight_kg, "the weight in kg, as in 72.5")
        checks.above_zero("--height-cm", self.height_cm, "the height in cm, as in 171")
        for number in _numbers("--dose-mbq", self.dose_mbq):
            checks.above_zero("--dose-mbq", number, "the activity in MBq, as in 150")
        for number in _numbers("--residual-mbq", self.residual_mbq):
            checks.not_below_zero("--residual-mbq", number, "the rest in MBq, as in 2.5")
        for number in _numbers("--half-life-s", self.half_life_s):
            checks.above_zero("--half-life-s", number, "the half-life in s, as in 4062.6")
        for number in _numbers("--injection", self.injection):
            checks.above_zero("--injection", number, "the number of the injection, from 1")
        for option_name, texts in (
            ("--injected-at", self.injected_at),
            ("--reference-at", self.reference_at),
        ):
            for text in texts or ():
                checks.instant(option_name, text.rpartition("=")[2])


def _numbers(name: str, texts: list[str] | None) -> list[float]:
    """Numbers that were typed, with or without the PET they are for."""
    return [checks.number(name, text.rpartition("=")[2]) for text in texts or ()]


def _scaled(texts: list[str] | None, factor: float) -> float | tuple[str, ...] | None:
    """Numbers in the unit of the Python API: one alone as it is, several with their PETs."""
    if not texts:
        return None
    parts = [text.rpartition("=") for text in texts]
    if len(parts) == 1 and not parts[0][1]:
        return float(parts[0][2]) * factor
    return tuple(f"{uid}{equals}{float(value) * factor:.12g}" for uid, equals, value in parts)


def _each(texts: list[str] | None) -> str | tuple[str, ...] | None:
    """One text alone as it is, several as a tuple."""
    if not texts:
        return None
    return texts[0] if len(texts) == 1 else tuple(texts)
