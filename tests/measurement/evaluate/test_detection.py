"""Which lesions count as found, which as false."""

import json
from pathlib import Path

import numpy as np
import pytest

from netimg.geometry import Grid
from netimg.measurement.evaluate.detection import lesion_detection

TABLE = json.loads((Path(__file__).parents[1] / "data" / "detection_cases.json").read_text("utf-8"))


def grid_of(shape=(30, 60, 60), spacing_mm=(2.0, 1.0, 1.0)):
    return Grid(shape=shape, spacing_mm=spacing_mm, origin_lps_mm=(0.0, 0.0, 0.0))


def boxes(shape, *corners):
    mask = np.zeros(shape, dtype=bool)
    for z0, z1, y0, y1, x0, x1 in corners:
        mask[z0:z1, y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["id"])
def test_detection_follows_the_table(case):
    shape = tuple(case["shape"])
    got = lesion_detection(
        boxes(shape, *case["pred"]),
        boxes(shape, *case["ref"]),
        grid_of(shape, tuple(case["spacing_zyx_mm"])),
    )
    for name, expected in case["expect"].items():
        assert getattr(got, name) == (None if expected is None else pytest.approx(expected)), name


def test_lesions_fall_into_size_classes_with_the_lower_limit_included():
    shape = (30, 60, 60)
    # a row of five 1 mm voxels is exactly 5 mm long, one of three exactly 3 mm
    ref = boxes(shape, (5, 6, 2, 3, 2, 7), (9, 10, 2, 3, 2, 5), (15, 20, 20, 50, 20, 50))
    got = lesion_detection(ref, ref, grid_of())
    counts = {(c.from_mm, c.to_mm): (c.n_ref, c.found) for c in got.by_size if c.n_ref}
    assert counts == {(3.0, 5.0): (1, 1), (5.0, 10.0): (1, 1), (20.0, 50.0): (1, 1)}


def test_false_components_are_listed_by_volume():
    shape = (30, 60, 60)
    pred = boxes(shape, (2, 4, 2, 6, 2, 6), (10, 16, 10, 19, 10, 19), (20, 28, 30, 50, 30, 50))
    got = lesion_detection(pred, np.zeros(shape, dtype=bool), grid_of())
    assert got.false_by_ml == (1, 1, 1)  # 0.064, 0.972 and 6.4 mL
    assert [row.false for row in got.predicted] == [True] * 3


def test_what_lies_mostly_where_the_reference_is_silent_does_not_count():
    shape = (30, 60, 60)
    ref = boxes(shape, (5, 10, 5, 15, 5, 15))
    pred = boxes(shape, (15, 20, 30, 40, 30, 40))
    silent = boxes(shape, (15, 20, 30, 40, 30, 35))  # exactly half
    got = lesion_detection(pred, ref, grid_of(), ignore=silent)
    assert (got.n_pred, got.false, got.n_ref, got.found) == (0, 0, 1, 0)


def test_dice_of_a_matched_group_counts_both_pieces_of_a_split():
    shape = (30, 60, 60)
    ref = boxes(shape, (5, 10, 5, 15, 5, 25))
    pred = boxes(shape, (5, 10, 5, 15, 5, 10), (5, 10, 5, 15, 15, 25))
    got = lesion_detection(pred, ref, grid_of())
    assert got.splits == 1
    assert got.reference[0].dice == pytest.approx(2 * 750 / (1000 + 750))


def test_two_empty_masks_have_no_rates():
    empty = np.zeros((5, 6, 7), dtype=bool)
    got = lesion_detection(empty, empty, grid_of((5, 6, 7)))
    assert (got.n_ref, got.n_pred, got.sensitivity, got.precision, got.f1) == (
        0,
        0,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flip_changes_no_count(axis):
    rng = np.random.default_rng(4)
    ref, pred = (rng.random((8, 20, 20)) > 0.8 for _ in range(2))
    here = lesion_detection(pred, ref, grid_of((8, 20, 20)))
    there = lesion_detection(np.flip(pred, axis), np.flip(ref, axis), grid_of((8, 20, 20)))
    names = ("n_ref", "n_pred", "found", "false", "merges", "splits", "iou50", "ignored_ref")
    assert [getattr(here, n) for n in names] == [getattr(there, n) for n in names]


def test_a_mask_of_another_shape_is_refused():
    empty = np.zeros((5, 6, 7), dtype=bool)
    with pytest.raises(ValueError, match=r"\(5, 6, 7\) does not lie on a grid of \(5, 6, 8\)"):
        lesion_detection(empty, empty, grid_of((5, 6, 8)))
