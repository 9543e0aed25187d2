"""A SEG drawn on frames of a multi-frame file names the file and the frame, each the right one."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from netimg.reporting.dicom.seg import seg_files
from netimg.reporting.privacy import without_identity
from netimg.reporting.write import recorded_at
from netimg.settings import Settings
from tests.make import result as make
from tests.make.multiframe import legacy
from tests.reporting.dicom.test_seg import masks_of, write_segs

LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"


def on_frames(result, files):
    """The result with its CT in multi-frame files; each frame is found by its position."""
    ct = result.study.ct
    found = []
    for path in files:
        whole = pydicom.dcmread(path, stop_before_pixels=True)
        for number, groups in enumerate(whole.PerFrameFunctionalGroupsSequence, start=1):
            place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
            z = round(float(ct.grid.to_index(place[None])[0, 0]))
            found.append(
                replace(
                    ct.instances[z],
                    path=path,
                    sop_instance_uid=str(whole.SOPInstanceUID),
                    sop_class_uid=LEGACY_CT,
                    instance_number=number,
                    frame_number=number,
                )
            )
    series = replace(ct, instances=tuple(found), uid=str(whole.SeriesInstanceUID))
    study = replace(result.study, series=(series, *result.study.series[1:]), ct=series)
    return replace(result, study=study)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    classic = make.result_with_files(folder)
    paths = [i.path for i in classic.study.ct.instances]
    for path in paths:  # the conversion wants pixels, and a type 2 attribute that SEG does not
        dataset = pydicom.dcmread(path)
        dataset.PixelData = bytes(2 * dataset.Rows * dataset.Columns)
        dataset["PixelData"].VR = "OW"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.save_as(path)
    one = legacy(folder, paths, name="one")
    half = len(paths) // 2
    parts = [legacy(folder, p, name=n) for n, p in (("a", paths[:half]), ("b", paths[half:]))]
    joined = pydicom.dcmread(parts[1])
    joined.SeriesInstanceUID = pydicom.dcmread(parts[0]).SeriesInstanceUID
    joined.save_as(parts[1])
    return classic, on_frames(classic, [one]), on_frames(classic, parts), folder


@pytest.mark.parametrize("which", [1, 2], ids=["one file", "two files of one series"])
def test_masks_on_frames_come_back_voxel_for_voxel(made, which, tmp_path):
    result = made[which]
    paths = write_segs(result, tmp_path)
    found = masks_of(paths["dicom/seg_lesions.dcm"], result.anatomy.grid)
    assert np.array_equal(found["Liver"], result.anatomy.liver.voxels)
    assert np.array_equal(found["L1 seg VII"], result.anatomy.lesion(1).voxels)


@pytest.mark.parametrize("which", [1, 2], ids=["one file", "two files of one series"])
def test_each_frame_of_the_seg_names_the_frame_at_its_place(made, which, tmp_path):
    result = made[which]
    seg = pydicom.dcmread(write_segs(result, tmp_path)["dicom/seg_lesions.dcm"])
    grid = result.anatomy.grid
    by_slice = {i.z_index: i for i in result.study.ct.instances}
    for groups in seg.PerFrameFunctionalGroupsSequence:
        place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        meant = by_slice[round(float(grid.to_index(place[None])[0, 0]))]
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == meant.sop_instance_uid
        assert source.ReferencedSOPClassUID == LEGACY_CT
        assert source.ReferencedFrameNumber == meant.frame_number
    files = {i.sop_instance_uid for i in result.study.ct.instances}
    (series,) = seg.ReferencedSeriesSequence
    named = [r.ReferencedSOPInstanceUID for r in series.ReferencedInstanceSequence]
    assert sorted(named) == sorted(files)
    named = [r.ReferencedSOPInstanceUID for r in seg.SourceImageSequence]
    assert sorted(named) == sorted(files)
    assert {r.ReferencedSOPClassUID for r in seg.SourceImageSequence} == {LEGACY_CT}


def test_a_seg_without_identity_names_the_hidden_file_and_the_true_frame(made, tmp_path):
    result = made[1]
    hidden = without_identity(result)
    files = seg_files(result, recorded_at(result.manifest), Settings.shipped(), hidden=hidden)
    path = tmp_path / "seg.dcm"
    files["dicom/seg_lesions.dcm"](path)
    seg = pydicom.dcmread(path)
    true_uid = result.study.ct.instances[0].sop_instance_uid
    (masked,) = {i.sop_instance_uid for i in hidden.study.ct.instances}
    assert masked != true_uid
    assert [r.ReferencedSOPInstanceUID for r in seg.SourceImageSequence] == [masked]
    assert true_uid.encode() not in path.read_bytes()


@pytest.mark.external
def test_dciodvfy_finds_no_error_in_a_seg_on_frames(made, tmp_path):
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("needs dciodvfy (make system)")
    path = write_segs(made[1], tmp_path)["dicom/seg_lesions.dcm"]
    checked = subprocess.run(  # a program found on the path, our own file
        [program, "-new", str(path)], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []
