"""Every case of the SUV table, on typed headers and on files that pydicom wrote."""

import json
from pathlib import Path

import numpy as np
import pytest

from netimg.errors import SUVError
from netimg.flag import Severity
from netimg.reading.studies import survey_study
from netimg.reading.suv import resolve
from netimg.reading.suv.decay import decayed, mean_count_s
from netimg.reading.suv.header import Injection, PetSlice, Private
from netimg.volume import Quantity
from tests.make.dicom import injection, pet_series
from tests.make.multiframe import enhanced_pet

TABLE = json.loads((Path(__file__).parent / "data" / "suv_cases.json").read_text("utf-8"))
TOL = TABLE["rel_tol"]
FIELDS = {
    "Manufacturer": "manufacturer",
    "SeriesDate": "series_date",
    "SeriesTime": "series_time",
    "PatientWeight": "weight",
    "PatientSize": "size",
    "PatientSex": "sex",
    "Units": "units",
    "DecayCorrection": "decay_correction",
    "CorrectedImage": "corrected_image",
    "SUVType": "suv_type",
    "AttenuationCorrected": "attenuation_corrected",
    "DecayCorrected": "decay_corrected",
    "DecayCorrectionDateTime": "decay_datetime",
    "TimezoneOffsetFromUTC": "timezone",
    "AcquisitionDate": "acquisition_date",
    "AcquisitionTime": "acquisition_time",
    "ActualFrameDuration": "frame_duration_ms",
    "FrameReferenceTime": "frame_reference_ms",
    "RescaleSlope": "slope",
    "RescaleIntercept": "intercept",
    "SliceThickness": "thickness",
    "PixelSpacing": "pixel_spacing",
}
PRIVATE = {
    "0009,100D": "ge_scan_datetime",
    "0071,1022": "siemens_decay_datetime",
    "7053,1000": "philips_suv_factor",
    "7053,1009": "philips_activity_factor",
}
CLASSIC = [c for c in TABLE["cases"] if c["iod"] == "classic"]
CLASSIC_WRONG = [c for c in TABLE["must_raise"] if c["iod"] == "classic"]


def cases(rows):
    return pytest.mark.parametrize("case", rows, ids=[row["id"] for row in rows])


def injections(case):
    items = case["rp"] if isinstance(case["rp"], list) else [case["rp"]] if case["rp"] else []
    return [dict(item) for item in items]


def typed_headers(case):
    private = {
        PRIVATE[tag]: Private(text=value, creator_present=creator != "(none)")
        for creator, values in case.get("private", {}).items()
        for tag, value in values.items()
    }
    items = tuple(
        Injection(
            tracer=item.get("Radiopharmaceutical"),
            start_time=item.get("RadiopharmaceuticalStartTime"),
            start_datetime=item.get("RadiopharmaceuticalStartDateTime"),
            dose=item.get("RadionuclideTotalDose"),
            half_life=item.get("RadionuclideHalfLife"),
            positron_fraction=item.get("RadionuclidePositronFraction"),
            nuclide_code=(item.get("RadionuclideCode") or [None])[0],
            nuclide_meaning=(item.get("RadionuclideCode") or [None] * 3)[2],
        )
        for item in injections(case)
    )
    headers = []
    for part in case["slices"]:
        fields = {FIELDS[k]: _typed(k, v) for k, v in (case["common"] | part).items()}
        headers.append(
            PetSlice(**fields, **private, injections=items, enhanced=case["iod"] == "enhanced")
        )
    return headers


def _typed(keyword, value):
    if keyword == "CorrectedImage":
        return tuple(value)
    return "\\".join(map(str, value)) if isinstance(value, list) else value


def resolved(case, norm):
    return resolve(
        typed_headers(case), policy=case["policy"], overrides=case.get("overrides"), norm=norm
    )


@cases(TABLE["cases"])
def test_factor_method_times_and_notes_are_those_of_the_table(case):
    expect = case["expect"]
    results = {norm: resolved(case, norm) for norm in case.get("norms") or ["bw"]}
    result = next(iter(results.values()))
    assert result.factors == pytest.approx(expect["factor"], rel=TOL)
    assert result.method == expect["method"]
    at = result.reference_at.isoformat() if result.reference_at else None
    assert at == expect["reference"]
    assert result.uptake_s == pytest.approx(expect["elapsed_s"], abs=1e-3)
    notes = [flag for one in results.values() for flag in one.notes]
    said = {flag.code for flag in notes if flag.severity is not Severity.INFO}
    informed = {flag.code for flag in notes if flag.severity is Severity.INFO}
    assert sorted(said) == expect["warnings"]
    assert sorted(informed) == expect["infos"]
    for norm, factors in expect.get("norm_factor", {}).items():
        ratio = results[norm].norm_ratios[norm]
        assert [f * ratio for f in results[norm].factors] == pytest.approx(factors, rel=TOL)


@cases(TABLE["must_raise"])
def test_a_header_without_a_way_to_suv_is_refused_with_its_code(case):
    with pytest.raises(SUVError) as caught:
        resolved(case, (case.get("norms") or ["bw"])[0])
    assert caught.value.code.id == case["expect"]["code"]
    assert caught.value.what.endswith(".")


