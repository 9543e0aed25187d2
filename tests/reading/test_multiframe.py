"""Frames of Enhanced and legacy-converted CT and PET are read as slices, or refused by name."""

import math
import shutil
import struct
import zipfile

import numpy as np
import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from netimg.errors import InputError
from netimg.reading.multiframe import read_headers
from netimg.reading.real_world import units_of
from netimg.reading.studies import open_study, survey_study
from netimg.reading.walk import found_file
from netimg.settings import Settings
from netimg.study import Phase
from netimg.volume import Quantity
from tests.make import dicom
from tests.make.dicom import uptake
from tests.make.multiframe import ISOTOPE, enhanced_ct, enhanced_pet, legacy, real_world

SETTINGS = Settings.shipped()
DECAYED = 154e6 * 2 ** (-63 * 60 / 4057.7)
FACTOR = 1000 * 72.5 / DECAYED
"""g/mL per Bq/mL: 63 minutes of Ga-68 between injection and decay correction."""

IOHEXOL = {
    "CodeValue": "C-B0322",
    "CodingSchemeDesignator": "SRT",
    "CodeMeaning": "Iohexol",
    "ContrastBolusAgentNumber": 1,
}
"""An agent whose injection has no time."""

RANDOM = np.random.default_rng(11)
HU = np.where(dicom.body() > -500, RANDOM.integers(-100, 300, (12, 32, 40)), -1000)


def headers_of(path):
    file = found_file(path.name, path)
    return read_headers(file, SETTINGS)


def aside_of(folder):
    return [(a.code, a.sentence) for a in survey_study(folder).set_aside]


# CT


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
    ids=["implicit", "explicit", "big endian", "deflated"],
)
def test_an_enhanced_ct_has_its_hu_and_its_grid_in_any_order_of_frames(tmp_path, syntax):
    order = RANDOM.permutation(12).tolist()
    enhanced_ct(tmp_path, HU, order=order, syntax=syntax)
    study = open_study(tmp_path)
    ct = study.ct
    assert np.array_equal(ct.load().values, HU.astype(np.float32))
    assert ct.load().quantity is Quantity.HU
    assert ct.grid.spacing_mm == (3.0, 2.0, 2.0)
    assert ct.grid.origin_lps_mm == (-20.0, -16.0, 0.0)
    assert [i.frame_number for i in ct.instances] == [order.index(z) + 1 for z in range(12)]
    assert len({i.sop_instance_uid for i in ct.instances}) == 1
    assert study.files == (("enhanced_ct_0.dcm", "series 1"),)
    assert "GEO-013" not in {f.code for f in ct.flags}


def test_a_multi_frame_file_in_a_zip_is_read(tmp_path):
    enhanced_ct(tmp_path / "loose", HU)
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "loose" / "enhanced_ct_0.dcm", "ct.dcm")
    assert np.array_equal(open_study(tmp_path / "study.zip").ct.load().values, HU)


def test_a_frames_own_group_counts_before_the_shared_one(tmp_path):
    frames = {
        3: {"PixelValueTransformation": {"RescaleSlope": "1.05", "RescaleIntercept": "-1034"}}
    }
    enhanced_ct(tmp_path, np.full((12, 32, 40), -1000.0) + dicom.body() * 0, frames=frames)
    enhanced_ct(tmp_path, HU, frames=frames)
    values = open_study(tmp_path).ct.load().values
    assert np.array_equal(values[3], (1.05 * (HU[3] + 1024) - 1034).astype(np.float32))
    assert np.array_equal(values[4], HU[4])


