import pickle  # noqa: TID251  # nouns must cross process borders

import numpy as np
import pytest

from netimg.anatomy import MIN_LESION_ML, Anatomy, Origin
from netimg.geometry import Grid
from netimg.lesion import Lesion
from netimg.volume import LabelMap, Mask, Quantity, Volume

GRID = Grid(shape=(20, 40, 40), spacing_mm=(2.0, 1.0, 1.0), origin_lps_mm=(-20, -20, 0))


def _mask(*boxes: tuple[slice, slice, slice]) -> Mask:
    voxels = np.zeros(GRID.shape, dtype=bool)
    for box in boxes:
        voxels[box] = True
    return Mask(voxels=voxels, grid=GRID)


LIVER = _mask(np.s_[2:18, 4:36, 4:36])
SMALL = np.s_[4:6, 6:10, 6:10]
LARGE = np.s_[8:12, 20:30, 20:30]


def test_lesions_are_numbered_by_volume() -> None:
    body = Anatomy.from_masks(LIVER, _mask(SMALL, LARGE))
    assert [lesion.id for lesion in body.lesions] == ["L1", "L2"]
    assert body.lesion(1).volume_ml == pytest.approx(4 * 10 * 10 * 2 / 1000)
    assert body.lesion(2).volume_ml == pytest.approx(2 * 4 * 4 * 2 / 1000)


def test_equal_lesions_are_numbered_from_the_feet() -> None:
    upper, lower = np.s_[14:16, 6:12, 6:12], np.s_[4:6, 6:12, 6:12]
    body = Anatomy.from_masks(LIVER, _mask(upper, lower))
    assert body.lesion(1).voxels[4, 6, 6]
    assert body.lesion(2).voxels[14, 6, 6]


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    body = Anatomy.from_masks(LIVER, _mask(np.s_[4:7, 6:10, 6:10], np.s_[7:10, 10:14, 10:14]))
    assert len(body.lesions) == 1


def test_each_label_of_a_label_map_is_a_lesion_even_where_they_touch() -> None:
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[4:7, 6:10, 6:10] = 5
    labels[7:12, 6:10, 6:10] = 9
    body = Anatomy.from_masks(LIVER, LabelMap(labels=labels, grid=GRID))
    assert [body.lesion(n).volume_ml for n in (1, 2)] == pytest.approx([0.16, 0.096])


@pytest.mark.parametrize(("voxels", "numbered"), [(15, 1), (14, 0)])
def test_a_component_just_below_the_limit_is_counted_but_not_numbered(
    voxels: int, numbered: int
) -> None:
    assert pytest.approx(15 * GRID.voxel_ml) == MIN_LESION_ML
    body = Anatomy.from_masks(LIVER, _mask(np.s_[5:6, 10:11, 10 : 10 + voxels]))
    assert len(body.lesions) == numbered
    assert body.ignored_count == 1 - numbered
    assert body.ignored_ml == pytest.approx((1 - numbered) * voxels * GRID.voxel_ml)


def test_lesion_voxels_outside_the_liver_count_as_liver() -> None:
    outside = np.s_[8:10, 36:40, 10:20]
    body = Anatomy.from_masks(LIVER, _mask(outside))
    assert body.liver.volume_ml == pytest.approx(LIVER.volume_ml + 2 * 4 * 10 * GRID.voxel_ml)


def test_tracking_uids_depend_on_content_and_place_alone() -> None:
    first = Anatomy.from_masks(LIVER, _mask(SMALL, LARGE))
    alone = Anatomy.from_masks(LIVER, _mask(SMALL))
    assert first.lesions[1].tracking_uid == alone.lesions[0].tracking_uid
    assert first.lesions[0].tracking_uid != first.lesions[1].tracking_uid
    assert all(len(lesion.tracking_uid) <= 64 for lesion in first.lesions)


def test_confidence_is_the_mean_probability_inside_the_lesion() -> None:
    crop = GRID.crop((7, 15, 15), (14, 33, 33))
    values = np.full(crop.shape, 0.75, dtype=np.float32)
    probability = Volume(values=values, grid=crop, quantity=Quantity.PROBABILITY)
    body = Anatomy.from_masks(LIVER, _mask(LARGE), lesion_probability=probability)
    assert body.lesions[0].confidence == pytest.approx(0.75)


