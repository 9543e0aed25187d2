"""Tiles: weights that sum to one, as many as planned, the same as MONAI's."""

import math

import numpy as np
import pytest
import torch  # noqa: TID253  # the tests run networks

from netimg.segmentation.slide import fitted, lay, slide, starts, tiles, weights

PATCH = (8, 12, 12)


@pytest.mark.parametrize("shape", [(5, 6, 7), PATCH, (9, 13, 13), (20, 31, 25)])
@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_a_constant_network_gives_a_constant(shape, blend, overlap):
    calls = []

    def forward(tile):
        calls.append(tuple(tile.shape))
        return torch.full((2, *PATCH), 3.0)

    image = torch.zeros((1, *shape))
    out, covered = slide(image, forward, patch=PATCH, overlap=overlap, blend=blend, pad=[-1.0])
    assert out.shape == (2, *shape)
    assert bool(covered.all())
    assert float((out - 3.0).abs().max()) < 1e-5
    assert len(calls) == len(
        tiles([max(a, b) for a, b in zip(shape, PATCH, strict=True)], PATCH, overlap)
    )


@pytest.mark.parametrize("shape", [(8, 12, 12), (20, 31, 25)])
@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_tiles_blend_as_in_monai(shape, overlap):
    from monai.inferers import sliding_window_inference

    torch.manual_seed(0)
    image = torch.randn((1, *shape))
    network = torch.nn.Conv3d(1, 3, 3, padding=1).requires_grad_(requires_grad=False)
    ours, _ = slide(
        image, lambda tile: network(tile[None])[0], patch=PATCH, overlap=overlap, pad=[0.0]
    )
    theirs = sliding_window_inference(
        image[None], PATCH, 1, network, overlap=overlap, mode="gaussian", sigma_scale=0.125
    )
    assert float((ours - theirs[0]).abs().max()) < 1e-4


def test_a_network_that_loses_its_margin_is_padded_with_each_channels_value():
    seen = []

    def forward(tile):
        seen.append(tile)
        return tile[:1, 2:-2, 3:-3, 3:-3]

    image = torch.arange(2 * 6 * 7 * 9, dtype=torch.float32).view(2, 6, 7, 9)
    out, _ = slide(
        image, forward, patch=(8, 12, 12), margin=(2, 3, 3), overlap=0.0, pad=[-7.0, 5.0]
    )
    assert torch.allclose(out, image[:1])
    assert float(seen[0][0, 0, 0, 0]) == -7.0
    assert float(seen[0][1, 0, 0, 0]) == 5.0


def test_tiles_without_the_structure_are_left_out():
    keep = np.zeros((20, 24, 24), dtype=bool)
    keep[15:, 20:, 20:] = True
    done = []
    out, covered = slide(
        torch.zeros((1, 20, 24, 24)),
        lambda tile: torch.ones((1, *tile.shape[1:])),
        patch=PATCH,
        overlap=0.0,
        pad=[0.0],
        keep=keep,
        tile_done=lambda done_, total: done.append((done_, total)),
    )
    assert bool(covered[keep].all())
    assert not bool(covered[:8, :12, :12].any())
    assert float(out[0][~covered].abs().max()) == 0.0
    assert done[-1][0] == done[-1][1] < len(tiles((20, 24, 24), PATCH, 0.0))


def test_no_structure_at_all_gives_nothing():
    keep = np.zeros((8, 12, 12), dtype=bool)
    out, covered = slide(
        torch.zeros((1, 8, 12, 12)), lambda tile: tile, patch=PATCH, pad=[0.0], keep=keep
    )
    assert not bool(covered.any())
    assert out.shape == (1, 8, 12, 12)


@pytest.mark.parametrize(
    ("n", "patch", "overlap"), [(10, 10, 0.5), (11, 10, 0.5), (160, 96, 0.25), (300, 128, 0.5)]
)
def test_the_number_of_tiles_follows_the_cost_model(n, patch, overlap):
    found = starts(n, patch, overlap)
    step = int(patch * (1 - overlap))
    wanted = 1 if n <= patch else math.ceil((n - patch) / step) + 1
    assert len(found) == wanted
    assert found[-1] + patch == max(n, patch)


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        ((128, 128, 128), (128, 128, 128)),
        ((100, 20, 200), (112, 32, 128)),
        ((1, 1, 1), (32, 32, 32)),
    ],
)
def test_a_tile_shrinks_in_steps_of_the_stride_but_never_below_twice_it(needed, expected):
    assert fitted((128,) * 3, (16,) * 3, (0, 0, 0), needed) == expected


def test_a_tile_with_a_margin_keeps_its_remainder():
    sizes = fitted((86, 172, 180), (8, 8, 8), (22, 44, 44), (10, 10, 10))
    assert [s % 8 for s in sizes] == [86 % 8, 172 % 8, 180 % 8]
    assert all(s - 2 * m >= 10 for s, m in zip(sizes, (22, 44, 44), strict=True))


def test_weights_peak_in_the_middle_and_never_vanish():
    gaussian = weights((9, 9, 9), "gaussian", 0.125)
    assert float(gaussian.max()) == float(gaussian[4, 4, 4]) == 1.0
    assert float(gaussian.min()) == pytest.approx(1e-3)
    assert float(weights((3, 3, 3), "constant", 0.125).min()) == 1.0


def test_a_small_image_stands_in_the_middle_of_its_tile():
    laid = lay(torch.ones((1, 4, 6, 6)), patch=PATCH, margin=(0, 0, 0), overlap=0.5, pad=[0.0])
    assert laid.first == (2, 3, 3)
    assert laid.starts == ((0, 0, 0),)
    assert float(laid.tile((0, 0, 0)).sum()) == 4 * 6 * 6
    mask = np.ones((4, 6, 6), dtype=bool)
    assert laid.held(mask, (0, 0, 0)) == pytest.approx(4 * 36 / math.prod(PATCH))
