"""One element of a valid series removed: its own code, or exactly what is lost without it.

The tables follow ``dicom_objects`` 2.1 to 2.3. The series nobody touched has nothing to say.
"""

import shutil

import numpy as np
import pydicom
import pytest

from netimg.flag import Severity
from netimg.reading.studies import survey_study
from tests.make import dicom as make

SHAPE = (21, 24, 28)


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    """A CT of 21 slices that is valid in every respect."""
    folder = tmp_path_factory.mktemp("ct")
    make.ct_series(folder, make.body(SHAPE), spacing_mm=(5, 14, 14), first_lps_mm=(-196, -168, 0))
    return folder


@pytest.fixture(scope="module")
def pet(tmp_path_factory):
    """A PET of the same place."""
    folder = tmp_path_factory.mktemp("pet")
    stored = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 5000
    make.pet_series(folder, stored, spacing_mm=(5, 14, 14), first_lps_mm=(-196, -168, 0))
    return folder


def without(source, folder, *tags, only=None, also=None):
    """Copy a series and take elements out of every file, or of the file ``only``."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        if only is not None and number != only:
            continue
        dataset = pydicom.dcmread(path)
        for way in tags:
            within = dataset
            *outer, keyword = way.split(">")
            for sequence in outer:
                within = within[sequence][0]
            del within[keyword]
        for keyword in also or ():
            del dataset.file_meta[keyword]
        dataset.save_as(path)
    return survey_study(folder)


def said(study):
    """Every code with its sentence: of files set aside, of series, of SUV; not of the study.

    A study of a PET alone says so itself.
    """
    found = [(item.code, item.sentence) for item in study.set_aside]
    for series in study.series:
        found += [(flag.code, flag.sentence) for flag in series.flags]
        if series.suv is not None and not series.suv.possible:
            found.append((str(series.suv.code), series.suv.sentence))
    return list(dict.fromkeys(found))


def test_the_untouched_series_have_nothing_to_say(ct, pet, tmp_path):
    for source in (ct, pet):
        assert said(survey_study(source)) == []
    (series,) = survey_study(pet).series
    assert series.suv.possible
    shutil.copytree(ct, tmp_path / "both" / "ct")
    shutil.copytree(pet, tmp_path / "both" / "pet")
    assert survey_study(tmp_path / "both").flags == ()


IMAGES = {
    "StudyInstanceUID": ("IDX-015", "IM0001.dcm lacks StudyInstanceUID"),
    "SeriesInstanceUID": ("IDX-015", "IM0001.dcm lacks SeriesInstanceUID"),
    "Rows": ("PIX-009", "(0028,0010)"),
    "Columns": ("PIX-009", "(0028,0011)"),
    "BitsAllocated": ("PIX-009", "(0028,0100)"),
    "BitsStored": ("PIX-009", "(0028,0101)"),
    "PixelRepresentation": ("PIX-009", "(0028,0103)"),
    "SamplesPerPixel": ("PIX-009", "(0028,0002)"),
    "PhotometricInterpretation": ("PIX-009", "(0028,0004)"),
    "ImagePositionPatient": ("GEO-001", "Slice 1 of series 1"),
    "ImageOrientationPatient": ("GEO-001", "Slice 1 of series 1"),
    "PixelSpacing": ("GEO-011", "absent"),
    "PixelData": ("IDX-022", "IM0001.dcm says it is an image but has no pixels"),
    "RescaleSlope": ("PIX-005", "no rescale slope"),
    "RescaleIntercept": ("PIX-005", "no rescale slope and intercept"),
}
"""What every image needs: without it nothing can be measured."""


@pytest.mark.parametrize("kind", ["ct", "pet"])
@pytest.mark.parametrize("keyword", IMAGES)
def test_what_every_image_needs_is_missed_by_name(keyword, kind, request, tmp_path):
    code, says = IMAGES[keyword]
    study = without(request.getfixturevalue(kind), tmp_path, keyword)
    found = said(study)
    assert {name for name, _ in found} == {code}
    assert says in found[0][1]
    if kind == "ct" or code != "PIX-005":
        assert study.series == ()


@pytest.mark.parametrize("kind", ["ct", "pet"])
@pytest.mark.parametrize(
    ("keyword", "meta"),
    [
        ("SOPClassUID", "MediaStorageSOPClassUID"),
        ("SOPInstanceUID", "MediaStorageSOPInstanceUID"),
    ],
)
def test_an_identity_is_taken_from_the_file_head_or_missed(keyword, meta, kind, request, tmp_path):
    source = request.getfixturevalue(kind)
    assert said(without(source, tmp_path / "head", keyword)) == []
    found = said(without(source, tmp_path / "none", keyword, also=[meta]))
    assert {code for code, _ in found} == {"IDX-015"}
    assert found[0][1].startswith(f"IM0001.dcm lacks {keyword}")


@pytest.mark.parametrize("kind", ["ct", "pet"])
@pytest.mark.parametrize(
    "keyword",
    [
        "Rows", "BitsAllocated", "PixelRepresentation", "ImagePositionPatient", "PixelSpacing",
        "ImageOrientationPatient", "RescaleSlope", "PixelData",
    ],
)  # fmt: skip
def test_one_slice_without_it_is_enough(keyword, kind, request, tmp_path):
    code, _ = IMAGES[keyword]
    found = said(without(request.getfixturevalue(kind), tmp_path, keyword, only=6))
    assert {name for name, _ in found} == {code}
    if code in ("GEO-001", "IDX-022", "PIX-009"):
        assert "IM0007.dcm" in found[0][1] or "Slice 7 of" in found[0][1]


PREFERRED = {
    "FrameOfReferenceUID": ("GEO-014", "names no coordinate system"),
    "HighBit": ("PIX-009", "16 bits"),
}
"""There is something in its place, and that is said."""


@pytest.mark.parametrize("kind", ["ct", "pet"])
@pytest.mark.parametrize("keyword", PREFERRED)
def test_what_has_a_substitute_is_replaced_and_said(keyword, kind, request, tmp_path):
    code, says = PREFERRED[keyword]
    source = request.getfixturevalue(kind)
    study = without(source, tmp_path, keyword)
    ((found, sentence),) = said(study)
    assert (found, says in sentence) == (code, True)
    assert same_pixels(study, source)


OPTIONAL = [
    "PatientID", "PatientName", "StudyDate", "StudyTime", "ImageType", "SliceThickness",
    "InstanceNumber", "Modality", "SeriesNumber",
]  # fmt: skip
OPTIONAL_CT = [
    "RescaleType", "KVP", "ConvolutionKernel", "ContrastBolusAgent", "AcquisitionNumber",
    "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime", "PatientSex",
]  # fmt: skip
OPTIONAL_PET = [
    "AcquisitionDate", "SeriesType", "AttenuationCorrectionMethod", "PatientSize", "PatientSex",
    "SeriesDescription", "Manufacturer",
    "RadiopharmaceuticalInformationSequence>RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalInformationSequence>RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalInformationSequence>RadionuclidePositronFraction",
]  # fmt: skip


def same_pixels(study, source):
    """Whether both read to the same values on the same grid."""
    (one,), (other,) = study.series, survey_study(source).series
    same = one.grid.same_as(other.grid, tol_mm=1e-9)
    return same and np.array_equal(one.load().values, other.load().values)


@pytest.mark.parametrize(
    ("kind", "keyword"),
    [
        *(("ct", keyword) for keyword in OPTIONAL + OPTIONAL_CT),
        *(("pet", keyword) for keyword in OPTIONAL + OPTIONAL_PET),
    ],
)
def test_what_is_optional_costs_nothing_of_the_numbers(kind, keyword, request, tmp_path):
    source = request.getfixturevalue(kind)
    study = without(source, tmp_path, keyword)
    worse = {
        flag.code
        for series in study.series
        for flag in series.flags
        if flag.severity is not Severity.INFO
    }
    assert worse == set()
    assert study.set_aside == ()
    assert same_pixels(study, source)


ITEM = "RadiopharmaceuticalInformationSequence"
TIMES = (f"{ITEM}>RadiopharmaceuticalStartTime", f"{ITEM}>RadiopharmaceuticalStartDateTime")
NUCLIDE = (f"{ITEM}>RadionuclideHalfLife", f"{ITEM}>RadionuclideCodeSequence")
SUV = {
    ("Units",): ("SUV-003", "does not say what unit"),
    ("CorrectedImage",): ("SUV-027", "does not list its corrections"),
    ("DecayCorrection",): ("SUV-009", "not said, policy auto"),
    ("PatientWeight",): ("SUV-001", "weight is missing"),
    (ITEM,): ("SUV-043", "radiopharmaceutical"),
    (f"{ITEM}>RadionuclideTotalDose",): ("SUV-004", "activity is missing"),
    TIMES: ("SUV-006", "time of injection is missing"),
    NUCLIDE: ("SUV-022", "cannot be concluded"),
    ("SeriesTime", "AcquisitionTime"): ("SUV-028", "No time says"),
}
"""What SUV needs: without it the PET stays a picture."""


@pytest.mark.parametrize("keywords", SUV, ids=lambda k: "+".join(x.split(">")[-1] for x in k))
def test_what_suv_needs_is_missed_by_its_own_code(keywords, pet, tmp_path):
    code, says = SUV[keywords]
    (series,) = without(pet, tmp_path, *keywords).series
    assert (series.suv.possible, series.suv.code) == (False, code)
    assert says in series.suv.sentence
    assert series.load().values.shape == SHAPE


FALLBACK = {
    "SeriesDate": ("SUV-046", Severity.INFO),
    "SeriesTime": ("SUV-046", Severity.INFO),
    "AcquisitionTime": ("SUV-046", Severity.INFO),
    "FrameReferenceTime": ("SUV-046", Severity.INFO),
    "ActualFrameDuration": ("SUV-046", Severity.INFO),
    f"{ITEM}>RadionuclideHalfLife": ("SUV-008", Severity.MEDIUM),
    f"{ITEM}>RadionuclideCodeSequence": ("SUV-022", Severity.MEDIUM),
}
"""Another field speaks in its place, which is said; the table half-life differs by 0.12 %."""


@pytest.mark.parametrize("keyword", FALLBACK)
def test_what_has_another_witness_is_read_from_there(keyword, pet, tmp_path):
    code, severity = FALLBACK[keyword]
    (whole,) = survey_study(pet).series
    (series,) = without(pet, tmp_path, keyword).series
    assert series.suv.possible
    assert (code, severity) in {(flag.code, flag.severity) for flag in series.suv.notes}
    assert series.suv.factors == pytest.approx(whole.suv.factors, rel=1e-3)


@pytest.mark.parametrize(
    ("keyword", "norm", "code"),
    [
        ("PatientSize", "lbm-janma", "SUV-014"),
        ("PatientSize", "bsa", "SUV-014"),
        ("PatientSex", "lbm-james", "SUV-015"),
        ("PatientSex", "ibw", "SUV-015"),
        ("PatientSex", "bsa", None),
    ],
)
def test_a_norm_misses_what_it_needs(keyword, norm, code, pet, tmp_path):
    without(pet, tmp_path, keyword)
    (series,) = survey_study(tmp_path, overrides={"suv_norm": norm}).series
    assert series.suv.code == code
    assert code is None or norm in series.suv.sentence


def bent(source, folder, **elements):
    """Copy a series with elements changed in every file."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for path in folder.iterdir():
        make.bend(path, **elements)
    return folder


