"""Options of ``run`` and ``inspect`` that decide what is read: `Reading`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from netimg.cli import checks
from netimg.cli.options import option
from netimg.resources import load_toml

_READ = "What is read"
_PATIENT = "Patient values in place of the header's"
_NORMS = ("bw", "lbm-janma", "lbm-james", "lbm-morgan", "ibw", "bsa")
_PHASES = ("unenhanced", "arterial", "portal", "delayed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a person says about the input; each field is an option."""

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
    dose_mbq: Annotated[float | None, option(_PATIENT, "--dose-mbq", "Activity injected, MBq.")] = (
        None
    )
    residual_mbq: Annotated[
        float | None,
        option(_PATIENT, "--residual-mbq", "Activity left in the syringe, MBq; is subtracted."),
    ] = None
    injected_at: Annotated[
        str | None, option(_PATIENT, "--injected-at", "As in 2026-03-02T09:41:00.")
    ] = None
    reference_at: Annotated[
        str | None,
        option(_PATIENT, "--reference-at", "Time the values are decay-corrected to."),
    ] = None
    half_life_s: Annotated[
        float | None, option(_PATIENT, "--half-life-s", "Half-life of the nuclide, s.")
    ] = None
    injection: Annotated[
        int | None,
        option(_PATIENT, "--injection", "Which of several injections, from 1.", min=1),
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
            "patient": self.patient,
            "phase": self.phase,
            "tracer": self._tracers(),
            "regrid": self.regrid or None,
            "weight_kg": self.weight_kg,
            "height_m": None if self.height_cm is None else self.height_cm / 100.0,
            "sex": self.sex,
            "dose_bq": None if self.dose_mbq is None else self.dose_mbq * 1e6,
            "residual_bq": None if self.residual_mbq is None else self.residual_mbq * 1e6,
            "injection_time": self.injected_at,
            "reference_time": self.reference_at,
            "half_life_s": self.half_life_s,
            "injection": self.injection,
            "branching_corrected": self.branching_corrected or None,
            "allow_intercept": self.allow_intercept or None,
            "suv_norm": self.suv_norm,
            "suv_policy": self.suv_policy,
        }
        return {key: value for key, value in typed.items() if value is not None}

    def _tracers(self) -> str | tuple[str, ...] | None:
        """One id alone as it is, several as a tuple."""
        if not self.tracer:
            return None
        return self.tracer[0] if len(self.tracer) == 1 else tuple(self.tracer)

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
        checks.above_zero("--dose-mbq", self.dose_mbq, "the activity in MBq, as in 150")
        checks.not_below_zero("--residual-mbq", self.residual_mbq, "the rest in MBq, as in 2.5")
        checks.above_zero("--half-life-s", self.half_life_s, "the half-life in s, as in 4062.6")
        checks.instant("--injected-at", self.injected_at)
        checks.instant("--reference-at", self.reference_at)
