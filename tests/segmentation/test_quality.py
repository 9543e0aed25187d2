"""Each doubt on one case that has it, and on a near miss."""

import dataclasses

import numpy as np
import pytest

from netimg.anatomy import Anatomy
from netimg.lesion import Lesion
from netimg.segmentation import artefacts, quality
from netimg.segmentation.postprocess import Cleaned, Step
from netimg.segmentation.seen import Seen
from netimg.study import SegContext
from netimg.volume import Mask, Quantity, Volume
from tests.make import arrays

ON = arrays.grid((40, 60, 60), (5.0, 2.0, 2.0))


def block(*bounds, on=ON):
    mask = np.zeros(on.shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in bounds)] = True
    return mask


LIVER = block((5, 35), (10, 50), (10, 50))  # 960 mL


@pytest.fixture
def flags(limits):
    return limits("flags")


def seen(liver=LIVER, *, start=(0, 0, 0), shape=None, on=ON, hu=None, lesions=None, **more):
    """Return what the doubts look at; the box is the whole scan unless ``shape`` says more."""
    rng = np.random.default_rng(0)
    scan = rng.normal(100, 10, shape or on.shape).astype(np.float32) if hu is None else hu
    values = {
        "scan": scan,
        "shape": scan.shape,
        "start": start,
        "grid": on,
        "liver": liver,
        "lesions": np.zeros(liver.shape, np.uint16) if lesions is None else lesions,
        "liver_probability": liver.astype(np.float16),
        "lesion_probability": None,
        "locator": None,
    }
    return Seen(**(values | more))


def codes(found):
    return [flag.code for flag in found]


@pytest.mark.parametrize(("width", "cut"), [(6, False), (7, True)], ids=["1.44 cm2", "1.96 cm2"])
@pytest.mark.parametrize("where", ["bottom", "top"])
def test_a_liver_cut_at_an_end_is_a_lower_bound(flags, where, width, cut):
    z = (0, 5) if where == "bottom" else (35, 40)
    liver = LIVER | block(z, (20, 20 + width), (20, 20 + width))
    found = quality.liver_cut(seen(liver), flags)
    assert codes(found) == ["liver_cut_fov"] * cut
    if cut:
        assert where in found[0].sentence
        assert found[0].value == pytest.approx(width**2 * 0.04)
        assert "flr_volume_ml" in found[0].touches


def test_a_box_inside_the_scan_is_no_end_of_the_scan(flags):
    liver = block((0, 40), (0, 60), (0, 60))
    inside = seen(liver, start=(10, 10, 10), shape=(60, 90, 90))
    assert quality.liver_cut(inside, flags) == []
    assert codes(quality.liver_cut(seen(liver), flags)) == ["liver_cut_fov"] * 3


@pytest.mark.parametrize(("slices", "cut"), [(7, False), (8, True)], ids=["2.8", "3.2 cm2"])
def test_a_liver_at_the_border_or_the_padding_is_cut(flags, slices, cut):
    at_border = LIVER | block((10, 10 + slices), (20, 24), (0, 10))
    assert codes(quality.liver_cut(seen(at_border), flags)) == ["liver_cut_fov"] * cut
    hu = np.full(ON.shape, 100, dtype=np.float32)
    hu[10 : 10 + slices, 20:24, 50:] = -2000
    assert codes(quality.liver_cut(seen(), flags, hu=hu)) == ["liver_cut_fov"] * cut
    assert quality.liver_cut(seen(), flags, hu=np.where(hu < 0, -1024, hu)) == []


@pytest.mark.parametrize(
    ("height_cm", "weight_kg", "odd"),
    [(170, 70, False), (180, 85, False), (190, 110, True), (120, 22, True), (150, 45, False)],
)
def test_a_volume_far_from_the_body_size_is_doubted(flags, height_cm, weight_kg, odd):
    context = SegContext(height_cm=height_cm, weight_kg=weight_kg)
    found = quality.implausible_volume(seen(), context, flags)
    bsa_m2 = np.sqrt(height_cm * weight_kg / 3600)
    ratio = 960 / (-794.41 + 1267.28 * bsa_m2)
    assert odd is not (0.5 <= ratio <= 2.0)
    assert codes(found) == ["liver_volume_implausible"] * odd
    if odd:
        assert found[0].value == pytest.approx(ratio)


