import gzip
import json
import math

import nibabel as nib
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from netimg.phantoms.truth_ct import longest_axial_mm, longest_contour_mm
from netimg.phantoms.truth_pet import PEAK_MM, ball
from netimg.resources import shipped

RADII_MM = {"L1": 18, "L2": 12, "L3": 9, "L4": 7, "L5": 5, "L6": 4}


def test_the_truth_follows_its_schema(truth):
    schema = json.loads(shipped("configs", "schemas", "truth-1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(truth)


@pytest.mark.parametrize(("id_", "radius"), RADII_MM.items())
def test_the_true_volume_and_diameter_of_a_sphere_are_those_of_the_formula(row, id_, radius):
    exact_ml = 4 / 3 * math.pi * radius**3 / 1000
    assert row(id_, "volume_ml")["value"] == pytest.approx(exact_ml, rel=0.02)
    assert row(id_, "longest_mm")["value"] == pytest.approx(2 * radius, abs=0.15)


def test_the_true_liver_is_the_ellipsoid_of_the_preset(row):
    exact_ml = 4 / 3 * math.pi * 70 * 55 * 56 / 1000
    assert row("", "liver_volume_ml")["value"] == pytest.approx(exact_ml, rel=1e-3)


def test_bounds_hold_their_value_and_shut_out_half_of_it(truth):
    for found in truth["findings"]:
        assert found["low"] <= found["value"] <= found["high"]
    for id_ in ("L1", "L2"):
        rows = {r["name"]: r for r in truth["findings"] if r["id"] == id_}
        for name in ("volume_ml", "longest_mm", "sstr_suv_max", "sstr_suv_mean"):
            assert rows[name]["low"] > 0.5 * rows[name]["value"]
            assert rows[name]["high"] < 1.5 * rows[name]["value"]


def masks(folder):
    labels = nib.load(folder / "truth_labels.nii.gz")
    lesions = nib.load(folder / "truth_lesions.nii.gz")
    return np.asarray(labels.dataobj), np.asarray(lesions.dataobj), labels.affine


def test_the_true_masks_have_the_true_volumes(spheres, row):
    labels, lesions, affine = masks(spheres)
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    liver = row("", "liver_volume_ml")
    assert liver["low"] <= np.isin(labels, range(11, 19)).sum() * voxel_ml <= liver["high"]
    spleen = row("", "spleen_volume_ml")
    assert spleen["low"] <= (labels == 31).sum() * voxel_ml <= spleen["high"]
    for number in range(1, 7):
        wanted = row(f"L{number}", "volume_ml")
        found = round((lesions == number).sum() * voxel_ml, 6)
        assert wanted["low"] <= found <= wanted["high"]


def test_the_true_masks_have_the_true_diameters(spheres, row):
    _, lesions, _ = masks(spheres)
    for number in range(1, 7):
        wanted = row(f"L{number}", "longest_mm")
        found = longest_axial_mm((lesions == number).transpose(2, 1, 0), (4.0, 4.0))
        assert wanted["low"] <= found <= wanted["high"]


def test_lesions_are_numbered_from_the_largest(spheres):
    _, lesions, _ = masks(spheres)
    counts = np.bincount(lesions.ravel())[1:]
    assert (np.diff(counts) <= 0).all()


def test_lesions_lie_in_the_liver_and_share_its_grid(spheres):
    labels, lesions, _ = masks(spheres)
    assert np.isin(labels[lesions > 0], range(11, 19)).all()


def test_a_large_sphere_keeps_its_true_uptake_in_the_middle_and_a_small_one_does_not(row):
    assert row("L1", "sstr_suv_max")["value"] == pytest.approx(20.0, rel=0.01)
    assert row("L6", "sstr_suv_max")["value"] < 16.0


def test_the_uptake_of_a_small_sphere_is_that_of_the_blurred_ball(row):
    # Centre of a ball of radius r in a Gaussian of SD s: erf(u) - 2 u exp(-u^2) / sqrt(pi).
    u = 4.0 / (6.0 / 2.3548) / math.sqrt(2)
    share = math.erf(u) - 2 * u * math.exp(-(u**2)) / math.sqrt(math.pi)
    assert row("L6", "sstr_suv_max")["value"] == pytest.approx(5 + 15 * share, rel=0.02)


def test_what_lesions_are_made_of_adds_up(truth):
    for lesion in truth["lesions"]:
        (layer,) = lesion["layers"]
        radius = RADII_MM[lesion["id"]]
        assert layer["volume_ml"] == pytest.approx(4 / 3 * math.pi * radius**3 / 1000, rel=0.01)
        assert layer["sstr_bqml"] == pytest.approx(
            20.0 * truth["pet"]["sstr"]["bqml_per_suv"], rel=1e-6
        )


def test_references_are_the_true_uptake_of_their_organs(row):
    assert row("liver_reference", "sstr_suv_mean")["value"] == pytest.approx(5.0, rel=0.01)
    assert row("blood_pool", "sstr_suv_mean")["value"] == pytest.approx(1.4, rel=0.02)
    assert row("spleen", "sstr_suv_mean")["value"] == pytest.approx(17.0, rel=0.01)


def test_the_peak_ball_holds_one_millilitre():
    weights = ball((4.0, 4.0, 4.0), PEAK_MM)
    assert weights.sum() == pytest.approx(1.0)
    middle = tuple(n // 2 for n in weights.shape)
    # The middle voxel lies wholly inside: 64 uL of 1 mL.
    assert weights[middle] == pytest.approx(0.064, rel=0.01)


def test_a_contour_is_found_between_the_points():
    y, x = np.mgrid[-10:11, -10:11].astype(np.float32)
    away = np.hypot(x, y)[None] - np.float32(7.3)
    assert longest_contour_mm(away, (1.0, 1.0)) == pytest.approx(14.6, abs=0.1)


def test_a_single_voxel_is_as_long_as_its_longer_edge():
    mask = np.zeros((1, 5, 5), dtype=bool)
    mask[0, 2, 2] = True
    assert longest_axial_mm(mask, (2.0, 3.0)) == 3.0
    assert longest_axial_mm(np.zeros((1, 5, 5), dtype=bool), (2.0, 3.0)) == 0.0


def test_packed_masks_name_no_file_and_no_hour(spheres):
    for name in ("truth_labels.nii.gz", "truth_lesions.nii.gz"):
        data = (spheres / name).read_bytes()
        assert data[3] == 0  # flags: no name stored
        assert data[4:8] == b"\0\0\0\0"  # time
        assert gzip.decompress(data)[344:348] == b"n+1\0"
