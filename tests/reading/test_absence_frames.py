"""One element or functional group of a valid multi-frame object removed (``dicom_objects`` 2.4)."""

import numpy as np
import pytest

from netimg.flag import Severity
from netimg.reading.studies import survey_study
from tests.make.dicom import body
from tests.make.multiframe import enhanced_ct, enhanced_pet

SHAPE = (21, 24, 28)
GRID = {"spacing_mm": (5, 14, 14), "first_lps_mm": (-196, -168, 0)}


def ct(folder, **bends):
    enhanced_ct(folder, body(SHAPE), **GRID, **bends)
    return survey_study(folder)


def pet(folder, **bends):
    stored = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 5000
    enhanced_pet(folder, stored, **GRID, **bends)
    return survey_study(folder)


MAKE = {"ct": ct, "pet": pet}


def said(study):
    """Every code with its sentence: of files set aside, of series, of SUV."""
    found = [(item.code, item.sentence) for item in study.set_aside]
    for series in study.series:
        found += [(flag.code, flag.sentence) for flag in series.flags]
        if series.suv is not None and not series.suv.possible:
            found.append((str(series.suv.code), series.suv.sentence))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("kind", MAKE)
def test_the_untouched_object_has_nothing_to_say_of_its_numbers(kind, tmp_path):
    study = MAKE[kind](tmp_path)
    assert [s for s in said(study) if s[0] != "GEO-009"] == []
    (series,) = study.series
    assert series.grid.shape == SHAPE
    assert kind == "ct" or series.suv.possible


GROUPS = {
    ("ct", "PixelMeasures"): ("GEO-017", "Frame 1 of", "Pixel Measures Sequence (0028,9110)"),
    ("ct", "PlanePosition"): ("GEO-017", "Frame 1 of", "Plane Position Sequence (0020,9113)"),
    ("ct", "PlaneOrientation"): ("GEO-017", "Frame 1 of", "Plane Orientation"),
    ("ct", "PixelValueTransformation"): ("GEO-017", "Frame 1 of", "Pixel Value Transformation"),
    ("pet", "PixelMeasures"): ("GEO-017", "Frame 1 of", "Pixel Measures"),
    ("pet", "PlanePosition"): ("GEO-017", "Frame 1 of", "Plane Position"),
    ("pet", "PlaneOrientation"): ("GEO-017", "Frame 1 of", "Plane Orientation"),
    ("pet", "RealWorldValueMapping"): ("SUV-003", "unit", ""),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "group"), GROUPS)
def test_a_group_that_is_needed_is_missed_by_name(kind, group, tmp_path):
    code, *says = GROUPS[kind, group]
    found = said(MAKE[kind](tmp_path, drop=(group,)))
    assert {name for name, _ in found} == {code}
    assert all(text in found[0][1] for text in says)


ELEMENTS = {
    ("ct", "PixelMeasures", "PixelSpacing"): "GEO-011",
    ("ct", "PlaneOrientation", "ImageOrientationPatient"): "GEO-001",
    ("ct", "PixelValueTransformation", "RescaleSlope"): "PIX-005",
    ("ct", "PixelValueTransformation", "RescaleIntercept"): "PIX-005",
    ("pet", "PixelMeasures", "PixelSpacing"): "GEO-011",
    ("pet", "PlaneOrientation", "ImageOrientationPatient"): "GEO-001",
    ("pet", "RealWorldValueMapping", "RealWorldValueSlope"): "PIX-005",
    ("pet", "RealWorldValueMapping", "RealWorldValueIntercept"): "PIX-005",
    ("pet", "RealWorldValueMapping", "MeasurementUnitsCodeSequence"): "SUV-003",
}
"""An element missing in a group that is there."""


@pytest.mark.parametrize(("kind", "group", "element"), ELEMENTS)
def test_an_element_that_is_needed_is_missed_by_its_code(kind, group, element, tmp_path):
    study = MAKE[kind](tmp_path, shared={group: {element: None}})
    assert {code for code, _ in said(study)} == {ELEMENTS[kind, group, element]}


def test_the_position_of_one_frame_is_missed_with_its_number(tmp_path):
    bend = {7: {"PlanePosition": {"ImagePositionPatient": None}}}
    found = said(ct(tmp_path, frames=bend))
    assert {code for code, _ in found} == {"GEO-001"}
    assert "8" in found[0][1]