def test_tumour_does_not_count_as_functional_liver(flags):
    lesions = np.where(block((5, 25), (10, 50), (10, 50)), np.uint16(1), np.uint16(0))
    context = SegContext(height_cm=170, weight_kg=70)
    found = quality.implausible_volume(seen(lesions=lesions), context, flags)
    assert codes(found) == ["liver_volume_implausible"]
    assert "320 mL" in found[0].sentence


@pytest.mark.parametrize(
    ("depth", "codes_"), [(18, ["liver_volume_implausible"]), (19, [])], ids=["576", "608 mL"]
)
def test_without_body_size_plain_limits_hold(flags, depth, codes_):
    liver = block((5, 5 + depth), (10, 50), (10, 50))
    assert codes(quality.implausible_volume(seen(liver), SegContext(), flags)) == codes_


@pytest.mark.parametrize(
    ("second_ml", "dropped_ml", "doubt"),
    [(0.0, 0, 0), (0.0, 47, 0), (0.0, 49, 1), (20.0, 0, 0), (20.1, 0, 1)],
)
def test_several_pieces_or_much_dropped_is_said(flags, second_ml, dropped_ml, doubt):
    pieces_ml = (960.0, second_ml)
    out = Cleaned(liver=LIVER, lesions=None, steps=(), pieces_ml=pieces_ml, dropped_ml=dropped_ml)
    assert codes(quality.several_components(out, 960.0, flags)) == ["several_components"] * doubt


def test_what_counts_as_a_piece_is_a_setting(flags):
    out = Cleaned(liver=LIVER, lesions=None, steps=(), pieces_ml=(960.0, 25.0), dropped_ml=0.0)
    found = quality.several_components(out, 960.0, flags | {"component_ml": 24.0})
    assert "2 pieces of liver above 24 mL" in found[0].sentence
    assert quality.several_components(out, 960.0, flags | {"component_ml": 26.0}) == []


@pytest.mark.parametrize(("changed", "doubt"), [(28.0, 0), (-28.9, 1), (29.0, 1)])
def test_a_step_that_changes_three_percent_is_heavy(flags, changed, doubt):
    steps = (Step(name="holes", changed_ml=changed), Step(name="lesions", changed_ml=500.0))
    assert codes(quality.heavy_steps(steps, 960.0, flags)) == ["postprocess_heavy"] * doubt


@pytest.mark.parametrize(("shift", "doubt"), [(5, 0), (7, 1)], ids=["0.875", "0.825"])
def test_stages_that_disagree_are_said(flags, shift, doubt):
    moved = np.roll(LIVER, shift, axis=2)
    found = quality.locator_disagrees(seen(locator=moved), flags)
    assert codes(found) == ["locator_disagrees"] * doubt
    if doubt:
        assert found[0].value == pytest.approx(1 - shift / 40)


def lesion_case(p_core, p_rim, confidence):
    """One lesion of 8x10x10 voxels whose outer voxels are less sure."""
    outer, core = block((10, 18), (20, 30), (20, 30)), block((11, 17), (21, 29), (21, 29))
    field = np.zeros(ON.shape, dtype=np.float16)
    field[outer], field[core] = p_rim, p_core
    lesions = np.where(outer, np.uint16(1), np.uint16(0))
    one = Lesion(number=1, tracking_uid="2.25.1", confidence=confidence)
    return seen(lesions=lesions, lesion_probability=field), (one,)


@pytest.mark.parametrize(
    ("p_core", "p_rim", "confidence", "doubt"),
    [
        (0.9, 0.9, 0.9, None),
        (0.9, 0.9, 0.59, "confidence of 0.59"),
        (0.9, 0.6, 0.8, "Only 48 %"),  # 384 of 800 voxels are sure
        (0.9, 0.25, 0.8, None),
    ],
)
def test_a_lesion_of_low_confidence_is_named(flags, p_core, p_rim, confidence, doubt):
    case, lesions = lesion_case(p_core, p_rim, confidence)
    found = quality.unsure_lesions(case, lesions, flags)
    assert codes(found) == ["lesion_low_confidence"] * (doubt is not None)
    if doubt:
        assert doubt in found[0].sentence
        assert found[0].touches == ("L1",)


