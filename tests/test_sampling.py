"""Masks onto other grids."""

from dataclasses import replace

import numpy as np
import pytest

from netimg.sampling import SUB_POINTS, covered_fraction
from netimg.volume import Mask
from tests.make import arrays as make

CT = make.grid((30, 50, 50), (2.0, 1.0, 1.0), (-25.0, -25.0, -30.0))
PET = make.grid((20, 20, 20), (3.27, 4.07, 4.07), (-38.0, -38.0, -31.0))
SEMI_MM = (12.0, 9.0, 15.0)


BLOB = Mask(voxels=make.ellipsoid(CT, (0.0, 0.0, 0.0), SEMI_MM), grid=CT)


def test_a_mask_on_its_own_grid_comes_back_as_it_was():
    mask = BLOB
    got = covered_fraction(mask, CT)
    assert np.array_equal(got.on(CT.shape), mask.voxels.astype(np.float32))
    assert np.array_equal(got.core(), mask.voxels[got.box])


def centred(angles, off_mm=(0.0, 0.0, 0.0)):
    """PET grid whose voxel (10, 10, 10) lies at ``off_mm``, turned."""
    turned = replace(PET, origin_lps_mm=(0.0, 0.0, 0.0), directions=make.oblique(angles))
    middle = turned.to_world(np.array([[10.0, 10.0, 10.0]]))[0]
    return replace(turned, origin_lps_mm=tuple(np.subtract(off_mm, middle)))


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 20, 30), (0, 0, 90), (0, 180, 0)])
def test_the_volume_moves_within_half_a_sub_point_of_the_surface(angles):
    target = centred(angles)
    moved_ml = float(covered_fraction(BLOB, target).fraction.sum()) * target.voxel_ml
    half_mm = max(PET.spacing_mm) / SUB_POINTS / 2
    shell_ml = make.ellipsoid_ml(np.add(SEMI_MM, half_mm)) - make.ellipsoid_ml(SEMI_MM)
    assert moved_ml == pytest.approx(BLOB.volume_ml, abs=shell_ml)


def test_over_many_places_of_the_target_the_volume_is_right_on_average():
    places = np.random.default_rng(3).uniform(-2.0, 2.0, (60, 3))
    targets = [centred((0, 0, 0), place) for place in places]
    moved_ml = [float(covered_fraction(BLOB, t).fraction.sum()) * t.voxel_ml for t in targets]
    error = 3.0 * float(np.std(moved_ml)) / len(places) ** 0.5
    assert np.mean(moved_ml) == pytest.approx(BLOB.volume_ml, abs=error)
    assert error < 0.03 * BLOB.volume_ml


def test_parallel_axes_and_any_angle_take_two_ways_to_one_answer():
    mask = BLOB
    straight = covered_fraction(mask, PET).on(PET.shape)
    tilted = replace(PET, directions=make.oblique((2e-5, 0.0, 0.0)))
    general = covered_fraction(mask, tilted).on(PET.shape)
    assert np.abs(straight - general).max() <= 4 / 64  # only sub-points at a border may differ
    assert np.abs(straight - general).mean() < 1e-3


def test_a_cuboid_half_over_a_voxel_covers_half_of_it():
    ct = make.grid((4, 4, 8), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5))
    voxels = np.zeros(ct.shape, dtype=bool)
    voxels[:, :, :6] = True  # 0 to 6 mm
    pet = make.grid((1, 1, 2), (4.0, 4.0, 4.0), (2.0, 2.0, 2.0))  # 0 to 4, 4 to 8 mm
    got = covered_fraction(Mask(voxels=voxels, grid=ct), pet)
    assert got.on(pet.shape).ravel().tolist() == [1.0, 0.5]
    assert got.core().ravel().tolist() == [True, True]  # exactly half is inside


@pytest.mark.parametrize("shift", [(1, 0, 0), (-3, 2, 1), (0.5, 0.25, -8.0)])
def test_moving_both_grids_together_changes_nothing(shift):
    moved = replace(CT, origin_lps_mm=tuple(np.add(CT.origin_lps_mm, shift)))
    target = replace(PET, origin_lps_mm=tuple(np.add(PET.origin_lps_mm, shift)))
    here = covered_fraction(BLOB, PET)
    there = covered_fraction(Mask(voxels=BLOB.voxels, grid=moved), target)
    assert here.box == there.box
    assert np.allclose(here.fraction, there.fraction, atol=4 / 64)


def test_a_mask_that_is_empty_or_elsewhere_covers_nothing():
    assert covered_fraction(Mask(voxels=np.zeros(CT.shape, dtype=bool), grid=CT), PET) is None
    far = replace(PET, origin_lps_mm=(1000.0, 0.0, 0.0))
    assert covered_fraction(BLOB, far) is None


def test_a_mask_cut_by_the_edge_of_the_target_keeps_the_part_inside():
    half = replace(PET, shape=(20, 20, 10))
    whole = covered_fraction(BLOB, PET).on(PET.shape)
    assert np.allclose(covered_fraction(BLOB, half).on(half.shape), whole[:, :, :10])
