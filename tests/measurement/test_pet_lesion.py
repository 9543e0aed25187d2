"""Lesions on the native PET."""

from dataclasses import replace

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.measurement.pet_ground import grown, pet_ground, search_region
from netimg.settings import Settings
from netimg.study import SuvCandidate, SuvRecord, TracerClass
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays as make

# a large liver, so that the reference sphere fits: 5 everywhere, lesions of 20, 12 and 3
CT = make.grid((70, 80, 90), (2.5, 2.0, 2.0), (-90.0, -80.0, -87.5))
PET = make.grid((50, 44, 50), (3.27, 4.07, 4.07), (-98.0, -88.0, -80.0))
LIVER_MM = ((0.0, 0.0, 0.0), (80.0, 60.0, 65.0))
BALLS = (
    make.Ball((45.0, 0.0, 10.0), (16.0, 16.0, 16.0), suv=20.0),
    make.Ball((30.0, 20.0, -35.0), (10.0, 10.0, 10.0), suv=12.0),
    make.Ball((40.0, -30.0, -10.0), (3.2, 3.2, 3.2), suv=3.0),
)


def painted(on, quantity, balls=BALLS, shift_mm=(0.0, 0.0, 0.0)):
    values = np.where(make.ellipsoid(on, *LIVER_MM), 5.0, 0.5)
    for ball in balls:
        centre = np.add(ball.centre_lps_mm, shift_mm)
        values = np.where(make.ellipsoid(on, centre, ball.semi_mm), ball.suv, values)
    return Volume(values=values.astype(np.float32), grid=on, quantity=quantity)


def drawn(on=CT, balls=BALLS, organs=None):
    labels = np.zeros(on.shape, dtype=np.uint16)
    for number, ball in enumerate(balls, start=1):
        labels[make.ellipsoid(on, ball.centre_lps_mm, ball.semi_mm)] = number
    return Anatomy.from_masks(
        Mask(voxels=make.ellipsoid(on, *LIVER_MM), grid=on),
        LabelMap(labels=labels, grid=on) if len(balls) > 1 else Mask(voxels=labels > 0, grid=on),
        organs=organs,
    )


ANATOMY = drawn()
CT_SERIES = make.series(painted(CT, Quantity.HU))


def measured_of(pet=None, anatomy=ANATOMY, settings=None, **series):
    volume = painted(PET, Quantity.SUV_BW) if pet is None else pet
    study = make.study(CT_SERIES, make.sstr(volume, **series))
    return netimg.measure(study, anatomy, settings=settings)


@pytest.fixture(scope="module")
def found():
    return measured_of()


def of(found, name, lesion="L1"):
    return found.get(name, Scope.LESION, lesion)


def test_a_lesion_has_the_uptake_it_was_painted_with(found):
    assert of(found, "sstr_suv_max").value == pytest.approx(20.0)
    assert of(found, "sstr_suv_max_core").value == pytest.approx(20.0)
    assert of(found, "sstr_suv_median").value == pytest.approx(20.0)
    assert of(found, "sstr_suv_peak_sphere").value == pytest.approx(20.0, rel=1e-6)
    assert of(found, "sstr_suv_mean").value == pytest.approx(20.0, rel=0.05)
    assert of(found, "sstr_suv_max").source.on == "series 2"


def test_the_volume_above_liver_and_three_sd_is_that_of_the_ball(found):
    truth = make.ellipsoid_ml(BALLS[0].semi_mm)
    band = make.half_voxel_ml(BALLS[0].semi_mm, PET.spacing_mm)
    tv, tl = of(found, "sstr_tv_ml"), of(found, "sstr_tl_g")
    assert tv.value == pytest.approx(truth, abs=band)
    assert tl.value == pytest.approx(20.0 * tv.value, rel=1e-6)
    assert "liver:3, threshold 5" in tv.method


def test_uptake_below_the_threshold_is_volume_zero_with_a_reason():
    low = tuple(replace(ball, suv=3.0) for ball in BALLS)
    tv = of(measured_of(painted(PET, Quantity.SUV_BW, low)), "sstr_tv_ml")
    assert (tv.value, tv.reason) == (0.0, "below_threshold")


