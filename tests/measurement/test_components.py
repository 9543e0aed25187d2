"""Connected components and boxes."""

import numpy as np
import pytest
from scipy import ndimage

from netimg.measurement.components import (
    among,
    box_of,
    boxes_of,
    components,
    touches_border,
    widened,
)


@pytest.mark.parametrize("n_axes", [2, 3])
def test_components_are_those_of_an_independent_program(n_axes):
    """cc3d 4.1.1 gave background a label on boolean slices of odd width, 3 % of them."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        mask = rng.random(rng.integers(1, 14, n_axes)) > rng.random()
        labels, count = components(mask)
        expected, n = ndimage.label(mask, np.ones([3] * n_axes))
        assert count == n
        assert np.array_equal(labels > 0, mask)
        assert len(np.unique(np.stack([labels, expected]).reshape(2, -1), axis=1).T) == len(
            np.unique(expected)
        )


def test_a_box_holds_the_mask_and_its_margin_inside_the_array():
    mask = np.zeros((6, 8, 10), dtype=bool)
    mask[2:4, 0:3, 7:10] = True
    assert box_of(mask) == (slice(2, 4), slice(0, 3), slice(7, 10))
    assert box_of(mask, (1, 2, 3)) == (slice(1, 5), slice(0, 5), slice(4, 10))
    assert box_of(np.zeros_like(mask)) is None


def test_boxes_of_labels_leave_out_those_that_do_not_occur():
    labels = np.zeros((4, 5, 6), dtype=np.uint16)
    labels[1, 2, 3], labels[2:, 4, 5] = 1, 3
    assert boxes_of(labels, 3) == {
        1: (slice(1, 2), slice(2, 3), slice(3, 4)),
        3: (slice(2, 4), slice(4, 5), slice(5, 6)),
    }


def test_a_box_is_widened_up_to_the_border_and_knows_when_it_reaches_it():
    box = (slice(1, 2), slice(2, 4), slice(3, 4))
    assert not touches_border(box, (4, 5, 6))
    wide = widened(box, (1, 1, 1), (4, 5, 6))
    assert wide == (slice(0, 3), slice(1, 5), slice(2, 5))
    assert touches_border(wide, (4, 5, 6))


def test_among_holds_the_named_labels_only():
    labels = np.array([[[0, 1, 2, 3]]], dtype=np.uint16)
    assert among(labels, (1, 3, 9)).ravel().tolist() == [False, True, False, True]
    assert not among(labels, ()).any()
