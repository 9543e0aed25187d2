"""All folders of ``dicom_hard_geometry``: the right volume, or a refusal with its numbers."""

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pydicom
import pytest

from netimg.errors import InputError, NothingUsable
from netimg.reading import open_study
from netimg.reading.index import index
from netimg.reading.split import split
from netimg.reading.stack import stack
from netimg.reading.studies import find_studies, survey_study
from netimg.reading.summary import inspect_tree
from netimg.settings import Settings

pytestmark = pytest.mark.real_data

SETTINGS = Settings.shipped()


@dataclass(frozen=True)
class Answer:
    """What netimg says: volumes as (kind, slices, mm apart), files set aside by code, words."""

    volumes: tuple[tuple[str, int, float], ...] = ()
    aside: dict[str, int] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    opens: bool = False
    """Whether it is measured without being asked for by name."""


ANSWERS = {
    "tilt_siemens_tag_removed": Answer(aside={"GEO-006": 4}, says=("tilted by 14.0 degrees",)),
    "tilt_philips_minus18_5": Answer(aside={"GEO-006": 10}, says=("tilted by 18.5 degrees",)),
    "uneven_spacing_and_tilt_ge": Answer(
        aside={"GEO-003": 28},
        says=("4.00 mm from", "1.08 mm from", "7.00 mm from", "tilted by 18.5 degrees as well"),
    ),
    "missing_slice_ge": Answer(
        aside={"GEO-004": 4},
        says=("1 slice is missing", "between instance 9 and 10 (28.1 and 38.1 mm)"),
    ),
    "one_position_bolus_tracking": Answer(
        aside={"GEO-005": 4}, says=("its 4 pictures all lie at one place (61.50 mm) and differ",)
    ),
    "two_orientations_one_series_mr": Answer(aside={"IDX-010": 4}, says=("holds an MR image",)),
    "non_square_oblique_mr": Answer(aside={"IDX-010": 4}, says=("holds an MR image",)),
    "enhanced_ct_perfusion_not_hu": Answer(
        aside={"PIX-006": 1}, says=("Rescale Type US", "ml/100ml/s", "Hounsfield units")
    ),
    "localizer_and_exam_summary_ct": Answer(
        aside={"IDX-011": 1, "IDX-012": 5},
        says=("is a planning overview (localizer)", "captured screens or derived pictures"),
    ),
    "regular_ct_shuffled_names": Answer(volumes=(("CT", 12, 5.0),), opens=True),
    "two_kernels_same_positions": Answer(
        volumes=(("CT", 8, 1.0), ("CT", 8, 1.0)), says=("has only 8 slices",)
    ),
    "dose_report_modality_ct": Answer(
        aside={"IDX-012": 2}, says=("captured screens or derived pictures",)
    ),
    "secondary_capture_calls_itself_ct": Answer(
        aside={"IDX-012": 1, "IDX-010": 1}, says=("an object of another kind",)
    ),
    "duplicates_ct": Answer(
        volumes=(("CT", 5, 5.0),),
        aside={"GEO-013": 1, "IDX-013": 1},
        says=("dup_same_instance is an exact copy of I150", "1 slice is there twice"),
    ),
    "duplicate_position_other_pixels_ct": Answer(
        aside={"GEO-005": 6}, says=("same place (771.21 mm)", "I160, dup_other_pixels")
    ),
    "transfer_syntaxes_ct": Answer(
        aside={"IDX-013": 8, "GEO-010": 1, "GEO-005": 4},
        says=(
            "jpegls_lossless.dcm is an exact copy of big_endian.dcm",
            "its 4 pictures all lie at one place (4.70 mm) and differ",
        ),
    ),
    "seg_liver_on_ct": Answer(volumes=(("CT", 3, 1.0),), aside={"IDX-010": 1}),
    "seg_partial_overlap": Answer(aside={"IDX-010": 1}, says=("holds a segmentation",)),
    "seg_bit_packing_23x38": Answer(
        volumes=(("CT", 3, 2.5),), aside={"IDX-010": 1}, says=("does not say its unit (PIX-006)",)
    ),
    "seg_labelmap_sparse": Answer(aside={"IDX-010": 2}, says=("segmentation",)),
    "no_preamble_no_meta": Answer(
        aside={"GEO-010": 1, "IDX-013": 2, "IDX-004": 1},
        says=("bare_explicit is an exact copy of CT_small.dcm", "no_meta.dcm is not a DICOM file"),
    ),
    "legacy_converted_pet": Answer(volumes=(("PET", 16, 3.27134),), opens=True),
    "legacy_converted_ct": Answer(volumes=(("CT", 12, 3.27),), opens=True),
}


