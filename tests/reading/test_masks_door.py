"""What is no mask, empty masks, numbers without names, and legends."""

import os

import numpy as np
import pytest

from netimg.errors import InputError, MaskError, UsageError
from netimg.reading.masks import (
    read_given,
    read_given_labels,
    read_label_map,
    read_mask,
    read_mask_file,
)
from netimg.volume import LabelMap, Mask
from tests.make.dicom import ct_series
from tests.make.masks import GRID, SHAPE, block, nifti, nrrd, seg

LIVER, SEGMENT_II = "10200004", "277956007"


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


CALLS = [
    lambda path: read_mask(path, GRID),
    lambda path: read_label_map(path, GRID, "netimg"),
    read_mask_file,
]


@pytest.mark.parametrize("call", CALLS)
def test_a_mask_file_that_is_not_there_and_a_folder_have_their_own_words(tmp_path, call):
    error = refused(lambda: call(tmp_path / "gone.nii"), InputError)
    assert (error.code.id, error.what) == ("IDX-002", "The mask file gone.nii does not exist.")
    error = refused(lambda: call(tmp_path), InputError)
    assert (error.code.id, error.what) == ("IDX-002", f"{tmp_path.name} is no mask file.")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
@pytest.mark.parametrize("call", CALLS)
def test_a_mask_file_that_may_not_be_read_is_refused(tmp_path, call):
    path = nifti(tmp_path / "liver.nii", block())
    path.chmod(0)
    error = refused(lambda: call(path), InputError)
    assert (error.code.id, "Permission denied" in error.what) == ("IDX-003", True)


def test_what_is_no_mask_is_refused_with_what_it_is(tmp_path):
    (tmp_path / "letter.txt").write_text("no mask " * 40)
    error = refused(lambda: read_mask(tmp_path / "letter.txt", GRID), InputError)
    assert (error.code.id, error.what) == (
        "IDX-004",
        "letter.txt is no mask: it is neither NIfTI nor NRRD nor DICOM.",
    )
    assert refused(lambda: read_mask_file(tmp_path / "letter.txt"), InputError).code.id == "IDX-004"
    (tmp_path / "empty.nii").touch()
    assert refused(lambda: read_mask(tmp_path / "empty.nii", GRID), InputError).code.id == "IDX-004"
    (path, *_) = ct_series(tmp_path / "ct")
    error = refused(lambda: read_mask(path, GRID), InputError)
    assert (error.code.id, "a CT image" in error.what) == ("IDX-010", True)


@pytest.mark.parametrize("write", [nifti, nrrd])
def test_an_empty_liver_is_refused_and_empty_lesions_are_none(tmp_path, write):
    path = write(tmp_path / f"empty.{'nii' if write is nifti else 'nrrd'}", np.zeros(SHAPE, bool))
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, error.what) == ("MSK-004", "The liver mask is empty.")
    lesions = read_mask(path, GRID, want="lesion")
    assert isinstance(lesions, Mask)
    assert lesions.is_empty
    assert refused(lambda: read_label_map(path, GRID, "netimg")).code.id == "MSK-004"


def test_a_liver_of_liver_and_lesions_is_both_and_says_so(tmp_path):
    labels = block().astype(np.uint8)
    labels[4, 10, 12] = 2
    given = read_given(nifti(tmp_path / "lits.nii", labels), GRID)
    assert np.array_equal(given.mask.voxels, block())
    (flag,) = given.flags
    assert flag.code == "MSK-010"
    assert flag.sentence == "Labels 1, 2 are not explained; taken as liver."
    assert read_given(nifti(tmp_path / "one.nii", block()), GRID).flags == ()
    assert read_given(nifti(tmp_path / "lits.nii", labels), GRID, label="1").flags == ()


def test_a_lesion_that_holds_all_the_others_may_be_the_liver(tmp_path):
    labels = block().astype(np.uint8)
    labels[4:6, 10, 12] = 2
    given = read_given(nifti(tmp_path / "lits.nii", labels), GRID, want="lesion")
    assert dict(given.mask.names) == {1: "1", 2: "2"}
    (flag,) = given.flags
    assert (flag.code, flag.value, flag.threshold) == ("MSK-010", 574 / 576, 0.5)
    assert flag.sentence.startswith("Label 1 holds 6.9 mL, 100 % of all lesions, and touches all")
    assert "tumour_volume_ml" in flag.touches
    apart = np.where(labels == 1, 1, 0).astype(np.uint8)
    apart[9, 28:30, 30] = 2
    alike = np.where(block((3, 8, 10), (7, 14, 22)), 2, block()).astype(np.uint8)
    for fine in (block().astype(np.uint8), apart, alike):
        assert read_given(nifti(tmp_path / "ok.nii", fine), GRID, want="lesion").flags == ()
    named = read_given(tmp_path / "lits.nii", GRID, want="lesion", label="2")
    assert (int(named.mask.voxels.sum()), named.flags) == (2, ())


