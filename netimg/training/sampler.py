"""Sample ``i`` of a run: a pure function of ``(seed, i)``, in any order, in any worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.training.augment import OUTSIDE_HU, change_intensities, cut_field, cut_slab, warp
from netimg.training.cache import HU_LOW, HU_STEP, Cached
from netimg.training.items import IGNORE, LESION
from netimg.training.paint import paint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from netimg.training.config import RunConfig


BODY_HU = -150.0
"""Air and lung are below."""
REACH, TURN, EXTRA_MM = 1.25, 0.45, 10.0
"""Scale, share of the other axes and rest by which the source of a patch may exceed it."""
FIELD_MM = 100.0
"""Shortest side of a smaller field of view."""
ROOM_MM, GAP_MM = 60.0, 10.0
"""Least room beside a liver for a field of view without it, and the gap between the two."""
PLACES = 4000
"""Most voxels of a kind that are kept as places."""
PER_LESION = 60
"""Most voxels of one lesion among them, so that small lesions are not starved."""

Box = tuple[slice, slice, slice]


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
    """Items of the cache in the memory of a device, with the places to cut patches from."""

    def __init__(self, items: Sequence[Cached], device: str = "cpu") -> None:
        self.items = tuple(items)
        self.device = device
        self._raw = [_raw(item, device) for item in self.items]
        self._places = [_places(item, device) for item in self.items]
        self._livers = [_liver_box(item) for item in self.items]

    def around(
        self, k: int, centre: Sequence[float], patch: Sequence[int], within: Box | None = None
    ) -> tuple[torch.Tensor, tuple[float, float, float]]:
        """Enough of item ``k`` to cut a turned and scaled patch from, and the centre in it.

        Parameters
        ----------
        within
            Field of view; the item ends there.

        Returns
        -------
        channels : (6, z, y, x) float32
            HU above `OUTSIDE_HU`, liver share, prior, inside, lesion, unknown.
        centre
            In voxels of ``channels``.
        """
        item = self.items[k]
        whole = tuple(slice(0, n) for n in item.ct.shape) if within is None else within
        sizes_mm = [p * s for p, s in zip(patch, item.spacing_mm, strict=True)]
        box = []
        for c, mm, s, part in zip(centre, sizes_mm, item.spacing_mm, whole, strict=True):
            reach = int((REACH * (mm + TURN * max(sizes_mm)) / 2 + EXTRA_MM) / s) + 1
            first = min(max(part.start, int(c) - reach), part.stop - 1)
            box.append(slice(first, max(first + 1, min(part.stop, int(c) + reach + 1))))
        z, y, x = (float(c - part.start) for c, part in zip(centre, box, strict=True))
        return _channels(self._raw[k][(slice(None), *box)]), (z, y, x)

    def place(self, k: int, kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
        """Voxel of a kind (``edge``, ``liver``, ``box``, ``scan``, ``lesion``) of item ``k``."""
        places = self._places[k]
        table = places[kind] if len(places[kind]) else places["liver"]
        z, y, x = (float(v) for v in table[int(rng.integers(len(table)))])
        return z, y, x

    def liver_box(self, k: int, margin: int) -> Box:
        """Box of the liver of item ``k``, wider by some voxels, inside the item."""
        z, y, x = (
            slice(max(0, part.start - margin), min(n, part.stop + margin))
            for part, n in zip(self._livers[k], self.items[k].ct.shape, strict=True)
        )
        return z, y, x

    def field(self, k: int, centre: Sequence[float], rng: np.random.Generator) -> Box:
        """A smaller field of view of item ``k`` that holds ``centre``."""
        item = self.items[k]
        sizes_mm = [n * s for n, s in zip(item.ct.shape, item.spacing_mm, strict=True)]
        parts = []
        for (low, high), n, c in zip(
            cut_field(sizes_mm, rng, least_mm=FIELD_MM), item.ct.shape, centre, strict=True
        ):
            first, last = int(low * n), max(int(low * n) + 1, int(high * n))
            shift = min(0, int(c) - first) + max(0, int(c) + 1 - last)
            parts.append(slice(max(0, first + shift), min(n, last + shift)))
        return parts[0], parts[1], parts[2]

    def beside(self, k: int, rng: np.random.Generator) -> Box | None:
        """A field of view of item ``k`` without its liver; None where there is no room."""
        item = self.items[k]
        rooms: list[tuple[int, slice]] = []
        for axis, (n, s, part) in enumerate(
            zip(item.ct.shape, item.spacing_mm, self._livers[k], strict=True)
        ):
            gap = int(GAP_MM / s) + 1
            sides = (slice(0, part.start - gap), slice(part.stop + gap, n))
            rooms += [(axis, side) for side in sides if (side.stop - side.start) * s >= ROOM_MM]
        if not rooms:
            return None
        axis, side = rooms[int(rng.integers(len(rooms)))]
        box = [slice(0, n) for n in item.ct.shape]
        box[axis] = side
        return box[0], box[1], box[2]


def _raw(item: Cached, device: str) -> torch.Tensor:
    """Item as (5, z, y, x) uint8 on a device: HU, liver, prior, lesion, unknown."""
    import numpy as np
    import torch

    prior = np.zeros_like(item.liver) if item.prior is None else item.prior
    unknown = (item.lesions == IGNORE) | (not item.has_lesion_labels)
    parts = (item.ct, item.liver, prior, 255 * (item.lesions == LESION), 255 * unknown)
    return torch.from_numpy(np.stack([np.asarray(part, dtype=np.uint8) for part in parts])).to(
        device
    )


def _channels(raw: torch.Tensor) -> torch.Tensor:
    """What `Store.around` gives, of a part of an item."""
    import torch

    hu = HU_LOW + HU_STEP * raw[:1].float() - OUTSIDE_HU
    shares = raw[1:].float() / 255.0
    return torch.cat([hu, shares[:2], torch.ones_like(hu), shares[2:]])


def _liver_box(item: Cached) -> Box:
    import numpy as np

    liver = item.liver >= 128
    ends = []
    for axis in range(3):
        there = np.flatnonzero(liver.any(axis=tuple(k for k in range(3) if k != axis)))
        ends.append(slice(int(there[0]), int(there[-1]) + 1))
    return ends[0], ends[1], ends[2]


def _places(item: Cached, device: str) -> dict[str, np.ndarray]:
    """Voxels to centre patches on, thinned to at most `PLACES` of each kind."""
    import numpy as np
    import torch
    from torch.nn import functional

    liver = torch.from_numpy(item.liver).to(device) >= 128
    share = liver[None, None].float()
    edge = functional.max_pool3d(share, 7, 1, 3) + functional.max_pool3d(1.0 - share, 7, 1, 3) > 1.5
    box = torch.zeros_like(liver)
    margin = [int(np.ceil(20.0 / s)) for s in item.spacing_mm]
    box[
        tuple(
            slice(max(0, part.start - m), part.stop + m)
            for part, m in zip(_liver_box(item), margin, strict=True)
        )
    ] = True
    body = torch.from_numpy(item.ct).to(device) > (BODY_HU - HU_LOW) / HU_STEP
    kinds = {"edge": edge[0, 0], "liver": liver, "box": box, "scan": body}
    thin = {}
    for kind, mask in kinds.items():
        found = mask.nonzero()
        thin[kind] = found[:: max(1, len(found) // PLACES)].cpu().numpy()
    return thin | {"lesion": _lesion_places(item)}


def _lesion_places(item: Cached) -> np.ndarray:
    """Voxels of lesions, at most `PER_LESION` of each."""
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(item.lesions == LESION)
    where = np.argwhere(labels)
    numbers = labels[labels > 0]
    parts = [where[numbers == k] for k in range(1, count + 1)]
    thin = [part[:: max(1, len(part) // PER_LESION)] for part in parts]
    return np.concatenate(thin) if thin else where


def patch_of(config: RunConfig, index: int) -> tuple[int, int, int]:
    """Patch of sample ``index``; the samples of one batch share it."""
    return config.patches[(index // config.batch) % len(config.patches)]


def liver_sample(store: Store, index: int, config: RunConfig) -> Sample:
    """A patch for a liver stage.

    With a prior the second channel is the probability of the stage before, spoiled so that it is
    not believed blindly. Kind ``beside`` shows a field of view without the liver.
    """
    augment, window, outside_hu = config.augment, config.window_hu, config.outside_hu
    rng = generator(config.seed, index)
    k = int(rng.integers(len(store.items)))
    item = store.items[k]
    patch = patch_of(config, index)
    kinds = list(config.mix)
    kind = kinds[int(rng.choice(len(kinds), p=[config.mix[name] for name in kinds]))]
    kind = "beside" if item.name in config.only_beside else kind
    centre, within = store.place(k, "box" if kind == "beside" else kind, rng), None
    if kind == "beside":
        within = store.beside(k, rng)
        if within is not None:
            z, y, x = (float(rng.uniform(part.start, part.stop)) for part in within)
            centre = (z, y, x)
    elif rng.random() < augment.field_p:
        within = store.field(k, centre, rng)
    channels, middle = store.around(k, centre, patch, within)
    cut = warp(channels, middle, patch, item.spacing_mm, rng=rng, augment=augment)
    hu, liver, prior, inside = cut[0] + OUTSIDE_HU, cut[1], cut[2], cut[3] > 0.5
    if rng.random() < augment.liver_p:
        hu = hu + liver * float(rng.uniform(*augment.liver_hu))
    if rng.random() < config.painted:
        taken = (cut[4] >= 0.5) | (cut[5] >= 0.5)
        hu, _, _, grown = paint(
            hu, liver >= 0.5, taken & item.has_lesion_labels, item.spacing_mm, rng
        )
        liver = liver.maximum(grown.float())
    hu = hu.masked_fill(~inside, outside_hu)
    hu = change_intensities(hu, rng, augment, window)
    hu = hu.masked_fill(~inside, outside_hu)
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