PIXELS = {
    "Rows": "PIX-009", "Columns": "PIX-009", "BitsAllocated": "PIX-009", "BitsStored": "PIX-009",
    "PixelRepresentation": "PIX-009", "SamplesPerPixel": "PIX-009",
    "PhotometricInterpretation": "PIX-009", "StudyInstanceUID": "IDX-015",
    "SeriesInstanceUID": "IDX-015", "NumberOfFrames": "PIX-014",
    "SharedFunctionalGroupsSequence": "GEO-017", "PerFrameFunctionalGroupsSequence": "PIX-014",
}  # fmt: skip


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("keyword", PIXELS)
def test_what_the_object_needs_is_missed_by_its_code(keyword, kind, tmp_path):
    study = MAKE[kind](tmp_path, common={keyword: None})
    assert {code for code, _ in said(study)} == {PIXELS[keyword]}
    assert study.series == ()


SUV = {
    "DecayCorrected": ("SUV-009", "not said"),
    "AttenuationCorrected": ("SUV-010", "attenuation"),
    "PatientWeight": ("SUV-001", "weight"),
    "RadiopharmaceuticalInformationSequence": ("SUV-043", "radiopharmaceutical"),
}
ISOTOPE = {
    "RadionuclideTotalDose": ("SUV-004", "activity is missing"),
    "RadiopharmaceuticalStartDateTime": ("SUV-006", "time of injection"),
}


@pytest.mark.parametrize("keyword", SUV)
def test_what_suv_needs_of_the_object(keyword, tmp_path):
    code, says = SUV[keyword]
    (series,) = pet(tmp_path, common={keyword: None}).series
    assert (series.suv.code, says in series.suv.sentence) == (code, True)
    assert series.load().values.shape == SHAPE


@pytest.mark.parametrize("keyword", ISOTOPE)
def test_what_suv_needs_of_the_radiopharmaceutical(keyword, tmp_path):
    code, says = ISOTOPE[keyword]
    (series,) = pet(tmp_path, isotope={keyword: None}).series
    assert (series.suv.code, says in series.suv.sentence) == (code, True)


def test_without_half_life_the_nuclide_gives_it_and_without_both_there_is_none(tmp_path):
    (series,) = pet(tmp_path / "one", isotope={"RadionuclideHalfLife": None}).series
    assert {flag.code for flag in series.suv.notes} == {"SUV-008"}
    assert series.suv.half_life_s == pytest.approx(4062.6)
    neither = {
        "RadionuclideHalfLife": None, "RadionuclideCodeSequence": None,
        "RadiopharmaceuticalCodeSequence": None,
    }  # fmt: skip
    (series,) = pet(tmp_path / "none", isotope=neither).series
    assert series.suv.code == "SUV-022"


def test_without_the_stated_reference_the_start_of_the_frames_stands_for_it(tmp_path):
    (whole,) = pet(tmp_path / "whole").series
    gone = {"DecayCorrectionDateTime": None, "SeriesTime": None}
    (series,) = pet(tmp_path / "less", common=gone).series
    assert series.suv.factors == pytest.approx(whole.suv.factors, rel=1e-9)
    assert {flag.code for flag in series.suv.notes} == {"SUV-047"}


def test_values_as_acquired_need_the_duration_of_their_frames(tmp_path):
    no = {"DecayCorrected": "NO", "DecayCorrectionDateTime": None}
    (series,) = pet(tmp_path / "whole", common=no).series
    assert series.suv.possible
    bends = {z: {"FrameContent": {"FrameAcquisitionDuration": None}} for z in range(SHAPE[0])}
    (series,) = pet(tmp_path / "less", common=no, frames=bends).series
    assert series.suv.code == "SUV-030"


OPTIONAL = {
    "ct": ("CTImageFrameType", "CTReconstruction", "CTXRayDetails", "CTExposure",
           "ContrastBolusUsage"),
    "pet": ("PETFrameType", "RadiopharmaceuticalUsage", "PixelValueTransformation"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "group"), [(kind, group) for kind, groups in OPTIONAL.items() for group in groups]
)
def test_a_group_that_only_describes_costs_nothing_of_the_numbers(kind, group, tmp_path):
    (whole,) = MAKE[kind](tmp_path / "whole").series
    study = MAKE[kind](tmp_path / "less", drop=(group,))
    (series,) = study.series
    assert all(f.severity is Severity.INFO for f in series.flags)
    assert np.array_equal(series.load().values, whole.load().values)