def test_a_liver_among_several_labels_without_names_must_be_named(tmp_path):
    labels = block().astype(np.uint8) * 2
    labels[1, 1, 1] = 7
    path = nifti(tmp_path / "labels.nii", labels)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, error.exit_code) == ("MSK-003", 3)
    assert "several labels without names (2, 7)" in error.what
    assert "FILE:LABEL" in error.todo
    assert error.todo.startswith("Give the whole file with --mask FILE --label-map")
    assert np.array_equal(read_mask(path, GRID, label="2").voxels, block())
    alone = nifti(tmp_path / "alone.nii", block().astype(np.uint8) * 9)
    assert np.array_equal(read_mask(alone, GRID).voxels, block())


def test_totalsegmentator_labels_become_our_codes_and_what_is_left_out_is_said(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5], labels[6:8], labels[9:10] = 5, 1, 100
    given = read_given_labels(nifti(tmp_path / "all.nii", labels), GRID, "totalsegmentator-v2")
    coded = given.mask
    assert isinstance(coded, LabelMap)
    assert dict(coded.names) == {1: "liver", 31: "spleen"}
    assert np.array_equal(coded.labels == 1, labels == 5)
    assert coded.present() == (1, 31)
    (flag,) = given.flags
    ml = 32 * 40 * GRID.voxel_ml
    assert flag.sentence == f"Label 100 is not explained; taken as nothing ({ml:.1f} mL)."
    labels[9:10] = 0
    path = nifti(tmp_path / "all.nii", labels)
    assert read_given_labels(path, GRID, "totalsegmentator-v2").flags == ()


def test_a_label_map_beside_the_series_is_refused_and_what_reaches_over_it_is_said(tmp_path):
    labels = block().astype(np.uint8)
    path = nifti(tmp_path / "all.nii", labels)
    given = read_given_labels(path, GRID.crop((4, 0, 0), (12, 32, 40)), "netimg")
    (flag,) = given.flags
    lost_ml = 144 * GRID.voxel_ml
    assert (flag.code, flag.value) == ("MSK-001", pytest.approx(lost_ml))
    error = refused(lambda: read_label_map(path, GRID.crop((8, 0, 0), (12, 32, 40)), "netimg"))
    assert error.code.id == "MSK-001"
    assert f"all its {labels.sum() * GRID.voxel_ml:.2f} mL are outside" in error.what


def test_a_legend_of_ones_own_names_codes_or_structures(tmp_path):
    path = nifti(tmp_path / "all.nii", block().astype(np.uint8) * 4)
    legend = tmp_path / "mine.toml"
    legend.write_text('4 = "segment IV"\n')
    assert read_label_map(path, GRID, str(legend)).present() == (14,)
    for text in ('4 = "thigh"', "4 = 999", "= 3"):
        legend.write_text(text)
        error = refused(lambda: read_label_map(path, GRID, str(legend)), UsageError)
        assert error.where == "mine.toml"
    error = refused(lambda: read_label_map(path, GRID, "totalsegmentor"), UsageError)
    assert "totalsegmentator-v2" in error.todo
    error = refused(lambda: read_label_map(path, GRID, "netimg"))
    assert error.code.id == "MSK-004"


def test_segments_of_a_seg_are_coded_by_name_or_code_and_the_rest_is_said(tmp_path):
    left, right = block((3, 8, 10), (7, 20, 14)), block((3, 8, 14), (7, 20, 22))
    segments = {
        "Liver": (block(), LIVER),
        "left one": (left, SEGMENT_II),
        "Segment VIII": (right, "85756007"),
        "something": (block((9, 1, 1), (10, 2, 2)), "85756007"),
    }
    given = read_given_labels(seg(tmp_path, segments), GRID, "netimg")
    assert dict(given.mask.names) == {12: "segment II", 18: "segment VIII"}
    assert np.array_equal(given.mask.labels == 12, left)
    assert np.array_equal(given.mask.labels == 18, right)
    (flag,) = given.flags
    assert flag.sentence == "Label 4 something is not explained; taken as nothing."
    mixed = seg(tmp_path, {"Segment II": (left, "85756007"), "Tumour": (right, "85756007")})
    (flag,) = read_given_labels(mixed, GRID, "netimg").flags
    assert flag.sentence == "Label 2 Tumour is not explained; taken as nothing."
    assert read_given_labels(mixed, GRID, "netimg", beside=("lesion",)).flags == ()
    path = seg(tmp_path, {"a": (left, "85756007"), "b": (right, "85756007")})
    error = refused(lambda: read_label_map(path, GRID, "netimg"))
    assert (error.code.id, "present: 1 a, 2 b" in error.what) == ("MSK-003", True)


def test_a_mask_of_segments_without_any_is_refused_with_what_is_there(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:5], labels[5:7] = 1, 2  # numbered I and II, not 11 and 12
    path = nifti(tmp_path / "segments.nii", labels)
    error = refused(lambda: read_given_labels(path, GRID, "netimg", segments=True))
    assert error.code.id == "MSK-003"
    assert error.what == "There is no Couinaud segment in the mask file; present: 1, 2."
    assert "11 to 18 for I to VIII" in error.todo
    path = nifti(tmp_path / "segments.nii", labels + np.uint8(10) * (labels > 0))
    given = read_given_labels(path, GRID, "netimg", segments=True)
    assert given.mask.present() == (11, 12)
    path = seg(tmp_path, {"Liver": (block(), LIVER), "Tumour": (block(), "4147007")})
    error = refused(lambda: read_given_labels(path, GRID, "netimg", segments=True))
    assert "present: 1 Liver, 2 Tumour" in error.what
