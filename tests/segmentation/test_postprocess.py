"""Each step of tidying up, on masks made by hand."""

import dataclasses

import numpy as np
import pytest

from netimg.segmentation.postprocess import (
    axial_length_mm,
    clean,
    cut_bridges,
    fill_holes,
    find_lesions,
    keep_pieces,
)
from netimg.segmentation.protocol import Device, Prediction, RunPlan
from tests.make import arrays

ON = arrays.grid((40, 60, 60), (2.0, 2.0, 2.0))
VOXEL_ML = 0.008


def block(*bounds, on=ON):
    mask = np.zeros(on.shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in bounds)] = True
    return mask


LIVER = block((5, 35), (5, 45), (5, 35))  # 288 mL


def prediction(liver, lesion=None, locator=None, on=ON):
    plan = RunPlan(
        model="hand",
        model_hash="0" * 64,
        stages=(),
        device=Device(name="cpu", dtype="float32", reason="test"),
        threads=1,
        accumulate="cpu",
        seconds=0.0,
        memory_mb=0.0,
    )
    return Prediction(
        grid=on,
        start=(0, 0, 0),
        liver=np.asarray(liver, dtype=np.float16),
        lesion=None if lesion is None else np.asarray(lesion, dtype=np.float16),
        locator=locator,
        plan=plan,
    )


@pytest.mark.parametrize(
    ("far", "size", "kept"),
    [(36, 15, True), (37, 15, False), (36, 12, False)],
    ids=["large and near", "large and far", "small and near"],
)
def test_a_second_piece_is_kept_only_if_large_and_near(far, size, kept):
    on = arrays.grid((40, 60, 70), (2.0, 2.0, 2.0))
    liver = block((5, 35), (5, 45), (5, 30), on=on)
    second = block((5, 5 + size), (5, 5 + size), (far, far + size), on=on)
    out, pieces_ml, step = keep_pieces(liver | second, on, 20.0, 15.0)
    assert np.array_equal(out, liver | second if kept else liver)
    assert pieces_ml == pytest.approx([piece.sum() * VOXEL_ML for piece in (liver, second)])
    lost = 0.0 if kept else -(size**3) * VOXEL_ML
    assert step.changed_ml == pytest.approx(lost)


def test_pieces_that_touch_at_a_corner_are_one():
    liver = block((5, 20), (5, 20), (5, 20)) | block((20, 35), (20, 35), (20, 35))
    out, pieces_ml, _ = keep_pieces(liver, ON, 20.0, 15.0)
    assert np.array_equal(out, liver)
    assert len(pieces_ml) == 1


def test_an_empty_mask_stays_empty():
    out, pieces_ml, step = keep_pieces(np.zeros(ON.shape, dtype=bool), ON, 20.0, 15.0)
    assert not out.any()
    assert (pieces_ml, step.changed_ml) == ((), 0.0)


def test_a_closed_hole_is_filled_whatever_its_size():
    hollow = LIVER & ~block((10, 30), (10, 40), (10, 30))
    out, step = fill_holes(hollow, ON, 100.0)
    assert np.array_equal(out, LIVER)
    assert step.changed_ml == pytest.approx(20 * 30 * 20 * VOXEL_ML)


@pytest.mark.parametrize(("width", "filled"), [(4, True), (6, False)])
def test_an_open_tunnel_is_closed_slice_by_slice_only_if_small(width, filled):
    tunnel = block((0, 40), (20, 20 + width), (15, 15 + width))  # 64 and 144 mm2 a slice
    out, _ = fill_holes(LIVER & ~tunnel, ON, 100.0)
    assert np.array_equal(out, LIVER if filled else LIVER & ~tunnel)


@pytest.mark.parametrize(
    ("locator_reaches", "cut"), [(False, True), (True, False)], ids=["not seen", "seen before"]
)
def test_what_hangs_on_a_thin_bridge_is_cut_off_if_the_first_stage_did_not_see_it(
    limits, locator_reaches, cut
):
    spleen = block((10, 30), (10, 30), (45, 58))  # 41.6 mL
    bridge = block((19, 21), (19, 21), (35, 45))
    locator = LIVER | spleen if locator_reaches else LIVER
    out, step = cut_bridges(LIVER | bridge | spleen, locator, ON, limits("postprocess"))
    assert bool((out & spleen).any()) is not cut
    assert (out & LIVER).sum() == LIVER.sum()
    assert (step.changed_ml < -40) is cut


def test_a_wide_connection_is_no_bridge(limits):
    lobe = block((10, 30), (10, 30), (35, 55))
    out, step = cut_bridges(LIVER | lobe, LIVER, ON, limits("postprocess"))
    assert np.array_equal(out, LIVER | lobe)
    assert step.changed_ml == 0.0


