"""From typed PET headers to one SUV factor per slice: `resolve`.

``SUV = factor * norm_ratio * (slope * stored + intercept)``. The order of decisions is fixed and
the first failure wins: equal slices, scale, units, attenuation, decay, then the path of the unit.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netimg.errors import (
    PIX_005,
    PIX_013,
    SUV_003,
    SUV_009,
    SUV_010,
    SUV_011,
    SUV_013,
    SUV_025,
    SUV_026,
    SUV_027,
    SUV_028,
    SUV_029,
    SUV_030,
    SUV_031,
    SUV_033,
    SUV_034,
    SUV_038,
    SUV_043,
    SUVError,
)
from netimg.reading.problems import refusal, sentence
from netimg.reading.suv import administration, candidates, norms, nuclide, units
from netimg.reading.suv.candidates import Reference, Times
from netimg.reading.suv.decay import decayed, frame_gain
from netimg.reading.suv.header import Injection, PetSlice
from netimg.reading.suv.notes import Notes
from netimg.reading.suv.text import decimal, stamp

if TYPE_CHECKING:
    from netimg.flag import Flag

POLICIES = ("auto", "qiba", "ibsi")

_DECAYS = ("START", "ADMIN", "NONE")
_PHILIPS_NOTE, _PHILIPS_LIMIT = 1.0, 10.0
_SPECT_NOTE, _SPECT_LIMIT = 0.01, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvResult:
    """One factor per slice, in the order of the headers, and where it came from.

    ``factors`` turn a rescaled value into SUVbw; ``norm_ratios`` turn SUVbw into another norm.
    ``candidates`` maps every decay reference that could be right to its instant; ``relative`` to
    SUV over the SUV that was chosen.
    """

    factors: tuple[float, ...]
    norm: str
    norm_ratios: Mapping[str, float]
    policy: str
    unit_path: str
    method: str
    reference_at: dt.datetime | None = None
    administered_at: dt.datetime | None = None
    uptake_s: float | None = None
    weight_kg: float | None = None
    dose_bq: float | None = None
    decayed_dose_bq: float | None = None
    half_life_s: float | None = None
    nuclide: str | None = None
    candidates: Mapping[str, dt.datetime]
    relative: Mapping[str, float]
    notes: tuple[Flag, ...] = ()
    typed: Mapping[str, object]


def resolve(
    headers: Sequence[PetSlice],
    policy: str = "auto",
    overrides: Mapping[str, object] | None = None,
    norm: str = "bw",
) -> SuvResult:
    """SUV factors of a PET series.

    Parameters
    ----------
    headers
        One per slice, any order; factors come back in the same order.
    policy
        ``auto``, ``qiba`` or ``ibsi``: which time the values were decay-corrected to.
    overrides
        What a person typed: ``weight_kg, height_m, sex, dose_bq, residual_bq, injection_time,
        reference_time, half_life_s, branching_corrected, injection, allow_intercept``.
    norm
        ``bw, lbm-janma, lbm-james, lbm-morgan, ibw, bsa``: must be possible; the others are
        computed where they are.

    Returns
    -------
    SuvResult

    Raises
    ------
    SUVError
        With the SUV- or PIX- code of the first thing that stands in the way.
    ValueError
        If there are no headers, or policy, norm or an override's key is unknown.
    """
    typed = dict(overrides or {})
    _check_call(headers, policy, norm, typed)
    notes = Notes()
    slices = _typed_in(headers, typed, notes)
    _check_equal(slices)
    _check_scale(slices, policy, notes, allowed=bool(typed.get("allow_intercept")))
    _check_units(slices[0], policy)
    _check_corrections(slices[0], policy, notes)
    work = _Work(slices, policy, typed, notes, norm)
    unit = (slices[0].units or "").strip().upper()
    if unit in units.STORED_SUV:
        return work.stored_suv(unit)
    if unit == "CNTS":
        return work.counts()
    return work.activity(unit)


@dataclass(slots=True)
class _Work:
    """One resolution on its way: the slices, what was typed, the notes so far."""

    slices: tuple[PetSlice, ...]
    policy: str
    typed: dict[str, object]
    notes: Notes
    norm: str

    @property
    def first(self) -> PetSlice:
        return self.slices[0]

    @property
    def repair(self) -> bool:
        return self.policy != "qiba"

    def stored_suv(self, unit: str) -> SuvResult:
        """Values that are SUV already, brought back to body weight."""
        stated = (self.first.suv_type or "").strip().upper()
        kind = "BSA" if unit == "CM2ML" else stated or "BW"
        self.notes.add("SUV-019", type=kind)
        if unit == "GML" and not stated:
            self.notes.add("SUV-048")
        factor, kg = 1.0, None
        if kind != "BW":
            body = self.body()
            kg = body.weight_kg
            factor = 1.0 / norms.ratio(norms.BY_TYPE[kind], body, self.notes)
        factors = (factor,) * len(self.slices)
        return self.result(factors, path=f"{unit} {kind}", method="stored_suv", kg=kg)

    def counts(self) -> SuvResult:
        """Philips counts: the scanner's own factors."""
        suv = self.philips(self.first.philips_suv_factor, "SUV factor (7053,xx00)")
        own = self.philips(self.first.philips_activity_factor, "activity factor (7053,xx09)")
        decay = (self.first.decay_correction or "").strip().upper()
        for private in (self.first.philips_suv_factor, self.first.philips_activity_factor):
            if private is not None and not private.creator_present:
                self.notes.add("SUV-049")
        if suv and decay != "NONE":
            self.notes.add("SUV-018", name="Philips SUV factor")
            if own:
                self.compare(suv, own)
            factors = (suv,) * len(self.slices)
            return self.result(factors, path="CNTS, SUV factor", method="philips_suv_factor")
        if own:
            self.notes.add("SUV-018", name="Philips activity factor")
            return self.activity("CNTS, activity factor", scale=own)
        raise refusal(SUV_031)

    def compare(self, suv: float, activity: float) -> None:
        """Own calculation beside the scanner's SUV factor."""
        other = replace_notes(self)
        try:
            mine = other.activity("CNTS", scale=activity).factors[0]
        except SUVError:
            return
        percent = abs(mine / suv - 1.0) * 100.0
        if percent > _PHILIPS_LIMIT:
            raise refusal(SUV_026, percent=percent)
        if percent > _PHILIPS_NOTE:
            self.notes.add("SUV-026/note", percent=percent)

    def activity(self, path: str, *, scale: float = 1.0) -> SuvResult:
        """Values in Bq/mL (after ``scale``): weight, dose, half-life and times decide."""
        injection = self.injection()
        kg = units.weight_kg(self.first.weight, self.notes, repair=self.repair)
        name, half_life = nuclide.half_life_s(injection, self.notes, repair=self.repair)
        corrected = bool(self.typed.get("branching_corrected"))
        nuclide.check_branching(injection, name, self.notes, corrected=corrected)
        dose = units.dose_bq(
            injection.dose,
            kg,
            self.notes,
            enhanced=self.first.enhanced,
            repair=self.repair,
            typed="dose_bq" in self.typed,
        )
        case = _Case(kg, dose, half_life, name, injection)
        case.dose_bq -= self.residual(case)
        scale *= self.per_ml() if path == "CPS" else 1.0
        decay = _decay_of(self.first)
        if decay == "ADMIN":
            return self.admin(case, path, scale)
        if decay == "NONE":
            return self.forward(case, path, scale)
        return self.start(case, path, scale)

    def admin(self, case: _Case, path: str, scale: float) -> SuvResult:
        """Values decay-corrected to the injection: the dose is not decayed."""
        factor = 1000.0 * case.kg / case.dose_bq * scale
        relative: dict[str, float] = {"as_stated": 1.0}
        moment = None
        if not nuclide.gives_positrons(case.nuclide) and self.never_decayed():
            times = candidates.times_of(self.slices)
            moment = self.administered(case, times, times.earliest)
            gain = self.gains(case, times, moment)[0]
            relative["as_acquired"] = gain
            off = abs(gain - 1.0)
            said = {"a": "decay correction ADMIN", "b": "decay factor 1", "percent": 100.0 * off}
            if off > _SPECT_LIMIT:
                raise refusal(SUV_029, **said)
            if off > _SPECT_NOTE:
                self.notes.add("SUV-029/note", **said, taken="the stated correction to injection")
        return self.result(
            (factor,) * len(self.slices),
            path=path,
            method="admin",
            kg=case.kg,
            case=case,
            relative=relative,
            administered=moment,
        )

    def never_decayed(self) -> bool:
        """Whether every slice says that its values were left as acquired (decay factor 1)."""
        return all(
            decimal(part.decay_factor, "decay factor (0054,1321)") == 1.0 for part in self.slices
        )

    def forward(self, case: _Case, path: str, scale: float) -> SuvResult:
        """Values not decay-corrected: one factor per slice."""
        times = candidates.times_of(self.slices)
        earliest = times.earliest
        moment = self.administered(case, times, earliest)
        if earliest is None:
            raise refusal(SUV_028)
        factors = tuple(
            1000.0 * case.kg / case.dose_bq * gain * scale
            for gain in self.gains(case, times, moment)
        )
        return self.result(
            factors,
            path=path,
            method="none_forward",
            kg=case.kg,
            case=case,
            administered=moment,
            uptake_s=(earliest - moment).total_seconds(),
        )

    def gains(self, case: _Case, times: Times, moment: dt.datetime) -> list[float]:
        """Per slice: activity at injection over the mean activity during the frame."""
        gains = []
        for start, frame in zip(times.acquisitions, times.frame_s, strict=True):
            if start is None:
                raise refusal(SUV_028)
            if frame is None:
                raise refusal(SUV_030)
            elapsed = (start - moment).total_seconds()
            gain = frame_gain(frame, case.half_life_s) / decayed(elapsed, case.half_life_s)
            gains.append(gain)
        return gains

    def start(self, case: _Case, path: str, scale: float) -> SuvResult:
        """Values decay-corrected to the start of the scan: the dose is decayed to there."""
        times = candidates.times_of(self.slices)
        given = self.recorded(case, times)
        found = self.candidates(case, times, given)
        reference = self.reference(found, times, case)
        moment = administration.settle(
            given,
            reference.at,
            half_life_s=case.half_life_s,
            nuclide=case.nuclide,
            notes=self.notes,
            repair=self.repair,
        )
        points = reference.per_slice or (reference.at,) * len(self.slices)
        left = [decayed((p - moment).total_seconds(), case.half_life_s) for p in points]
        factors = tuple(1000.0 * case.kg / (case.dose_bq * share) * scale for share in left)
        relative = {
            key: 2.0 ** ((at - reference.at).total_seconds() / case.half_life_s)
            for key, at in found.items()
        }
        uptake = (reference.at - moment).total_seconds()
        return self.result(
            factors,
            path=path,
            method=reference.method,
            kg=case.kg,
            case=case,
            administered=moment,
            reference=reference.at,
            uptake_s=uptake,
            found=found,
            relative=relative,
        )

    def candidates(
        self, case: _Case, times: Times, given: administration.Administration
    ) -> dict[str, dt.datetime]:
        """Every decay reference that could be right, by name."""
        found = candidates.explicit(self.slices, times, self.notes)
        if times.series is not None:
            found["series_datetime"] = times.series
        back = candidates.backcomputed(times, case.half_life_s, ge=times.ge)
        shared = candidates.common(back)
        if shared is not None:
            found["backcomputed"] = shared
        if (self.first.units or "").strip().upper() == "BQML":
            near = times.series or times.earliest
            moment = given.moment or (given.before(near) if near is not None else None)
            ratio = candidates.philips_ratio(
                self.slices,
                administered=moment,
                dose_bq=case.dose_bq,
                weight_kg=case.kg,
                half_life_s=case.half_life_s,
            )
            if ratio is not None:
                found["philips_ratio"] = ratio
        if times.earliest is not None:
            found["earliest_acquisition"] = times.earliest
        return found

    def reference(self, found: dict[str, dt.datetime], times: Times, case: _Case) -> Reference:
        """The decay reference of this policy, or the one a person typed."""
        typed = self.typed.get("reference_time")
        if typed is not None:
            at = stamp(str(typed), "--reference-at", offset=self.first.timezone)
            assert at is not None  # noqa: S101  # a typed value is not blank
            return Reference("typed", at)
        if self.policy == "auto":
            return candidates.choose(found, times, case.half_life_s, self.notes)
        if self.policy == "qiba":
            return self.qiba_reference(found, times)
        return self.ibsi_reference(found, times, case)

    def qiba_reference(self, found: dict[str, dt.datetime], times: Times) -> Reference:
        series, earliest = times.series, times.earliest
        second = dt.timedelta(seconds=1)
        if series is not None and (earliest is None or series <= earliest + second):
            return Reference("series_datetime", series)
        for name in ("ge_scan_datetime", "earliest_acquisition"):
            if name in found:
                return Reference(name, found[name])
        raise refusal(SUV_028)

    def ibsi_reference(self, found: dict[str, dt.datetime], times: Times, case: _Case) -> Reference:
        if "ge_scan_datetime" in found:
            return Reference("ge_scan_datetime", found["ge_scan_datetime"])
        if any(value is None for value in (*times.acquisitions, *times.frame_reference_s)):
            raise refusal(SUV_028)
        if any(value is None for value in times.frame_s):
            raise refusal(SUV_030)
        back = candidates.backcomputed(times, case.half_life_s, ge=False)
        assert back is not None  # noqa: S101  # every part was checked above
        return Reference("backcomputed_per_slice", min(back), back)

    def recorded(self, case: _Case, times: Times) -> administration.Administration:
        """Injection time as the header (or a person) has it."""
        return administration.read(
            case.injection,
            half_life_s=case.half_life_s,
            offset=self.first.timezone,
            scan=times.earliest or times.series,
            notes=self.notes,
        )

    def administered(self, case: _Case, times: Times, reference: dt.datetime | None) -> dt.datetime:
        """Injection as an instant before ``reference``."""
        given = self.recorded(case, times)
        if reference is None:
            raise refusal(SUV_028)
        return administration.settle(
            given,
            reference,
            half_life_s=case.half_life_s,
            nuclide=case.nuclide,
            notes=self.notes,
            repair=self.repair,
        )

    def injection(self) -> Injection:
        """The item of the radiopharmaceutical sequence that counts, with what was typed."""
        given = self.first.injections or ()
        which = int(str(self.typed.get("injection", 0)))
        if not given and not {"dose_bq", "injection_time", "half_life_s"} <= set(self.typed):
            raise refusal(SUV_043)
        if len(given) > 1 and not 1 <= which <= len(given):
            raise refusal(SUV_013, n=len(given))
        item = given[max(0, which - 1)] if given else Injection()
        if "dose_bq" in self.typed:
            item = replace(item, dose=_plain_number(self.typed["dose_bq"]))
        if "half_life_s" in self.typed:
            item = replace(item, half_life=_plain_number(self.typed["half_life_s"]))
        if "injection_time" in self.typed:
            typed = str(self.typed["injection_time"])
            item = replace(item, start_datetime=typed, start_time=None)
        return item

    def residual(self, case: _Case) -> float:
        """Activity left in the syringe, in Bq at injection."""
        return float(str(self.typed.get("residual_bq", 0.0)))

    def per_ml(self) -> float:
        """Bq/mL per count and second (policy ``ibsi``)."""
        corrections = {c.upper() for c in self.first.corrected_image or ()}
        if "DCAL" in corrections:
            spacing = [
                decimal(part, "pixel spacing (0028,0030)")
                for part in (self.first.pixel_spacing or "").split("\\")
            ]
            thick = decimal(self.first.thickness, "slice thickness (0018,0050)")
            sides = [*spacing, thick]
            if len(sides) == 3 and all(sides):
                return 1000.0 / math.prod(float(side or 0.0) for side in sides)
            raise refusal(SUV_038)
        factor = decimal(self.first.calibration_factor, "calibration factor (0054,1322)")
        if not factor or factor < 0:
            raise refusal(SUV_038)
        return factor

    def philips(self, private: object, tag: str) -> float | None:
        """A Philips factor above 0; 0 means not usable."""
        text = getattr(private, "text", None)
        value = decimal(text, tag)
        return value if value and value > 0 else None

    def body(self) -> norms.Body:
        """Body size as far as a norm needs it."""
        kg = units.weight_kg(self.first.weight, self.notes, repair=self.repair)
        height = units.height_m(self.first.size, self.notes, repair=self.repair)
        return norms.Body(kg, height, (self.first.sex or "").strip().upper() or None)

    def ratios(self) -> dict[str, float]:
        """Ratio of every norm that can be had; the one asked for must."""
        ratios = {"bw": 1.0}
        if self.norm != "bw":
            ratios[self.norm] = norms.ratio(self.norm, self.body(), self.notes)
        quiet = replace_notes(self)
        for name in norms.NORMS:
            if name not in ratios:
                try:
                    ratios[name] = norms.ratio(name, quiet.body(), quiet.notes)
                except SUVError:
                    continue
        return {name: ratios[name] for name in norms.NORMS if name in ratios}

    def result(
        self,
        factors: tuple[float, ...],
        *,
        path: str,
        method: str,
        kg: float | None = None,
        case: _Case | None = None,
        administered: dt.datetime | None = None,
        reference: dt.datetime | None = None,
        uptake_s: float | None = None,
        found: Mapping[str, dt.datetime] | None = None,
        relative: Mapping[str, float] | None = None,
    ) -> SuvResult:
        """Everything gathered, as a result."""
        left = None
        if case is not None and uptake_s is not None:
            left = case.dose_bq * decayed(uptake_s, case.half_life_s)
        return SuvResult(
            factors=factors,
            norm=self.norm,
            norm_ratios=self.ratios(),
            policy=self.policy,
            unit_path=path,
            method=method,
            reference_at=reference,
            administered_at=administered,
            uptake_s=uptake_s,
            weight_kg=kg,
            dose_bq=case.dose_bq if case else None,
            decayed_dose_bq=left,
            half_life_s=case.half_life_s if case else None,
            nuclide=case.nuclide if case else None,
            candidates=dict(found or {}),
            relative=dict(relative or {}),
            notes=tuple(self.notes.flags),
            typed=dict(self.typed),
        )


