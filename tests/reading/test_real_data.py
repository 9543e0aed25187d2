"""Real scans and published reference objects against their ``expected.json``."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netimg.errors import NetimgError, NothingUsable
from netimg.reading import open_study
from netimg.reading.headers import read_header
from netimg.reading.masks import read_mask
from netimg.reading.studies import find_studies, survey_study
from netimg.reading.suv import resolve
from netimg.reading.walk import Found, walk
from netimg.settings import Settings
from netimg.study import Phase, TracerClass
from netimg.volume import Quantity

pytestmark = pytest.mark.real_data

SETTINGS = Settings.shipped()


def expected(folder):
    return json.loads((folder / "expected.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("case", "shape"), [("CRLM-CT-1004", (41, 512, 512)), ("CRLM-CT-1006", (51, 512, 512))]
)
def test_the_two_liver_cts_are_hu_with_air_around_the_patient(shared_data, case, shape):
    study = open_study(shared_data / "crlm_ct" / case)
    assert study.set_aside == ()
    assert study.ct.grid.shape == shape
    volume = study.ct.load()
    assert volume.quantity is Quantity.HU
    assert volume.values.min() == -1024.0
    middle = volume.values[shape[0] // 2]
    body = middle[shape[1] // 2 - 60 : shape[1] // 2 + 60, 150:360]
    assert 0 < np.median(body) < 150


def test_the_whole_body_pet_has_the_published_suv(shared_data):
    folder = shared_data / "pet_ct" / "STS_001"
    truth = expected(folder)
    study = open_study(folder)
    (pet,) = study.pets
    assert pet.tracer_class is TracerClass.FDG
    assert (len(study.series), study.ct.phase) == (2, Phase.UNKNOWN)
    assert pet.grid.shape == (267, 128, 128)
    assert pet.grid.spacing_mm[0] == pytest.approx(truth["pet"]["geometry"]["mean_step"], abs=1e-3)
    factor = truth["pet"]["factor_suvbw"]
    assert pet.suv.factors == pytest.approx([factor] * 267, rel=1e-6)
    assert f"shares the coordinate system of series {study.ct.number}" in pet.why
    volume = pet.load()
    assert float(volume.values.max()) == pytest.approx(truth["pet"]["volume_max_suv"], rel=1e-4)
    place = np.unravel_index(volume.values.argmax(), volume.values.shape)
    assert list(place) == truth["pet"]["volume_max_index_zyx"]
    for name, roi in truth["rois"].items():
        mask = read_mask(
            folder / "RTSTRUCT" / "gtv.dcm",
            pet.grid,
            want="lesion",
            label=name,
            frame_of_reference_uid=pet.frame_of_reference_uid,
        )
        inside = volume.values[mask.voxels]
        assert inside.size == roi["voxels"]
        assert mask.volume_ml == pytest.approx(roi["volume_ml"], abs=0.01)
        assert float(inside.max()) == pytest.approx(roi["suv_max"], abs=1e-4)
        assert float(inside.mean(dtype=np.float64)) == pytest.approx(roi["suv_mean"], abs=1e-4)


def test_the_spect_after_therapy_is_taken_by_name_with_both_candidates(shared_data):
    folder = shared_data / "pet_ct" / "LU177_SPECT"
    truth = expected(folder)
    with pytest.raises(NothingUsable) as caught:
        open_study(folder)
    assert "Lu-177" in caught.value.what
    study = open_study(folder, pet=["1"])
    (pet,) = study.pets
    assert study.ct is None
    assert pet.grid.spacing_mm == pytest.approx((1.95313,) * 3, abs=1e-5)
    assert "SEL-008" in {flag.code for flag in pet.flags}
    admin, acquired = truth["candidates"]["ADMIN"], truth["candidates"]["as_acquired"]
    assert pet.suv.factors[0] == pytest.approx(admin, rel=1e-6)
    relative = {c.name: c.relative_suv for c in pet.suv.candidates}
    assert relative["as_acquired"] == pytest.approx(acquired / admin, rel=1e-6)
    (doubt,) = [f for f in pet.suv.notes if f.code == "SUV-029"]
    assert "1.7 %" in doubt.sentence
    lesions = read_mask(
        folder / "SCAN_001_RTSTRUCT.dcm",
        pet.grid,
        want="lesion",
        frame_of_reference_uid=pet.frame_of_reference_uid,
    )
    values = pet.load().values
    names = {name: n for n, name in lesions.names.items()}
    for name, roi in truth["rois"].items():
        inside = values[lesions.labels == names[name]]
        assert inside.size == roi["voxels"]
        assert float(inside.max()) == pytest.approx(roi["suv_max_admin"], abs=2e-3)
        assert float(inside.mean(dtype=np.float64)) == pytest.approx(
            roi["suv_mean_admin"], abs=2e-3
        )


def test_every_folder_of_the_collection_is_its_own_study(shared_data):
    found = find_studies(shared_data / "crlm_ct")
    assert [study.counts for study in found] == [{"CT": 51}, {"CT": 41}]
    assert [study.folder.split("/")[0] for study in found] == ["CRLM-CT-1006", "CRLM-CT-1004"]


DROS = ["0_0", "2_0", "2_1", "2_3", "2_4", "3_0", "3_1", "3_3", "4_0", "4_1", "5_0"]


@pytest.mark.parametrize("name", DROS)
def test_the_reference_objects_have_their_exact_suv(shared_data, name, tmp_path):
    folder = shared_data / "pet_dro"
    case = expected(folder)["cases"][f"DRO_{name}"]
    archive = folder / case["file"]
    study = open_study(archive)
    (pet,) = study.pets
    with zipfile.ZipFile(archive) as packed:
        (member,) = [m for m in packed.namelist() if m.endswith(".nii.gz")]
        (tmp_path / "mask.nii.gz").write_bytes(packed.read(member))
    mask = read_mask(tmp_path / "mask.nii.gz", pet.grid, want="phantom")
    inside = pet.load().values[mask.voxels]
    assert inside.size == case["mask_voxels"]
    truth, tol = case["expected_exact"], case["tolerance_exact"]
    found = float(inside.min()), float(np.median(inside)), float(inside.max())
    assert found == pytest.approx((truth["min"], truth["median"], truth["max"]), abs=tol)


HEADERS = [
    "siemens_cbm",
    "ge_bqml_start",
    "philips_cnts_suv_only",
    "philips_bqml_with_private",
    "ge_discovery_st_private",
    "ge_propcps_not_attenuation_corrected",
    "siemens_1094_manufacturer_blank",
    "ge_gml_bw_injection_after_scan",
]


@pytest.mark.parametrize("name", HEADERS)
def test_the_published_headers_give_the_published_factor(shared_data, name):
    case = expected(shared_data / "pet_headers")["cases"][name]
    files = tuple(walk(shared_data / "pet_headers" / case["folder"], SETTINGS))
    slices = [read_header(f, SETTINGS).pet for f in files if f.name.endswith(".dcm")]
    if "must_raise" in case:
        with pytest.raises(NetimgError, match="PROPCPS"):
            resolve(slices)
        return
    factors = resolve(slices, policy="auto").factors
    assert factors == pytest.approx([case["factor_qiba"]] * len(slices), rel=1e-6)


HARD = {
    "tilt_siemens_tag_removed": ("GEO-006", "14.0 degrees"),
    "tilt_philips_minus18_5": ("GEO-006", "18.5 degrees"),
    "uneven_spacing_and_tilt_ge": ("GEO-003", "1.08 mm"),
    "missing_slice_ge": ("GEO-004", "28.1 and 38.1 mm"),
    "one_position_bolus_tracking": ("GEO-005", "001.dcm, 002.dcm"),
    "duplicate_position_other_pixels_ct": ("GEO-005", "I160, dup_other_pixels"),
    "localizer_and_exam_summary_ct": ("IDX-011", "localizer"),
    "dose_report_modality_ct": ("IDX-012", "captured"),
    "secondary_capture_calls_itself_ct": ("IDX-012", "captured"),
    "enhanced_ct_perfusion_not_hu": ("PIX-006", "ml/100ml/s (Rescale Type US)"),
    "no_preamble_no_meta": ("IDX-013", "CT_small.dcm"),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_folders_are_refused_in_words(shared_data, name):
    study = survey_study(shared_data / "dicom_hard_geometry" / name)
    assert study.ct is None
    code, says = HARD[name]
    assert any(i.code == code and says in i.sentence for i in study.set_aside)
    assert len(study.files) == len(study.set_aside)


def test_a_regular_series_with_shuffled_names_is_in_order(shared_data):
    study = open_study(shared_data / "dicom_hard_geometry" / "regular_ct_shuffled_names")
    assert study.ct.grid.shape[0] == 12
    assert study.ct.grid.spacing_mm[0] == pytest.approx(5.0, abs=1e-3)
    assert len(study.files) == 12


@pytest.mark.parametrize(
    ("folder", "file", "voxels"),
    [("seg_liver_on_ct", "liver.dcm", 107098), ("seg_bit_packing_23x38", "label.seg", 322)],
)
def test_seg_of_other_programs_lands_on_its_ct(shared_data, folder, file, voxels):
    root = shared_data / "dicom_hard_geometry" / folder
    (ct,) = survey_study(root).cts
    mask = read_mask(root / file, ct.grid, frame_of_reference_uid=ct.frame_of_reference_uid)
    assert int(mask.voxels.sum()) == voxels


def test_uncompressed_encodings_of_one_slice_are_bit_equal(shared_data):
    from netimg.reading.pixels import read_slice

    root: Path = shared_data / "dicom_hard_geometry" / "transfer_syntaxes_ct"
    files = {f.name: f for f in walk(root, SETTINGS) if isinstance(f, Found)}
    names = ("reference_implicit_le.dcm", "big_endian.dcm", "deflated.dcm")
    slices = [read_slice(files[n], read_header(files[n], SETTINGS).pixels, SETTINGS) for n in names]
    assert np.array_equal(slices[0], slices[1])
    assert np.array_equal(slices[0], slices[2])