def test_what_a_series_is_split_and_chosen_by_stands_in_the_header_of_a_frame(tmp_path):
    frames = {
        0: {
            "FrameContent": {
                "StackID": "ART",
                "InStackPositionNumber": 7,
                "TemporalPositionIndex": 2,
                "FrameAcquisitionNumber": 4,
                "FrameAcquisitionDateTime": "20240310100920.5",
            },
            "CardiacSynchronization": {"NominalPercentageOfCardiacPhase": 75.0},
            "CTReconstruction": {"ConvolutionKernel": "B60f", "ReconstructionDiameter": "280"},
            "CTXRayDetails": {"KVP": "80"},
            "ContrastBolusUsage": {"ContrastBolusAgentAdministered": "NO"},
        }
    }
    own, shared = headers_of(enhanced_ct(tmp_path, HU, frames=frames))[:2]
    assert (own.stack_id, own.in_stack_position, own.temporal_index) == ("ART", 7, 2)
    assert (own.acquisition_number, own.cardiac_phase_pct) == (4, 75.0)
    assert (own.kernel, own.reconstruction_mm, own.kvp) == ("B60f", 280.0, 80.0)
    assert own.contrast_agent is None
    assert own.acquired_at.isoformat() == "2024-03-10T10:09:20.500000"
    assert (shared.stack_id, shared.in_stack_position, shared.kvp) == ("1", 2, 120.0)
    assert (shared.kernel, shared.reconstruction_mm) == ("B30f", 320.0)
    assert (shared.contrast_agent, shared.contrast_route) == ("Iohexol", "Intravenous route")
    assert (shared.contrast_time, shared.exposure_mas) == ("100845", 180.0)
    assert (shared.frame_number, shared.identity) == (2, (shared.sop_instance, 2))
    assert shared.name == "enhanced_ct_0.dcm, frame 2"


def test_the_phase_comes_from_the_contrast_of_an_enhanced_ct(tmp_path):
    enhanced_ct(tmp_path, HU, common={"SeriesDescription": "Abdomen"}, start="20240310101000")
    assert open_study(tmp_path).ct.phase is Phase.PORTAL  # 75 s after the bolus began


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("PORTAL_VENOUS", Phase.PORTAL),
        ("ARTERIAL", Phase.ARTERIAL),
        ("DELAYED", Phase.DELAYED),
        ("STEADY_STATE", Phase.CONTRAST),
    ],
)
def test_the_phase_of_the_contrast_agent_is_a_word_for_the_phase(tmp_path, word, phase):
    common = {"SeriesDescription": "Abdomen", "ContrastBolusAgentSequence": [IOHEXOL]}
    shared = {"ContrastBolusUsage": {"ContrastBolusAgentPhase": word}}
    enhanced_ct(tmp_path, HU, common=common, shared=shared)
    assert open_study(tmp_path).ct.phase is phase


