"""A marked voxel keeps its place in the patient, however the slices were turned and ordered."""

import math
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netimg.reading import open_study
from netimg.reading.studies import survey_study
from netimg.volume import Quantity
from tests.make.dicom import body, ct_series, pet_series

SHAPE = (5, 8, 10)
MARK = (3, 2, 7)
SPACING = (3.0, 1.7, 2.3)


def rotation(quaternion):
    """Rotation matrix of a quaternion that is not zero."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def marked():
    values = np.full(SHAPE, -900.0)
    values[:, 2:6, 2:8] = 20.0
    values[MARK] = 1000.0
    return values


def world_of(index, first, row, column, spacing=SPACING):
    """The standard's formula, PS3.3 C.7.6.2.1.1, with slices along row x column."""
    z, y, x = index
    normal = np.cross(row, column)
    return (
        np.array(first) + x * spacing[2] * row + y * spacing[1] * column + z * spacing[0] * normal
    )


PART = st.floats(-1.0, 1.0)


@settings(max_examples=20)
@given(
    turn=st.tuples(PART, PART, PART, PART).filter(lambda q: np.linalg.norm(q) > 0.1),
    first=st.tuples(*[st.floats(-400.0, 400.0)] * 3),
    order=st.permutations(range(SHAPE[0])),
)
def test_any_turn_and_any_order_of_files_keep_a_marked_voxel_in_its_place(
    turn, first, order, tmp_path_factory
):
    matrix = rotation(turn)
    row, column = matrix[:, 0], matrix[:, 1]
    folder = tmp_path_factory.getbasetemp() / "turned"
    shutil.rmtree(folder, ignore_errors=True)
    paths = ct_series(
        folder,
        marked(),
        orientation=(*row, *column),
        first_lps_mm=first,
        spacing_mm=SPACING,
        per_slice={z: {"InstanceNumber": str(99 - order[z])} for z in range(SHAPE[0])},
    )
    for place, path in zip(order, paths, strict=True):
        path.rename(folder / f"slice{place}")
    (ct,) = survey_study(folder).series
    volume = ct.load()
    index = np.array(np.unravel_index(volume.values.argmax(), volume.values.shape))
    found = volume.grid.to_world(index[None].astype(float))[0]
    assert found == pytest.approx(world_of(MARK, first, row, column), abs=1e-3)
    assert [i.instance_number for i in ct.instances] == [99 - order[z] for z in range(SHAPE[0])]


TURNS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "feet first": (-1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (0.8, 0.6, 0, -0.48, 0.64, 0.6),
    "turned gantry": (
        1,
        0,
        0,
        0,
        math.cos(math.radians(12)),
        math.sin(math.radians(12)),
    ),
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_ct_of_any_direction_is_chosen_and_lies_where_it_was_taken(tmp_path, turn):
    orientation = TURNS[turn]
    values = np.array(body((12, 20, 24)))
    values[8, 9, 11] = 900.0
    ct_series(tmp_path, values, orientation=orientation, spacing_mm=SPACING)
    ct = open_study(tmp_path).ct
    volume = ct.load()
    index = np.array(np.unravel_index(volume.values.argmax(), volume.values.shape), float)
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    truth = world_of((8, 9, 11), (-20.0, -16.0, 0.0), row, column)
    assert volume.grid.to_world(index[None])[0] == pytest.approx(truth, abs=1e-3)


@pytest.mark.parametrize("turn", TURNS)
def test_a_pet_of_any_direction_has_its_suv_where_it_was_taken(tmp_path, turn):
    orientation = TURNS[turn]
    stored = np.full((12, 16, 20), 100)
    stored[4, 6, 13] = 4000
    slopes = {z: {"RescaleSlope": f"{0.5 + 0.05 * z:g}"} for z in range(12)}
    spacing = (3.27, 4.0, 4.0)
    pet_series(tmp_path, stored, orientation=orientation, spacing_mm=spacing, per_slice=slopes)
    (pet,) = open_study(tmp_path).pets
    volume = pet.load()
    assert volume.quantity is Quantity.SUV_BW
    index = np.array(np.unravel_index(volume.values.argmax(), volume.values.shape), float)
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    truth = world_of((4, 6, 13), (-20.0, -16.0, 0.0), row, column, spacing)
    assert volume.grid.to_world(index[None])[0] == pytest.approx(truth, abs=1e-3)
    assert volume.values.max() == pytest.approx(4000 * 0.7 * pet.suv.factors[0], rel=1e-6)