@dataclass(slots=True)
class _Case:
    """Weight, dose at injection, half-life, nuclide and injection item of one series."""

    kg: float
    dose_bq: float
    half_life_s: float
    nuclide: str | None
    injection: Injection


def replace_notes(work: _Work) -> _Work:
    """The same work with notes of its own, for a calculation on the side."""
    return _Work(work.slices, work.policy, work.typed, Notes(), "bw")


_KEYS = frozenset((
    "weight_kg", "height_m", "sex", "dose_bq", "residual_bq", "injection_time", "reference_time",
    "half_life_s", "branching_corrected", "injection", "allow_intercept",
))  # fmt: skip


def _check_call(
    headers: Sequence[PetSlice], policy: str, norm: str, typed: Mapping[str, object]
) -> None:
    if not headers:
        msg = "SUV needs at least one header"
        raise ValueError(msg)
    if policy not in POLICIES:
        msg = f"policy is one of {POLICIES}, not {policy!r}"
        raise ValueError(msg)
    if norm not in norms.NORMS:
        msg = f"norm is one of {norms.NORMS}, not {norm!r}"
        raise ValueError(msg)
    unknown = sorted(set(typed) - _KEYS)
    if unknown:
        msg = f"unknown overrides {unknown}"
        raise ValueError(msg)


