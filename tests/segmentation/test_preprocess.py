"""Grids: any order of axes, any tilt, to a stage's spacing and back to the same world points."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from netimg.geometry import AXIAL, Grid
from netimg.segmentation.preprocess import (
    at_spacing,
    body_of,
    box_around,
    levelled,
    onto,
    stretched,
    upright,
)
from netimg.segmentation.regrid import regrid, shape_at
from tests.make import arrays, segmenter

AXES = np.array(AXIAL)


def orders():
    """Every order and sign of the patient's axes: 24 right-handed, 24 mirrored."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            yield order, signs, AXES[:, list(order)] * np.array(signs)


def right_handed():
    return [o for o in orders() if np.linalg.det(o[2][:, ::-1]) > 0]


def test_half_of_the_48_orders_and_signs_are_mirrored_and_no_grid():
    mirrored = [o for o in orders() if np.linalg.det(o[2][:, ::-1]) < 0]
    assert len(mirrored) == len(right_handed()) == 24
    for _, _, directions in mirrored:
        with pytest.raises(ValueError, match="right-handed"):
            Grid(
                shape=(2, 2, 2),
                spacing_mm=(1, 1, 1),
                origin_lps_mm=(0, 0, 0),
                directions=directions.tolist(),
            )


@pytest.mark.parametrize("case", right_handed(), ids=lambda c: f"{c[0]}{[int(s) for s in c[1]]}")
def test_turning_upright_keeps_every_voxel_at_its_world_point(case):
    order, _, directions = case
    shape, spacing = (5, 7, 9), (5.0, 0.8, 0.7)
    on = Grid(
        shape=tuple(shape[k] for k in order),
        spacing_mm=tuple(spacing[k] for k in order),
        origin_lps_mm=(12.0, -3.0, 40.0),
        directions=directions.tolist(),
    )
    rng = np.random.default_rng(0)
    values = rng.normal(size=on.shape).astype(np.float32)
    turned = upright(values, on)
    assert np.shares_memory(turned.values, values)
    assert turned.grid.shape == shape
    assert np.allclose(turned.grid.matrix, AXES)
    assert turned.tilt_deg == pytest.approx(0.0, abs=1e-6)
    index = np.array([[0, 0, 0], [4, 6, 8], [1, 2, 3], [3, 0, 7]])
    points = turned.grid.to_world(index)
    there = np.rint(on.to_index(points)).astype(int)
    assert np.abs(on.to_index(points) - there).max() < 0.01
    assert np.array_equal(values[tuple(there.T)], turned.values[tuple(index.T)])
    assert np.array_equal(turned.back(turned.values), values)


def ellipsoid_share(on, centre_lps_mm, semi_mm, cuts=3):
    """Share of each voxel of an axial grid that lies in an ellipsoid, by cutting it in pieces."""
    fine = stretched(on, tuple(cuts * n for n in on.shape))
    squares = []
    for k, n in enumerate(fine.shape):
        at = fine.origin_lps_mm[2 - k] + fine.spacing_mm[k] * np.arange(n)
        squares.append(((at - centre_lps_mm[2 - k]) / semi_mm[2 - k]) ** 2)
    z, y, x = (values.astype(np.float32) for values in squares)
    inside = z[:, None, None] + y[None, :, None] + x[None, None, :] <= 1
    pieces = [size for n in on.shape for size in (n, cuts)]
    return inside.reshape(pieces).mean(axis=(1, 3, 5), dtype=np.float32)


@pytest.mark.parametrize("spacing_mm", [(5.0, 0.7, 0.7), (1.0, 1.0, 1.0), (2.5, 0.9, 0.9)])
def test_an_ellipsoid_comes_back_from_a_stage_of_1_5_mm(spacing_mm):
    size_mm = (120.0, 90.0, 80.0)
    shape = tuple(round(a / s) for a, s in zip(size_mm, spacing_mm, strict=True))
    on = arrays.grid(shape, spacing_mm)
    truth = arrays.ellipsoid(on, (40.3, 44.8, 60.1), (20.0, 30.0, 40.0))
    # The image is the truth by the share of each voxel, as a scanner would see it.
    share = ellipsoid_share(on, (40.3, 44.8, 60.1), (20.0, 30.0, 40.0))
    source = upright((share * 200 - 100).astype(np.float32), on)
    image, grid = at_spacing(source, tuple(slice(0, n) for n in shape), segmenter.stage())
    back = np.empty(shape, dtype=np.float32)
    seen = ((image.numpy() + 100) / 200).astype(np.float16)
    for first, last, slab in onto(seen, grid, on):
        back[first:last] = slab[0]
    assert segmenter.dice(back >= 0.5, truth) > 0.985


def test_slab_by_slab_is_the_same_as_all_at_once():
    import torch

    rng = np.random.default_rng(1)
    on = arrays.grid((41, 60, 70), (2.0, 0.8, 0.9))
    values = rng.uniform(-300, 300, on.shape).astype(np.float32)
    stage = segmenter.stage((3.0, 1.5, 1.5))
    image, grid = at_spacing(upright(values, on), tuple(slice(0, n) for n in on.shape), stage)
    clipped = torch.from_numpy(values.clip(-200, 200))[None]
    whole = regrid(clipped, shape_at(on.shape, on.spacing_mm, stage.spacing_mm))
    assert grid.shape == tuple(whole.shape[1:])
    assert float((image - whole).abs().max()) < 1e-3