def test_values_as_acquired_need_the_frame_duration(pet, tmp_path):
    folder = bent(pet, tmp_path / "in", DecayCorrection="NONE", CorrectedImage=["ATTN"])
    assert said(survey_study(folder)) == []
    ((code, sentence),) = said(without(folder, tmp_path / "out", "ActualFrameDuration"))
    assert (code, sentence) == ("SUV-030", "The frame duration is missing.")


def test_stored_suv_without_its_type_is_by_body_weight(pet, tmp_path):
    folder = bent(pet, tmp_path / "in", Units="GML", SUVType="BW")
    codes = {code for code, _ in said(survey_study(folder))}
    assert codes == {"SUV-019"}
    codes = {code for code, _ in said(without(folder, tmp_path / "out", "SUVType"))}
    assert codes == {"SUV-019", "SUV-048"}


def test_counts_of_philips_need_one_of_its_factors(tmp_path):
    factor = {"Philips PET Private Group": {"7053,1000": "0.0007"}}
    common = {"Units": "CNTS", "Manufacturer": "Philips Medical Systems"}
    make.pet_series(tmp_path / "in", common=common, private=factor)
    (series,) = survey_study(tmp_path / "in").series
    assert series.suv.possible
    make.pet_series(tmp_path / "out", common=common)
    (series,) = survey_study(tmp_path / "out").series
    assert series.suv.code == "SUV-031"


