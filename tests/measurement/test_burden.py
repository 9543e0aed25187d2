"""Liver, tumour and burden against the formula of the ellipsoids."""

from dataclasses import replace

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.lesion import LesionStatus
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays as make

SCENE = make.anatomy()
STUDY = make.study(make.series(SCENE.volume))


@pytest.fixture(scope="module")
def found():
    return netimg.measure(STUDY, SCENE.anatomy)


def measured_of(anatomy):
    return netimg.measure(STUDY, anatomy)


def given(liver, lesions=None, **more):
    grid = SCENE.anatomy.grid
    drawn = None if lesions is None else Mask(voxels=lesions, grid=grid)
    return Anatomy.from_masks(
        None if liver is None else Mask(voxels=liver, grid=grid), drawn, **more
    )


def test_volumes_are_those_of_the_formula_within_half_a_voxel(found):
    band = make.half_voxel_ml(make.LIVER.semi_mm, SCENE.anatomy.grid.spacing_mm)
    assert found["liver_volume_ml"].value == pytest.approx(SCENE.truth_ml["liver"], abs=band)
    bands = [make.half_voxel_ml(b.semi_mm, SCENE.anatomy.grid.spacing_mm) for b in make.LESIONS]
    assert found["tumour_volume_ml"].value == pytest.approx(
        SCENE.truth_ml["tumour"], abs=sum(bands)
    )


@pytest.mark.parametrize("name", ["liver_volume_ml", "tumour_volume_ml", "burden_pct"])
def test_the_truth_lies_in_the_interval(found, name):
    truth = SCENE.truth_ml | {
        "liver_volume_ml": SCENE.truth_ml["liver"],
        "tumour_volume_ml": SCENE.truth_ml["tumour"],
        "burden_pct": 100 * SCENE.truth_ml["tumour"] / SCENE.truth_ml["liver"],
    }
    finding = found[name]
    assert finding.lo < truth[name] < finding.hi
    assert finding.lo < finding.value < finding.hi


def test_burden_counts_the_lesions_in_the_liver(found):
    tumour, liver = found["tumour_volume_ml"].value, found["liver_volume_ml"].value
    assert found["burden_pct"].value == pytest.approx(100 * tumour / liver)
    assert found["functional_liver_ml"].value == pytest.approx(liver - tumour)


def test_segments_add_up_to_the_liver_and_their_tumour_to_the_tumour(found):
    for part, whole in (("volume_ml", "liver_volume_ml"), ("tumour_volume_ml", "tumour_volume_ml")):
        parts = [f.value for f in found.of(Scope.SEGMENT) if f.name == part]
        assert len(parts) == 8
        assert sum(parts) == pytest.approx(found[whole].value)
    right = found.get("volume_ml", Scope.HEMILIVER, "right").value
    left = found.get("volume_ml", Scope.HEMILIVER, "left").value
    caudate = found.get("volume_ml", Scope.SEGMENT, "I").value
    assert right + left + caudate == pytest.approx(found["liver_volume_ml"].value)


def test_the_burden_of_each_side_is_that_of_its_hemiliver(found):
    for side in ("right", "left"):
        half = found.get("burden_pct", Scope.HEMILIVER, side)
        assert found[f"burden_{side}_pct"].value == half.value
    caudate = found.get("burden_pct", Scope.SEGMENT, "I")
    assert found["burden_caudate_pct"].value == caudate.value


def test_the_dominant_lesion_is_the_largest(found):
    sizes = [found.get("volume_ml", Scope.LESION, f"L{n}").value for n in (1, 2, 3)]
    assert found["dominant_lesion"].value == "L1"
    assert found["dominant_lesion_pct"].value == pytest.approx(100 * sizes[0] / sum(sizes))


def test_disease_on_both_sides_is_bilobar_and_in_one_it_is_not(found):
    assert found["bilobar"].value is True
    labels = SCENE.anatomy.lesion_labels.labels
    right = given(SCENE.anatomy.liver.voxels, labels == 1, segments=SCENE.anatomy.segments)
    got = measured_of(right)
    assert got["bilobar"].value is False
    assert set(got["segments_involved"].value) == {"V", "VI", "VII", "VIII"}


def test_the_caudate_alone_makes_nothing_bilobar():
    segments = SCENE.anatomy.segments.labels
    caudate = given(SCENE.anatomy.liver.voxels, segments == 11, segments=SCENE.anatomy.segments)
    got = measured_of(caudate)
    assert got["segments_involved"].value == ("I",)
    assert got["bilobar"].value is False