def test_ratios_are_the_maximum_over_the_mean_of_the_reference(found):
    assert of(found, "sstr_ratio_liver").value == pytest.approx(20.0 / 5.0)
    spleen = of(found, "sstr_ratio_spleen")
    assert (spleen.value, spleen.reason) == (None, "missing_input:pet.sstr.reference.spleen_mean")


def test_the_krenning_score_names_the_reference_that_keeps_it_open(found):
    score = of(found, "sstr_krenning")
    assert (score.value, score.reason) == (None, "missing_input:pet.sstr.reference.spleen_mean")
    assert "3..4" in score.method
    small = of(found, "sstr_krenning", "L3")
    assert "not_assessable:lesions.L3" in small.reason.split(";")


def test_totals_of_the_liver_are_the_sums_of_its_lesions(found):
    for total, part in (("sstr_liver_tv_ml", "sstr_tv_ml"), ("sstr_liver_tl_g", "sstr_tl_g")):
        parts = [of(found, part, f"L{n}").value for n in (1, 2, 3)]
        assert found.get(total, Scope.PET, "sstr").value == pytest.approx(sum(parts))


def test_the_whole_series_has_its_maximum_and_uptake_time():
    record = SuvRecord(possible=True, uptake_s=3900.0)
    found = measured_of(suv=record)
    assert found.get("sstr_suv_max", Scope.PET, "sstr").value == 20.0
    assert found.get("sstr_uptake_time_min", Scope.PET, "sstr").value == 65.0


def test_uptake_that_breathing_moved_is_found_in_the_margin():
    moved = measured_of(painted(PET, Quantity.SUV_BW, shift_mm=(0.0, 0.0, 18.0)))
    assert of(moved, "sstr_suv_max", "L2").value == pytest.approx(12.0)
    assert of(moved, "sstr_suv_max_core", "L2").value < 12.0
    assert "peak_in_margin" in of(moved, "sstr_suv_max", "L2").flags


def test_a_lesion_colder_than_liver_is_not_given_the_uptake_of_the_liver_around_it():
    cold = (make.Ball((45.0, 0.0, 10.0), (16.0, 16.0, 16.0), suv=2.0), *BALLS[1:])
    noise = np.random.default_rng(3).normal(0.0, 0.4, PET.shape).astype(np.float32)
    clean = painted(PET, Quantity.SUV_BW, cold)
    pet = Volume(values=clean.values + noise, grid=PET, quantity=Quantity.SUV_BW)
    found = measured_of(pet)
    hottest, core = of(found, "sstr_suv_max"), of(found, "sstr_suv_max_core")
    assert hottest.value == core.value < pet.values[make.ellipsoid(PET, *LIVER_MM)].max()
    assert "peak_in_margin" not in hottest.flags


def test_without_a_liver_reference_the_core_alone_is_measured():
    lesions = Mask(voxels=ANATOMY.lesion_labels.labels > 0, grid=CT)
    found = measured_of(anatomy=Anatomy.from_masks(None, lesions))
    assert of(found, "sstr_suv_max").value == of(found, "sstr_suv_max_core").value


def test_uptake_further_away_than_the_margin_is_not_this_lesions():
    far = make.Ball((45.0, 0.0, 10.0 + 16.0 + 10.0 + 12.0), (5.0, 5.0, 5.0), suv=90.0)
    found = measured_of(painted(PET, Quantity.SUV_BW, (*BALLS, far)))
    assert of(found, "sstr_suv_max").value == pytest.approx(20.0)


def test_a_hotter_neighbour_is_not_borrowed_from():
    pair = (
        make.Ball((40.0, 0.0, 0.0), (12.0, 12.0, 12.0), suv=9.0),
        make.Ball((40.0, 0.0, 25.0), (11.0, 11.0, 11.0), suv=50.0),
    )
    found = measured_of(painted(PET, Quantity.SUV_BW, pair), drawn(balls=pair))
    assert of(found, "sstr_suv_max", "L1").value == pytest.approx(9.0)
    assert of(found, "sstr_suv_max", "L2").value == pytest.approx(50.0)