def test_a_long_lived_nuclide_needs_the_date_and_wants_its_fraction(tmp_path):
    copper = {
        "Radiopharmaceutical": "Cu 64 dotatate", "RadionuclideHalfLife": "45720",
        "RadionuclidePositronFraction": "0.176", "RadiopharmaceuticalStartTime": None,
        "RadiopharmaceuticalStartDateTime": "20240309101500",
        "RadionuclideCode": ("3932008", "SCT", "^64^Copper"),
    }  # fmt: skip
    frame = {"FrameReferenceTime": "74985.787"}
    make.pet_series(tmp_path / "whole", radiopharmaceutical=copper, common=frame)
    (series,) = survey_study(tmp_path / "whole").series
    assert {flag.code for flag in series.suv.notes} == set()
    undated = copper | {
        "RadiopharmaceuticalStartTime": "101500", "RadiopharmaceuticalStartDateTime": None
    }  # fmt: skip
    make.pet_series(tmp_path / "undated", radiopharmaceutical=undated, common=frame)
    (series,) = survey_study(tmp_path / "undated").series
    assert series.suv.code == "SUV-039"
    assert "Cu-64 lives long (half-life 12.7 h)" in series.suv.sentence
    make.pet_series(
        tmp_path / "fraction",
        radiopharmaceutical=copper | {"RadionuclidePositronFraction": None},
        common=frame,
    )
    (series,) = survey_study(tmp_path / "fraction").series
    (note,) = series.suv.notes
    assert (note.code, "Cu-64 (0.176)" in note.sentence) == ("SUV-040", True)


def test_the_strict_policies_miss_what_they_need(pet, tmp_path):
    for keyword, policy, code in (
        ("FrameReferenceTime", "ibsi", "SUV-028"),
        ("ActualFrameDuration", "ibsi", "SUV-030"),
        (f"{ITEM}>RadionuclideHalfLife", "qiba", "SUV-008"),
    ):
        folder = tmp_path / f"{policy}-{code}"
        without(pet, folder, keyword)
        (series,) = survey_study(folder, overrides={"suv_policy": policy}).series
        assert series.suv.code == code
    for policy in ("qiba", "ibsi"):
        (series,) = survey_study(pet, overrides={"suv_policy": policy}).series
        assert series.suv.possible
