"""Reference regions on a PET."""

from dataclasses import replace

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.measurement.pet_liver import liver_sphere
from netimg.settings import Settings
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays as make

GRID = make.grid((60, 60, 70), (3.0, 3.5, 3.5), (-120.0, -100.0, -90.0))
LIVER = make.ellipsoid(GRID, (-20.0, 0.0, 0.0), (85.0, 60.0, 60.0))
RIGHT = make.points_of(GRID)[..., 0] < -20.0


def study_of(organs=None, lesions=None, segments=None, noise=0.0, uptake=None):
    """PET with liver 5, spleen 9, aorta 1.5, lesions 20; anatomy drawn on its own grid."""
    suv = np.where(LIVER, 5.0, 0.5)
    if organs is not None:
        suv = np.where(organs == 31, 9.0, np.where(organs == 24, 1.5, suv))
    labels = None
    if lesions is not None:
        suv = np.where(lesions, 20.0, suv)
        labels = Mask(voxels=lesions, grid=GRID)
    suv = suv + noise * np.random.default_rng(0).standard_normal(GRID.shape)
    suv = suv if uptake is None else uptake(suv)
    anatomy = Anatomy.from_masks(
        Mask(voxels=LIVER, grid=GRID),
        labels,
        organs=None if organs is None else LabelMap(labels=organs.astype(np.uint16), grid=GRID),
        segments=None if segments is None else LabelMap(labels=segments, grid=GRID),
    )
    pet = Volume(values=suv.astype(np.float32), grid=GRID, quantity=Quantity.SUV_BW)
    return make.study(None, make.sstr(pet, 1)), anatomy


def measured_of(settings=None, **more):
    return netimg.measure(*study_of(**more), settings=settings)


def region(found, name, where="liver_reference"):
    return found.get(f"sstr_{name}", Scope.REGION, where)


def organ(code, centre, semi):
    return make.ellipsoid(GRID, centre, semi).astype(np.uint16) * code


SPLEEN = organ(31, (110.0, 30.0, 0.0), (14.0, 30.0, 40.0))
# a vertical tube far above the dome (60 mm)
TUBE = np.hypot(*(make.points_of(GRID)[..., k] - c for k, c in ((0, 10.0), (1, 75.0)))) < 12.0
AORTA = TUBE.astype(np.uint16) * 24


def test_the_sphere_has_30_mm_and_the_value_of_the_liver():
    found = measured_of()
    assert region(found, "suv_mean").value == pytest.approx(5.0)
    assert region(found, "suv_sd").value == pytest.approx(0.0, abs=1e-6)
    truth = make.ellipsoid_ml((15.0, 15.0, 15.0))
    band = make.half_voxel_ml((15.0, 15.0, 15.0), GRID.spacing_mm)
    assert region(found, "volume_ml").value == pytest.approx(truth, abs=band)


def test_the_interval_of_the_mean_is_that_of_its_independent_values():
    found = measured_of(noise=0.5)
    mean, sd = region(found, "suv_mean"), region(found, "suv_sd").value
    half = 1.96 * sd / (region(found, "volume_ml").value / 0.5) ** 0.5
    assert (mean.lo, mean.hi) == pytest.approx((mean.value - half, mean.value + half))
    assert mean.interval == "noise"
    assert region(found, "cov").value == pytest.approx(sd / mean.value)


def test_the_centre_lies_right_of_the_centroid_where_there_are_no_segments():
    assert region(measured_of(), "centre_l_mm").value < -20.0


def test_with_segments_the_centre_lies_in_v_to_viii():
    left = np.where(RIGHT, 12, 16).astype(np.uint16) * LIVER  # a mirrored liver: V-VIII on the left
    assert region(measured_of(segments=left), "centre_l_mm").value >= -20.0


def test_the_sphere_keeps_its_distance_from_surface_and_lesions():
    lesion = make.ellipsoid(GRID, (-60.0, 0.0, 0.0), (12.0, 12.0, 12.0))
    found = measured_of(lesions=lesion)
    assert region(found, "suv_mean").value == pytest.approx(5.0)
    centre = np.array([region(found, f"centre_{axis}_mm").value for axis in "lps"])
    gap = np.linalg.norm(make.points_of(GRID)[lesion] - centre, axis=1).min()
    assert gap >= 15.0 + 10.0


@pytest.mark.parametrize(("radius_mm", "kept_off"), [(12.0, True), (3.5, False)])
def test_the_sphere_stays_off_wide_veins_only(radius_mm, kept_off):
    usual = measured_of()
    centre = np.array([region(usual, f"centre_{axis}_mm").value for axis in "lps"])
    points = make.points_of(GRID)
    away = np.hypot(points[..., 0] - centre[0], points[..., 1] - centre[1])  # a vertical tube
    found = measured_of(organs=np.where(away < radius_mm, 21, 0))
    moved = np.array([region(found, f"centre_{axis}_mm").value for axis in "lps"])
    assert bool(np.linalg.norm(moved - centre) > 15.0) is kept_off


def test_a_liver_full_of_tumour_gives_no_reference_and_says_what_would_fit():
    far = LIVER & (np.indices(GRID.shape).sum(axis=0) % 9 == 0)
    found = measured_of(lesions=far)
    mean = region(found, "suv_mean")
    assert (mean.value, mean.reason) == (None, "missing_input:pet.sstr.reference.liver_mean")
    (flag,) = [f for f in found.flags if f.code == "pet_ref_liver_none"]
    assert flag.threshold == 30.0
    assert flag.value < 30.0
    tv = found.get("sstr_tv_ml", Scope.LESION, "L1")
    assert tv.reason == "missing_input:pet.sstr.reference.liver_mean"