def truth(shared_data):
    folder = shared_data / "dicom_hard_geometry"
    return json.loads((folder / "expected.json").read_text("utf-8"))["cases"]


def test_every_folder_has_its_answer(shared_data):
    assert set(truth(shared_data)) == {*ANSWERS, "dicomdir_two_patients"}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_folder_gives_its_volumes_or_its_refusal(shared_data, name):
    folder, answer = shared_data / "dicom_hard_geometry" / name, ANSWERS[name]
    study = survey_study(folder)
    found = tuple((s.kind, s.grid.shape[0], s.grid.spacing_mm[0]) for s in study.series)
    assert [f[:2] for f in found] == [v[:2] for v in answer.volumes]
    assert [f[2] for f in found] == pytest.approx([v[2] for v in answer.volumes], abs=1e-3)
    assert Counter(item.code for item in study.set_aside) == answer.aside
    files = inspect_tree(study)["files"]
    assert files["found"] == sum(1 for p in folder.rglob("*") if p.is_file())
    assert files["found"] == files["in_series"] + files["set_aside"]
    if answer.opens:
        open_study(folder)
        return
    with pytest.raises(NothingUsable) as caught:
        open_study(folder)
    assert caught.value.exit_code == 4
    words = " ".join([caught.value.what, *(item.sentence for item in study.set_aside)])
    for part in answer.says:
        assert part in words


def images(folder, modality):
    """Headers of the pictures of one modality, a frame of many as one of its own."""
    found = index(folder, SETTINGS)
    own = [h for h in found.headers if (h.modality or "") == modality]
    return [h for h in own if h.position is not None]


def same(_a, _b):
    return True


REGULAR = (
    "non_square_oblique_mr",
    "regular_ct_shuffled_names",
    "two_kernels_same_positions",
    "duplicates_ct",
    "seg_liver_on_ct",
    "seg_bit_packing_23x38",
    "legacy_converted_pet",
    "legacy_converted_ct",
)


@pytest.mark.parametrize("name", REGULAR)
def test_the_grid_of_a_regular_folder_is_the_measured_affine(shared_data, name):
    folder = shared_data / "dicom_hard_geometry" / name
    for entry in truth(shared_data)[name]["measured"]:
        for expected in entry.get("stacks", []):
            if entry["modality"] == "SEG":
                continue
            headers = images(folder, entry["modality"])
            one = [h for h in headers if h.series_uid == headers[0].series_uid]
            kind = "PET" if entry["modality"] == "PT" else "CT"
            grid = stack(one, series="series 1", kind=kind, same_picture=same).grid
            assert grid.shape == (
                expected["distinct_positions"],
                expected["rows"],
                expected["columns"],
            )
            if not expected["regular_grid"]:  # duplicates were counted in
                continue
            assert grid.spacing_mm[::-1] == pytest.approx(expected["spacing_xyz"], abs=1e-4)
            swap = np.eye(4)[[2, 1, 0, 3]]
            assert grid.affine_lps @ swap == pytest.approx(
                np.array(expected["affine_lps_ijk"]), abs=2e-3
            )


def test_the_geometry_of_two_orientations_is_split_in_two_and_two(shared_data):
    folder = shared_data / "dicom_hard_geometry" / "two_orientations_one_series_mr"
    found = split(images(folder, "MR"))
    expected = truth(shared_data)["two_orientations_one_series_mr"]["measured"][0]["stacks"]
    sizes = {(len(p.headers), round(p.headers[0].pixel_spacing[0], 5)) for p in found.volumes}
    assert sizes == {(s["slices"], s["pixel_spacing_row_col"][0]) for s in expected}
    for part in found.volumes:
        with pytest.raises(InputError) as caught:
            stack(part.headers, series="series 1", kind="CT", same_picture=same)
        assert (caught.value.code.id, caught.value.what) == (
            "GEO-010",
            "Series 1 has only 2 slices.",
        )


