"""Sample ``i`` of a run: a pure function of ``(seed, i)``, in any order, in any worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.training.augment import OUTSIDE_HU, change_intensities, cut_slab, warp
from netimg.training.cache import HU_LOW, HU_STEP, Cached
from netimg.training.items import IGNORE, LESION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from netimg.training.config import RunConfig


BODY_HU = -150.0
"""Air and lung are below."""
REACH, TURN, EXTRA_MM = 1.25, 0.45, 10.0
"""Scale, share of the other axes and rest by which the source of a patch may exceed it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What one step of training sees."""

    image: torch.Tensor  # (channels, z, y, x), normalised
    target: torch.Tensor  # (1, z, y, x), share of the voxel that belongs to the structure
    weight: torch.Tensor  # (1, z, y, x), 0 where nothing is known
    item: str


def generator(seed: int, index: int) -> np.random.Generator:
    """Random numbers of sample ``index``; streams of different samples never meet."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))


class Store:
    """Items of the cache in memory, with the places to cut patches from."""

    def __init__(self, items: Sequence[Cached]) -> None:
        self.items = tuple(items)
        self._places = [_places(item) for item in self.items]

    def around(
        self, k: int, centre: Sequence[float], patch: Sequence[int]
    ) -> tuple[torch.Tensor, tuple[float, float, float]]:
        """Enough of item ``k`` to cut a turned and scaled patch from, and the centre in it.

        Returns
        -------
        channels : (6, z, y, x) float32
            HU above `OUTSIDE_HU`, liver share, prior, inside, lesion, unknown.
        centre
            In voxels of ``channels``.
        """
        item = self.items[k]
        sizes_mm = [p * s for p, s in zip(patch, item.spacing_mm, strict=True)]
        box = []
        for c, mm, s, n in zip(centre, sizes_mm, item.spacing_mm, item.ct.shape, strict=True):
            reach = int((REACH * (mm + TURN * max(sizes_mm)) / 2 + EXTRA_MM) / s) + 1
            box.append(slice(max(0, int(c) - reach), min(n, int(c) + reach + 1)))
        z, y, x = (float(c - part.start) for c, part in zip(centre, box, strict=True))
        return _channels(item, (box[0], box[1], box[2])), (z, y, x)

    def place(self, k: int, kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
        """Voxel of a kind (``edge``, ``liver``, ``box``, ``scan``, ``lesion``) of item ``k``."""
        places = self._places[k]
        table = places[kind] if len(places[kind]) else places["liver"]
        z, y, x = (float(v) for v in table[int(rng.integers(len(table)))])
        return z, y, x


def _channels(item: Cached, box: tuple[slice, slice, slice]) -> torch.Tensor:
    import numpy as np
    import torch

    ct, lesions, liver = item.ct[box], item.lesions[box], item.liver[box]
    hu = HU_LOW + HU_STEP * ct.astype(np.float32)
    prior = np.zeros_like(liver) if item.prior is None else item.prior[box]
    unknown = (lesions == IGNORE) | (not item.has_lesion_labels)
    parts = (
        hu - OUTSIDE_HU,
        liver / 255.0,
        prior / 255.0,
        np.ones(ct.shape),
        lesions == LESION,
        unknown,
    )
    return torch.from_numpy(np.stack([np.asarray(part, dtype=np.float32) for part in parts]))


def _places(item: Cached) -> dict[str, np.ndarray]:
    """Voxels to centre patches on, thinned to at most 4,000 of each kind."""
    import numpy as np
    from scipy import ndimage

    liver = item.liver >= 128
    edge = ndimage.binary_dilation(liver, iterations=3) & ~ndimage.binary_erosion(
        liver, iterations=3
    )
    margin = [int(np.ceil(20.0 / s)) for s in item.spacing_mm]
    box = np.zeros_like(liver)
    where = np.argwhere(liver)
    first = np.maximum(where.min(axis=0) - margin, 0)
    last = where.max(axis=0) + margin + 1
    box[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
    body = item.ct > (BODY_HU - HU_LOW) / HU_STEP
    kinds = {"edge": edge, "liver": liver, "box": box, "scan": body}
    kinds["lesion"] = item.lesions == LESION
    thin: dict[str, np.ndarray] = {}
    for kind, mask in kinds.items():
        found = np.argwhere(mask)
        thin[kind] = found[:: max(1, len(found) // 4000)]
    return thin


def liver_sample(store: Store, index: int, config: RunConfig) -> Sample:
    """A patch for a liver stage.

    With a prior the second channel is the probability of the stage before, spoiled so that it is
    not believed blindly.
    """
    augment, window, outside_hu = config.augment, config.window_hu, config.outside_hu
    rng = generator(config.seed, index)
    k = int(rng.integers(len(store.items)))
    item = store.items[k]
    patch = config.patches[int(rng.integers(len(config.patches)))]
    kinds = list(config.mix)
    kind = kinds[int(rng.choice(len(kinds), p=[config.mix[name] for name in kinds]))]
    centre = store.place(k, kind, rng)
    channels, middle = store.around(k, centre, patch)
    cut = warp(channels[:4], middle, patch, item.spacing_mm, rng=rng, augment=augment)
    hu, liver, prior, inside = cut[0] + OUTSIDE_HU, cut[1], cut[2], cut[3] > 0.5
    hu = hu.where(inside, hu.new_tensor(outside_hu))
    hu = change_intensities(hu, rng, augment, window)
    hu = hu.where(inside, hu.new_tensor(outside_hu))
    weight = inside.float()
    slab = cut_slab(patch, rng, augment)
    if slab is not None:
        hu[slab], liver[slab], prior[slab] = outside_hu, 0.0, 0.0
        weight[slab] = 1.0
    image = [normalise(hu, window)]
    if config.with_prior:
        image.append(2.0 * spoil(prior, rng) - 1.0)
    return Sample(_stack(image), liver[None], weight[None], item.name)


def _stack(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.stack(list(parts))


def normalise(hu: torch.Tensor, window: tuple[float, float]) -> torch.Tensor:
    """Window to -1..1."""
    low, high = window
    return (2.0 * (hu - low) / (high - low) - 1.0).clamp(-1.0, 1.0)


def spoil(prior: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Make the earlier stage's probability worse: shifted, blurred, with gaps and false parts."""
    import torch

    from netimg.segmentation.regrid import blurred

    p = prior.clamp(0.0, 1.0)
    if rng.random() < 0.3:
        batch = p[None, None]
        sigma = float(rng.uniform(0.5, 3.0))
        for axis in (2, 3, 4):
            batch = blurred(batch, axis, sigma)
        p = batch[0, 0].clamp(0.0, 1.0)
    if rng.random() < 0.7:
        logit = torch.logit(p, eps=1e-3) * float(rng.uniform(0.4, 1.2))
        p = torch.sigmoid(logit + float(rng.normal(0.0, 1.0)))
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
        where = []
        for n in p.shape:
            size = int(rng.integers(n // 12, n // 3))
            first = int(rng.integers(0, n - size))
            where.append(slice(first, first + size))
        level = float(rng.choice([0.0, 0.5, 1.0], p=[0.5, 0.2, 0.3]))
        p = p.clone()
        p[tuple(where)] = level
    return p