def test_a_smaller_sphere_is_taken_only_when_asked_for_and_flagged():
    smaller = Settings.shipped().with_values({"measurement.liver_ref_mm": 20.0}, layer="test")
    found = measured_of(smaller)
    assert region(found, "volume_ml").value == pytest.approx(
        make.ellipsoid_ml((10, 10, 10)), rel=0.2
    )
    assert "liver_ref_size" in region(found, "suv_mean").flags


def test_an_uneven_liver_is_a_doubtful_reference():
    stripes = (np.indices(GRID.shape)[2] // 2) % 2 == 0
    found = measured_of(uptake=lambda suv: np.where(stripes, suv, 0.4 * suv))
    assert "liver_ref_doubtful" in region(found, "suv_mean").flags
    assert "liver_ref_doubtful" not in region(measured_of(noise=0.5), "suv_mean").flags


@pytest.mark.parametrize(("diameter", "fits"), [(40.0, True), (42.0, False)])
def test_a_sphere_fits_where_its_radius_and_one_voxel_do(diameter, fits):
    grid = make.grid((47, 47, 47), (1.0, 1.0, 1.0))
    free = np.zeros(grid.shape, dtype=bool)
    free[1:46, 1:46, 1:46] = True  # the middle is 23 voxels from the outside: 22 + 1
    got = liver_sphere(free, free, grid, diameter_mm=diameter + 3.0)
    assert (got.mask is not None) is fits
    assert got.clearance_mm == pytest.approx(23.0)
    assert got.largest_mm == pytest.approx(44.0)
    assert got.centre == (23, 23, 23)


def test_of_equal_centres_the_lowest_is_taken():
    grid = make.grid((20, 40, 40), (1.0, 1.0, 1.0))
    free = np.zeros(grid.shape, dtype=bool)
    free[2:17, 2:17, 2:17] = free[2:17, 22:37, 22:37] = True
    assert liver_sphere(free, free, grid, diameter_mm=6.0).centre == (9, 9, 9)


def test_nothing_free_holds_no_sphere():
    grid = make.grid((5, 5, 5), (1.0, 1.0, 1.0))
    none = np.zeros(grid.shape, dtype=bool)
    got = liver_sphere(none, none, grid, diameter_mm=6.0)
    assert (got.mask, got.largest_mm) == (None, 0.0)


def test_the_spleen_is_measured_away_from_its_surface():
    found = measured_of(organs=SPLEEN)
    assert region(found, "suv_mean", "spleen").value == pytest.approx(9.0)
    assert region(found, "volume_ml", "spleen").value < 0.5 * found["spleen_volume_ml"].value


def test_a_spleen_below_20_ml_is_no_reference():
    small = organ(31, (110.0, 30.0, 0.0), (14.0, 18.0, 18.0))  # 19 mL
    found = measured_of(organs=small)
    assert (
        region(found, "suv_mean", "spleen").reason == "missing_input:pet.sstr.reference.spleen_mean"
    )
    assert "pet_ref_spleen_none" in {flag.code for flag in found.flags}


def test_the_blood_pool_is_a_cylinder_in_the_aorta_above_the_liver():
    found = measured_of(organs=AORTA)
    assert region(found, "suv_mean", "blood_pool").value == pytest.approx(1.5)
    truth = np.pi * 5.0**2 * 20.0 / 1000
    assert region(found, "volume_ml", "blood_pool").value == pytest.approx(truth, rel=0.5)
    assert "pet_ref_blood_abdominal" not in {flag.code for flag in found.flags}


def test_an_aorta_seen_beside_the_liver_only_is_flagged():
    low = np.where(make.points_of(GRID)[..., 2] < 40.0, AORTA, 0)
    found = measured_of(organs=low)
    assert region(found, "suv_mean", "blood_pool").value == pytest.approx(1.5)
    assert "pet_ref_blood_abdominal" in {flag.code for flag in found.flags}


def test_of_two_limbs_the_posterior_one_is_the_descending_aorta():
    arch = np.hypot(*(make.points_of(GRID)[..., k] - c for k, c in ((0, 0.0), (1, 30.0)))) < 12.0
    above = make.points_of(GRID)[..., 2] > 58.0
    organs = np.where(arch & above, 24, AORTA)

    def front_is_hot(suv):
        return np.where(arch & above, 7.0, suv)

    found = measured_of(organs=organs, uptake=front_is_hot)
    assert region(found, "suv_mean", "blood_pool").value == pytest.approx(1.5)


def test_without_an_aorta_there_is_no_blood_pool():
    found = measured_of()
    assert (
        region(found, "suv_mean", "blood_pool").reason
        == "missing_input:pet.sstr.reference.blood_pool_mean"
    )
    assert "pet_ref_blood_none" in {flag.code for flag in found.flags}


def test_without_suv_no_reference_is_measured():
    study, anatomy = study_of()
    from netimg.study import SuvRecord

    refused = SuvRecord(possible=False, code="SUV-001", sentence="The weight is missing.")
    (pet,) = study.pets
    stored = replace(pet.load(), quantity=Quantity.ACTIVITY)
    again = make.sstr(stored, 1, suv=refused)
    mean = region(netimg.measure(make.study(None, again), anatomy), "suv_mean")
    assert (mean.value, mean.reason, mean.flags) == (None, "missing_input:suv", ("SUV-001",))
