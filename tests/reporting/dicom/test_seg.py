import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from netimg.errors import InputError
from netimg.reporting.dicom.seg import seg_files
from netimg.reporting.write import recorded_at
from netimg.settings import Settings
from tests.make import result as make


def write_segs(result, folder: Path) -> dict[str, Path]:
    files = seg_files(result, recorded_at(result.manifest), Settings.shipped())
    paths = {}
    for name, write in files.items():
        paths[name] = folder / Path(name).name
        write(paths[name])
    return paths


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seg")
    result = make.result_with_files(folder)
    return result, write_segs(result, folder), folder


def masks_of(path: Path, grid) -> dict[str, np.ndarray]:
    """Each segment on the slices of the grid, by label, through plain pydicom."""
    seg = pydicom.dcmread(path)
    labels = {int(s.SegmentNumber): s.SegmentLabel for s in seg.SegmentSequence}
    found = {label: np.zeros(grid.shape, bool) for label in labels.values()}
    frames = hd.seg.segread(path).get_stored_frames()
    for frame, item in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        position = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        z = grid.to_index(position[None])[0]
        assert z[1:] == pytest.approx([0, 0], abs=1e-6)
        found[labels[number]][round(z[0])] = frame
    return found


def test_liver_and_lesions_come_back_voxel_for_voxel_although_they_overlap(made):
    result, paths, _ = made
    body = result.anatomy
    found = masks_of(paths["dicom/seg_lesions.dcm"], body.grid)
    assert list(found) == ["Liver", "L1 seg VII", "L2 seg II"]
    assert np.array_equal(found["Liver"], body.liver.voxels)
    assert np.array_equal(found["L1 seg VII"], body.lesion(1).voxels)
    assert np.array_equal(found["L2 seg II"], body.lesion(2).voxels)


def test_segments_and_organs_come_back_voxel_for_voxel(made):
    result, paths, _ = made
    body = result.anatomy
    found = masks_of(paths["dicom/seg_anatomy.dcm"], body.grid)
    assert set(found) == {"Segment II", "Segment VII", "Spleen"}
    assert np.array_equal(found["Segment VII"], body.segments.labels == 17)
    assert np.array_equal(found["Spleen"], body.organs.labels == 31)


def test_segments_carry_codes_colours_tracking_and_the_model(made):
    result, paths, _ = made
    liver, first, _ = pydicom.dcmread(paths["dicom/seg_lesions.dcm"]).SegmentSequence
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "14799000"
    assert first.AnatomicRegionSequence[0].CodeValue == "10200004"
    assert (first.TrackingID, first.TrackingUID) == ("L1", result.anatomy.lesions[0].tracking_uid)
    assert first.SegmentAlgorithmType == "AUTOMATIC"
    algorithm = first.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "liver-lesions 1.0"
    assert "ab" * 32 in algorithm.AlgorithmParameters
    assert first.RecommendedDisplayCIELabValue == list(
        hd.color.CIELabColor.from_rgb(213, 94, 0).value
    )


def test_the_object_is_linked_to_the_study_and_marked_as_ours(made):
    _, paths, folder = made
    seg = pydicom.dcmread(paths["dicom/seg_lesions.dcm"])
    source = pydicom.dcmread(folder / "ct_000.dcm", stop_before_pixels=True)
    for name in ("StudyInstanceUID", "PatientID", "PatientName", "FrameOfReferenceUID"):
        assert getattr(seg, name) == getattr(source, name)
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert str(seg.PatientName) == "Müller^Jane"
    assert (seg.SeriesNumber, seg.Manufacturer) == (9001, "netimg")
    assert seg.ContentLabel == "LIVER_LESIONS"
    assert seg.SegmentsOverlap == "YES"
    assert (seg.ContentDate, seg.ContentTime) == ("20260303", "080100")
    assert seg.SOPInstanceUID.startswith("2.25.")
    referenced = {
        item.ReferencedSOPInstanceUID
        for series in seg.ReferencedSeriesSequence
        for item in series.ReferencedInstanceSequence
    }
    assert referenced <= {i.sop_instance_uid for i in made[0].study.ct.instances}


