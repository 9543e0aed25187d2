"""Samples are pure functions of the seed and their number."""

import hashlib

import numpy as np
import pytest

from netimg.training.cache import HU_LOW, HU_STEP, Cached
from netimg.training.config import RunConfig
from netimg.training.items import IGNORE, LESION, load_source
from netimg.training.lesion_sampler import lesion_sample, tile_centre
from netimg.training.paint import paint
from netimg.training.sampler import Sample, Store, liver_sample, spoil

SHAPE = (28, 32, 36)


def cached(
    name: str = "lits-002", spacing_mm: tuple[float, float, float] = (3.0, 3.0, 3.0)
) -> Cached:
    """A ball of liver at 100 HU in fat, with a lesion and an uncertain spot."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    away = np.sqrt((z - 14.0) ** 2 + (y - 16.0) ** 2 + (x - 18.0) ** 2)
    liver = away < 9
    lesions = np.zeros(SHAPE, dtype=np.uint8)
    lesions[12:16, 12:15, 15:18] = LESION
    lesions[14:16, 20:22, 20:22] = IGNORE
    hu = np.where(liver, 100.0, -100.0)
    return Cached(
        name=name,
        source=load_source(name),
        spacing_mm=spacing_mm,
        ct=np.rint((hu - HU_LOW) / HU_STEP).astype(np.uint8),
        liver=(liver * 255).astype(np.uint8),
        lesions=lesions,
        has_lesion_labels=True,
        prior=(liver * 255).astype(np.uint8),
    )


def config(stage: str = "liver", **more: object) -> RunConfig:
    plain = {
        "name": "test",
        "stage": stage,
        "seed": 5,
        "hours": 1.0,
        "patches": ((16, 16, 16), (12, 20, 16)),
        "with_prior": stage == "liver",
    }
    return RunConfig(**(plain | more))  # type: ignore[arg-type]


def digest(sample: Sample) -> str:
    parts = (sample.image, sample.target, sample.weight)
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def test_the_same_number_gives_the_same_bytes_in_any_order() -> None:
    store = Store([cached(), cached("ircadb-002")])
    forward = [digest(liver_sample(store, i, config())) for i in range(6)]
    backward = [digest(liver_sample(store, i, config())) for i in reversed(range(6))]
    assert forward == backward[::-1]
    assert len(set(forward)) == 6


def test_another_seed_gives_other_samples() -> None:
    store = Store([cached()])
    assert digest(liver_sample(store, 0, config())) != digest(
        liver_sample(store, 0, config(seed=6))
    )


def test_nothing_is_known_beyond_the_ends_of_the_scan() -> None:
    store = Store([cached()])
    wide = config(patches=((40, 16, 16),), mix={"liver": 1.0})
    still = liver_sample(store, 3, wide)
    outside = still.image[0] == -1.0
    assert float(still.weight.sum()) < still.weight.numel()
    assert not bool((still.weight[0][~outside] == 0).any())


def test_images_are_finite_and_inside_the_window() -> None:
    store = Store([cached()])
    for i in range(20):
        image = liver_sample(store, i, config()).image
        assert bool(image.isfinite().all())
        assert -1.0 <= float(image.min()) <= float(image.max()) <= 1.0


def test_a_cut_field_of_view_holds_no_liver() -> None:
    from netimg.training.augment import Augment

    always = config(augment=Augment(slab_p=1.0, warp_p=0.0), mix={"liver": 1.0})
    sample = liver_sample(Store([cached()]), 1, always)
    emptied = (sample.image[0] == -1.0).flatten(1).all(dim=1)
    assert bool(emptied.any())
    assert float(sample.target[0][emptied].sum()) == 0.0
    assert bool((sample.weight[0][emptied] == 1.0).all())


def test_uncertain_voxels_and_everything_outside_the_liver_carry_no_weight_for_lesions() -> None:
    from netimg.training.augment import Augment

    plain = config(
        "lesion",
        patches=((24, 24, 24),),
        mix={"lesion": 1.0},
        border=(2, 2, 2),
        augment=Augment(warp_p=0.0, noise_p=0.0, blur_p=0.0, lowres_p=0.0, shift_p=0.0),
    )
    sample = lesion_sample(Store([cached()]), 0, plain)
    assert float(sample.target.sum()) > 0
    assert float((sample.weight * (sample.image == -1.0)).sum()) == 0.0
    assert float(sample.weight[:, :2].sum()) == 0.0
    liver_voxels = float((sample.image > -0.2).sum())  # above 0 HU
    assert 0 < float(sample.weight.sum()) < liver_voxels


def test_painted_lesions_lie_in_the_liver_they_leave_and_spare_real_ones() -> None:
    import torch

    item = cached()
    hu = torch.from_numpy((HU_LOW + HU_STEP * item.ct).astype(np.float32))
    liver, taken = torch.from_numpy(item.liver > 127), torch.from_numpy(item.lesions > 0)
    seen = bulging = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        painted, lesion, unseen, grown = paint(hu, liver, taken, (3.0, 3.0, 3.0), rng)
        assert not bool(((lesion | unseen) & ~grown).any())
        assert not bool((liver & ~grown).any())
        assert not bool(((lesion | unseen) & taken).any())
        assert torch.allclose(painted[taken], hu[taken])
        assert bool(painted.isfinite().all())
        seen += int(lesion.sum())
        bulging += int((grown & ~liver).sum())
    assert seen > 0
    assert bulging > 0


def test_nothing_is_painted_where_there_is_no_liver() -> None:
    import torch

    hu, none = torch.full(SHAPE, 50.0), torch.zeros(SHAPE, dtype=torch.bool)
    painted, lesion, unseen, grown = paint(hu, none, none, (3.0,) * 3, np.random.default_rng(1))
    assert torch.allclose(painted, hu)
    assert not bool((lesion | unseen | grown).any())


def test_a_field_of_view_beside_the_liver_holds_none_of_it() -> None:
    store = Store([cached(spacing_mm=(9.0, 9.0, 9.0))])
    aside = config(mix={"beside": 1.0}, with_prior=False)
    known = 0.0
    for i in range(12):
        sample = liver_sample(store, i, aside)
        assert float(sample.target.sum()) == 0.0
        known += float(sample.weight.sum())
    assert known > 0


def test_a_smaller_field_of_view_is_unknown_beyond_its_edge() -> None:
    from netimg.training.augment import Augment

    spacing = (9.0, 9.0, 9.0)
    bent = Augment(warp_p=0.0, field_p=1.0, slab_p=0.0)
    known = []
    for augment in (bent, Augment(warp_p=0.0, slab_p=0.0)):
        wide = config(patches=((28, 32, 36),), mix={"liver": 1.0}, augment=augment)
        store = Store([cached(spacing_mm=spacing)])
        known.append(sum(float(liver_sample(store, i, wide).weight.sum()) for i in range(8)))
    assert 0.1 * known[1] < known[0] < 0.95 * known[1]


def test_samples_of_one_batch_share_their_patch() -> None:
    two = config(batch=3)
    store = Store([cached()])
    shapes = [tuple(liver_sample(store, i, two).image.shape[1:]) for i in range(9)]
    assert shapes == [(16, 16, 16)] * 3 + [(12, 20, 16)] * 3 + [(16, 16, 16)] * 3


def test_a_lesion_tile_lies_in_the_box_of_the_liver_or_about_its_middle() -> None:
    rng = np.random.default_rng(4)
    box = (slice(10, 40), slice(0, 200), slice(50, 250))
    for _ in range(50):
        near = (rng.uniform(10, 40), rng.uniform(0, 200), rng.uniform(50, 250))
        z, y, x = tile_centre(near, box, (60, 100, 100), (6, 12, 12), rng)
        assert abs(z - 25.0) <= 3.0
        assert 50.0 <= y <= 150.0
        assert 100.0 <= x <= 200.0
        assert abs(y - near[1]) <= 50.0
        assert abs(x - near[2]) <= 50.0


@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_prior_is_still_a_probability(seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    p = spoil(torch.rand(24, 24, 24), rng)
    assert 0.0 <= float(p.min()) <= float(p.max()) <= 1.0
