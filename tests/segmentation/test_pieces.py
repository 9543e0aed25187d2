"""Connected pieces, against a slow second opinion."""

import ast
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import netimg
from netimg.segmentation.pieces import boxes_of, centres_of, largest_piece, pieces_of


@pytest.mark.parametrize(("ndim", "connectivity"), [(2, 4), (2, 8), (3, 6), (3, 26)])
def test_pieces_are_those_of_scipy_on_random_masks(ndim, connectivity):
    rng = np.random.default_rng(0)
    shape = np.ones((3,) * ndim) if connectivity in (8, 26) else None
    for _ in range(20):
        mask = rng.random((11, 13, 12)[:ndim]) < 0.3
        labels = pieces_of(mask, connectivity=connectivity)
        wanted, count = ndimage.label(mask, structure=shape)
        assert len(np.unique(labels[mask])) == count
        assert not labels[~mask].any()
        pairs = set(zip(labels[mask].tolist(), wanted[mask].tolist(), strict=True))
        assert len(pairs) == count


def test_the_largest_piece_of_nothing_is_nothing():
    assert not largest_piece(np.zeros((3, 4, 5), dtype=bool)).any()


def test_read_only_and_turned_masks_are_taken():
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[0, 0, :2] = True
    mask[3, 2:5, 4] = True
    mask.flags.writeable = False
    for view in (mask, mask.transpose(2, 0, 1), mask[::-1]):
        assert largest_piece(view).sum() == 3
        assert np.array_equal(largest_piece(view) & view, largest_piece(view))


def test_boxes_and_centres_go_by_label():
    labels = np.zeros((4, 5, 6), dtype=np.uint16)
    labels[1:3, 2, 3:6] = 2
    assert boxes_of(labels)[2] == (slice(1, 3), slice(2, 3), slice(3, 6))
    assert centres_of(labels)[2].tolist() == [1.5, 2.0, 4.0]


def test_nothing_gives_cc3d_a_boolean_array():
    # cc3d 4.1.1 labels some background of boolean arrays: every call converts to bytes itself.
    found = []
    for path in sorted(Path(netimg.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called == "cc3d.connected_components":
                given = ast.unparse(node.args[0])
                assert ".astype(np.uint8" in given, f"{path.name}:{node.lineno} gives {given}"
                found.append(path.name)
    assert {"anatomy.py", "components.py", "pieces.py"} <= set(found)