def test_regions_of_neighbours_share_no_voxel():
    pair = (
        make.Ball((40.0, 0.0, 0.0), (12.0, 12.0, 12.0)),
        make.Ball((40.0, 0.0, 26.0), (11.0, 11.0, 11.0)),
    )
    pet = make.sstr(painted(PET, Quantity.SUV_BW, pair))
    ground = pet_ground(pet, drawn(balls=pair), CT_SERIES, Settings.shipped())
    counts = np.zeros(PET.shape, dtype=int)
    for number in (1, 2):
        region, box = search_region(ground, number, liver_ends=0.0)
        counts[box] += region
    assert counts.max() == 1
    assert set(np.unique(ground.owner)) == {0, 1, 2}


def test_a_kidney_beside_the_lesion_is_kept_off():
    kidney = make.ellipsoid(CT, (45.0, 0.0, -17.0), (10.0, 10.0, 8.0))  # begins 3 mm below L1
    organs = LabelMap(labels=kidney.astype(np.uint16) * 33, grid=CT)
    hot = np.array(painted(PET, Quantity.SUV_BW).values)
    hot[make.ellipsoid(PET, (45.0, 0.0, -17.0), (10.0, 10.0, 8.0))] = 80.0
    pet = Volume(values=hot, grid=PET, quantity=Quantity.SUV_BW)
    assert of(measured_of(pet), "sstr_suv_max").value == pytest.approx(80.0)
    guarded = measured_of(pet, drawn(organs=organs))
    assert of(guarded, "sstr_suv_max").value == pytest.approx(20.0)


def test_the_search_stays_near_the_liver():
    edge = (make.Ball((75.0, 0.0, 0.0), (6.0, 6.0, 6.0), suv=9.0),)
    hot = np.array(painted(PET, Quantity.SUV_BW, edge).values)
    hot[make.points_of(PET)[..., 0] > 93.0] = 60.0  # more than 10 mm outside the liver
    pet = Volume(values=hot, grid=PET, quantity=Quantity.SUV_BW)
    assert of(measured_of(pet, drawn(balls=edge)), "sstr_suv_max").value == pytest.approx(9.0)


def test_a_lesion_smaller_than_a_voxel_is_measured_in_the_best_covered_one():
    tiny = (make.Ball((41.0, 1.0, 1.0), (2.1, 2.1, 2.1), suv=9.0), BALLS[1])
    anatomy = drawn(balls=tiny)
    pet = make.grid((14, 16, 18), (12.0, 11.0, 11.0), (-95.0, -85.0, -80.0))
    found = measured_of(painted(pet, Quantity.SUV_BW), anatomy)
    name = next(n.id for n in anatomy.lesions if of(found, "volume_ml", n.id).value < 0.1)
    assert of(found, "sstr_sub_voxel", name).value is True
    maximum = of(found, "sstr_suv_max", name)
    assert {"sub_voxel", "sub_resolution"} <= set(maximum.flags)
    assert maximum.bound == "lower"


@pytest.mark.parametrize(("semi_mm", "below"), [(5.5, True), (7.0, False)])
def test_below_twice_the_resolution_uptake_is_a_lower_bound(semi_mm, below):
    ball = (make.Ball((40.0, 0.0, 0.0), (semi_mm,) * 3, suv=9.0),)
    maximum = of(measured_of(anatomy=drawn(balls=ball)), "sstr_suv_max")
    assert ("sub_resolution" in maximum.flags) is below
    assert maximum.bound == ("lower" if below else None)


def test_a_lesion_outside_the_field_of_the_pet_is_not_assessable():
    short = PET.crop((28, 0, 0), (50, 44, 50))
    values = painted(PET, Quantity.SUV_BW).values[28:]
    found = measured_of(Volume(values=values, grid=short, quantity=Quantity.SUV_BW))
    low = of(found, "sstr_suv_max", "L2")
    assert (low.value, low.reason) == (None, "not_assessable:L2")
    assert "outside_pet" in {flag.code for flag in found.flags}
    assert of(found, "sstr_suv_max", "L1").value is not None