GROUPS = {
    "PixelMeasures": "Pixel Measures Sequence (0028,9110)",
    "PlanePosition": "Plane Position Sequence (0020,9113)",
    "PlaneOrientation": "Plane Orientation Sequence (0020,9116)",
    "PixelValueTransformation": "Pixel Value Transformation Sequence (0028,9145)",
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_missing_group_is_named_with_its_frame(tmp_path, group):
    enhanced_ct(tmp_path / "bent", HU, drop=(group,))
    expected = f"Frame 1 of enhanced_ct_0.dcm lacks {GROUPS[group]}."
    assert aside_of(tmp_path / "bent") == [("GEO-017", expected)]
    enhanced_ct(tmp_path / "whole", HU)
    assert aside_of(tmp_path / "whole") == []


def test_a_group_that_one_frame_lacks_names_that_frame(tmp_path):
    enhanced_ct(tmp_path, HU, frames={6: {"PlanePosition": None}})
    ((code, sentence),) = aside_of(tmp_path)
    assert (code, sentence[:8]) == ("GEO-017", "Frame 7 ")
    assert sentence.endswith("Plane Position Sequence (0020,9113).")


@pytest.mark.parametrize("announced", [11, 13, None])
def test_frames_that_are_announced_and_not_described_are_refused(tmp_path, announced):
    number = None if announced is None else str(announced)
    enhanced_ct(tmp_path, HU, common={"NumberOfFrames": number})
    said = f"enhanced_ct_0.dcm announces {announced or 0} frames and describes 12."
    assert aside_of(tmp_path) == [("PIX-014", said)]


def test_an_object_that_describes_no_frame_is_refused(tmp_path):
    enhanced_ct(tmp_path, HU, common={"PerFrameFunctionalGroupsSequence": None})
    said = "enhanced_ct_0.dcm announces 12 frames and describes 0."
    assert aside_of(tmp_path) == [("PIX-014", said)]


def test_more_frames_than_any_scan_has_cost_nothing(tmp_path):
    enhanced_ct(tmp_path, HU, common={"NumberOfFrames": "20001"})
    ((code, sentence),) = aside_of(tmp_path)
    assert code == "PIX-002"
    assert "claims a picture of 32 x 40 x 20001" in sentence
    assert "(limits.frames_max = 20000)" in sentence


def test_a_file_with_fewer_pixels_than_its_frames_need_is_refused(tmp_path):
    enhanced_ct(tmp_path, HU, common={})
    path = tmp_path / "enhanced_ct_0.dcm"
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.PixelData[:-640]
    dataset.save_as(path)
    whole = 12 * 32 * 40 * 2
    said = f"enhanced_ct_0.dcm has {whole - 640} bytes of pixels where {whole} are needed."
    assert aside_of(tmp_path) == [("PIX-001", said)]


@pytest.mark.parametrize("kind", ["SAMPLED", "DISTORTED", "MIXED"])
def test_frames_that_are_projections_or_bent_are_no_slices(tmp_path, kind):
    enhanced_ct(tmp_path, HU, shared={"CTImageFrameType": {"VolumetricProperties": kind}})
    assert [code for code, _ in aside_of(tmp_path)] == ["IDX-012"]


def test_a_map_in_an_enhanced_ct_is_refused_by_its_unit(tmp_path):
    shared = {
        "PixelValueTransformation": {"RescaleType": "US"},
        "RealWorldValueMapping": real_world("mg/ml", 0.1),
    }
    enhanced_ct(tmp_path, HU, shared=shared)
    ((code, sentence),) = aside_of(tmp_path)
    assert code == "PIX-006"
    assert "is in mg/ml (Rescale Type US), not in Hounsfield units" in sentence


@pytest.mark.parametrize(
    ("rescale_type", "unit", "hu"),
    [
        ("HU", None, True),
        ("US", "[hnsf'U]", True),
        (None, "[hnsf'U]", True),
        (None, None, True),
        ("US", None, False),
        (None, "mg/ml", False),
        ("MGML", None, False),
    ],
)
def test_an_enhanced_ct_is_in_hu_where_it_says_so(tmp_path, rescale_type, unit, hu):
    shared = {"PixelValueTransformation": {"RescaleType": rescale_type}}
    if unit is not None:
        shared["RealWorldValueMapping"] = real_world(unit, 1.0, -1024.0)
    enhanced_ct(tmp_path, HU, shared=shared)
    assert [code for code, _ in aside_of(tmp_path)] == ([] if hu else ["PIX-006"])


def test_functional_groups_of_unknown_vr_are_read(tmp_path):
    """A relay that does not know them writes them as UN: implicit little endian inside."""
    path = enhanced_ct(tmp_path, HU)
    raw, dataset = path.read_bytes(), pydicom.dcmread(path)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        element = dataset[keyword]
        stream = DicomBytesIO()
        stream.is_little_endian, stream.is_implicit_VR = True, True
        write_sequence(stream, element, ["iso8859"])
        tag = struct.pack("<HH", element.tag.group, element.tag.element)
        at = raw.index(tag + b"SQ")
        (length,) = struct.unpack_from("<I", raw, at + 8)
        value = stream.getvalue()
        raw = (
            raw[:at]
            + tag
            + b"UN\0\0"
            + struct.pack("<I", len(value))
            + value
            + (raw[at + 12 + length :])
        )
    path.write_bytes(raw)
    ct = open_study(tmp_path).ct
    assert np.array_equal(ct.load().values, HU)
    assert ct.kernel == "B30f"


def test_the_frame_type_decides_before_the_image_type(tmp_path):
    kind = {"FrameType": ["DERIVED", "SECONDARY", "LOCALIZER", "NONE"]}
    enhanced_ct(tmp_path, HU, shared={"CTImageFrameType": kind})
    assert [code for code, _ in aside_of(tmp_path)] == ["IDX-011"]


# Concatenations


def in_parts(folder, numbers, *, total=3):
    """Three objects of four frames each, of one concatenation; those of ``numbers``."""
    for part in numbers:
        first = 4 * (part - 1)
        enhanced_ct(
            folder,
            HU[first : first + 4],
            instance=part,
            first_lps_mm=(-20.0, -16.0, 3.0 * first),
            common={
                "ConcatenationUID": dicom.uid("concatenation"),
                "InConcatenationNumber": part,
                "InConcatenationTotalNumber": total,
                "ConcatenationFrameOffsetNumber": first,
            },
        )


def test_a_concatenation_is_joined(tmp_path):
    in_parts(tmp_path, (1, 2, 3))
    ct = open_study(tmp_path).ct
    assert np.array_equal(ct.load().values, HU)
    assert [i.frame_number for i in ct.instances] == [1, 2, 3, 4] * 3
    assert len({i.sop_instance_uid for i in ct.instances}) == 3


@pytest.mark.parametrize(("numbers", "total"), [((1, 3), 3), ((2, 3), None), ((1, 2), 3)])
def test_a_concatenation_without_one_of_its_parts_is_refused(tmp_path, numbers, total):
    in_parts(tmp_path, numbers, total=total)
    found = aside_of(tmp_path)
    assert {code for code, _ in found} == {"PIX-014"}
    assert "is one of 3 parts of one picture, of which 2 are here" in found[0][1]


# PET


def test_an_enhanced_pet_has_its_suv(tmp_path):
    stored = RANDOM.integers(0, 30000, (6, 16, 20))
    enhanced_pet(tmp_path, stored, order=[5, 3, 1, 0, 2, 4])
    (pet,) = open_study(tmp_path).pets
    assert pet.suv.factors == pytest.approx([FACTOR] * 6, rel=1e-12)
    assert pet.suv.dose_bq == 154e6
    assert pet.suv.method == "decay_correction_datetime"
    assert (pet.tracer, pet.nuclide) == ("dotatate_ga68", "Ga-68")
    volume = pet.load()
    assert volume.quantity is Quantity.SUV_BW
    assert volume.values == pytest.approx(stored * 0.75 * FACTOR, rel=1e-6)


@pytest.mark.parametrize("code", ["g/ml{SUVbw}", "{SUVbw}g/ml"])
def test_values_that_are_suv_by_their_unit_stay_as_they_are(tmp_path, code):
    enhanced_pet(tmp_path, shared={"RealWorldValueMapping": real_world(code, 0.002)})
    (pet,) = open_study(tmp_path).pets
    assert pet.suv.factors == (1.0,) * 6
    assert pet.load().values == pytest.approx(uptake(stored=2))


def test_activity_counts_before_suv_where_a_frame_has_both_mappings(tmp_path):
    both = [real_world("g/ml{SUVbw}", 7.0), real_world("Bq/ml", 0.75)]
    enhanced_pet(tmp_path, shared={"RealWorldValueMapping": both})
    (pet,) = open_study(tmp_path).pets
    assert pet.load().values == pytest.approx(uptake(stored=1) * 750 * FACTOR)


@pytest.mark.parametrize(
    ("code", "units"),
    [
        ("Bq/ml", ("BQML", None)),
        ("Bq/mL", ("BQML", None)),
        ("g/ml{SUVlbm}", ("GML", "LBM")),
        ("g/ml{SUVlbm(Janma)}", ("GML", "LBMJANMA")),
        ("g/ml{SUVlbm(James128)}", ("GML", "LBMJAMES128")),
        ("{SUVibw}g/ml", ("GML", "IBW")),
        ("cm2/ml{SUVbsa}", ("CM2ML", "BSA")),
        ("g/ml", ("g/ml", None)),
        ("g/ml{SUVnew}", ("g/ml{SUVnew}", None)),
        ("ml/min/ml", ("ml/min/ml", None)),
    ],
)
def test_units_of_values_are_read_from_their_ucum_code(code, units):
    assert units_of(code) == units


@pytest.mark.parametrize("mapping", [None, real_world("ml/min/ml", 1.0)])
def test_an_enhanced_pet_without_a_unit_of_activity_has_no_suv(tmp_path, mapping):
    enhanced_pet(tmp_path, shared={"RealWorldValueMapping": mapping})
    (pet,) = survey_study(tmp_path).series
    assert (pet.suv.possible, pet.suv.code) == (False, "SUV-003")
    if mapping is not None:
        assert "ML/MIN/ML" in pet.suv.sentence.upper()


def test_slope_and_intercept_of_each_frame_are_its_own(tmp_path):
    frames = {k: {"RealWorldValueMapping": real_world("Bq/ml", 0.5 + k)} for k in range(6)}
    enhanced_pet(tmp_path, frames=frames)
    (pet,) = open_study(tmp_path).pets
    truth = [(0.5 + k) * 1000 * FACTOR for k in range(6)]
    assert pet.load().values[:, 0, 0] == pytest.approx(truth, rel=1e-6)


def test_two_slopes_for_parts_of_one_scale_are_refused(tmp_path):
    parts = [real_world("Bq/ml", 0.75), real_world("Bq/ml", 1.5)]
    enhanced_pet(tmp_path, shared={"RealWorldValueMapping": parts})
    ((code, sentence),) = aside_of(tmp_path)
    assert code == "PIX-015"
    assert sentence.startswith('Series 1 "PET AC" maps its values through a table')


def test_a_frame_without_its_start_has_it_from_its_reference_time(tmp_path):
    at = {"FrameAcquisitionDateTime": None, "FrameReferenceDateTime": "20240310101630.5+0100"}
    frames = {k: {"FrameContent": at} for k in range(6)}
    (first, *_) = headers_of(enhanced_pet(tmp_path, frames=frames))
    assert first.pet.acquisition_datetime == "20240310101530.500000+0100"  # a frame of 120 s


def test_values_as_acquired_get_a_factor_of_each_frame(tmp_path):
    """No decay correction: activity at injection over the mean of each frame, by its own start."""
    starts = [f"202403101015{10 * k:02d}" for k in range(6)]
    frames = {
        k: {"FrameContent": {"FrameAcquisitionDateTime": at, "FrameAcquisitionDuration": 60000.0}}
        for k, at in enumerate(starts)
    }
    common = {"DecayCorrected": "NO", "DecayCorrectionDateTime": None}
    enhanced_pet(tmp_path, common=common, frames=frames)
    (pet,) = open_study(tmp_path).pets
    assert pet.suv.method == "none_forward"
    x = math.log(2) / 4057.7 * 60
    gain = x / (1 - math.exp(-x))
    truth = [1000 * 72.5 / 154e6 * gain * 2 ** ((63 * 60 + 10 * k) / 4057.7) for k in range(6)]
    assert pet.suv.factors == pytest.approx(truth, rel=1e-9)


def test_an_enhanced_pet_that_was_not_attenuation_corrected_has_no_suv(tmp_path):
    enhanced_pet(tmp_path, common={"AttenuationCorrected": "NO"})
    (pet,) = survey_study(tmp_path).series
    assert pet.suv.code == "SUV-010"
    assert "SEL-007" in {flag.code for flag in pet.flags}


def test_a_gated_enhanced_pet_is_measured_only_when_asked_for(tmp_path):
    kind = {"FrameType": ["ORIGINAL", "PRIMARY", "RESPIRATORY_GATED", "NONE"]}
    enhanced_pet(tmp_path, shared={"PETFrameType": kind})
    study = survey_study(tmp_path)
    assert "SUV-023" in {flag.code for flag in study.series[0].flags}
    assert study.pets == ()


def test_of_two_radiopharmaceuticals_the_one_the_frames_name_counts(tmp_path):
    other = ISOTOPE | {"RadiopharmaceuticalAgentNumber": 2, "RadionuclideTotalDose": "308"}
    shared = {"RadiopharmaceuticalUsage": {"RadiopharmaceuticalAgentNumber": 2}}
    enhanced_pet(tmp_path, isotope=[ISOTOPE, other], shared=shared)
    (pet,) = open_study(tmp_path).pets
    assert pet.suv.dose_bq == 308e6
    assert pet.suv.factors[0] == pytest.approx(FACTOR / 2)


# Legacy conversions


def test_a_legacy_converted_ct_is_its_classic_series(tmp_path):
    paths = dicom.ct_series(tmp_path / "classic", HU)
    legacy(tmp_path / "converted", paths)
    classic, ct = open_study(tmp_path / "classic").ct, open_study(tmp_path / "converted").ct
    assert ct.grid.same_as(classic.grid, tol_mm=1e-6)
    assert np.array_equal(ct.load().values, classic.load().values)
    assert (ct.phase, ct.kernel, ct.contrast) == (classic.phase, "B30f", "iodine")


def test_a_legacy_converted_pet_has_the_suv_of_its_classic_series(tmp_path):
    stored = RANDOM.integers(0, 30000, (6, 16, 20))
    slopes = {z: {"RescaleSlope": f"{0.5 + 0.1 * z:.1f}"} for z in range(6)}
    paths = dicom.pet_series(tmp_path / "classic", stored, per_slice=slopes)
    legacy(tmp_path / "converted", paths, kind="PET")
    (classic,), (pet,) = (open_study(tmp_path / n).pets for n in ("classic", "converted"))
    assert pet.suv.factors == pytest.approx(classic.suv.factors, rel=1e-12)
    assert pet.suv.unit_path == classic.suv.unit_path
    assert np.array_equal(pet.load().values, classic.load().values)
    assert pet.tracer == classic.tracer == "dotatate_ga68"


def test_the_second_copy_of_a_multi_frame_file_is_left_out_whole(tmp_path):
    path = enhanced_ct(tmp_path, HU)
    shutil.copy(path, tmp_path / "again.dcm")
    study = open_study(tmp_path)
    assert np.array_equal(study.ct.load().values, HU)
    assert [(a.code, a.path) for a in study.set_aside] == [("IDX-013", "enhanced_ct_0.dcm")]
    assert len(study.files) == 2


def test_a_file_with_one_frame_only_is_a_slice_among_others(tmp_path):
    for z in range(12):
        enhanced_ct(tmp_path, HU[z : z + 1], instance=z, first_lps_mm=(-20, -16, 3.0 * z))
    ct = open_study(tmp_path).ct
    assert np.array_equal(ct.load().values, HU)
    assert {i.frame_number for i in ct.instances} == {1}


def test_a_thousand_frames_share_what_they_say_alike(tmp_path):
    headers = headers_of(enhanced_ct(tmp_path, np.zeros((1000, 4, 4))))
    assert len(headers) == 1000
    assert len({id(h.patient) for h in headers}) == 1
    assert len({h.pixels.offset for h in headers}) == 1000


def test_a_slice_that_is_no_image_has_one_header(tmp_path):
    (path, *_) = dicom.ct_series(tmp_path, HU)
    (header,) = headers_of(path)
    assert (header.frame, header.frame_number) == (None, None)
    assert header.name == header.file.name


def test_reading_a_file_that_lost_its_tail_after_the_index_is_refused(tmp_path):
    path = enhanced_ct(tmp_path, HU)
    ct = open_study(tmp_path).ct
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"IDX-003.*changed while being read"):
        ct.load()


