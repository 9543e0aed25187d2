"""Masks without a series: on their own grid, or two of different kinds on one."""

import numpy as np
import pytest

from netimg.errors import InputError, MaskError
from netimg.reading.masks import read_mask_file, read_mask_pair
from tests.make.masks import (
    GRID,
    OBLIQUE,
    block,
    bricks,
    nifti,
    nrrd,
    rtstruct,
    seg,
    slicer,
    square,
)

LIVER, MASS = "10200004", "4147007"
INNER = block((4, 10, 12), (6, 14, 16))


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["axial", "oblique"])
@pytest.mark.parametrize("write", [nifti, nrrd])
def test_a_mask_file_on_its_own_grid_is_turned_to_z_y_x(tmp_path, write, grid):
    path = write(tmp_path / "mask.nrrd", block(), grid, flips=(0, 1)) if write is nrrd else write(
        tmp_path / "mask.nii", block(), grid, turn=(1, 0, 2), flips=(0, 2), qform=0
    )  # fmt: skip
    own = read_mask_file(path)
    assert own.grid.same_as(grid, tol_mm=1e-3)
    assert np.array_equal(own.labels > 0, block())


def test_a_seg_lies_on_the_grid_of_its_frames(tmp_path):
    path = seg(tmp_path, {"organ": (block(), LIVER), "thing": (INNER, MASS)})
    own = read_mask_file(path)
    assert own.grid.same_as(GRID.crop((3, 0, 0), (7, 32, 40)), tol_mm=1e-6)
    assert dict(own.names) == {1: "organ", 2: "thing"}
    assert np.array_equal(own.labels == 2, INNER[3:7])
    assert np.array_equal(own.labels > 0, block()[3:7])
    one = read_mask_file(path, label="organ")
    assert np.array_equal(one.labels == 1, block()[3:7])
    whole = read_mask_file(path, grid=GRID)
    assert np.array_equal(whole.labels > 0, block())


def test_a_segmentation_of_slicer_keeps_its_names(tmp_path):
    rows = [("liver", block(), 1, 0, LIVER), ("met", INNER, 2, 1, MASS)]
    own = read_mask_file(slicer(tmp_path / "a.seg.nrrd", rows))
    assert dict(own.names) == {1: "liver", 2: "met"}
    assert np.array_equal(own.labels == 2, INNER)


def test_contours_have_no_grid_of_their_own(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]})
    for call in (lambda: read_mask_file(path), lambda: read_mask_pair(path, path)):
        error = refused(call, InputError)
        assert error.code.id == "IDX-010"
        assert error.what == "rs.dcm holds contours, which have no voxels of their own."
    found = read_mask_file(path, grid=GRID)
    assert int((found.labels == 1).sum()) == 16


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("kinds", "shape"),
    [
        (("seg", "nifti"), (12, 32, 40)),
        (("rtstruct", "nrrd"), (12, 32, 40)),
        (("nrrd", "nifti"), (12, 32, 40)),
        (("rtstruct", "seg"), (4, 32, 40)),
        (("seg", "sparse"), (7, 32, 40)),
    ],
)
def test_two_masks_of_different_kinds_come_on_one_grid(tmp_path, kinds, shape, swapped):
    (tmp_path / "other").mkdir()
    low = block((0, 1, 1), (3, 5, 5))
    write = {
        "seg": lambda: seg(tmp_path, {"liver": (block(), LIVER)}),
        "sparse": lambda: seg(tmp_path / "other", {"liver": (low, LIVER)}),
        "nifti": lambda: nifti(tmp_path / "m.nii", block()),
        "nrrd": lambda: nrrd(tmp_path / "m.nrrd", block()),
        "rtstruct": lambda: rtstruct(tmp_path / "rs.dcm", {"Liver": bricks(block())}),
    }
    paths = [write[kind]() for kind in kinds]
    pair = read_mask_pair(*paths[::-1]) if swapped else read_mask_pair(*paths)
    pair = pair[::-1] if swapped else pair
    expected = [low if kind == "sparse" else block() for kind in kinds]
    start = {12: 0, 4: 3, 7: 0}[shape[0]]
    for found, voxels in zip(pair, expected, strict=True):
        assert found.grid.same_as(pair[0].grid, tol_mm=1e-6)
        assert found.grid.shape == shape
        assert np.array_equal(found.labels > 0, voxels[start : start + shape[0]])


def test_a_structure_of_each_is_compared_by_name(tmp_path):
    path = seg(tmp_path, {"organ": (block(), LIVER), "thing": (INNER, MASS)})
    labels = block().astype(np.uint8)
    labels[INNER] = 2
    other = nifti(tmp_path / "m.nii", labels)
    first, second = read_mask_pair(path, other, labels=("thing", "2"))
    assert np.array_equal(first.labels > 0, INNER)
    assert np.array_equal(second.labels > 0, INNER)


def test_two_masks_off_each_others_grid_are_refused_with_the_distance(tmp_path):
    from netimg.geometry import Grid

    moved = Grid(shape=GRID.shape, spacing_mm=GRID.spacing_mm, origin_lps_mm=(-20.0, -16.0, 1.0))
    path = seg(tmp_path, {"organ": (block(), LIVER)})
    error = refused(lambda: read_mask_pair(path, nifti(tmp_path / "m.nii", block(), moved)))
    assert error.code.id == "MSK-001"
    assert "off by 1.00 mm (0.33 voxels)" in error.what
