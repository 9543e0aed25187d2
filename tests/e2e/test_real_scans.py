"""The real scans beside the checkout, from the folder to the result."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import netimg
from netimg.cli.app import call

pytestmark = pytest.mark.real_data


def _run(out: Path, *words: str) -> dict[str, Any]:
    assert call(["run", *words, "-o", str(out), "--outputs", "csv", "-q"]) == 0
    document: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    return document


def _findings(document: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    return {(f["scope"], f.get("id", ""), f["name"]): f for f in document["findings"]}


def test_contours_on_a_spect_after_therapy_are_measured_and_its_doubts_are_said(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "pet_ct" / "LU177_SPECT"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))["rois"]
    contours = str(folder / "SCAN_001_RTSTRUCT.dcm")
    document = _run(tmp_path / "out", str(folder), "--pet", "1", "--lesion-mask", contours)
    found = _findings(document)
    for lesion, roi in zip(("L1", "L2"), expected.values(), strict=True):
        volume = found["lesion", lesion, "volume_ml"]["value"]
        assert volume == pytest.approx(roi["volume_ml"], abs=0.005)
        hottest = found["lesion", lesion, "unknown_suv_max"]
        assert hottest["value"] == pytest.approx(roi["suv_max_admin"], rel=2e-4)
        assert hottest["hi"] > hottest["value"]  # the other reading of the decay correction
    assert found["patient", "", "liver_volume_ml"]["reason"] == "missing_input:liver"
    assert {"IDX-018", "SEL-008", "SUV-029"} <= {flag["code"] for flag in document["flags"]}


def test_a_spect_is_never_taken_for_a_pet_by_itself(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "pet_ct" / "LU177_SPECT"
    assert call(["run", str(folder), "-o", str(tmp_path / "out"), "-q"]) == 4
    said = capsys.readouterr().err
    assert "Lu-177" in said
    assert "--pet" in said
    assert not (tmp_path / "out").exists()


def test_a_liver_drawn_on_the_pet_gives_the_liver_reference(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "pet_ct" / "STS_001"
    pet = netimg.open_study(folder).pets[0]
    path = tmp_path / "liver.nii.gz"
    _write_ellipsoid(path, pet.grid, centre_fraction=(0.58, 0.5, 0.38), semi_mm=(45.0, 45.0, 45.0))
    document = _run(tmp_path / "out", str(folder), "--liver-mask", str(path))
    found = _findings(document)
    reference = found["region", "liver_reference", "fdg_suv_mean"]
    assert 1.5 < reference["value"] < 2.5
    assert found["region", "liver_reference", "fdg_volume_ml"]["value"] == pytest.approx(
        14.1, rel=0.1
    )
    assert found["patient", "", "burden_pct"]["reason"] == "missing_input:lesions"
    assert not [key for key in found if key[2].startswith("hu_")]


def _write_ellipsoid(path: Path, grid, centre_fraction, semi_mm) -> None:  # type: ignore[no-untyped-def]
    shape = np.array(grid.shape)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    offset = (indices - np.array(centre_fraction) * shape) * np.array(grid.spacing_mm)
    inside = ((offset / np.array(semi_mm)) ** 2).sum(axis=-1) <= 1.0
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine_lps[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(inside.astype(np.uint8).transpose(2, 1, 0), affine)
    image.header.set_sform(affine, code=1)
    nib.save(image, path)


@pytest.mark.slow
def test_the_thigh_ct_of_a_pet_ends_without_a_liver_and_with_the_pet_measured(
    shared_data: Path, tmp_path: Path
) -> None:
    document = _run(tmp_path / "out", str(shared_data / "pet_ct" / "STS_001"))
    found = _findings(document)
    assert {"SEG-105", "SEG-109"} & {flag["code"] for flag in document["flags"]}
    assert found["patient", "", "liver_volume_ml"].get("value") is None
    assert document["lesions"] == []
    assert not (tmp_path / "out" / "masks").exists()
    assert found["pet", "fdg", "fdg_suv_max"]["value"] == pytest.approx(66.52, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["CRLM-CT-1004", "CRLM-CT-1006"])
def test_a_real_ct_of_liver_metastases_flows_through(
    case: str, shared_data: Path, tmp_path: Path
) -> None:
    document = _run(tmp_path / "out", str(shared_data / "crlm_ct" / case))
    found = _findings(document)
    assert 1000 < found["patient", "", "liver_volume_ml"]["value"] < 2200
    assert 0 <= found["patient", "", "burden_pct"]["value"] < 10
    rows = {row["id"]: row for row in document["assessment"]["criteria"]}
    assert rows["PROMID"]["status"] == "met"
    assert rows["FLR-STD"]["status"] == "unknown"
    assert any("segments_ml" in reason for reason in rows["FLR-STD"]["reasons"])
