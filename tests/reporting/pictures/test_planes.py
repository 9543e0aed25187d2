from itertools import permutations, product

import numpy as np
import pytest

from netimg.geometry import Grid
from netimg.reporting.pictures.planes import Turned, labels_on
from tests.make import result as make

AXES = {"L": (1, 0, 0), "P": (0, 1, 0), "S": (0, 0, 1)}
SHAPE_SPL = (3, 4, 5)
SPACING_SPL = (5.0, 2.0, 1.0)


def stored(order, signs):
    """A volume whose array axes run along ``order`` (a permutation of SPL) with signs.

    Voxel values count along S, P, L, whatever the order they are stored in.
    """
    truth = np.arange(np.prod(SHAPE_SPL)).reshape(SHAPE_SPL)
    place = {"S": 0, "P": 1, "L": 2}
    array = truth.transpose([place[a] for a in order])
    array = array[tuple(slice(None, None, s) for s in signs)]
    columns = [np.array(AXES[a]) * s for a, s in zip(order, signs, strict=True)]
    origin = np.zeros(3)
    for axis, sign in zip(order, signs, strict=True):
        if sign < 0:
            origin += np.array(AXES[axis]) * (SHAPE_SPL[place[axis]] - 1) * SPACING_SPL[place[axis]]
    directions = tuple(map(tuple, np.array(columns).T.astype(float)))
    if np.linalg.det(np.array(directions)[:, ::-1]) < 0:
        return None
    grid = Grid(
        shape=array.shape,
        spacing_mm=tuple(SPACING_SPL[place[a]] for a in order),
        origin_lps_mm=tuple(origin),
        directions=directions,
    )
    return array, grid, truth


CASES = [
    ("".join(order) + "".join("+-"[s < 0] for s in signs), stored(order, signs))
    for order in permutations("SPL")
    for signs in product((1, -1), repeat=3)
    if stored(order, signs) is not None
]


def test_half_of_the_48_orders_are_right_handed():
    assert len(CASES) == 24


@pytest.mark.parametrize("case", [c[1] for c in CASES], ids=[c[0] for c in CASES])
def test_any_storage_order_shows_the_same_planes(case):
    array, grid, truth = case
    turned = Turned(grid)
    assert np.array_equal(turned.view(array), truth)
    assert turned.spacing_mm == SPACING_SPL
    axial, coronal = turned.axial(array, 1), turned.coronal(array, 2)
    assert np.array_equal(axial.values, truth[1])
    assert (axial.row_mm, axial.column_mm) == (2.0, 1.0)
    assert np.array_equal(coronal.values, truth[::-1, 2, :])
    assert np.array_equal(turned.front(array).values, truth.max(axis=1)[::-1])
    assert np.array_equal(turned.from_left(array).values, truth.max(axis=2)[::-1])
    assert turned.position_mm(0, 2) == pytest.approx(10.0)
    assert turned.position_mm(1, 3) == pytest.approx(6.0)
    assert turned.index(np.array([[4.0, 6.0, 10.0]]))[0] == pytest.approx([2, 3, 4])


def test_the_patients_right_is_on_the_left_and_anterior_on_top():
    body = make.anatomy()  # the liver lies to the right (L < 0)
    plane = Turned(body.grid).axial(body.liver.voxels, 8)
    columns = np.flatnonzero(plane.values.any(axis=0))
    assert columns.mean() < plane.values.shape[1] / 2
    assert plane.letters == ("R", "L", "A", "P")


def test_labels_on_another_grid_are_those_at_its_voxel_centres():
    body = make.anatomy()
    drawn = labels_on(body.lesion_labels.labels, body.grid, make.PET_GRID)
    index = np.argwhere(np.ones(make.PET_GRID.shape, bool))
    back = np.rint(body.grid.to_index(make.PET_GRID.to_world(index.astype(float)))).astype(int)
    inside = np.all((back >= 0) & (back < body.grid.shape), axis=1)
    truth = np.zeros(len(index), np.uint16)
    truth[inside] = body.lesion_labels.labels[tuple(back[inside].T)]
    assert np.array_equal(drawn.ravel(), truth)
    assert set(np.unique(drawn)) == {0, 1, 2}


def test_labels_far_from_the_other_grid_are_not_drawn():
    far = Grid(shape=(4, 4, 4), spacing_mm=(1, 1, 1), origin_lps_mm=(5000, 0, 0))
    body = make.anatomy()
    assert not labels_on(body.lesion_labels.labels, body.grid, far).any()
    empty = np.zeros(body.grid.shape, np.uint16)
    assert not labels_on(empty, body.grid, make.PET_GRID).any()
