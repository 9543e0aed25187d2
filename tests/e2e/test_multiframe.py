"""The phantom as multi-frame files: the same numbers, and a SEG that names their frames."""

import json

import pydicom
import pytest

from netimg.cli.app import call
from tests.e2e.conftest import PHANTOM, WITH_FACTS
from tests.make.multiframe import legacy

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
