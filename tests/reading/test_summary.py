"""What `inspect` says: geometry, phase, tracer, choice, SUV, every file; in words that hold."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from netimg.geometry import Grid
from netimg.reading.problems import advice, sentence
from netimg.reading.studies import find_studies, survey_study
from netimg.reading.summary import inspect_tree, plane_of
from netimg.reading.tables import table
from netimg.resources import shipped
from tests.make.dicom import bend, body, ct_series, pet_series

SCHEMA = json.loads(shipped("configs", "schemas", "inspect-1.json").read_text("utf-8"))


def tree_of(folder, **options):
    """The document; it fits its schema, and every file is accounted for."""
    tree = inspect_tree(survey_study(folder, **options), files=True)
    jsonschema.validate(tree, SCHEMA, cls=jsonschema.Draft202012Validator)
    json.dumps(tree, allow_nan=False)
    counts = tree["files"]
    assert counts["found"] == counts["in_series"] + counts["set_aside"] == len(tree["every_file"])
    assert sum(group["count"] for group in tree["set_aside"]) == counts["set_aside"]
    files = [path for group in tree["set_aside"] for path in group["files"]]
    assert sorted(files) == [e["path"] for e in tree["every_file"] if e["fate"] == "set aside"]
    aside = [p for p in tree["problems"] if p["severity"] == "set aside"]
    assert sum(problem["count"] for problem in aside) == counts["set_aside"]
    return tree


def test_geometry_phase_and_choice_are_said_of_each_series(tmp_path):
    ct_series(tmp_path / "ct", body((12, 32, 40)))
    pet_series(tmp_path / "pet")
    tree = tree_of(tmp_path)
    ct, pet = tree["series"]
    assert (ct["files"], ct["slices"], ct["multiframe"], ct["plane"]) == (12, 12, False, "axial")
    assert ct["extent_mm"] == pytest.approx([36.0, 64.0, 80.0])
    assert (ct["phase"], ct["phase_source"]) == ("portal", "header")
    assert {"words", "tags"} >= {e["source"] for e in ct["phase_evidence"]} >= {"words"}
    assert pet["suv"]["possible"]
    assert pet["registration"] is None
    assert [use["number"] for use in tree["used"]] == [1, 2]
    assert all(use["why"] for use in tree["used"])


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [
        ((1, 0, 0, 0, 1, 0), "axial"),
        ((1, 0, 0, 0, 0, -1), "coronal"),
        ((0, 1, 0, 0, 0, -1), "sagittal"),
        ((1, 0, 0, 0, np.cos(0.3), np.sin(0.3)), "oblique axial"),
        ((-1, 0, 0, 0, 1, 0), "axial"),
    ],
)
def test_a_plane_is_called_by_the_axis_its_slices_stack_along(tmp_path, orientation, plane):
    ct_series(tmp_path, body((12, 32, 40)), orientation=orientation)
    (series,) = tree_of(tmp_path)["series"]
    assert series["plane"] == plane


def test_the_plane_is_that_of_the_slice_axis_not_of_the_rows():
    turned = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    grid = Grid(
        shape=(4, 4, 4),
        spacing_mm=(1.0, 1.0, 1.0),
        origin_lps_mm=(0.0, 0.0, 0.0),
        directions=tuple(map(tuple, turned * np.array([-1.0, 1.0, 1.0]))),
    )
    assert plane_of(grid) == "coronal"


def test_a_pet_without_suv_says_why_and_what_to_type(tmp_path):
    for path in pet_series(tmp_path):
        bend(path, PatientWeight=None)
    suv = tree_of(tmp_path)["series"][0]["suv"]
    assert (suv["possible"], suv["code"]) == (False, "SUV-001")
    assert suv["todo"] == "Give it with --weight-kg."
    suv = tree_of(tmp_path, overrides={"weight_kg": 70.0})["series"][0]["suv"]
    assert suv["possible"]
    assert "SUV-001" not in json.dumps(suv)


def test_what_is_a_doubt_and_a_reason_is_said_once(tmp_path):
    paths = ct_series(tmp_path, body((12, 32, 40)))
    for n in (3, 7):
        twin = tmp_path / f"twin{n}.dcm"
        twin.write_bytes(paths[n].read_bytes())
        bend(twin, SOPInstanceUID=f"2.25.{70 + n}", InstanceNumber=str(40 + n))
    (row,) = [row for row in tree_of(tmp_path)["problems"] if row["code"] == "GEO-013"]
    assert (row["severity"], row["count"]) == ("set aside", 2)
    assert row["sentence"].startswith("2 slices are there twice")


def test_advice_is_that_of_the_sentence_that_was_told(tmp_path):
    paths = ct_series(tmp_path, body((12, 32, 40)))
    paths[0].write_bytes(paths[0].read_bytes()[:-100])
    rows = {row["code"]: row for row in tree_of(tmp_path)["problems"]}
    assert rows["IDX-005"]["todo"] == "Copy the file again."
    damaged = sentence("IDX-009/damaged", file="a.zip", reason="no end")
    assert advice("IDX-009", damaged) == "Copy it again."
    packed = sentence("IDX-009", reason="it would unpack to more than 34 GB")
    assert advice("IDX-009", packed).startswith("Unpack it yourself")
    alone = sentence("IDX-018/pet", n=20)  # a doubt does not take the advice of the refusal
    assert advice("IDX-018", alone) == ""
    assert advice("IDX-009", "something else") == ""
    assert advice("phase", "no such code") == ""


@pytest.mark.parametrize("problem", table("problems"))
def test_every_sentence_is_found_again_by_its_words(problem):
    row = table("problems")[problem]
    said = row["sentence"]
    code = problem.partition("/")[0]
    if "{" not in said and row.get("todo", ""):
        assert advice(code, said) == row["todo"].format()


def test_what_cannot_be_used_still_accounts_for_every_file(tmp_path):
    ct_series(tmp_path, body((2, 32, 40)))
    (tmp_path / "notes.txt").write_text("hello", "utf-8")
    tree = tree_of(tmp_path)
    assert (tree["series"], tree["used"]) == ([], [])
    assert {row["code"] for row in tree["problems"]} == {"GEO-010", "IDX-004"}


HARD = (
    "dose_report_modality_ct", "duplicate_position_other_pixels_ct", "duplicates_ct",
    "enhanced_ct_perfusion_not_hu", "legacy_converted_ct", "legacy_converted_pet",
    "localizer_and_exam_summary_ct", "missing_slice_ge", "no_preamble_no_meta",
    "non_square_oblique_mr", "one_position_bolus_tracking", "regular_ct_shuffled_names",
    "secondary_capture_calls_itself_ct", "seg_bit_packing_23x38", "seg_labelmap_sparse",
    "seg_liver_on_ct", "seg_partial_overlap", "tilt_philips_minus18_5", "tilt_siemens_tag_removed",
    "transfer_syntaxes_ct", "two_kernels_same_positions", "two_orientations_one_series_mr",
    "uneven_spacing_and_tilt_ge",
)  # fmt: skip
HEADERS = (
    "ge_bqml_start", "ge_discovery_st_private", "ge_gml_bw_injection_after_scan",
    "ge_propcps_not_attenuation_corrected", "philips_bqml_with_private", "philips_cnts_suv_only",
    "siemens_1094_manufacturer_blank", "siemens_cbm",
)  # fmt: skip


FOLDERS = (
    *(f"dicom_hard_geometry/{name}" for name in HARD),
    *(f"pet_headers/{name}" for name in HEADERS),
    "pet_ct/STS_001", "crlm_ct/CRLM-CT-1004", "crlm_ct/CRLM-CT-1006",
)  # fmt: skip


def on_disk(folder):
    return sum(path.is_file() for path in folder.rglob("*"))


@pytest.mark.real_data
@pytest.mark.parametrize("name", FOLDERS)
def test_the_sum_of_a_real_folder_is_what_lies_in_it(shared_data, name):
    tree = tree_of(shared_data / name)
    assert tree["files"]["found"] == on_disk(shared_data / name)


@pytest.mark.real_data
def test_no_folder_of_hard_geometry_is_left_out(shared_data):
    folder = shared_data / "dicom_hard_geometry"
    there = {path.name for path in folder.iterdir() if path.is_dir()}
    assert there == {*HARD, "dicomdir_two_patients"}
    headers = {path.name for path in (shared_data / "pet_headers").iterdir() if path.is_dir()}
    assert headers == set(HEADERS)


@pytest.mark.real_data
def test_the_sums_of_the_studies_of_a_disc_are_its_files(shared_data):
    folder = shared_data / "dicom_hard_geometry" / "dicomdir_two_patients"
    studies = find_studies(folder)
    assert len(studies) == 2
    trees = [tree_of(folder, study=found.uid) for found in studies]
    in_series = sum(tree["files"]["in_series"] for tree in trees)
    fates = {e["path"]: e["fate"] for tree in trees for e in tree["every_file"]}
    assert len(fates) == on_disk(folder)
    assert in_series == sum(fate != "set aside" for fate in fates.values())


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    ["DRO_0_0", "DRO_2_0", "DRO_2_1", "DRO_2_3", "DRO_2_4", "DRO_3_0", "DRO_3_1", "DRO_3_3",
     "DRO_4_0", "DRO_4_1", "DRO_5_0"],
)  # fmt: skip
def test_the_sum_of_a_reference_object_is_what_its_archive_holds(shared_data, name):
    tree = tree_of(shared_data / "pet_dro" / f"{name}.zip")
    assert tree["files"] == {"found": 22, "in_series": 20, "set_aside": 2}


@pytest.mark.real_data
def test_the_sum_of_a_folder_with_an_archive_counts_its_members(shared_data):
    tree = tree_of(shared_data / "pet_ct" / "LU177_SPECT")
    assert tree["files"] == {"found": 201, "in_series": 199, "set_aside": 2}
    assert tree["used"] == []
    assert "measured only with --pet 1" in tree["series"][0]["not_used"]


def test_the_sum_of_the_bundled_phantom_is_what_lies_in_it():
    folder = Path(__file__).resolve().parents[2] / "sample_data" / "net-phantom"
    tree = tree_of(folder)
    assert tree["files"]["found"] == on_disk(folder)
    assert [use["role"] for use in tree["used"]] == ["primary_ct", "pet_sstr", "pet_fdg"]
