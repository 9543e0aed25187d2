import numpy as np
import pytest

from netimg.anatomy import SEGMENT_CODES
from netimg.errors import UsageError
from netimg.phantoms import presets
from netimg.phantoms.anatomy import load_phantom, more_lesions
from netimg.phantoms.bounds import distance
from netimg.phantoms.render import axial_grid, inside
from netimg.phantoms.shapes import Ellipsoid, Grown


def load(preset="net-phantom", **options):
    return load_phantom(preset, rng=np.random.Generator(np.random.Philox(key=7)), **options)


@pytest.fixture(scope="module")
def patient():
    return load()


@pytest.fixture(scope="module")
def coarse(patient):
    table = patient.config["ct"]
    return axial_grid(tuple(table["low"]), tuple(table["high"]), (4.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def segments(patient, coarse):
    return {code: inside(shape, coarse) for code, shape in patient.segments.items()}


def test_every_shipped_preset_has_a_name_and_a_title():
    assert {"net-phantom", "spheres"} <= {name for name, _ in presets()}
    assert all(title for _, title in presets())


def test_the_segments_fill_the_liver_without_overlap(patient, coarse, segments):
    assert set(segments) == set(SEGMENT_CODES)
    total = sum(mask.astype(int) for mask in segments.values())
    liver = inside(patient.liver.shape, coarse)
    assert total.max() == 1
    assert np.array_equal(total == 1, liver)


def test_the_liver_is_that_of_a_grown_up_and_its_segments_have_usual_shares(coarse, segments):
    ml = {code: mask.sum() * coarse.voxel_ml for code, mask in segments.items()}
    liver_ml = sum(ml.values())
    assert 1450 <= liver_ml <= 1750
    usual_pct = {11: 2.5, 12: 8, 13: 9.5, 14: 15, 15: 13, 16: 11, 17: 16.5, 18: 23}
    for code, usual in usual_pct.items():
        assert 0.3 * usual < 100 * ml[code] / liver_ml < 3 * usual


def test_right_is_right_and_segment_vii_lies_above_and_behind_v(coarse, segments):
    centre = {
        code: coarse.to_world(np.argwhere(m))[:, :].mean(axis=0) for code, m in segments.items()
    }
    assert centre[18][0] < centre[14][0] < centre[12][0]  # L grows to the left
    assert centre[17][1] > centre[15][1]  # P grows to the back
    assert centre[17][2] > centre[16][2]  # S grows to the head


def test_the_spleen_keeps_voxels_one_centimetre_under_its_surface(patient, coarse):
    spleen = next(s for s in patient.structures if s.label == 31)
    assert inside(spleen.shape, coarse).sum() * coarse.voxel_ml >= 150
    assert inside(Grown(base=spleen.shape, mm=-10), coarse).sum() * coarse.voxel_ml >= 20


def test_every_lesion_lies_in_the_liver(patient):
    fine = axial_grid((-140, -90, -160), (90, 80, 20), (2.0, 2.0, 2.0))
    liver = inside(patient.liver.shape, fine)
    for lesion in patient.lesions:
        spot = inside(lesion.body.shape, fine)
        assert spot.any()
        assert not (spot & ~liver).any(), lesion.body.name


def test_there_is_room_for_the_reference_sphere_in_the_right_liver(patient):
    # 15 mm radius + one PET voxel from the surface, the same and 10 mm from lesions.
    fine = axial_grid((-140, -90, -160), (0, 80, 20), (4.0, 4.0, 4.0))
    deep = distance(patient.liver.shape, fine) < -19
    for lesion in patient.lesions:
        deep = deep & (distance(lesion.body.shape, fine) > 29)
    assert deep.any()


def test_the_first_lesions_can_be_kept_alone(patient):
    kept = load(lesion_count=3)
    assert [x.body.name for x in kept.lesions] == [x.body.name for x in patient.lesions[:3]]


def test_more_lesions_are_drawn_apart_from_all_others():
    many = load("spheres", lesion_count=9)
    assert len(many.lesions) == 9
    for drawn in many.lesions[6:]:
        egg = drawn.body.shape
        centre = [np.array([c]) for c in egg.centre]
        assert many.liver.shape.distance(*centre)[0] <= -(egg.radii[0] + 2.9)
        for other in many.lesions:
            if other is not drawn:
                assert other.body.shape.distance(*centre)[0] >= egg.radii[0] + 4.9


def test_more_lesions_than_there_is_room_for_are_refused():
    small = Ellipsoid(centre=(0, 0, 0), radii=(12, 12, 12))
    model = {"hu": 80, "sstr": 18.0, "fdg": 2.2}
    rng = np.random.Generator(np.random.Philox(key=1))
    with pytest.raises(UsageError, match=r"room for \d lesions, not for 9"):
        more_lesions(9, small, [], model, rng)


def test_half_a_year_later_lesions_have_grown_and_one_is_new():
    before, after = load("spheres"), load("spheres", followup=True)
    assert len(after.lesions) == len(before.lesions) + 1
    assert after.lesions[0].body.shape.radii[0] == pytest.approx(1.1 * 18)


def test_a_preset_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UsageError, match="net-phantom, spheres"):
        load("nobody")
