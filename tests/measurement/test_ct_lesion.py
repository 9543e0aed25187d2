"""Lesions on the grid they were drawn on."""

from dataclasses import replace

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.lesion import LesionType
from netimg.study import Phase
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays as make

SCENE = make.anatomy()
GRID = SCENE.anatomy.grid


def measured_of(anatomy=SCENE.anatomy, image=None, **series):
    values = SCENE.volume.values if image is None else image
    volume = Volume(values=values, grid=anatomy.grid, quantity=Quantity.HU)
    return netimg.measure(make.study(make.series(volume, **series)), anatomy)


@pytest.fixture(scope="module")
def found():
    return measured_of()


def value(found, name, lesion="L1"):
    return found.get(name, Scope.LESION, lesion).value


@pytest.mark.parametrize("number", [1, 2, 3])
def test_size_of_an_ellipsoid_is_that_of_its_formula(found, number):
    ball, name = make.LESIONS[number - 1], f"L{number}"
    spacing = GRID.spacing_mm
    band = make.half_voxel_ml(ball.semi_mm, spacing)
    assert value(found, "volume_ml", name) == pytest.approx(
        make.ellipsoid_ml(ball.semi_mm), abs=band
    )
    in_plane, voxel = float(np.hypot(*spacing[1:])), float(np.linalg.norm(spacing))
    axial = 2 * max(ball.semi_mm[:2])
    assert value(found, "longest_mm", name) == pytest.approx(axial, abs=in_plane)
    assert value(found, "short_axis_mm", name) == pytest.approx(
        2 * min(ball.semi_mm[:2]), abs=in_plane
    )
    assert value(found, "longest_3d_mm", name) == pytest.approx(2 * max(ball.semi_mm), abs=voxel)
    assert value(found, "z_extent_mm", name) == pytest.approx(2 * ball.semi_mm[2], abs=spacing[0])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_truth_lies_in_the_intervals(found, number):
    ball = make.LESIONS[number - 1]
    volume = found.get("volume_ml", Scope.LESION, f"L{number}")
    assert volume.lo < make.ellipsoid_ml(ball.semi_mm) < volume.hi
    longest = found.get("longest_mm", Scope.LESION, f"L{number}")
    assert longest.lo < 2 * max(ball.semi_mm[:2]) < longest.hi


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_centroid_is_the_centre_of_the_ellipsoid(found, number):
    for axis, truth in zip("lps", make.LESIONS[number - 1].centre_lps_mm, strict=True):
        assert value(found, f"centroid_{axis}_mm", f"L{number}") == pytest.approx(truth, abs=0.2)


def test_the_ends_of_the_longest_diameter_lie_in_its_slice_and_so_far_apart(found):
    a, b = (
        np.array([value(found, f"longest_end_{end}_{axis}_mm") for axis in "lps"]) for end in "ab"
    )
    assert np.linalg.norm(a - b) == pytest.approx(value(found, "longest_mm"))
    z = GRID.to_index(np.array([a, b]))[:, 0]
    assert z == pytest.approx([value(found, "longest_slice_index")] * 2)


def test_density_is_that_of_the_painted_lesion(found):
    assert value(found, "hu_mean") == value(found, "hu_core_mean") == 60.0
    assert value(found, "hu_sd") == 0.0
    assert value(found, "enhancement_vs_liver_hu") == pytest.approx(60.0 - make.LIVER.hu)
    assert value(found, "enhancement_ratio") == pytest.approx(60.0 / make.LIVER.hu)
    assert value(found, "enhancement_class") == "hypo"
    assert value(found, "enhancement_class", "L2") == "hyper"


@pytest.mark.parametrize(
    ("gap", "kind"), [(10.0, "iso"), (10.5, "hyper"), (-10.0, "iso"), (-10.5, "hypo")]
)
def test_within_ten_hu_a_lesion_is_isodense(gap, kind):
    image = np.array(SCENE.volume.values)
    image[SCENE.anatomy.lesion_labels.labels == 1] = make.LIVER.hu + gap
    assert value(measured_of(image=image), "enhancement_class") == kind


def test_lesions_and_the_capsule_do_not_colour_the_liver_they_are_compared_with():
    labels = SCENE.anatomy.lesion_labels.labels
    image = np.array(SCENE.volume.values)
    near = make.ellipsoid(GRID, make.LESIONS[0].centre_lps_mm, np.add(make.LESIONS[0].semi_mm, 4.0))
    image[near & (labels == 0)] = 500.0  # a rim of 4 mm, inside the gap of 5 mm
    assert value(measured_of(image=image), "enhancement_vs_liver_hu") == pytest.approx(-50.0)


