"""A mask that was drawn on the slices as they were sent, on a CT that --regrid made regular."""

import math

import numpy as np
import pytest

from netimg.errors import MaskError
from netimg.reading import open_study
from netimg.reading.masks import read_given, read_given_labels
from tests.make.dicom import body, ct_series
from tests.make.masks import block, nifti, rtstruct, seg, source_images, square

N, ROWS, COLUMNS = 14, 32, 40
LIVER, SEGMENT_II, LESION = "10200004", "277956007", "52988006"
ON_REQUEST = {"regrid": True}


def sent(folder, *missing, **bends):
    """A CT of 14 slices without some of them; its files."""
    paths = ct_series(folder, body((N, ROWS, COLUMNS)), **bends)
    for z in missing:
        paths[z].unlink()
    return [path for z, path in enumerate(paths) if z not in missing]


def on(ct, path, **more):
    """A mask on a CT as it is measured."""
    return read_given(path, ct.grid, regridded=ct.regridded, **more)


def cylinder(radii_mm):
    """Discs around the middle of the picture, one of each radius."""
    y, x = 2.0 * (np.mgrid[:ROWS, :COLUMNS] - np.array([ROWS // 2, COLUMNS // 2])[:, None, None])
    return np.stack([np.hypot(y, x) < radius for radius in radii_mm])


def drawn(folder, paths, *regions, names=("Liver",), codes=(LIVER,)):
    """A SEG on the files, without the planes of the slices that are missing."""
    folder.mkdir()
    segments = {n: (region, c) for n, region, c in zip(names, regions, codes, strict=True)}
    return seg(folder, segments, images=source_images(paths))


@pytest.mark.parametrize("missing", [(6,), (4, 8)])
def test_a_mask_has_the_volume_of_its_liver_where_slices_were_filled_in(tmp_path, missing):
    paths = sent(tmp_path / "ct", *missing)
    radii = [0, 0, 0, *[12.0] * 8, 0, 0, 0]
    whole = cylinder(radii)
    there = np.delete(whole, missing, axis=0)
    path = drawn(tmp_path / "seg", paths, there)
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    assert ct.regridded == missing
    found = on(ct, path)
    assert np.array_equal(found.mask.voxels, whole)
    (flag,) = [f for f in found.flags if f.code == "GEO-018"]
    ml = sum(whole[z].sum() for z in missing) * 0.012
    where = ", ".join(f"S {3.0 * z:.1f} mm" for z in missing)
    assert flag.sentence == (
        f"The mask shows nothing at {where}, where --regrid filled slices in; it was filled in "
        f"between its outlines there ({ml:.1f} mL)."
    )


def test_a_mask_of_a_ct_that_was_sent_whole_keeps_its_holes(tmp_path):
    paths = sent(tmp_path / "ct")
    whole = cylinder([0, 0, 0, *[12.0] * 3, 0, *[12.0] * 4, 0, 0, 0])
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    assert ct.regridded is None
    found = on(ct, drawn(tmp_path / "seg", paths, whole))
    assert np.array_equal(found.mask.voxels, whole)
    assert found.flags == ()


def test_between_two_outlines_lies_the_one_half_way(tmp_path):
    paths = sent(tmp_path / "ct", 6)
    radii = [0, 0, 0, 9.0, 11.0, 13.0, 0, 19.0, 20.0, 0, 0, 0, 0, 0]
    there = np.delete(cylinder(radii), 6, axis=0)
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    made = on(ct, drawn(tmp_path / "seg", paths, there)).mask.voxels[6]
    radius_mm = math.sqrt(made.sum() * 4.0 / math.pi)
    assert radius_mm == pytest.approx(16.0, abs=1.0)
    assert not (made & ~cylinder([19.0])[0]).any()
    assert not (cylinder([13.0])[0] & ~made).any()


def test_beyond_the_ends_of_a_mask_and_at_slices_that_were_sent_nothing_is_filled_in(tmp_path):
    paths = sent(tmp_path / "ct", 4)
    whole = cylinder([0] * 5 + [12.0] * 2 + [0] + [12.0] * 4 + [0, 0])
    there = np.delete(whole, 4, axis=0)
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    found = on(ct, drawn(tmp_path / "seg", paths, there))
    assert np.array_equal(found.mask.voxels, whole)
    assert [f for f in found.flags if f.code == "GEO-018"] == []


def test_lesions_that_touch_in_a_filled_slice_share_no_voxel(tmp_path):
    paths = sent(tmp_path / "ct", 6)
    a, b = (np.zeros((N, ROWS, COLUMNS), bool) for _ in range(2))
    a[4:6, 8:20, 8:20] = a[7:9, 8:20, 14:26] = True  # crosses the other in the missing slice
    b[4:6, 8:20, 20:30] = b[7:9, 8:20, 4:14] = True
    a, b = (np.delete(v, 6, axis=0) for v in (a, b))
    path = drawn(
        tmp_path / "seg", paths, a, b, names=("lesion 1", "lesion 2"), codes=(LESION, LESION)
    )
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    labels = on(ct, path, want="lesion").mask.labels
    assert {int(v) for v in np.unique(labels[6])} >= {0, 1}
    assert np.array_equal(np.delete(labels, 6, axis=0), a + 2 * b)


def test_contours_are_filled_in_and_not_said_to_skip_the_slice(tmp_path):
    ct_series(tmp_path / "ct")
    (tmp_path / "ct" / "IM0007.dcm").unlink()
    contours = [square(z, (8, 10), (20, 22)) for z in (3, 4, 5, 7, 8)]
    path = rtstruct(tmp_path / "rt.dcm", {"Liver": contours})
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    found = on(ct, path)
    assert np.array_equal(found.mask.voxels, block((3, 8, 10), (9, 20, 22)))
    assert [flag.code for flag in found.flags] == ["GEO-018"]
    assert "S 18.0 mm" in found.flags[0].sentence
    assert [f.code for f in read_given(path, ct.grid).flags] == ["MSK-007"]


def test_labels_are_filled_as_masks_are(tmp_path):
    paths = sent(tmp_path / "ct", 6)
    whole = cylinder([0, 0, 0, *[12.0] * 8, 0, 0, 0])
    there = np.delete(whole, 6, axis=0)
    path = drawn(tmp_path / "seg", paths, there, names=("Segment II",), codes=(SEGMENT_II,))
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    found = read_given_labels(path, ct.grid, "netimg", regridded=ct.regridded)
    assert np.array_equal(found.mask.labels > 0, whole)
    assert "GEO-018" in {flag.code for flag in found.flags}


def test_a_mask_that_was_drawn_on_the_filled_volume_is_taken_as_it_is(tmp_path):
    sent(tmp_path / "ct", 6)
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    whole = cylinder([0, 0, 0, *[12.0] * 3, 0, *[12.0] * 4, 0, 0, 0])
    found = on(ct, nifti(tmp_path / "liver.nii", whole, ct.grid))
    assert np.array_equal(found.mask.voxels, whole)
    assert found.flags == ()


def tilted(folder, degrees):
    turn = math.radians(degrees)
    return sent(
        folder,
        orientation=(1, 0, 0, 0, math.cos(turn), math.sin(turn)),
        positions=[(-20.0, -16.0, 3.0 * z) for z in range(N)],
    )


def test_a_mask_on_tilted_slices_is_refused_with_the_reason_that_the_grid_was_moved(tmp_path):
    whole = cylinder([0, 0, 0, *[12.0] * 8, 0, 0, 0])
    path = drawn(tmp_path / "seg", tilted(tmp_path / "ct", 12.0), whole)
    ct = open_study(tmp_path / "ct", overrides=ON_REQUEST).ct
    assert ct.regridded == ()
    with pytest.raises(MaskError) as caught:
        on(ct, path)
    assert caught.value.code.id == "MSK-001"
    assert "The mask does not lie on the grid of the series: off by 0.99 mm" in caught.value.what
    assert "--regrid laid the series on another grid" in caught.value.what
    assert "drawn on this series" not in str(caught.value)


def test_a_mask_off_a_ct_as_it_was_sent_is_refused_without_a_word_of_regridding(tmp_path):
    paths = sent(tmp_path / "ct")
    whole = cylinder([0, 0, 0, *[12.0] * 8, 0, 0, 0])
    path = drawn(tmp_path / "seg", paths, whole)
    sent(tmp_path / "beside", first_lps_mm=(-19.0, -16.0, 0.0))
    ct = open_study(tmp_path / "beside", overrides=ON_REQUEST).ct
    with pytest.raises(MaskError) as caught:
        on(ct, path)
    assert caught.value.what == (
        "The mask does not lie on the grid of the series: off by 1.00 mm (0.50 voxels)."
    )
    assert caught.value.todo == "Give a mask drawn on this series."