def test_a_side_with_only_a_sliver_of_one_lesion_is_flagged():
    segments = SCENE.anatomy.segments.labels
    right = np.isin(segments, (15, 16, 17, 18)) & (SCENE.anatomy.lesion_labels.labels == 1)
    left = np.argwhere(segments == 14)
    sliver = np.zeros(segments.shape, dtype=np.uint16)
    sliver[right] = 1
    sliver[tuple(left[:5].T)] = 1  # 5 voxels, 0.03 mL, far below 10 % of the lesion
    two = np.zeros_like(sliver)
    two[SCENE.anatomy.lesion_labels.labels == 3] = 2
    labels = LabelMap(labels=np.maximum(sliver, two), grid=SCENE.anatomy.grid)
    anatomy = Anatomy.from_masks(SCENE.anatomy.liver, labels, segments=SCENE.anatomy.segments)
    got = measured_of(anatomy)
    assert got["bilobar"].value is True
    assert got["bilobar"].flags == ("bilobar_by_spill",)
    (flag,) = [f for f in got.flags if f.code == "bilobar_by_spill"]
    assert flag.touches == ("bilobar",)


def test_a_rejected_lesion_is_measured_but_does_not_count():
    rejected = replace(SCENE.anatomy.lesions[0], status=LesionStatus.REJECTED)
    anatomy = replace(SCENE.anatomy, lesions=(rejected, *SCENE.anatomy.lesions[1:]))
    got = measured_of(anatomy)
    assert got["lesion_count"].value == 2
    assert got["dominant_lesion"].value == "L2"
    assert got.get("volume_ml", Scope.LESION, "L1").value > 0
    rest = SCENE.truth_ml["L2"] + SCENE.truth_ml["L3"]
    assert got["tumour_volume_ml"].value == pytest.approx(rest, rel=0.05)


def test_a_liver_without_lesions_has_a_burden_of_zero():
    got = measured_of(given(SCENE.anatomy.liver.voxels, np.zeros(SCENE.anatomy.grid.shape, bool)))
    assert (got["burden_pct"].value, got["lesion_count"].value) == (0.0, 0)
    assert got["tumour_volume_ml"].value == 0.0
    for name in ("longest_mm", "sum_diameters_mm", "dominant_lesion", "dominant_lesion_pct"):
        assert got[name].reason == "not_applicable:lesions"


def test_where_nobody_looked_for_lesions_the_burden_is_missing():
    got = measured_of(given(SCENE.anatomy.liver.voxels))
    assert got["liver_volume_ml"].value > 0
    for name in ("tumour_volume_ml", "burden_pct", "lesion_count", "functional_liver_ml"):
        assert (got[name].value, got[name].reason) == (None, "missing_input:lesions")
    for name in ("longest_mm", "dominant_lesion"):
        assert (got[name].value, got[name].reason) == (None, "missing_input:lesions")


def test_lesions_without_a_liver_have_a_volume_but_no_burden():
    got = measured_of(given(None, SCENE.anatomy.lesion_mask.voxels))
    assert got["tumour_volume_ml"].value == pytest.approx(SCENE.truth_ml["tumour"], rel=0.02)
    for name in ("liver_volume_ml", "burden_pct", "functional_liver_ml"):
        assert (got[name].value, got[name].reason) == (None, "missing_input:liver")


def test_without_segments_what_needs_them_names_them():
    bare = replace(SCENE.anatomy, segments=None)
    got = measured_of(bare)
    for name in ("bilobar", "segments_involved", "burden_right_pct", "burden_caudate_pct"):
        assert got[name].reason == "missing_input:segments_ml"
    assert got.of(Scope.SEGMENT) == ()
    assert got["burden_pct"].value is not None


def test_segments_that_leave_liver_over_are_flagged():
    segments = np.array(SCENE.anatomy.segments.labels)
    segments[segments == 18] = 0
    holed = replace(SCENE.anatomy, segments=LabelMap(labels=segments, grid=SCENE.anatomy.grid))
    assert "segments_incomplete" in {flag.code for flag in measured_of(holed).flags}
    assert "segments_incomplete" not in {flag.code for flag in measured_of(SCENE.anatomy).flags}


def test_the_spleen_is_measured_where_its_mask_exists(found):
    assert found["spleen_volume_ml"].reason == "missing_input:spleen"
    grid = SCENE.anatomy.grid
    codes = make.ellipsoid(grid, (95.0, 90.0, 45.0), (8.0, 12.0, 10.0)).astype(np.uint16) * 31
    with_spleen = replace(SCENE.anatomy, organs=LabelMap(labels=codes, grid=grid))
    got = measured_of(with_spleen)["spleen_volume_ml"]
    assert got.value == pytest.approx(make.ellipsoid_ml((8, 12, 10)), rel=0.03)
    assert got.lo < got.value < got.hi


def test_a_wide_model_interval_takes_the_place_of_the_narrow_band():
    grid, labels = SCENE.anatomy.grid, SCENE.anatomy.lesion_labels.labels
    p = np.where(labels > 0, 0.5, 0.0).astype(np.float32)  # never sure
    p[SCENE.anatomy.liver.voxels & (labels == 0)] = 0.31  # the whole liver is possible
    volume = Volume(values=p, grid=grid, quantity=Quantity.PROBABILITY)
    got = measured_of(replace(SCENE.anatomy, lesion_probability=volume))
    tumour = got["tumour_volume_ml"]
    assert (tumour.interval, tumour.lo) == ("model", 0.0)
    assert got["burden_pct"].interval == "model"
    assert got["burden_pct"].hi <= 100.0