def lesion_field(*blocks):
    """Probability map of blocks, each (bounds, probability)."""
    out = np.zeros(ON.shape, dtype=np.float16)
    for bounds, p in blocks:
        out[block(*bounds)] = p
    return out


@pytest.mark.parametrize(("p", "kept"), [(0.49, False), (0.6, False), (0.75, True)])
def test_a_lesion_needs_the_threshold_and_one_sure_voxel(limits, p, kept):
    field = lesion_field((((10, 16), (10, 16), (10, 16)), p))
    out, _ = find_lesions(field, LIVER, ON, limits("postprocess"))
    assert bool(out.any()) is kept


def test_one_sure_voxel_keeps_the_whole_piece(limits):
    field = lesion_field(
        (((10, 16), (10, 16), (10, 16)), 0.55), (((12, 13), (12, 13), (12, 13)), 0.8)
    )
    out, steps = find_lesions(field, LIVER, ON, limits("postprocess"))
    assert out.sum() == 6**3
    assert steps[0].changed_ml == pytest.approx(6**3 * VOXEL_ML)


def test_lesions_outside_the_liver_do_not_count(limits):
    field = lesion_field((((10, 16), (10, 16), (32, 40)), 0.9))
    out, _ = find_lesions(field, LIVER, ON, limits("postprocess"))
    assert np.array_equal(out, block((10, 16), (10, 16), (32, 35)))


@pytest.mark.parametrize(
    ("spacing_mm", "voxels", "kept"),
    [
        ((3.0, 1.0, 1.0), (1, 3, 4), True),  # one slice of 3 mm counts
        ((2.0, 1.0, 1.0), (1, 6, 6), False),  # one thin slice does not
        ((2.0, 1.0, 1.0), (2, 6, 6), True),
        ((1.0, 1.0, 1.0), (16, 1, 2), False),  # 2.0 to 2.2 mm in plane
        ((1.0, 1.0, 1.0), (2, 3, 3), False),  # 0.018 mL
        ((1.0, 1.0, 1.0), (4, 3, 3), True),  # 0.036 mL, 3.8 mm
    ],
)
def test_lesions_below_three_millimetres_or_thirty_microlitres_are_dropped(
    limits, spacing_mm, voxels, kept
):
    on = arrays.grid((30, 20, 20), spacing_mm)
    field = np.zeros(on.shape, dtype=np.float16)
    field[tuple(slice(5, 5 + n) for n in voxels)] = 0.9
    liver = np.ones(on.shape, dtype=bool)
    out, _ = find_lesions(field, liver, on, limits("postprocess"))
    assert bool(out.any()) is kept


def test_a_necrotic_core_belongs_to_its_lesion(limits):
    field = lesion_field(
        (((10, 20), (10, 20), (10, 20)), 0.9), (((13, 17), (13, 17), (13, 17)), 0.1)
    )
    out, steps = find_lesions(field, LIVER, ON, limits("postprocess"))
    assert np.array_equal(out, block((10, 20), (10, 20), (10, 20)))
    assert steps[-1].changed_ml == pytest.approx(64 * VOXEL_ML)


def test_length_is_the_longest_distance_in_the_slice():
    piece = np.zeros((20, 20), dtype=bool)
    piece[5:9, 5:8] = True
    assert axial_length_mm(piece, ON) == pytest.approx(2 * np.hypot(3, 2) + 2)
    line = np.zeros((1, 100), dtype=bool)
    line[0, :80] = True
    assert axial_length_mm(line, ON) == pytest.approx(2 * 79 + 2)


def test_the_steps_come_in_their_order_and_the_card_overrides(limits):
    field = lesion_field((((10, 16), (10, 16), (10, 16)), 0.9))
    seen = prediction(LIVER * 0.8, field, LIVER)
    out = clean(seen, limits("postprocess"))
    names = [step.name for step in out.steps]
    assert names == [
        "largest piece",
        "holes",
        "bridges",
        "lesions",
        "unsure lesions",
        "small lesions",
        "holes of lesions",
    ]
    assert np.array_equal(out.liver, LIVER)
    assert out.lesions.sum() == 6**3
    assert not clean(seen, limits("postprocess") | {"liver_threshold": 0.85}).liver.any()
    without = dataclasses.replace(seen, lesion=None)
    assert clean(without, limits("postprocess")).lesions is None


def test_smoothing_is_off_unless_a_card_asks(limits):
    rough = prediction(LIVER * 1.0)
    assert limits("postprocess")["smooth_mm"] == 0
    plain = clean(rough, limits("postprocess")).liver
    smooth = clean(rough, limits("postprocess") | {"smooth_mm": 4.0}).liver
    assert np.array_equal(plain, LIVER)
    assert smooth.sum() < plain.sum()  # corners are rounded off
