import gzip
import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from netimg.anatomy import Anatomy
from netimg.geometry import Grid
from netimg.reporting.masks_nifti import (
    labels_document,
    mask_files,
    nifti_bytes,
    ras_affine,
    read_probability,
)
from netimg.volume import Mask, Quantity, Volume
from tests.make import result as make


def turned(degrees):
    """Directions of an axial grid turned about the patient's long axis and tipped."""
    a = np.radians(degrees)
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tip = np.array(
        [[1, 0, 0], [0, np.cos(a / 2), -np.sin(a / 2)], [0, np.sin(a / 2), np.cos(a / 2)]]
    )
    return tuple(map(tuple, (about_s @ tip)[:, ::-1].tolist()))


GRIDS = {
    "axial": make.CT_GRID,
    "oblique": Grid(
        shape=(4, 5, 6), spacing_mm=(5.0, 0.8, 0.7), origin_lps_mm=(12.3, -45.6, 78.9),
        directions=turned(20.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_another_program_finds_each_voxel_where_the_grid_says(tmp_path, name):
    import SimpleITK

    grid = GRIDS[name]
    array = np.arange(np.prod(grid.shape), dtype=np.uint16).reshape(grid.shape)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(nifti_bytes(array, grid, "0"))
    image = SimpleITK.ReadImage(str(path))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), array)
    for z, y, x in [(0, 0, 0), (3, 4, 5), (1, 3, 2)]:
        point = image.TransformIndexToPhysicalPoint((x, y, z))
        assert point == pytest.approx(grid.to_world(np.array([[z, y, x]]))[0], abs=2e-3)


@pytest.mark.parametrize("name", GRIDS)
def test_sform_and_qform_are_both_set_and_agree(tmp_path, name):
    grid = GRIDS[name]
    path = tmp_path / "a.nii.gz"
    path.write_bytes(nifti_bytes(np.ones(grid.shape, np.uint8), grid, "1.2.3"))
    header = nibabel.load(path).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert np.allclose(header.get_sform(), ras_affine(grid), atol=1e-4)
    assert np.allclose(header.get_qform(), ras_affine(grid), atol=1e-3)
    assert header.get_xyzt_units()[0] == "mm"
    assert bytes(header["descrip"]).rstrip(b"\0") == b"netimg 1.2.3"
    assert header.get_data_dtype() == np.uint8


def test_bytes_repeat_and_hold_no_time_and_no_name():
    array = np.ones(make.CT_GRID.shape, np.uint8)
    packed = nifti_bytes(array, make.CT_GRID, "0")
    assert packed == nifti_bytes(array, make.CT_GRID, "0")
    assert packed[3] == 0  # no file name, no comment
    assert packed[4:8] == b"\0\0\0\0"  # no time
    assert len(gzip.decompress(packed)) == 352 + array.size


def test_only_what_is_known_is_written():
    body = make.anatomy(segments=False)
    assert set(mask_files(body, "0")) == {"masks/liver.nii.gz", "masks/lesions.nii.gz"}
    nobody_looked = Anatomy.from_masks(body.liver, origins={"liver": body.origins["liver"]})
    assert set(mask_files(nobody_looked, "0")) == {"masks/liver.nii.gz"}
    no_liver = replace(body, origins={"lesions": body.origins["lesions"]})
    assert set(mask_files(no_liver, "0")) == {"masks/lesions.nii.gz"}


def test_probability_steps_by_a_two_hundredth(tmp_path):
    grid = make.CT_GRID.crop((2, 3, 4), (6, 8, 9))
    values = np.linspace(0, 1, grid.n_voxels, dtype=np.float32).reshape(grid.shape)
    probability = Volume(values=values, grid=grid, quantity=Quantity.PROBABILITY)
    body = replace(make.anatomy(), lesion_probability=probability)
    path = tmp_path / "p.nii.gz"
    path.write_bytes(mask_files(body, "0")["masks/lesion_probability.nii.gz"])
    assert np.abs(nibabel.load(path).get_fdata().transpose(2, 1, 0) - values).max() <= 0.0026
    back = read_probability(path, grid)
    assert np.abs(back.values - values).max() <= 0.0026


def test_the_label_table_names_colours_codes_and_tracking_uids():
    body = make.anatomy()
    files = json.loads(json.dumps(labels_document(body)))["files"]
    first = files["lesions.nii.gz"]["1"]
    assert first["name"] == "L1"
    assert first["colour"] == [213, 94, 0]
    assert first["code"] == {
        "scheme": "SCT", "code": "14799000", "meaning": "Neoplasm, Secondary"
    }  # fmt: skip
    assert first["tracking_uid"] == body.lesions[0].tracking_uid
    assert files["segments.nii.gz"]["17"]["code"]["code"] == "277961009"
    assert files["organs.nii.gz"]["31"]["name"] == "spleen"


def test_an_empty_lesion_mask_is_a_file_of_zeros(tmp_path):
    body = Anatomy.from_masks(
        make.anatomy().liver, Mask(voxels=np.zeros(make.CT_GRID.shape, bool), grid=make.CT_GRID)
    )
    path = tmp_path / "l.nii.gz"
    path.write_bytes(mask_files(body, "0")["masks/lesions.nii.gz"])
    assert not np.asanyarray(nibabel.load(path).dataobj).any()