def test_other_content_gets_another_uid_and_the_same_content_the_same(made, tmp_path):
    result, paths, _ = made
    again = pydicom.dcmread(write_segs(result, tmp_path)["dicom/seg_lesions.dcm"])
    first = pydicom.dcmread(paths["dicom/seg_lesions.dcm"])
    assert again.SOPInstanceUID == first.SOPInstanceUID
    fewer = make.anatomy(lesions=False)
    other = write_segs(replace(result, anatomy=fewer), tmp_path)["dicom/seg_lesions.dcm"]
    assert pydicom.dcmread(other).SOPInstanceUID != first.SOPInstanceUID


def test_a_persons_masks_are_manual(made, tmp_path):
    result, _, _ = made
    given = replace(result, anatomy=make.anatomy(model=False))
    seg = pydicom.dcmread(write_segs(given, tmp_path)["dicom/seg_lesions.dcm"])
    assert {s.SegmentAlgorithmType for s in seg.SegmentSequence} == {"MANUAL"}


def test_lesions_without_a_liver_are_written_alone(made, tmp_path):
    result, _, _ = made
    body = result.anatomy
    alone = replace(body, origins={"lesions": body.origins["lesions"]})
    path = write_segs(replace(result, anatomy=alone), tmp_path)["dicom/seg_lesions.dcm"]
    assert list(masks_of(path, body.grid)) == ["L1 seg VII", "L2 seg II"]


def test_sources_inside_a_zip_are_read_there(made, tmp_path):
    result, _, folder = made
    archive = tmp_path / "ct.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(folder.glob("ct_*.dcm")):
            stream.write(path, path.name)
    ct = result.study.ct
    zipped = tuple(replace(i, path=archive, member=i.path.name) for i in ct.instances)
    packed = replace(ct, instances=zipped)
    study = replace(result.study, ct=packed, series=(packed, *result.study.pets))
    path = write_segs(replace(result, study=study), tmp_path)["dicom/seg_lesions.dcm"]
    found = masks_of(path, result.anatomy.grid)
    assert np.array_equal(found["Liver"], result.anatomy.liver.voxels)


def test_a_name_of_one_part_is_copied_as_it_is(tmp_path):
    result = make.result_with_files(tmp_path, segments=False)
    for path in sorted(tmp_path.glob("ct_*.dcm")):
        header = pydicom.dcmread(path)
        header.PatientName = "CASE-7"
        del header.PatientBirthDate
        header.save_as(path)
    seg = pydicom.dcmread(write_segs(result, tmp_path)["dicom/seg_lesions.dcm"])
    assert str(seg.PatientName) == "CASE-7"


def test_masks_on_no_dicom_series_give_no_object():
    result = make.result()
    assert seg_files(result, recorded_at(result.manifest), Settings.shipped()) == {}


def test_a_source_that_has_gone_is_said(made, tmp_path):
    result, _, _ = made
    ct = result.study.ct
    gone = tuple(replace(i, path=tmp_path / "gone.dcm") for i in ct.instances)
    moved = replace(ct, instances=gone)
    study = replace(result.study, ct=moved, series=(moved,), pets=())
    with pytest.raises(InputError, match=r"IDX-003 .*gone\.dcm.*--outputs"):
        write_segs(replace(result, study=study), tmp_path)


@pytest.mark.external
@pytest.mark.parametrize("name", ["dicom/seg_lesions.dcm", "dicom/seg_anatomy.dcm"])
def test_dciodvfy_finds_no_error(made, name):
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("needs dciodvfy (make system)")
    checked = subprocess.run(  # a program found on the path, our own file
        [program, "-new", str(made[1][name])], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []
