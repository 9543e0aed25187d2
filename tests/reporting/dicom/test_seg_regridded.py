"""A SEG on a CT that was straightened on request: its own planes, no claim on the original ones."""

import math
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from netimg.anatomy import Anatomy
from netimg.reading import open_study
from netimg.volume import Mask
from tests.make import result as make
from tests.make.dicom import body, ct_series
from tests.reporting.dicom.test_seg import masks_of, write_segs


def tilted(folder):
    turn = math.radians(15)
    ct_series(
        folder,
        body((12, 32, 40)),
        orientation=(1, 0, 0, 0, math.cos(turn), math.sin(turn)),
        positions=[(-20.0, -16.0, 4.0 * k) for k in range(12)],
    )


def uneven(folder):
    places = [0, 4, 8, 12, 17, 20, 24, 28, 32, 36, 40]
    ct_series(folder, body((11, 32, 40)), positions=[(-20.0, -16.0, float(z)) for z in places])


@pytest.mark.parametrize("write", [tilted, uneven])
def test_frames_lie_on_the_new_planes_and_name_no_original_slice(tmp_path, write):
    write(tmp_path / "ct")
    study = open_study(tmp_path / "ct", ct="1", overrides={"regrid": True})
    grid = study.ct.grid
    liver = np.zeros(grid.shape, dtype=bool)
    liver[2:9, 8:20, 10:25] = True
    lesion = np.zeros(grid.shape, dtype=bool)
    lesion[4:6, 10:14, 12:16] = True
    anatomy = Anatomy.from_masks(
        Mask(voxels=liver, grid=grid), lesions=Mask(voxels=lesion, grid=grid)
    )
    result = replace(make.result(), study=study, anatomy=anatomy)
    path = write_segs(result, tmp_path)["dicom/seg_lesions.dcm"]
    found = list(masks_of(path, grid).values())
    assert np.array_equal(found[0], liver)
    assert np.array_equal(found[1], lesion)
    seg = pydicom.dcmread(path)
    files = {i.sop_instance_uid for i in study.ct.instances}
    for groups in seg.PerFrameFunctionalGroupsSequence:
        place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        index = grid.to_index(place[None])[0]
        assert index == pytest.approx(np.rint(index), abs=1e-3)
        assert "DerivationImageSequence" not in groups
    (series,) = seg.ReferencedSeriesSequence
    named = {r.ReferencedSOPInstanceUID for r in series.ReferencedInstanceSequence}
    assert named <= files