def test_calcium_is_the_share_of_dense_voxels_and_clips_are_not_calcium():
    image = np.array(SCENE.volume.values)
    inside = np.argwhere(SCENE.anatomy.lesion_labels.labels == 1)
    image[tuple(inside[:100].T)] = 131.0
    image[tuple(inside[100:200].T)] = 130.0  # not above the limit
    assert value(measured_of(image=image), "calcified_pct") == pytest.approx(
        100 * 100 / len(inside)
    )
    clips = np.zeros(GRID.shape, dtype=np.uint16)
    clips[tuple(inside[:60].T)] = 61
    clipped = replace(SCENE.anatomy, organs=LabelMap(labels=clips, grid=GRID))
    assert value(measured_of(clipped, image), "calcified_pct") == pytest.approx(4000 / len(inside))


@pytest.mark.parametrize(("hu", "pct"), [(-10.0, 100.0), (25.0, 100.0), (-10.5, 0.0), (25.5, 0.0)])
def test_necrosis_is_counted_between_its_limits(hu, pct):
    image = np.array(SCENE.volume.values)
    image[SCENE.anatomy.lesion_labels.labels == 1] = hu
    assert value(measured_of(image=image), "necrotic_pct") == pct


@pytest.mark.parametrize("phase", [Phase.UNKNOWN, Phase.UNENHANCED])
def test_without_contrast_necrosis_cannot_be_told(phase):
    got = measured_of(phase=phase).get("necrotic_pct", Scope.LESION, "L1")
    assert (got.value, got.reason) == (None, "missing_input:contrast_phase")


def test_an_unknown_phase_is_flagged_on_every_density():
    got = measured_of(phase=Phase.UNKNOWN)
    assert "phase_unknown" in got.get("hu_mean", Scope.LESION, "L1").flags
    assert [f.code for f in got.flags].count("phase_unknown") == 1
    assert "phase portal" in measured_of().get("hu_mean", Scope.LESION, "L1").method


def test_padding_of_the_scanner_does_not_pull_the_mean():
    image = np.array(SCENE.volume.values)
    inside = np.argwhere(SCENE.anatomy.lesion_labels.labels == 1)
    image[tuple(inside[:50].T)] = -3024.0
    assert value(measured_of(image=image), "hu_mean") == 60.0


def test_segments_and_side_of_a_lesion(found):
    assert value(found, "hemiliver") == "right"
    assert set(value(found, "segments")) == {"V", "VI", "VII", "VIII"}
    shares = [value(found, f"segment_fraction_{n}") for n in ("V", "VI", "VII", "VIII")]
    assert sum(shares) == pytest.approx(1.0)


def test_the_distance_to_the_capsule_is_that_of_the_ellipsoids(found):
    # L1 and the liver share their centre in P and S; nearest along L
    liver, lesion = make.LIVER, make.LESIONS[0]
    gap = (lesion.centre_lps_mm[0] - lesion.semi_mm[0]) - (
        liver.centre_lps_mm[0] - liver.semi_mm[0]
    )
    assert value(found, "to_capsule_mm") == pytest.approx(
        gap, abs=float(np.linalg.norm(GRID.spacing_mm))
    )


def test_a_vessel_that_nobody_drew_is_missing_and_never_far_away(found):
    for name in ("to_hepatic_vein_mm", "to_portal_vein_mm", "to_ivc_mm"):
        finding = found.get(name, Scope.LESION, "L1")
        assert finding.value is None
        assert finding.reason.startswith("missing_input:")


def test_the_distance_to_a_drawn_vessel():
    codes = make.ellipsoid(GRID, (50.0, 60.0, 45.0), (2.5, 2.5, 30.0)).astype(np.uint16) * 21
    got = measured_of(replace(SCENE.anatomy, organs=LabelMap(labels=codes, grid=GRID)))
    gap = (50.0 - 2.5) - (30.0 + 14.0)
    assert value(got, "to_hepatic_vein_mm") == pytest.approx(gap, abs=float(np.hypot(1.6, 1.8)))


def lesions_of(*boxes, spacing_mm=(2.0, 1.0, 1.0), shape=(12, 40, 40), **more):
    grid = make.grid(shape, spacing_mm, **more)
    labels = np.zeros(shape, dtype=np.uint16)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    liver = np.ones(shape, dtype=bool)
    liver[:, 0] = False
    drawn = LabelMap(labels=labels, grid=grid)
    return Anatomy.from_masks(Mask(voxels=liver, grid=grid), drawn)


def flags_of(anatomy):
    got = measured_of(anatomy, np.zeros(anatomy.grid.shape, dtype=np.float32))
    return {(flag.code, *flag.touches) for flag in got.flags}


def test_a_lesion_cut_by_the_image_is_a_lower_bound():
    anatomy = lesions_of(np.s_[0:5, 10:20, 10:20], np.s_[4:9, 25:30, 25:30])
    got = measured_of(anatomy, np.zeros(anatomy.grid.shape, dtype=np.float32))
    cut, whole = (got.get("volume_ml", Scope.LESION, name) for name in ("L1", "L2"))
    assert (cut.bound, whole.bound) == ("lower", None)
    assert "touches_fov" in cut.flags
    assert value(got, "target") is False