STORED = np.full((10, 4, 4), 1000)
STORED[:, 1:] = 500  # a PET of one value is none


def written(case, folder):
    """Write the case as files: its slices one after another, the last one repeated to ten."""
    parts = case["slices"] + [case["slices"][-1]] * (10 - len(case["slices"]))
    gone = dict.fromkeys(FIELDS) | {"AttenuationCorrectionMethod": None, "SliceThickness": "3"}
    gone |= {"PixelSpacing": ["4", "4"], "SeriesType": None}
    pet_series(
        folder,
        STORED,
        radiopharmaceutical=False,
        common=gone
        | case["common"]
        | {"RadiopharmaceuticalInformationSequence": [injection(i) for i in injections(case)]},
        per_slice=dict(enumerate(parts)),
        private=case.get("private"),
    )


def read_back(case, folder, norm):
    overrides = dict(case.get("overrides", {})) | {"suv_policy": case["policy"], "suv_norm": norm}
    (pet,) = survey_study(folder, overrides=overrides).series
    return pet


@cases(CLASSIC)
def test_files_with_these_headers_give_the_same_factors_and_suv(case, tmp_path):
    written(case, tmp_path)
    expect, n = case["expect"], len(case["slices"])
    pet = read_back(case, tmp_path, (case.get("norms") or ["bw"])[0])
    assert pet.suv.possible, pet.suv.sentence
    # The last slice is repeated: a back-computation over all slices has the same median here.
    assert pet.suv.factors[:n] == pytest.approx(expect["factor"], rel=TOL)
    assert pet.suv.method == expect["method"]
    volume = pet.load()
    assert volume.quantity is Quantity.SUV_BW
    assert volume.values[:n, 0, 0] == pytest.approx(expect["suv_of_stored_1000"], rel=1e-6)


@cases([c for c in TABLE["cases"] if c["iod"] == "enhanced"])
def test_multi_frame_files_with_these_headers_give_the_same_factors_and_suv(case, tmp_path):
    (item,) = injections(case)
    value, scheme, meaning = item.pop("RadionuclideCode")
    pick = ("Manufacturer", "PatientWeight", "AttenuationCorrected", "DecayCorrected")
    common = {k: v for k, v in case["common"].items() if k in pick or k.endswith(("Time", "UTC"))}
    enhanced_pet(
        tmp_path,
        STORED,
        common=common,
        isotope=item
        | {"RadionuclideCodeSequence": [(value, scheme, meaning)], "Radiopharmaceutical": None},
        seconds=150.0,
    )
    pet, expect = read_back(case, tmp_path, "bw"), case["expect"]
    assert pet.suv.factors == pytest.approx([expect["factor"][0]] * 10, rel=TOL)
    assert pet.suv.method == expect["method"]
    assert pet.suv.reference_at == expect["reference"]
    assert pet.load().values[:, 0, 0] == pytest.approx([expect["suv_of_stored_1000"][0]] * 10)


@cases(CLASSIC_WRONG)
def test_files_with_these_headers_are_refused_and_stay_a_picture(case, tmp_path):
    written(case, tmp_path)
    pet = read_back(case, tmp_path, (case.get("norms") or ["bw"])[0])
    assert not pet.suv.possible
    assert pet.suv.code == case["expect"]["code"]
    assert pet.load().quantity in (Quantity.ACTIVITY, Quantity.STORED)


def test_the_worked_case_follows_from_its_formula():
    result = resolved(TABLE["cases"][0], "bw")
    left_bq = 154e6 * 2 ** (-3780 / 4057.7)
    assert result.decayed_dose_bq == pytest.approx(left_bq, rel=1e-12)
    assert result.factors[0] == pytest.approx(72500 / left_bq, rel=1e-12)
    assert result.relative["series_datetime"] == 1.0


def test_activity_halves_over_a_half_life_and_the_mean_count_time_is_just_before_the_middle():
    assert decayed(6586.2, 6586.2) == 0.5
    assert mean_count_s(300.0, 6586.2) == pytest.approx(149.605, abs=5e-4)
    assert mean_count_s(1e-9, 6586.2) == pytest.approx(0.5e-9)


def test_twice_the_dose_is_half_the_suv():
    case = TABLE["cases"][0]
    twice = json.loads(json.dumps(case))
    twice["rp"]["RadionuclideTotalDose"] = str(2 * int(case["rp"]["RadionuclideTotalDose"]))
    assert resolved(twice, "bw").factors[0] == pytest.approx(
        resolved(case, "bw").factors[0] / 2, rel=1e-12
    )


def test_a_residual_is_subtracted_and_said():
    case = TABLE["cases"][0] | {"overrides": {"residual_bq": 15.4e6}}
    result = resolved(case, "bw")
    assert result.dose_bq == pytest.approx(154e6 * 0.9)
    assert "SUV-020" in {flag.code for flag in result.notes}


def test_unknown_policies_norms_and_overrides_are_a_callers_bug():
    headers = typed_headers(TABLE["cases"][0])
    for wrong in ({"policy": "best"}, {"norm": "fat"}, {"overrides": {"colour": 1}}):
        with pytest.raises(ValueError, match=r"best|fat|colour"):
            resolve(headers, **wrong)
    with pytest.raises(ValueError, match="at least one"):
        resolve([])