def test_masks_drawn_on_the_pet_are_measured_as_they_are():
    volume = painted(PET, Quantity.SUV_BW, shift_mm=(0.0, 0.0, 18.0))
    anatomy = drawn(PET)
    found = netimg.measure(make.study(None, make.sstr(volume, 1)), anatomy)
    for number in (1, 2, 3):
        inside = volume.values[anatomy.lesion_labels.labels == number]
        assert of(found, "sstr_suv_max", f"L{number}").value == pytest.approx(inside.max())
        assert of(found, "sstr_suv_mean", f"L{number}").value == pytest.approx(inside.mean())
    hu = of(found, "hu_mean")
    assert (hu.value, hu.reason) == (None, "missing_input:ct")


def test_without_suv_every_uptake_is_missing_with_the_code_of_the_refusal():
    record = SuvRecord(possible=False, code="SUV-001", sentence="The weight is missing.")
    found = measured_of(painted(PET, Quantity.ACTIVITY), suv=record)
    for name in ("sstr_suv_max", "sstr_tv_ml", "sstr_krenning", "sstr_ratio_liver"):
        finding = of(found, name)
        assert (finding.value, finding.reason) == (None, "missing_input:suv")
        assert finding.flags == ("SUV-001",)
    assert found.get("sstr_suv_max", Scope.PET, "sstr").reason == "missing_input:suv"
    assert of(found, "volume_ml").value > 0


def test_an_ambiguous_decay_reference_widens_every_suv():
    candidates = tuple(
        SuvCandidate(name=n, reference="", relative_suv=k) for n, k in (("a", 1.0), ("b", 0.95))
    )
    found = measured_of(suv=SuvRecord(possible=True, candidates=candidates))
    maximum = of(found, "sstr_suv_max")
    assert (maximum.lo, maximum.hi, maximum.interval) == (pytest.approx(19.0), 20.0, "repeat")


@pytest.mark.parametrize(
    ("ct_frame", "pet_frame"),
    [("1.2.3", "1.2.4"), ("1.2.3", None), (None, "1.2.4"), (None, None)],
)
def test_a_pet_of_another_or_no_frame_of_reference_keeps_its_own_counsel(ct_frame, pet_frame):
    study = make.study(
        replace(CT_SERIES, frame_of_reference_uid=ct_frame),
        make.sstr(painted(PET, Quantity.SUV_BW), frame_of_reference_uid=pet_frame),
    )
    found = netimg.measure(study, ANATOMY)
    maximum = of(found, "sstr_suv_max")
    assert (maximum.value, maximum.reason) == (None, "needs_reader:flag.SEL-010")
    assert found.get("sstr_suv_max", Scope.PET, "sstr").value == 20.0


def test_fdg_is_measured_by_percist_and_has_no_krenning_score():
    study = make.study(CT_SERIES, make.fdg(painted(PET, Quantity.SUV_BW)))
    found = netimg.measure(study, ANATOMY)
    assert "percist_liver, threshold 7.5" in of(found, "fdg_tv_ml").method
    assert of(found, "fdg_krenning") is None


def test_percist_is_no_method_for_an_sstr_pet():
    asked = {"measurement.pet_volume_sstr": "percist_liver"}
    found = measured_of(settings=Settings.shipped().with_values(asked, layer="test"))
    assert of(found, "sstr_tv_ml").reason == "not_assessable:percist_liver"


def test_an_unknown_tracer_has_uptake_but_no_tumour_volume():
    pet = make.series(
        painted(PET, Quantity.SUV_BW), 2, kind="PET", tracer_class=TracerClass.UNKNOWN
    )
    found = netimg.measure(make.study(CT_SERIES, pet), ANATOMY)
    assert of(found, "unknown_suv_max").value == pytest.approx(20.0)
    assert of(found, "unknown_tv_ml").reason == "missing_input:tracer"


def test_lesions_drawn_on_a_pet_alone_are_no_recist_targets():
    study = make.study(None, make.sstr(painted(PET, Quantity.SUV_BW)))
    found = netimg.measure(study, drawn(PET))
    assert found["longest_mm"].value > 0.0
    for item in (of(found, "target"), found["sum_diameters_mm"]):
        assert (item.value, item.reason) == (None, "missing_input:ct")