def test_the_frames_of_the_perfusion_map_lie_where_their_groups_say(shared_data):
    folder = shared_data / "dicom_hard_geometry" / "enhanced_ct_perfusion_not_hu"
    (expected,) = truth(shared_data)["enhanced_ct_perfusion_not_hu"]["measured"][0]["stacks"]
    headers = images(folder, "CT")
    row, column = np.array(headers[0].orientation[:3]), np.array(headers[0].orientation[3:])
    normal = np.cross(row, column)
    assert normal == pytest.approx(expected["normal"])
    along = np.sort([np.dot(h.position, normal) for h in headers])
    assert np.diff(along) == pytest.approx([10.0])
    first = min(headers, key=lambda h: float(np.dot(h.position, normal)))
    assert first.position == pytest.approx(expected["first_position"], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "slices", "step_mm", "done"),
    [
        ("tilt_siemens_tag_removed", 4, 4.8515, "straightened by 14.0 degrees"),
        ("tilt_philips_minus18_5", 10, 2.3708, "straightened by 18.5 degrees"),
        ("missing_slice_ge", 5, 5.0, "filled where 1 slice is missing"),
        (
            "uneven_spacing_and_tilt_ge",
            37,
            4.0019,
            "straightened by 18.5 degrees and brought from 1.08 to 7.00 mm between slices to 4",
        ),
    ],
)
def test_on_request_tilt_and_gaps_become_a_regular_grid(
    shared_data, name, *, slices, step_mm, done
):
    folder = shared_data / "dicom_hard_geometry" / name
    with pytest.raises(InputError) as caught:
        open_study(folder, ct="1")
    assert caught.value.code.id == next(iter(ANSWERS[name].aside))
    assert "--regrid" in str(caught.value)
    study = open_study(folder, ct="1", overrides={"regrid": True})
    assert study.ct.grid.shape[0] == slices
    assert study.ct.grid.spacing_mm[0] == pytest.approx(step_mm, abs=1e-3)
    (flag,) = [f for f in study.ct.flags if f.code == "GEO-018"]
    assert done in flag.sentence
    files = sorted(p for p in folder.iterdir() if p.is_file())
    # A voxel of a slice that was there keeps its place and its value in the world.
    middle = sorted(
        (pydicom.dcmread(p, force=True) for p in files),
        key=lambda d: float(d.ImagePositionPatient[2]),
    )[1]
    values = middle.pixel_array * float(middle.RescaleSlope) + float(middle.RescaleIntercept)
    row, column = np.reshape(np.array(middle.ImageOrientationPatient, float), (2, 3))
    down, right = map(float, middle.PixelSpacing)
    place = np.array([60, 70])
    world = (
        np.array(middle.ImagePositionPatient, float)
        + place[0] * down * column
        + place[1] * right * row
    )
    volume = study.ct.load()
    z, y, x = volume.grid.to_index(world[None])[0]
    assert z == pytest.approx(round(z), abs=0.02)
    low = int(np.floor(y))
    part = y - low
    around = volume.values[round(z), low : low + 2, round(x)]
    found = (1 - part) * around[0] + part * around[1]
    near = values[place[0] - 1 : place[0] + 2, place[1]]
    assert near.min() - 1 <= found <= near.max() + 1


def longer(folder, target, by_mm):
    """Copies of a folder's slices, and the same slices once more ``by_mm`` higher."""
    target.mkdir(parents=True)
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        slice_ = pydicom.dcmread(path)
        slice_.save_as(target / path.name)
        left, back, head = map(float, slice_.ImagePositionPatient)
        slice_.ImagePositionPatient = [left, back, head + by_mm]
        slice_.SOPInstanceUID = f"{slice_.SOPInstanceUID}.9"[-64:]
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
        slice_.save_as(target / f"{path.name}_higher")


def test_of_two_kernels_the_soft_one_is_chosen_and_the_reason_is_said(shared_data, tmp_path):
    folder = shared_data / "dicom_hard_geometry" / "two_kernels_same_positions"
    longer(folder, tmp_path / "long", by_mm=8.0)
    study = open_study(tmp_path / "long")
    assert study.ct.kernel == "UB"
    assert study.ct.grid.shape[0] == 16
    assert study.ct.why[0].endswith("for its softer kernel")
    other = next(s for s in study.series if s is not study.ct)
    (said,) = [f.sentence for f in other.flags if f.code == "SEL-006"]
    assert "sharp kernel (YA)" in said


def test_the_converted_pet_has_the_suv_of_its_slices(shared_data):
    study = open_study(shared_data / "dicom_hard_geometry" / "legacy_converted_pet")
    (pet,) = study.pets
    assert pet.suv.possible
    assert pet.suv.factors == pytest.approx([2.42902977e-4] * 16, rel=1e-6)


def test_the_disc_of_two_patients_holds_no_volume_and_every_file_is_accounted_for(shared_data):
    folder = shared_data / "dicom_hard_geometry" / "dicomdir_two_patients"
    studies = find_studies(folder)
    assert sum(sum(s.counts.values()) for s in studies) == 11
    for study in studies:
        found = survey_study(folder, study=str(study.number))
        assert found.ct is None
        with pytest.raises(NothingUsable) as caught:
            open_study(folder, study=str(study.number))
        assert caught.value.code.id == "SEL-018"
    kinds = {s.description for n in studies for s in survey_study(folder, study=n.uid).series}
    assert kinds <= {"SmartScore - Gated 0.5 sec"}
