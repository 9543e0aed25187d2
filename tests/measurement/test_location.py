"""Segments, sides and distances."""

import numpy as np
import pytest

from netimg.measurement.components import box_of
from netimg.measurement.location import (
    Surface,
    hemiliver,
    listed_segments,
    segment_counts,
    segment_fractions,
)
from tests.make import arrays as make

SPACING = (2.0, 1.0, 1.0)
ON = make.grid((40, 60, 60), SPACING)
LIVER = make.ellipsoid(ON, (30.0, 30.0, 40.0), (25.0, 25.0, 35.0))


def distance(surface, lesion):
    box = box_of(lesion, (1, 1, 1))
    return surface.distance_mm(lesion[box], box)


def cuboid(*box):
    mask = np.zeros(ON.shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in box)] = True
    return mask


def test_shares_of_iva_and_ivb_count_as_iv():
    codes = np.array([141, 142, 14, 18], dtype=np.uint16)
    assert segment_counts(codes)["IV"] == 3
    assert segment_fractions(codes) == {
        "I": 0.0, "II": 0.0, "III": 0.0, "IV": 0.75, "V": 0.0, "VI": 0.0, "VII": 0.0, "VIII": 0.25,
    }  # fmt: skip


def test_voxels_outside_every_segment_belong_to_none():
    assert sum(segment_fractions(np.array([0, 0, 12, 31], dtype=np.uint16)).values()) == 0.25


def test_segments_are_listed_from_a_tenth_on_largest_first():
    shares = {"V": 0.55, "VI": 0.10, "VIII": 0.26, "II": 0.09}
    assert listed_segments(shares, at_least=0.10) == ("V", "VIII", "VI")


@pytest.mark.parametrize(
    ("code", "side"),
    [(18, "right"), (15, "right"), (14, "left"), (12, "left"), (11, "caudate"), (0, None)],
)
def test_the_side_is_that_of_the_segment(code, side):
    assert hemiliver(segment_fractions(np.array([code], dtype=np.uint16))) == side


def test_the_distance_to_the_capsule_is_counted_from_face_to_face():
    liver = cuboid((5, 35), (5, 55), (5, 55))
    lesion = cuboid((15, 20), (20, 30), (8, 12))  # three voxels of 1 mm between it and the face
    assert distance(Surface.around(liver, SPACING), lesion) == pytest.approx(3.0)
    deep = cuboid((7, 12), (20, 30), (20, 30))  # two voxels of 2 mm below
    assert distance(Surface.around(liver, SPACING), deep) == pytest.approx(4.0)


def test_a_lesion_that_reaches_the_capsule_is_at_zero():
    liver = cuboid((5, 35), (5, 55), (5, 55))
    assert distance(Surface.around(liver, SPACING), cuboid((15, 20), (20, 30), (5, 9))) == 0.0


def test_the_distance_of_a_ball_in_a_ball_is_that_of_the_radii():
    lesion = make.ellipsoid(ON, (38.0, 30.0, 40.0), (6.0, 6.0, 6.0))
    got = distance(Surface.around(LIVER, SPACING), lesion)
    assert got == pytest.approx(25.0 - 8.0 - 6.0, abs=float(np.hypot(1, 1)))


def test_the_slow_definition_gives_the_same_distance():
    rng = np.random.default_rng(5)
    liver = cuboid((2, 12), (2, 20), (2, 20)) & (rng.random(ON.shape) > 0.02)
    lesion = cuboid((5, 8), (8, 12), (8, 12)) & liver
    got = distance(Surface.around(liver, SPACING), lesion)
    gaps = np.linalg.norm(faces(lesion)[:, None] - faces(liver)[None], axis=2)
    assert got == pytest.approx(gaps.min())


def faces(mask):
    points = []
    for axis in range(3):
        changes = np.argwhere(np.diff(mask.astype(int), axis=axis)).astype(float)
        changes[:, axis] += 0.5
        points.append(changes * SPACING)
    return np.concatenate(points)


def test_the_edge_of_the_image_is_no_capsule():
    liver = cuboid((0, 40), (5, 55), (5, 55))  # cut above and below
    lesion = cuboid((0, 3), (28, 32), (20, 24))
    assert distance(Surface.around(liver, SPACING), lesion) == pytest.approx(15.0)


def test_a_vessel_is_reached_from_outside_and_touched_at_zero():
    vessel = cuboid((5, 35), (28, 32), (40, 44))
    towards = Surface.towards(vessel, box_of(LIVER, (1, 1, 1)), SPACING)
    assert distance(towards, cuboid((15, 20), (28, 32), (30, 36))) == pytest.approx(4.0)
    assert distance(towards, cuboid((15, 20), (28, 32), (30, 40))) == pytest.approx(0.0)
    assert distance(towards, cuboid((15, 20), (28, 32), (30, 42))) == 0.0


def test_a_structure_that_is_not_there_has_no_surface():
    with pytest.raises(ValueError, match="no surface"):
        Surface.around(np.zeros(ON.shape, dtype=bool), SPACING)
    with pytest.raises(ValueError, match="does not reach"):
        Surface.towards(cuboid((0, 1), (0, 1), (0, 1)), box_of(LIVER), SPACING)
