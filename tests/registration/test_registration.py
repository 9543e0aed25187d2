"""A PET that lies elsewhere is brought back, or refused with numbers."""

import pickle  # noqa: TID251  # series cross process borders
from dataclasses import replace

import numpy as np
import pytest

from netimg.registration import dome_shift, liver_gap_mm, moved, register
from netimg.registration.rigid import _judged
from netimg.registration.tables import limits
from netimg.study import Registration
from netimg.volume import Mask
from tests.make import arrays, pair


@pytest.mark.slow
@pytest.mark.parametrize(
    ("turn_deg", "shift_mm"),
    [((0, 0, 0), (12.0, -8.0, 25.0)), ((4.0, -3.0, 5.0), (-15.0, 10.0, -30.0))],
    ids=["shifted", "turned and shifted"],
)
def test_a_pet_that_lies_elsewhere_is_brought_back_to_within_a_voxel(turn_deg, shift_mm):
    pet = pair.pet(turn_deg=turn_deg, shift_mm=shift_mm)
    found = register(pet, pair.ct(), pair.liver())
    assert found.accepted, found.refusal
    assert pair.error_mm(found, turn_deg, shift_mm) < max(pair.PET_GRID.spacing_mm)
    assert found.translation_mm == pytest.approx(np.linalg.norm(shift_mm), abs=3.0)
    assert found.similarity_after > found.similarity_before
    assert found.liver_gap_mm < 4.0


GOOD = Registration(
    matrix=((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
    rotation_deg=10.0,
    translation_mm=60.0,
    similarity_before=0.4,
    similarity_after=0.41,
    liver_gap_mm=10.0,
    accepted=False,
)


def test_on_every_limit_a_registration_is_accepted():
    assert _judged(GOOD).accepted
    assert _judged(GOOD).refusal == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"similarity_after": 0.4}, "did not rise (0.400 to 0.400)"),
        ({"rotation_deg": 10.1}, "turned by 10.1 degrees, at most 10"),
        ({"translation_mm": 61.0}, "shifted by 61 mm, at most 60 mm"),
        ({"liver_gap_mm": 10.1}, "10.1 mm apart, at most 10 mm"),
        ({"liver_gap_mm": None}, "cannot be told on the PET"),
    ],
)
def test_beyond_any_limit_it_is_refused_with_the_numbers(changes, words):
    judged = _judged(replace(GOOD, **changes))
    assert not judged.accepted
    assert words in judged.refusal


@pytest.mark.parametrize("shift_mm", [0.0, 6.0, -12.0])
def test_the_gap_of_the_livers_surfaces_grows_with_a_shift(shift_mm):
    """A shift d along S moves a sphere's surface by d times the cosine: d / 2 in the middle."""
    gap = liver_gap_mm(pair.pet(shift_mm=(0, 0, shift_mm)), pair.liver())
    assert gap == pytest.approx(abs(shift_mm) / 2, abs=1.5)


def test_a_pet_without_a_liver_in_it_has_no_surface():
    empty = pair.pet()
    flat = replace(empty, values=np.ones_like(empty.values))
    assert liver_gap_mm(flat, pair.liver()) is None
    elsewhere = replace(empty.grid, origin_lps_mm=(5000.0, 0.0, 0.0))
    assert liver_gap_mm(replace(empty, grid=elsewhere), pair.liver()) is None


@pytest.mark.parametrize("shift_mm", [0.0, 6.0, 15.0, -14.0])
def test_the_shift_of_the_dome_is_measured_in_mm(shift_mm):
    found = dome_shift(pair.pet(shift_mm=(0.0, 0.0, shift_mm)), pair.ct(), pair.liver())
    assert found.shift_mm == pytest.approx(shift_mm, abs=1.5)
    assert found.lines >= limits("dome")["points_min"]


def test_blur_of_the_breath_does_not_move_the_dome():
    found = dome_shift(pair.pet(fwhm_mm=12.0), pair.ct(), pair.liver())
    assert found.shift_mm == pytest.approx(0.0, abs=2.0)


def test_a_liver_cut_at_the_top_has_no_dome():
    """Only slices below the dome: nothing looks up into lung."""
    ct, liver = pair.ct(), pair.liver()
    low = replace(ct, values=ct.values[:50], grid=ct.grid.crop((0, 0, 0), (50, 120, 160)))
    cut = Mask(voxels=liver.voxels[:50], grid=low.grid)
    assert dome_shift(pair.pet(), low, cut) is None


def test_a_moved_pet_keeps_its_voxels_and_takes_the_coordinate_system_of_the_ct():
    turn_deg, shift_mm = (3.0, 2.0, -4.0), np.array((5.0, -6.0, 7.0))
    turn = pair.rotation(turn_deg)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, shift_mm
    found = replace(GOOD, matrix=tuple(map(tuple, matrix.tolist())), accepted=True)
    volume = pair.pet()
    pet = arrays.sstr(volume, frame_of_reference_uid="1.2")
    ct = arrays.series(pair.ct(), frame_of_reference_uid="1.3")
    there = moved(pet, ct, found)
    assert there.frame_of_reference_uid == "1.3"
    loaded = pickle.loads(pickle.dumps(there.load()))  # noqa: S301  # our own bytes
    assert np.array_equal(loaded.values, volume.values)
    index = np.array([[3.0, 40.0, 21.0]])
    expected = turn @ volume.grid.to_world(index)[0] + shift_mm
    assert loaded.grid.to_world(index)[0] == pytest.approx(expected, abs=1e-9)
    assert there.grid.same_as(loaded.grid, tol_mm=1e-6)