def test_confidence_falls_with_the_share_of_surface_on_the_livers_edge():
    field = np.full(ON.shape, 0.8, dtype=np.float32)
    probability = Volume(values=field, grid=ON, quantity=Quantity.PROBABILITY)
    inner, outer = block((10, 12), (20, 24), (20, 24)), block((20, 22), (20, 24), (10, 14))
    body = Anatomy.from_masks(
        Mask(voxels=LIVER, grid=ON),
        Mask(voxels=inner | outer, grid=ON),
        lesion_probability=probability,
    )
    by_place = {
        bool((body.lesion(n.number).voxels & outer).any()): n.confidence
        for n in quality.sureness(body)
    }
    # Faces: 2 of 16 x 4 mm2, 4 of 8 x 10 mm2; one of the latter lies on the edge.
    share = 80 / (2 * 64 + 4 * 80)
    assert by_place[False] == pytest.approx(0.8)
    assert by_place[True] == pytest.approx(0.8 * (1 - share / 2))


@pytest.mark.parametrize(
    ("inside", "outside", "doubt"),
    [(0.95, 0.05, False), (0.62, 0.38, True), (0.72, 0.28, False), (0.58, 0.42, True)],
)
def test_an_undecided_surface_is_said(flags, inside, outside, doubt):
    p = np.where(LIVER, inside, outside).astype(np.float16)
    found = quality.unsure_liver(seen(liver_probability=p), flags)
    assert codes(found) == ["liver_low_confidence"] * doubt


@pytest.mark.parametrize(
    ("place", "voxels", "doubt"),
    [((20, 30, 30), 2, 0), ((20, 30, 30), 3, 1), ((20, 30, 95), 3, 0)],
    ids=["0.04 mL", "0.06 mL", "far away"],
)
def test_metal_near_the_liver_is_said(flags, place, voxels, doubt):
    hu = np.full((40, 60, 100), 100, dtype=np.float32)
    z, y, x = place
    hu[z, y, x : x + voxels] = 3000
    assert codes(artefacts.metal(seen(hu=hu), flags)) == ["metal"] * doubt


@pytest.mark.parametrize(("slices", "doubt"), [(3, 0), (4, 1)], ids=["10 %", "13 %"])
def test_streaks_in_more_than_a_tenth_of_the_slices_are_said(flags, slices, doubt):
    rng = np.random.default_rng(1)
    hu = rng.normal(100, 10, ON.shape).astype(np.float32)
    hu[10 : 10 + slices] += rng.normal(0, 40, (slices, 60, 60))
    assert codes(artefacts.metal(seen(hu=hu), flags)) == ["metal"] * doubt


@pytest.mark.parametrize(("sd", "doubt"), [(33, 0), (38, 1)])
def test_noise_is_taken_from_the_middle_of_the_healthy_liver(flags, sd, doubt):
    rng = np.random.default_rng(2)
    hu = rng.normal(100, sd, ON.shape).astype(np.float32)
    assert codes(artefacts.noise(seen(hu=hu), flags)) == ["noise_high"] * doubt


def test_lesions_are_no_noise(flags):
    hu = np.full(ON.shape, 100, dtype=np.float32)
    spot = block((8, 32), (25, 35), (25, 35))
    hu[spot] = -100
    lesions = np.where(spot, np.uint16(1), np.uint16(0))
    assert artefacts.noise(seen(hu=hu, lesions=lesions), flags) == []
    assert codes(artefacts.noise(seen(hu=hu), flags)) == ["noise_high"]


def test_values_are_plain_numbers(flags):
    case = dataclasses.replace(seen(LIVER | block((35, 40), (20, 40), (20, 40))))
    for flag in quality.liver_cut(case, flags):
        assert type(flag.value) is float