def test_a_ramp_keeps_its_place_there_and_back():
    on = arrays.grid((40, 50, 60), (2.0, 1.0, 1.0))
    points = arrays.points_of(on)
    ramp = (points[..., 0] + 2 * points[..., 1] - points[..., 2]).astype(np.float32)
    source = upright(ramp, on)
    image, grid = at_spacing(source, tuple(slice(0, n) for n in on.shape), segmenter.stage())
    at = arrays.points_of(grid)
    wanted = at[..., 0] + 2 * at[..., 1] - at[..., 2]
    inner = (slice(4, -4),) * 3
    assert np.abs(image[0].numpy() - wanted)[inner].max() < 0.02
    for first, last, slab in onto(image.numpy(), grid, on):
        part = np.s_[max(first, 6) : min(last, 34), 6:-6, 6:-6]
        got = slab[0][part[0].start - first : part[0].stop - first, 6:-6, 6:-6]
        assert np.abs(got - ramp[part]).max() < 0.02


def test_beyond_the_outer_face_there_is_nothing():
    source = arrays.grid((4, 4, 4), (1.0, 1.0, 1.0), (10.0, 10.0, 10.0))
    target = arrays.grid((24, 24, 24), (1.0, 1.0, 1.0))
    values = np.ones((1, 4, 4, 4), dtype=np.float16)
    out = np.concatenate([slab[0] for _, _, slab in onto(values, source, target)])
    assert out.sum() == 64
    assert out[10:14, 10:14, 10:14].all()


@pytest.mark.parametrize("outside", [0.0, -1024.0])
def test_turned_grids_agree_with_straight_ones_where_both_apply(outside):
    from netimg.segmentation import preprocess

    rng = np.random.default_rng(2)
    source = arrays.grid((12, 14, 16), (2.0, 1.0, 1.5))
    target = arrays.grid((20, 9, 30), (1.1, 2.0, 0.9), (1.0, -2.0, 3.0))
    values = rng.normal(size=(2, *source.shape)).astype(np.float32)
    straight = preprocess._straight(values, source, target, outside)
    turned = preprocess._turned(values, source, target, outside)
    assert np.abs(straight - turned).max() < 1e-4


def test_a_tilted_scan_is_levelled_and_the_structure_stays_in_its_place():
    tilted = arrays.grid(
        (60, 80, 80), (2.0, 1.2, 1.2), directions=arrays.oblique((25.0, 0.0, 10.0))
    )
    middle = tilted.to_world(np.array([[29.5, 39.5, 39.5]]))[0]
    semi_mm = (20.0, 30.0, 40.0)
    truth = arrays.ellipsoid(tilted, middle, semi_mm)
    source = upright(np.where(truth, 100.0, -100.0).astype(np.float32), tilted)
    assert source.tilt_deg > 20
    level = levelled(source)
    assert level.tilt_deg == pytest.approx(0.0, abs=1e-6)
    seen = level.values >= 0
    assert segmenter.dice(seen, arrays.ellipsoid(level.grid, middle, semi_mm)) > 0.97
    assert level.values.min() == -1024
    back = np.concatenate(
        [s[0] for _, _, s in onto(seen[None].astype(np.float16), level.grid, source.grid)]
    )
    assert segmenter.dice(source.back(back >= 0.5), truth) > 0.97


def test_a_box_holds_the_mask_with_its_margin():
    coarse = arrays.grid((20, 20, 20), (3.0, 3.0, 3.0))
    fine = stretched(coarse, (60, 60, 60))
    mask = np.zeros(coarse.shape, dtype=bool)
    mask[5:8, 10, 10] = True
    box = box_around(mask, coarse, fine, (0.0, 0.0, 0.0), 0.0)
    assert box == (slice(15, 24), slice(30, 33), slice(30, 33))
    box = box_around(mask, coarse, fine, (2.0, 0.0, 0.0), 0.0)
    assert box[0] == slice(13, 26)
    box = box_around(mask, coarse, fine, (2.0, 0.0, 0.0), 30.0)
    assert all(part.stop - part.start >= 30 for part in box)
    box = box_around(mask, coarse, fine, (500.0, 500.0, 500.0), 0.0)
    assert box == (slice(0, 60),) * 3


def test_stretching_keeps_the_outer_faces():
    on = arrays.grid((10, 12, 14), (5.0, 0.8, 0.7), (1.0, 2.0, 3.0))
    other = stretched(on, (17, 5, 9))
    assert other.extent_mm == pytest.approx(on.extent_mm)
    for low, high in ((on, other),):
        face = [low.to_world(np.array([[-0.5] * 3]))[0], high.to_world(np.array([[-0.5] * 3]))[0]]
        assert math.dist(*face) < 1e-9


def test_the_body_is_boxed_without_table_and_air():
    on = arrays.grid((20, 120, 140), (5.0, 2.0, 2.0))
    values = np.full(on.shape, -1000, dtype=np.float32)
    values[:, 30:80, 40:110] = 40
    values[:, 100:104, 20:130] = 200  # the table
    found = body_of(upright(values, on), -300.0)
    assert found.volume_ml == pytest.approx(20 * 50 * 70 * 0.02, rel=0.05)
    z, y, x = found.box
    assert z == slice(0, 20)
    assert 26 <= y.start <= 28
    assert 82 <= y.stop <= 85
    assert 36 <= x.start <= 38
    assert 112 <= x.stop <= 115


def test_a_scan_of_air_has_no_body_and_the_box_of_all():
    on = arrays.grid((10, 20, 20), (5.0, 2.0, 2.0))
    found = body_of(upright(np.full(on.shape, -1000, dtype=np.float32), on), -300.0)
    assert (found.volume_ml, found.box) == (0.0, (slice(0, 10), slice(0, 20), slice(0, 20)))
