"""A person's masks as an Anatomy."""

from dataclasses import replace

import numpy as np
import pytest

from netimg.anatomy import Origin
from netimg.errors import MaskError
from netimg.segmentation.given import anatomy_from_masks, join_lesions
from netimg.study import SegContext
from netimg.volume import LabelMap, Mask
from tests.make import arrays

ON = arrays.grid((20, 40, 40), (5.0, 2.0, 2.0))


def box(*bounds):
    mask = np.zeros(ON.shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in bounds)] = True
    return mask


LIVER = box((2, 18), (5, 35), (5, 35))
LESION = box((8, 10), (10, 15), (10, 15))

CHILD = SegContext(height_cm=110.0, weight_kg=20.0)  # 196 mL expected, LIVER has 288 mL


def mask(voxels):
    return Mask(voxels=voxels, grid=ON)


def label_map(**codes):
    labels = np.zeros(ON.shape, dtype=np.uint16)
    for name, voxels in codes.items():
        labels[voxels] = int(name.lstrip("c"))
    return LabelMap(labels=labels, grid=ON)


def test_liver_and_lesions_become_an_anatomy_with_their_origin():
    file = Origin(kind="file", name="liver.nii.gz", sha256="0" * 64)
    found = anatomy_from_masks(
        ON,
        liver=mask(LIVER),
        lesions=mask(LESION),
        origins={"liver": file, "lesions": file},
        context=CHILD,
    )
    assert found.liver.volume_ml == pytest.approx(LIVER.sum() * 0.02)
    assert [lesion.id for lesion in found.lesions] == ["L1"]
    assert found.origins == {"liver": file, "lesions": file}
    assert found.flags == ()


def test_a_label_map_is_split_into_liver_segments_lesions_and_organs():
    labels = label_map(
        c11=box((2, 18), (5, 35), (5, 10)),
        c15=box((2, 18), (5, 35), (10, 30)),
        c141=box((2, 18), (5, 35), (30, 35)),
        c63=box((3, 4), (6, 8), (6, 8)),
        c2=LESION,
        c31=box((2, 8), (5, 15), (36, 40)),
        c24=box((2, 18), (36, 38), (18, 20)),
    )
    file = Origin(kind="file", name="labels.nii.gz")
    found = anatomy_from_masks(ON, labels=labels, origins={"labels": file})
    assert np.array_equal(found.liver.voxels, LIVER)
    assert np.array_equal(found.lesion_mask.voxels, LESION)
    assert found.segments.present() == (11, 15, 141)
    assert found.organs.present() == (24, 31, 63)
    assert found.organs.names[31] == "spleen"
    assert set(found.origins) == {"liver", "lesions", "segments", "organs"}
    assert set(found.origins.values()) == {file}


def test_a_lesion_file_wins_over_the_lesion_code_and_its_labels_are_lesions():
    two = label_map(c1=LESION, c2=box((8, 10), (15, 18), (10, 15)))
    found = anatomy_from_masks(ON, labels=label_map(c1=LIVER, c2=LIVER), lesions=two)
    assert len(found.lesions) == 2  # they touch, but the file tells them apart


def test_labels_without_a_lesion_say_nothing_about_lesions():
    found = anatomy_from_masks(ON, labels=label_map(c1=LIVER))
    assert found.has_liver
    assert not found.has_lesions


def test_segments_alone_are_a_liver():
    found = anatomy_from_masks(ON, segments=label_map(c12=LIVER))
    assert np.array_equal(found.liver.voxels, LIVER)


def test_no_lesions_is_an_answer():
    found = anatomy_from_masks(ON, liver=mask(LIVER), no_lesions=True, context=CHILD)
    assert found.has_lesions
    assert found.lesions == ()
    assert found.flags == ()
    with pytest.raises(ValueError, match="no_lesions"):
        anatomy_from_masks(ON, liver=mask(LIVER), lesions=mask(LESION), no_lesions=True)


def test_lesions_alone_are_taken_without_a_liver():
    found = anatomy_from_masks(ON, lesions=mask(LESION))
    assert not found.has_liver
    assert len(found.lesions) == 1


def test_an_empty_liver_is_refused():
    with pytest.raises(MaskError) as caught:
        anatomy_from_masks(ON, liver=mask(LIVER & False), lesions=mask(LESION))
    assert caught.value.code.id == "MSK-004"
    assert caught.value.exit_code == 3


def test_an_empty_lesion_mask_means_none_and_says_so():
    empty = mask(LESION & False)
    found = anatomy_from_masks(ON, liver=mask(LIVER), lesions=empty, context=CHILD)
    assert found.lesions == ()
    assert [flag.code for flag in found.flags] == ["MSK-004"]


