"""One prediction against one reference, structure by structure."""

import json
from dataclasses import replace

import numpy as np
import pytest

from netimg.errors import MaskError
from netimg.geometry import Grid
from netimg.measurement.evaluate import evaluate_masks
from netimg.volume import LabelMap, Mask

GRID = Grid(shape=(10, 40, 40), spacing_mm=(2.0, 1.0, 1.0), origin_lps_mm=(0.0, 0.0, 0.0))


def labels(liver, lesion=None):
    values = np.zeros(GRID.shape, dtype=np.uint16)
    values[liver] = 1
    if lesion is not None:
        values[lesion] = 2
    return LabelMap(labels=values, grid=GRID)


LIVER = np.s_[1:9, 5:35, 5:35]
LESION = np.s_[3:6, 10:20, 10:20]


def test_the_liver_holds_its_lesions():
    whole = labels(LIVER)
    split = labels(LIVER, LESION)
    got = evaluate_masks(split, whole, labels={"liver": 1, "lesion": 2})
    assert got["liver"].dice == 1.0
    assert got["liver"].detection is None
    assert got["lesion"].dice == 0.0
    assert got["lesion"].detection.false == 1
    assert got.burden_error_pct == pytest.approx(100 * 300 / 7200)


def test_a_mask_without_labels_is_one_structure_with_detection():
    mask = Mask(voxels=labels(LESION).labels > 0, grid=GRID)
    got = evaluate_masks(mask, mask)
    assert [s.name for s in got.structures] == ["mask"]
    assert got["mask"].detection.sensitivity == 1.0
    assert got.burden_error_pct is None


def test_masks_off_the_grid_are_refused_with_the_distance():
    mask = Mask(voxels=np.zeros(GRID.shape, dtype=bool), grid=GRID)
    moved = replace(mask, grid=replace(GRID, origin_lps_mm=(0.0, 3.0, 4.0)))
    with pytest.raises(MaskError, match=r"MSK-001.*5\.00 mm apart"):
        evaluate_masks(moved, mask)


def test_labels_of_a_plain_mask_are_the_callers_mistake():
    mask = Mask(voxels=np.zeros(GRID.shape, dtype=bool), grid=GRID)
    with pytest.raises(ValueError, match="a mask has no labels"):
        evaluate_masks(mask, mask, labels={"liver": 1})


def test_the_plain_form_is_strict_json_with_infinity_as_a_word():
    got = evaluate_masks(labels(LIVER), labels(np.s_[:0]), labels={"liver": 1})
    plain = json.loads(json.dumps(got.to_dict(), allow_nan=False))
    assert plain["structures"][0]["volume"]["error_pct"] == "inf"


def test_two_empty_masks_agree_and_say_so():
    empty = labels(np.s_[:0])
    got = evaluate_masks(empty, empty)
    assert (got["mask"].dice, got["mask"].both_empty) == (1.0, True)