def _typed_in(
    headers: Sequence[PetSlice], typed: Mapping[str, object], notes: Notes
) -> tuple[PetSlice, ...]:
    """Headers with body values replaced by what a person typed; each is said (SUV-020)."""
    for key, value in sorted(typed.items()):
        notes.add("SUV-020", value=f"{key} {value}")
    fields = {"weight_kg": "weight", "height_m": "size"}
    changes: dict[str, str] = {
        field: _plain_number(typed[key]) for key, field in fields.items() if key in typed
    }
    if "sex" in typed:
        changes["sex"] = str(typed["sex"])
    if not changes:
        return tuple(headers)
    return tuple(replace(part, **changes) for part in headers)  # type: ignore[arg-type]  # all text


def _plain_number(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _check_equal(slices: Sequence[PetSlice]) -> None:
    """All slices say the same of what a series has once."""

    def injected(part: PetSlice) -> tuple[object, ...]:
        return tuple((i.dose, i.half_life, i.nuclide_code, i.tracer) for i in part.injections or ())

    for attribute, value in (
        ("units", lambda s: s.units),
        ("SUV type", lambda s: s.suv_type),
        ("decay correction", lambda s: s.decay_correction),
        ("corrections", lambda s: tuple(sorted(s.corrected_image or ()))),
        ("weight", lambda s: s.weight),
        ("activity or nuclide", injected),
    ):
        if len({value(part) for part in slices}) > 1:  # type: ignore[no-untyped-call]  # a lambda
            raise refusal(SUV_025, attribute=attribute)


def _check_scale(slices: Sequence[PetSlice], policy: str, notes: Notes, *, allowed: bool) -> None:
    for index, part in enumerate(slices, start=1):
        slope = decimal(part.slope, "rescale slope (0028,1053)")
        if slope is None:
            raise SUVError(PIX_005, what=sentence("PIX-005", series="the series"))
        if slope <= 0 or not math.isfinite(slope):
            raise SUVError(PIX_013, what=sentence("PIX-013", slice=index, slope=slope))
        intercept = decimal(part.intercept, "rescale intercept (0028,1052)") or 0.0
        if intercept != 0.0:
            if policy != "qiba" and not allowed:
                raise refusal(SUV_033, intercept=intercept)
            notes.add("SUV-033/note", intercept=intercept)


def _check_units(first: PetSlice, policy: str) -> None:
    unit = (first.units or "").strip().upper()
    kind = (first.suv_type or "").strip().upper()
    philips = "PHILIPS" in (first.manufacturer or "").upper()
    philips = philips or first.philips_suv_factor is not None
    known = {"BQML", *units.STORED_SUV} | ({"CNTS"} if philips else set())
    if policy == "ibsi":
        known.add("CPS")
    if unit not in known:
        raise refusal(SUV_003, units=unit or "no unit that is said")
    fits = {"GML": {"", *norms.BY_TYPE} - {"BSA"}, "CM2ML": {"", "BSA"}}.get(unit)
    if fits is not None and kind not in fits:
        raise refusal(SUV_034, type=kind, units=unit)


def _check_corrections(first: PetSlice, policy: str, notes: Notes) -> None:
    """Attenuation and decay, and whether both fields of decay agree."""
    stored = (first.units or "").strip().upper() in units.STORED_SUV
    if first.enhanced:
        if (first.attenuation_corrected or "").strip().upper() != "YES":
            raise refusal(SUV_010)
    elif first.corrected_image is None:
        if not stored:
            raise refusal(SUV_027)
        notes.add("SUV-027/note")
    elif "ATTN" not in {c.upper() for c in first.corrected_image}:
        raise refusal(SUV_010)
    decay = _decay_of(first)
    if stored:
        return
    if decay not in _DECAYS or (policy == "qiba" and decay != "START"):
        raise refusal(SUV_009, value=decay or "not said", policy=policy)
    if first.enhanced:
        return
    corrections = {c.upper() for c in first.corrected_image or ()}
    wrong = {"START": "DECY" not in corrections, "NONE": "DECY" in corrections}.get(decay, False)
    if wrong:
        listed = ", ".join(sorted(corrections))
        raise refusal(SUV_011, value=decay, list=listed)


def _decay_of(first: PetSlice) -> str:
    """START, ADMIN or NONE; an enhanced object says YES or NO instead."""
    stated = (first.decay_correction or "").strip().upper()
    if first.enhanced and not stated:
        answer = (first.decay_corrected or "").strip().upper()
        return {"YES": "START", "NO": "NONE"}.get(answer, "")
    return stated