def test_flags_of_size():
    anatomy = lesions_of(
        np.s_[4:9, 10:20, 10:15],
        np.s_[4:9, 10:20, 15:19],  # shares a face with the first
        np.s_[5:6, 25:30, 25:30],  # one slice
    )
    codes = flags_of(anatomy)
    assert {("touches_lesion", "L1"), ("touches_lesion", "L2"), ("one_slice", "L3")} <= codes
    assert ("touches_lesion", "L3") not in codes
    assert ("one_slice", "L1") not in codes


def test_a_line_outside_a_crescent_is_flagged():
    anatomy = lesions_of(np.s_[4:9, 8:30, 8:30])
    labels = np.array(anatomy.lesion_labels.labels)
    labels[:, 11:30, 11:30] = 0  # two limbs of 3 mm
    bent = Anatomy.from_masks(anatomy.liver, LabelMap(labels=labels, grid=anatomy.grid))
    assert ("line_leaves_lesion", "L1") in flags_of(bent)


def test_slices_tilted_by_more_than_30_degrees_are_not_axial():
    box = np.s_[4:9, 10:20, 10:20]
    assert ("not_axial", "L1") in flags_of(lesions_of(box, directions=make.oblique((31.0, 0, 0))))
    assert ("not_axial", "L1") not in flags_of(
        lesions_of(box, directions=make.oblique((29.0, 0, 0)))
    )


def test_a_lesion_too_thin_for_a_core_says_so():
    anatomy = lesions_of(np.s_[4:9, 10:30, 10:11])
    got = measured_of(anatomy, np.zeros(anatomy.grid.shape, dtype=np.float32))
    core = got.get("hu_core_mean", Scope.LESION, "L1")
    assert (core.value, core.reason) == (None, "not_assessable:L1")
    assert "too_thin" in core.flags


def test_a_single_voxel_has_a_size_and_no_axes():
    anatomy = lesions_of(np.s_[5:6, 10:11, 10:11], np.s_[5:9, 20:30, 20:30])
    got = measured_of(anatomy, np.zeros(anatomy.grid.shape, dtype=np.float32))
    assert value(got, "longest_mm", "L2") == 1.0
    assert value(got, "elongation", "L2") is None


def test_targets_and_their_sum(found):
    assert [value(found, "target", name) for name in ("L1", "L2", "L3")] == [True, True, False]
    total = value(found, "longest_mm", "L1") + value(found, "longest_mm", "L2")
    assert found["sum_diameters_mm"].value == pytest.approx(total)
    assert "L1, L2" in found["sum_diameters_mm"].method
    assert found["longest_mm"].value == value(found, "longest_mm", "L1")


def test_a_cyst_is_measured_and_counts_for_nothing():
    cyst = replace(SCENE.anatomy.lesions[0], type=LesionType.CYST)
    got = measured_of(replace(SCENE.anatomy, lesions=(cyst, *SCENE.anatomy.lesions[1:])))
    assert value(got, "volume_ml", "L1") > 0
    assert got.get("target", Scope.LESION, "L1") is None
    assert got["longest_mm"].value == value(got, "longest_mm", "L2")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_array_on_its_flipped_grid_is_the_same_patient(axis, found):
    flipped = _flipped(SCENE, axis)
    got = measured_of(flipped.anatomy, flipped.volume.values)
    for finding in found.of(Scope.LESION):
        if "end_" in finding.name or finding.name == "longest_slice_index":
            continue  # ties between equal slices and diameters may turn
        other = got.get(finding.name, Scope.LESION, finding.id)
        rel = 0.05 if finding.name == "short_axis_mm" else 1e-4  # meshers are not mirror symmetric
        if isinstance(finding.value, float):
            assert other.value == pytest.approx(finding.value, rel=rel, abs=1e-6), finding.key
        else:
            assert other.value == finding.value, finding.key


def _flipped(scene, axis):
    """Same patient, array reversed along two axes (a grid stays right-handed)."""
    turned = [axis, (axis + 1) % 3]
    grid = scene.anatomy.grid
    last = [n - 1 if k in turned else 0 for k, n in enumerate(grid.shape)]
    origin = grid.to_world(np.array([last], dtype=float))[0]
    signs = np.array([-1.0 if k in turned else 1.0 for k in range(3)])
    directions = tuple(tuple(row) for row in grid.matrix * signs)
    new = replace(grid, origin_lps_mm=tuple(origin), directions=directions)

    def flip(array):
        return np.flip(array, turned)

    anatomy = Anatomy.from_masks(
        Mask(voxels=flip(scene.anatomy.liver.voxels), grid=new),
        Mask(voxels=flip(scene.anatomy.lesion_mask.voxels), grid=new),
        segments=LabelMap(labels=flip(scene.anatomy.segments.labels), grid=new),
    )
    volume = Volume(values=flip(scene.volume.values), grid=new, quantity=Quantity.HU)
    return replace(scene, anatomy=anatomy, volume=volume)
