"""NIfTI masks land exactly in any orientation, or are refused with what is wrong in numbers."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import InputError, MaskError
from netimg.geometry import Grid
from netimg.reading.masks import read_mask, read_mask_file
from netimg.reading.masks.labels import Labels
from netimg.settings import Settings
from netimg.volume import LabelMap, Mask
from tests.make.masks import FLIPS, GRID, OBLIQUE, SHAPE, SPACING_MM, TURNS, block, nifti


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def packed_bytes(path, change):
    """Change the unpacked bytes of a gzipped file."""
    path.write_bytes(gzip.compress(change(bytearray(gzip.decompress(path.read_bytes())))))
    return path


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["axial", "oblique"])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("flips", FLIPS)
def test_a_nifti_in_any_of_48_orientations_lands_exactly(tmp_path, grid, turn, flips):
    voxels = block()
    voxels[0, 1, 2] = True  # no symmetry left
    path = nifti(tmp_path / "liver.nii", voxels, grid, turn=turn, flips=flips, qform=0)
    mask = read_mask(path, grid)
    assert isinstance(mask, Mask)
    assert np.array_equal(mask.voxels, voxels)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["liver.nii", "liver.nii.gz", "no_extension"])
def test_both_versions_plain_and_packed_are_told_by_content(tmp_path, kind, name):
    suffix = ".nii.gz" if name == "no_extension" else ""
    path = nifti(tmp_path / f"{name}{suffix}", block(), kind=kind)
    path = path.rename(tmp_path / name)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize("sizes", [((2, 4, 6), (9, 28, 30)), ((0, 0, 0), (12, 32, 39))])
def test_a_cropped_nifti_on_the_same_lattice_is_accepted(tmp_path, sizes):
    start, stop = sizes
    part = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    path = nifti(tmp_path / "liver.nii", block()[part], GRID.crop(start, stop))
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_a_padded_nifti_on_the_same_lattice_is_accepted(tmp_path):
    big = Grid(shape=(16, 36, 44), spacing_mm=SPACING_MM, origin_lps_mm=(-24.0, -20.0, -6.0))
    path = nifti(tmp_path / "liver.nii", np.pad(block(), ((2, 2), (2, 2), (2, 2))), big)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ((-19.92, -16.0, 0.0), None),  # 0.04 voxel
        ((-19.86, -16.0, 0.0), "off by 0.14 mm (0.07 voxels)"),
        ((-20.0, -16.0, 1.5), "off by 1.50 mm (0.50 voxels)"),
        ((-20.0, -13.0, 0.0), "off by 3.00 mm (1.50 voxels)"),
        ((-17.0, -12.0, 0.0), "off by 5.00 mm (2.00 voxels)"),
    ],
)
def test_a_mask_that_is_off_is_refused_with_the_distance(tmp_path, origin, words):
    moved = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=origin)
    path = nifti(tmp_path / "liver.nii", block(), moved)
    if words is None:
        assert np.array_equal(read_mask(path, GRID).voxels, block())
        return
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-001"
    assert words in error.what


def test_a_cropped_mask_that_is_off_is_refused_with_its_shift_not_with_the_crop(tmp_path):
    part = (slice(2, 9), slice(4, 28), slice(6, 30))
    crop = GRID.crop((2, 4, 6), (9, 28, 30))
    origin = np.add(crop.origin_lps_mm, (0.0, 0.0, 1.2))
    moved = Grid(shape=crop.shape, spacing_mm=SPACING_MM, origin_lps_mm=tuple(origin))
    error = refused(lambda: read_mask(nifti(tmp_path / "liver.nii", block()[part], moved), GRID))
    assert error.code.id == "MSK-001"
    assert "off by 1.20 mm (0.40 voxels)" in error.what


@pytest.mark.parametrize(("factor", "fits"), [(1.00009, True), (1.00011, False)])
def test_a_spacing_may_differ_by_a_ten_thousandth(tmp_path, factor, fits):
    spacing_mm = (SPACING_MM[0] * factor, *SPACING_MM[1:])
    other = Grid(shape=SHAPE, spacing_mm=spacing_mm, origin_lps_mm=GRID.origin_lps_mm)
    path = nifti(tmp_path / "liver.nii", block(), other)
    if fits:
        assert np.array_equal(read_mask(path, GRID).voxels, block())
    else:
        assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-001"


def test_a_mask_of_another_spacing_is_refused_with_both_sizes(tmp_path):
    fine = Grid(shape=(12, 64, 80), spacing_mm=(3.0, 1.0, 1.0), origin_lps_mm=(-20.0, -16.0, 0.0))
    path = nifti(tmp_path / "liver.nii", np.ones(fine.shape, bool), fine)
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-014"
    assert "12x64x80 voxels, the series 12x32x40" in error.what
    assert "1.41 mm" in error.where


def test_a_turned_mask_is_refused_with_the_distance_of_its_farthest_corner(tmp_path):
    angle = 0.05
    c, s = np.cos(angle), np.sin(angle)
    turned = Grid(
        shape=SHAPE,
        spacing_mm=SPACING_MM,
        origin_lps_mm=GRID.origin_lps_mm,
        directions=((0, -s, c), (0, c, s), (1, 0, 0)),
    )
    path = nifti(tmp_path / "liver.nii", block(), turned)
    far_mm = 2 * np.sin(angle / 2) * np.hypot(31 * 2.0, 39 * 2.0)  # a chord
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-001"
    assert f"off by {far_mm:.2f} mm" in error.what


@pytest.mark.parametrize(
    ("forms", "code_id"),
    [
        ({"sform": 1, "qform": 1}, None),
        ({"sform": 0, "qform": 1}, None),
        ({"sform": 2, "qform": 0}, None),
        ({"sform": 1, "qform": 0, "qshift": 50.0}, None),
        ({"sform": 1, "qform": 1, "qshift": 0.09}, None),
        ({"sform": 1, "qform": 1, "qshift": 1.0}, "MSK-009"),
        ({"sform": 0, "qform": 0}, "MSK-009"),
    ],
)
def test_the_place_is_sform_then_qform_and_two_places_are_none(tmp_path, forms, code_id):
    path = nifti(tmp_path / "liver.nii", block(), flips=(0, 1), **forms)
    if code_id is None:
        assert np.array_equal(read_mask(path, GRID).voxels, block())
        return
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == code_id
    how = "says twice, 1.00 mm apart," if forms["sform"] else "does not say"
    assert how in error.what


def test_a_place_that_is_no_number_or_flat_is_no_place(tmp_path):
    for row in ((np.nan,) * 4, (0.0,) * 4):
        image = nib.Nifti1Image(block().astype(np.uint8), None)
        image.header["srow_x"] = row
        image.header["srow_y"], image.header["srow_z"] = (0, 2, 0, 0), (0, 0, 3, 0)
        image.header["sform_code"] = 1
        image.header["qform_code"] = 0
        (tmp_path / "liver.nii").write_bytes(
            image.header.binaryblock + bytes(4) + np.zeros(SHAPE, np.uint8).tobytes()
        )
        data = bytearray((tmp_path / "liver.nii").read_bytes())
        data[108:112] = struct.pack("<f", 352)
        (tmp_path / "liver.nii").write_bytes(data)
        error = refused(lambda: read_mask(tmp_path / "liver.nii", GRID))
        assert (error.code.id, "does not say" in error.what) == ("MSK-009", True)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "such as 0.5"), (1.002, "such as 1.002"), (-1.0, "such as -1"), (np.nan, "such as nan"),
     (70000.0, "such as 70000")],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(tmp_path, value, words):
    values = block().astype(np.float32)
    values[4, 10, 11] = value
    error = refused(lambda: read_mask(nifti(tmp_path / "liver.nii", values), GRID))
    assert error.code.id == "MSK-011"
    assert words in error.what


@pytest.mark.parametrize("value", [0.9999, 1.0009, 1.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_within_a_thousandth_of_whole_are_labels(tmp_path, value, kind):
    path = nifti(tmp_path / "liver.nii", (block() * value).astype(kind))
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.uint64])
def test_whole_numbers_of_any_kind_are_labels(tmp_path, kind):
    path = nifti(tmp_path / "liver.nii", block().astype(kind) * 3)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_a_slope_is_applied_and_must_give_whole_numbers(tmp_path):
    for slope, intercept, code_id in ((0.5, 0.0, None), (0.5, 1.0, None), (0.3, 0.0, "MSK-011")):
        image = nib.Nifti1Image((block().T * 2).astype(np.int16), None)
        image.header.set_sform(np.diag([-1.0, -1, 1, 1]) @ GRID.affine_lps[:, [2, 1, 0, 3]], 1)
        nib.save(image, tmp_path / "liver.nii")
        data = bytearray((tmp_path / "liver.nii").read_bytes())
        data[112:120] = struct.pack("<ff", slope, intercept)
        (tmp_path / "liver.nii").write_bytes(data)
        if code_id:
            assert refused(lambda: read_mask(tmp_path / "liver.nii", GRID)).code.id == code_id
            continue
        labels = read_mask_file(tmp_path / "liver.nii").labels
        assert np.array_equal(labels, block() + intercept)


def test_a_fourth_axis_of_one_is_accepted_and_of_two_refused(tmp_path):
    ras = np.diag([-1.0, -1, 1, 1]) @ GRID.affine_lps[:, [2, 1, 0, 3]]
    one = block().T.astype(np.uint8)[..., None]
    nib.save(nib.Nifti1Image(one, ras), tmp_path / "one.nii")
    assert np.array_equal(read_mask(tmp_path / "one.nii", GRID).voxels, block())
    nib.save(nib.Nifti1Image(np.repeat(one, 2, axis=3), ras), tmp_path / "four.nii")
    error = refused(lambda: read_mask(tmp_path / "four.nii", GRID))
    assert (error.code.id, "4 dimensions" in error.what) == ("MSK-015", True)


def test_a_mask_beyond_the_limits_is_not_read(tmp_path):
    path = nifti(tmp_path / "liver.nii", block())
    few = Settings.shipped().with_values({"limits.mask_voxels_max": 1000}, layer="test")
    error = refused(lambda: read_mask(path, GRID, settings=few))
    assert (error.code.id, "40x32x12 voxels" in error.what) == ("MSK-015", True)
    few = Settings.shipped().with_values({"limits.series_bytes_max": 1000}, layer="test")
    error = refused(lambda: read_mask(path, GRID, settings=few))
    assert (error.code.id, "voxels of 1 bytes" in error.what) == ("MSK-015", True)


def test_a_small_file_that_claims_to_be_huge_costs_nothing(tmp_path):
    path = nifti(tmp_path / "liver.nii.gz", block())

    def claim(data):
        data[40:56] = struct.pack("<8h", 3, 1200, 1200, 1400, 1, 1, 1, 1)
        return data

    packed_bytes(path, claim)
    error = refused(lambda: read_mask(path, GRID), InputError)
    assert error.code.id == "IDX-003"
    assert f"{np.prod(SHAPE)} bytes of values where {1200 * 1200 * 1400} are needed" in error.what


@pytest.mark.parametrize("vox_offset", [1e30, 3e8, 12.0, float("nan")])
def test_values_that_begin_nowhere_are_refused(tmp_path, vox_offset):
    path = nifti(tmp_path / "liver.nii.gz", block())

    def claim(data):
        data[108:112] = struct.pack("<f", vox_offset)
        return data

    packed_bytes(path, claim)
    error = refused(lambda: read_mask(path, GRID), (MaskError, InputError))
    assert error.code.id in ("MSK-015", "IDX-003")


def test_bytes_beyond_those_announced_are_not_unpacked(tmp_path):
    path = nifti(tmp_path / "liver.nii.gz", block())
    packed_bytes(path, lambda data: data + b"\0" * 5_000_000)
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-015"
    assert f"more than the {np.prod(SHAPE)} bytes its header says" in error.what


def test_a_broken_nifti_is_refused(tmp_path):
    path = nifti(tmp_path / "liver.nii.gz", block())
    whole = path.read_bytes()
    for cut in (len(whole) - 40, 60, 12):
        path.write_bytes(whole[:cut])
        assert refused(lambda: read_mask(path, GRID), InputError).code.id == "IDX-003"
    colours = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colours, np.eye(4)), tmp_path / "rgb.nii")
    error = refused(lambda: read_mask(tmp_path / "rgb.nii", GRID), InputError)
    assert (error.code.id, "colours" in error.what) == ("IDX-003", True)
    data = bytearray(nifti(tmp_path / "odd.nii", block()).read_bytes())
    data[70:72] = struct.pack("<h", 31490)
    (tmp_path / "odd.nii").write_bytes(data)
    error = refused(lambda: read_mask(tmp_path / "odd.nii", GRID), InputError)
    assert (error.code.id, "unknown type (31490)" in error.what) == ("IDX-003", True)
    nib.save(nib.Nifti1Pair(block().astype(np.uint8), np.eye(4)), tmp_path / "pair.hdr")
    error = refused(lambda: read_mask(tmp_path / "pair.hdr", GRID), InputError)
    assert (error.code.id, "a header without values" in error.what) == ("IDX-003", True)


def test_a_mask_wholly_off_the_series_is_refused_and_not_called_empty(tmp_path):
    away = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(60.0, -16.0, 0.0))
    path = nifti(tmp_path / "mets.nii", block(), away)
    for want in ("liver", "lesion"):
        error = refused(lambda want=want: read_mask(path, GRID, want=want))
        assert error.code.id == "MSK-001"
        assert "all its 6.91 mL are outside" in error.what


def test_several_labels_are_several_lesions_and_one_label_is_taken_by_number(tmp_path):
    labels = block().astype(np.uint8) * 2
    labels[1, 1, 1] = 7
    path = nifti(tmp_path / "lesions.nii", labels)
    lesions = read_mask(path, GRID, want="lesion")
    assert isinstance(lesions, LabelMap)
    assert dict(lesions.names) == {1: "2", 2: "7"}
    assert np.array_equal(lesions.labels == 1, block())
    one = read_mask(path, GRID, want="lesion", label="7")
    assert int(one.voxels.sum()) == 1
    error = refused(lambda: read_mask(path, GRID, label="5"))
    assert (error.code.id, "present: 2, 7" in error.what) == ("MSK-003", True)


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["axial", "oblique"])
def test_a_mask_file_on_its_own_grid_is_turned_to_z_y_x(tmp_path, grid):
    path = nifti(tmp_path / "liver.nii", block(), grid, turn=(1, 0, 2), flips=(0, 2), qform=0)
    own = read_mask_file(path)
    assert own.grid.same_as(grid, tol_mm=1e-3)
    assert np.array_equal(own.labels > 0, block())


@given(
    shift=st.tuples(*[st.integers(-4, 4)] * 3),
    flip=st.integers(0, 7),
    turn=st.permutations(range(3)),
)
def test_placing_is_the_same_as_asking_each_voxel_where_it_lies(shift, flip, turn):
    rng = np.random.default_rng(5)
    small = Grid(shape=(5, 6, 7), spacing_mm=SPACING_MM, origin_lps_mm=(3.0, 4.0, 5.0))
    values = rng.integers(0, 9, size=(4, 5, 3)).astype(np.uint16)
    affine = np.eye(4)
    affine[:3, 3] = small.to_world(np.array([shift], float))[0]
    for axis, target in enumerate(turn):
        column = small.affine_lps[:3, target] * (-1 if flip >> axis & 1 else 1)
        affine[:3, axis] = column
    labels = Labels("x", (values,), affine)
    expected = np.zeros(small.shape, np.uint16)
    outside = np.zeros(9, int)
    for index in np.ndindex(values.shape):
        world = affine[:3, :3] @ index + affine[:3, 3]
        at = np.rint(small.to_index(world[None])[0]).astype(int)
        if (at >= 0).all() and (at < small.shape).all():
            expected[tuple(at)] = values[index]
        else:
            outside[values[index]] += 1
    assert np.array_equal(labels.on(small)[0], expected)
    assert labels.on(small)[1] == outside[1:].sum()
    for structure in labels.structures(small):
        part = structure.draw()
        assert np.array_equal(part.on(small), expected == structure.number)
        assert part.outside == outside[structure.number]