def test_masks_on_different_grids_are_refused() -> None:
    other = Grid(shape=GRID.shape, spacing_mm=(2, 1, 1), origin_lps_mm=(-20, -20, 1))
    lesions = Mask(voxels=np.zeros(GRID.shape, dtype=bool), grid=other)
    with pytest.raises(ValueError, match="different grids"):
        Anatomy.from_masks(LIVER, lesions)


def test_labels_without_a_lesion_are_refused() -> None:
    labels = LabelMap(labels=np.ones(GRID.shape, dtype=np.uint16), grid=GRID)
    with pytest.raises(ValueError, match="do not match"):
        Anatomy(liver=LIVER, lesion_labels=labels, lesions=(Lesion(number=2, tracking_uid="1"),))


def test_arrays_of_an_anatomy_cannot_be_written_to() -> None:
    body = Anatomy.from_masks(LIVER, _mask(SMALL))
    with pytest.raises(ValueError, match="read-only"):
        body.liver.voxels[0, 0, 0] = True


def test_what_nobody_looked_for_is_not_the_same_as_none_found() -> None:
    liver_alone = Anatomy.from_masks(LIVER)
    assert liver_alone.has_liver
    assert not liver_alone.has_lesions
    none_found = Anatomy.from_masks(LIVER, _mask())
    assert none_found.has_lesions
    assert none_found.lesions == ()
    lesions_alone = Anatomy.from_masks(None, _mask(LARGE))
    assert not lesions_alone.has_liver
    assert lesions_alone.liver.volume_ml == pytest.approx(lesions_alone.lesion(1).volume_ml)
    with pytest.raises(ValueError, match="a liver or lesions"):
        Anatomy.from_masks(None)


@pytest.mark.parametrize(
    ("kind", "status"), [("person", "accepted"), ("file", "accepted"), ("model", "proposed")]
)
def test_what_a_person_gave_is_accepted_and_what_a_model_found_is_proposed(
    kind: str, status: str
) -> None:
    origins = {"lesions": Origin(kind=kind, name="x")}
    found = Anatomy.from_masks(None, _mask(SMALL, LARGE), origins=origins)
    assert [lesion.status.value for lesion in found.lesions] == [status] * 2


def test_a_lesion_keeps_the_tracking_uid_of_its_label() -> None:
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[SMALL], labels[LARGE] = 5, 9
    known = {5: "1.2.5", 9: "1.2.9"}
    body = Anatomy.from_masks(LIVER, LabelMap(labels=labels, grid=GRID, tracking_uids=known))
    assert [lesion.tracking_uid for lesion in body.lesions] == ["1.2.9", "1.2.5"]
    twice = LabelMap(labels=labels, grid=GRID, tracking_uids={5: "1.2.5", 9: "1.2.5"})
    uids = [lesion.tracking_uid for lesion in Anatomy.from_masks(LIVER, twice).lesions]
    assert uids[1] == "1.2.5"
    assert uids[0].startswith("2.25.")


def test_a_tracking_uid_of_a_label_in_pieces_is_none_of_theirs() -> None:
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[SMALL] = labels[LARGE] = 1
    one = LabelMap(labels=labels, grid=GRID, tracking_uids={1: "1.2.5"})
    body = Anatomy.from_masks(LIVER, one)
    assert len(body.lesions) == 2
    assert all(lesion.tracking_uid.startswith("2.25.") for lesion in body.lesions)
    labels[SMALL] = 0
    one = LabelMap(labels=labels, grid=GRID, tracking_uids={1: "1.2.5"})
    assert [x.tracking_uid for x in Anatomy.from_masks(LIVER, one).lesions] == ["1.2.5"]


def test_a_label_map_crosses_process_borders_with_names_and_identities() -> None:
    labels = np.zeros(GRID.shape, dtype=np.uint16)
    labels[LARGE] = 3
    whole = LabelMap(labels=labels, grid=GRID, names={3: "a"}, tracking_uids={3: "1.2.3"})
    again = pickle.loads(pickle.dumps(whole))  # noqa: S301  # our own bytes
    assert again.same_as(whole, tol_mm=0)
    assert (dict(again.names), dict(again.tracking_uids)) == ({3: "a"}, {3: "1.2.3"})