@pytest.mark.parametrize(
    ("first", "outside_voxels"),
    [(35, 0), (37, 0), (38, 8)],
    ids=["touching", "within 5 mm", "beyond 5 mm"],
)
def test_lesions_beyond_5_mm_of_the_liver_are_reported(first, outside_voxels):
    # Centres 35, 36, 37 lie 2, 4, 6 mm from the last liver voxel 34.
    lesion = box((8, 10), (10, 14), (first - 1, first))
    found = anatomy_from_masks(ON, liver=mask(LIVER), lesions=mask(lesion), context=CHILD)
    assert [flag.value for flag in found.flags] == [outside_voxels * 0.02] * bool(outside_voxels)
    if outside_voxels:
        assert found.flags[0].code == "MSK-013"


def test_a_lesion_far_from_any_liver_is_outside_whole():
    liver = box((2, 4), (5, 8), (5, 8))
    lesion = box((15, 17), (30, 35), (30, 35))
    found = anatomy_from_masks(ON, liver=mask(liver), lesions=mask(lesion))
    assert found.flags[0].value == pytest.approx(lesion.sum() * 0.02)


@pytest.mark.parametrize(
    ("volume_ml", "odd"), [(83, True), (599, True), (601, False), (3999, False), (5910, True)]
)
def test_a_given_liver_of_unusual_volume_is_doubted(volume_ml, odd):
    liver = box((2, 18), (2, 38), (2, 38))
    side_mm = (1000 * volume_ml / liver.sum()) ** (1 / 3)
    on = arrays.grid(ON.shape, (side_mm, side_mm, side_mm))
    liver = Mask(voxels=liver, grid=on)
    found = anatomy_from_masks(on, liver=liver)
    assert [flag.code for flag in found.flags] == ["liver_volume_implausible"] * odd


def test_a_given_liver_is_held_against_the_body_size_where_it_is_known():
    adult = SegContext(height_cm=180.0, weight_kg=80.0)  # 1740 mL expected
    found = anatomy_from_masks(ON, liver=mask(LIVER), context=adult)
    assert [flag.code for flag in found.flags] == ["liver_volume_implausible"]
    assert found.flags[0].value == pytest.approx(288 / 1740.15, rel=1e-4)


def test_a_given_liver_at_the_border_of_its_grid_is_cut():
    liver = box((2, 20), (5, 35), (5, 35))
    found = anatomy_from_masks(ON, liver=mask(liver), context=CHILD)
    assert [flag.code for flag in found.flags] == ["liver_cut_fov"]
    assert found.flags[0].value == pytest.approx(36.0)  # cm2: 30 x 30 voxels of 4 mm2


def test_lesions_without_a_liver_raise_no_doubt_about_a_liver():
    assert anatomy_from_masks(ON, lesions=mask(box((0, 4), (0, 20), (0, 20)))).flags == ()


def test_masks_of_another_grid_and_nothing_at_all_are_a_callers_mistake():
    other = arrays.grid((20, 40, 40), (5.0, 2.0, 2.1))
    with pytest.raises(ValueError, match="was given for"):
        anatomy_from_masks(ON, liver=Mask(voxels=LIVER, grid=other))
    with pytest.raises(ValueError, match="needs a liver or lesions"):
        anatomy_from_masks(ON)


def test_lesions_of_several_files_stay_apart_though_they_touch():
    beside = box((8, 10), (15, 18), (10, 15))
    pair = label_map(c3=box((4, 5), (6, 8), (6, 8)), c7=box((4, 5), (8, 10), (6, 8)))
    joined = join_lesions([mask(LESION), mask(beside), pair])
    assert len(joined.present()) == 4
    assert len(anatomy_from_masks(ON, liver=mask(LIVER), lesions=joined).lesions) == 4


def test_one_file_of_lesions_is_taken_as_it_is_and_none_is_none():
    only = mask(LESION)
    assert join_lesions([only]) is only
    assert join_lesions([]) is None


def test_lesions_given_twice_are_refused_with_the_volume():
    with pytest.raises(MaskError) as caught:
        join_lesions([mask(LESION), mask(LESION)])
    assert caught.value.code.id == "MSK-006"
    assert f"{LESION.sum() * 0.02:.2f} mL" in caught.value.what


def test_lesions_of_several_files_keep_their_tracking_uids():
    pair = label_map(c3=box((4, 5), (6, 8), (6, 8)), c7=box((4, 5), (8, 10), (6, 8)))
    pair = replace(pair, tracking_uids={3: "1.2.3", 7: "1.2.7"})
    one = replace(label_map(c1=LESION), tracking_uids={1: "1.2.1"})
    joined = join_lesions([mask(box((8, 10), (15, 18), (10, 15))), pair, one])
    body = anatomy_from_masks(ON, liver=mask(LIVER), lesions=joined)
    uids = {lesion.tracking_uid for lesion in body.lesions}
    assert {"1.2.1", "1.2.3", "1.2.7"} <= uids
    assert len(uids) == 4
    owner = {lesion.tracking_uid: lesion.number for lesion in body.lesions}
    assert np.array_equal(body.lesion(owner["1.2.1"]).voxels, LESION)