def test_two_pets_stand_side_by_side_and_a_second_of_one_kind_is_left_out():
    volume = painted(PET, Quantity.SUV_BW)
    study = make.study(CT_SERIES, make.sstr(volume, 2), make.fdg(volume, 3), make.fdg(volume, 4))
    found = netimg.measure(study, ANATOMY)
    assert of(found, "sstr_suv_max").value == of(found, "fdg_suv_max").value
    assert of(found, "fdg_suv_max").source.on == "series 3"
    assert "pet_second" in {flag.code for flag in found.flags}


def test_scaling_the_image_scales_the_suvs_and_leaves_volumes():
    k = 1.7
    base = painted(PET, Quantity.SUV_BW)
    scaled = Volume(values=base.values * np.float32(k), grid=PET, quantity=Quantity.SUV_BW)
    here, there = measured_of(base), measured_of(scaled)
    for finding in here.of(Scope.LESION):
        if not finding.name.startswith("sstr_") or finding.number is None:
            continue
        factor = k if "suv" in finding.name or finding.name.endswith("tl_g") else 1.0
        other = there.get(finding.name, Scope.LESION, finding.id)
        assert other.number == pytest.approx(factor * finding.number, rel=1e-5), finding.key


def test_two_lesions_as_one_have_the_larger_maximum_the_weighted_mean_and_the_summed_volume():
    rng = np.random.default_rng(2)
    suv = painted(PET, Quantity.SUV_BW).values * rng.uniform(0.8, 1.2, PET.shape)
    study = make.study(None, make.sstr(Volume(values=suv, grid=PET, quantity=Quantity.SUV_BW), 1))
    two = drawn(PET, BALLS[:2])
    joined = LabelMap(labels=(two.lesion_labels.labels > 0) * np.uint16(7), grid=PET)
    extra = np.array(joined.labels)
    extra[2, 2, 2] = 1  # a second label, so that the first stays one lesion
    one = Anatomy.from_masks(two.liver, LabelMap(labels=extra, grid=PET))
    apart, together = netimg.measure(study, two), netimg.measure(study, one)

    def both(name):
        return np.array([of(apart, name, lesion).value for lesion in ("L1", "L2")])

    volumes = both("volume_ml")
    whole = {name: of(together, name, "L1").value for name in (
        "volume_ml", "sstr_suv_max", "sstr_suv_mean", "sstr_tv_ml", "sstr_tl_g"
    )}  # fmt: skip
    assert whole["volume_ml"] == pytest.approx(volumes.sum())
    assert whole["sstr_suv_max"] == both("sstr_suv_max").max()
    assert whole["sstr_suv_mean"] == pytest.approx(
        np.average(both("sstr_suv_mean"), weights=volumes)
    )
    assert whole["sstr_tv_ml"] == pytest.approx(both("sstr_tv_ml").sum())
    assert whole["sstr_tl_g"] == pytest.approx(both("sstr_tl_g").sum())


def test_growing_takes_whatever_centre_lies_within_the_margin():
    mask = np.zeros(PET.shape, dtype=bool)
    mask[25, 22, 25] = True
    got = grown(mask, PET, 10.0)
    gap = np.linalg.norm(make.points_of(PET) - make.points_of(PET)[25, 22, 25], axis=-1)
    assert np.array_equal(got, gap <= 10.0)
    assert not grown(np.zeros_like(mask), PET, 10.0).any()


@pytest.mark.parametrize(
    ("below", "says"), [(1, "1 voxel of the SSTR PET lies below zero."), (7, "7 voxels of")]
)
def test_voxels_below_zero_are_counted_and_said(found, below, says):
    assert "SUV-021" not in {flag.code for flag in found.flags}
    values = painted(PET, Quantity.SUV_BW).values.copy()
    values[0, 0, :below] = -0.25
    noisy = measured_of(Volume(values=values, grid=PET, quantity=Quantity.SUV_BW))
    (flag,) = [flag for flag in noisy.flags if flag.code == "SUV-021"]
    assert (flag.value, flag.sentence.startswith(says)) == (below, True)
    assert of(noisy, "sstr_suv_max").value == of(found, "sstr_suv_max").value
