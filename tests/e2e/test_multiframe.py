"""The phantom as multi-frame files: the same numbers, and a SEG that names their frames."""

import json

import nibabel
import numpy as np
import pydicom
import pytest

from netimg.cli.app import call
from tests.e2e.conftest import PHANTOM, WITH_FACTS
from tests.make.dicom import body
from tests.make.multiframe import enhanced_ct, legacy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Result folder of the phantom, each of its series converted into one file."""
    folder = tmp_path_factory.mktemp("frames")
    for name, kind in (("CT", "CT"), ("PET_SSTR", "PET"), ("PET_FDG", "PET")):
        slices = sorted((PHANTOM / name).iterdir())
        legacy(folder / "in", slices, kind=kind, name=name)
    out = folder / "out"
    assert call(["run", str(folder / "in"), "-o", str(out), *WITH_FACTS, "-q"]) == 0
    return out


def by_name(document):
    return {
        (f["name"], f["scope"], f.get("id")): f["value"]
        for f in document["findings"]
        if isinstance(f["value"], int | float)
    }


def test_every_number_is_that_of_the_single_slices(converted, phantom_result):
    document = json.loads((converted / "results.json").read_text("utf-8"))
    numbers, truth = by_name(document), by_name(phantom_result)
    assert numbers.keys() == truth.keys()
    assert numbers == pytest.approx(truth, rel=1e-9)


def test_the_seg_of_a_run_names_the_frames_of_the_ct(converted):
    seg = pydicom.dcmread(converted / "dicom" / "seg_lesions.dcm")
    document = json.loads((converted / "results.json").read_text("utf-8"))
    ct = next(s for s in document["series"] if s["kind"] == "CT")["instances"]
    numbers = set(ct["frame_number"])
    assert len(set(ct["sop_instance_uid"])) == 1
    for groups in seg.PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == ct["sop_instance_uid"][0]
        assert source.ReferencedFrameNumber in numbers


def test_a_file_of_two_volumes_is_measured_and_listed_with_both_its_series(tmp_path):
    values = body((12, 32, 40))
    frames = {
        k: {
            "PlanePosition": {"ImagePositionPatient": ["-20", "-16", str(3.0 * (k % 12))]},
            "FrameContent": {
                "TemporalPositionIndex": 1 + k // 12,
                "InStackPositionNumber": k % 12 + 1,
            },
        }
        for k in range(24)
    }
    enhanced_ct(tmp_path / "in", np.concatenate([values, values + 40]), frames=frames)
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    affine[:3, 3] = (20.0, 16.0, 0.0)
    drawn = np.zeros((40, 32, 12), np.uint8)
    drawn[10:30, 8:24, 2:10] = 1
    nibabel.save(nibabel.Nifti1Image(drawn, affine), tmp_path / "liver.nii.gz")
    mask = ["--liver-mask", str(tmp_path / "liver.nii.gz"), "--no-lesions"]
    out = tmp_path / "out"
    line = ["run", str(tmp_path / "in"), "-o", str(out), *mask, "--outputs", "csv", "-q"]
    assert call(line) == 0
    rows = (out / "input.csv").read_text("utf-8").splitlines()
    assert [row.split(",", 1)[1] for row in rows[1:]] == ['series,"1, 2",,']
    document = json.loads((out / "results.json").read_text("utf-8"))
    volume = next(f["value"] for f in document["findings"] if f["name"] == "liver_volume_ml")
    assert volume == pytest.approx(20 * 16 * 8 * 12.0 / 1000.0)