# Second opinions


def test_highdicom_sees_the_same_values_at_the_same_places(tmp_path):
    import highdicom as hd

    order = RANDOM.permutation(12).tolist()
    orientation = (0.0, 1.0, 0.0, 0.6, 0.0, -0.8)
    path = enhanced_ct(tmp_path, HU, order=order, orientation=orientation)
    ct = open_study(tmp_path).ct
    theirs = hd.imread(path).get_volume(apply_modality_transform=True)
    theirs = theirs.match_geometry(hd.VolumeGeometry(ct.grid.affine_lps, ct.grid.shape, "PATIENT"))
    assert np.array_equal(theirs.array, ct.load().values)


def test_pydicom_sees_the_same_frames(tmp_path):
    path = enhanced_ct(tmp_path, HU)
    theirs = pydicom.dcmread(path).pixel_array
    assert np.array_equal(theirs.astype(int) - 1024, open_study(tmp_path).ct.load().values)


@pytest.mark.parametrize(
    ("frame_type", "technique", "aside"),
    [
        (["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "NONE", []),
        (["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"], "MPR", []),
        (["DERIVED", "PRIMARY", "VOLUME", "MAXIMUM"], "NONE", ["IDX-012"]),
        (["DERIVED", "PRIMARY", "VOLUME", "NONE"], "MAX_IP", ["IDX-012"]),
        (["DERIVED", "PRIMARY", "VOLUME", "MINIMUM"], "MIN_IP", ["IDX-012"]),
        (["DERIVED", "PRIMARY", "VOLUME", "NONE"], "VOLUME_RENDER", ["IDX-012"]),
    ],
)
def test_frames_that_were_calculated_from_several_slices_are_no_ct(
    tmp_path, frame_type, technique, aside
):
    kind = {"FrameType": frame_type, "VolumeBasedCalculationTechnique": technique}
    enhanced_ct(tmp_path, HU, shared={"CTImageFrameType": kind}, common={"ImageType": frame_type})
    study = survey_study(tmp_path)
    assert [item.code for item in study.set_aside] == aside
    assert (study.ct is None) is bool(aside)
    told = 'Series 1 "portal venous" holds captured screens or derived pictures'
    assert all(item.sentence.startswith(told) for item in study.set_aside)


def mapped(first, last, slope=0.75):
    """A mapping to Bq/mL that speaks of some stored values."""
    limits = {"RealWorldValueFirstValueMapped": first, "RealWorldValueLastValueMapped": last}
    return real_world("Bq/ml", slope) | limits


def test_values_beyond_what_the_mapping_speaks_of_are_refused_with_their_share(tmp_path):
    stored = uptake(stored=400)
    stored[2, 3:5, 4:8] = 1000
    enhanced_pet(tmp_path / "less", stored, shared={"RealWorldValueMapping": mapped(0, 500)})
    (pet,) = open_study(tmp_path / "less").pets
    with pytest.raises(InputError) as caught:
        pet.load()
    assert caught.value.code.id == "PIX-015"
    assert caught.value.what == (
        f'The real world mapping of series 1 "PET AC" speaks of stored values from 0 to 500 only; '
        f"{100 * 8 / stored.size:.3g} % of the voxels lie beyond, and what they mean is not said."
    )
    enhanced_pet(tmp_path / "all", stored, shared={"RealWorldValueMapping": mapped(0, 1000)})
    (pet,) = open_study(tmp_path / "all").pets
    assert pet.load().values == pytest.approx(stored * 0.75 * FACTOR)


def test_two_ranges_of_one_slope_speak_of_all_between_them(tmp_path):
    both = [mapped(0, 500), mapped(500, 2000)]
    enhanced_pet(tmp_path, shared={"RealWorldValueMapping": both})
    (pet,) = open_study(tmp_path).pets
    assert pet.load().values == pytest.approx(uptake() * 0.75 * FACTOR)
