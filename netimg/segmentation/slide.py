"""A network over an image larger than its tile: overlapping tiles, blended.

Tiles stand where MONAI's ``sliding_window_inference`` puts them and are weighted as there (the
results agree, tested); in addition a network may lose a margin of its input, tiles without the
structure may be left out, and the sum may lie on another device than the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

    from netimg.arrays import MaskZYX

    Voxels = tuple[int, int, int]

_WEIGHT_MIN = 1e-3
KEEP_SHARE = 1e-3
"""Tiles with a smaller share of what is looked for are left out."""


def fitted(
    patch: Sequence[int], multiple: Sequence[int], margin: Sequence[int], needed: Sequence[int]
) -> Voxels:
    """Smallest tile that gives ``needed`` voxels, at most ``patch``, in steps of ``multiple``.

    Never below twice the multiple: a last axis of one voxel at the bottom of a network gives
    garbage in bfloat16 on AMX (oneDNN 3.12, pytorch issue 169688).
    """
    sizes = []
    for p, m, edge, n in zip(patch, multiple, margin, needed, strict=True):
        least = max(2 * m, 2 * edge + 2, n + 2 * edge)
        sizes.append(p - max(0, (p - least) // max(1, m)) * m)
    return sizes[0], sizes[1], sizes[2]


def starts(n: int, patch: int, overlap: float) -> tuple[int, ...]:
    """First voxels of the tiles along one axis of ``n`` voxels; ``(0,)`` where one is enough."""
    if n <= patch:
        return (0,)
    step = max(1, int(patch * (1.0 - overlap)))
    count = math.ceil((n - patch) / step) + 1
    return tuple(min(k * step, n - patch) for k in range(count))


def tiles(shape: Sequence[int], patch: Sequence[int], overlap: float) -> tuple[Voxels, ...]:
    """First voxels of all tiles, in the order z, y, x."""
    per_axis = [starts(n, p, overlap) for n, p in zip(shape, patch, strict=True)]
    return tuple((z, y, x) for z, y, x in product(*per_axis))


def weights(patch: Sequence[int], blend: str, sigma_scale: float) -> torch.Tensor:
    """Weight of each voxel of a tile, ``(z, y, x)`` float32: 1, or a Gaussian about the middle."""
    import torch

    out = torch.ones(tuple(patch), dtype=torch.float32)
    if blend == "constant":
        return out
    for axis, n in enumerate(patch):
        at = torch.arange(n, dtype=torch.float32) - (n - 1) / 2.0
        line = torch.exp(-0.5 * (at / (n * sigma_scale)) ** 2)
        shape = [1, 1, 1]
        shape[axis] = -1
        out *= line.view(shape)
    return out.clamp_(min=_WEIGHT_MIN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laid:
    """An image padded to whole tiles, and where they start.

    ``first`` is the voxel of the room of all outputs at which the image begins.
    """

    padded: torch.Tensor
    starts: tuple[Voxels, ...]
    patch: Voxels
    inner: Voxels
    room: Voxels
    first: Voxels

    def tile(self, start: Voxels) -> torch.Tensor:
        """Input of the tile at ``start``, ``(channels, *patch)``."""
        at = tuple(slice(a, a + p) for a, p in zip(start, self.patch, strict=True))
        return self.padded[(slice(None), *at)]

    def held(self, mask: MaskZYX, start: Voxels) -> float:
        """Share of a tile's output that is true in a mask of the image."""
        box = tuple(
            slice(max(0, a - f), max(0, a - f + p))
            for a, f, p in zip(start, self.first, self.inner, strict=True)
        )
        return int(mask[box].sum()) / math.prod(self.inner)


def lay(
    image: torch.Tensor,
    *,
    patch: Voxels,
    margin: Voxels,
    overlap: float,
    pad: Sequence[float],
) -> Laid:
    """Tiles of an image ``(channels, z, y, x)``, which is centred where one tile is larger."""
    shape = [int(n) for n in image.shape[1:]]
    inner = _voxels(p - 2 * m for p, m in zip(patch, margin, strict=True))
    room = _voxels(max(n, p) for n, p in zip(shape, inner, strict=True))
    return Laid(
        padded=_padded(image, patch, margin, pad),
        starts=tiles(room, inner, overlap),
        patch=patch,
        inner=inner,
        room=room,
        first=_voxels((r - n) // 2 for r, n in zip(room, shape, strict=True)),
    )


def _voxels(values: Iterable[int]) -> Voxels:
    z, y, x = values
    return z, y, x


def slide(
    image: torch.Tensor,
    forward: Callable[[torch.Tensor], torch.Tensor],
    *,
    patch: Voxels,
    margin: Voxels = (0, 0, 0),
    overlap: float = 0.5,
    blend: str = "gaussian",
    sigma_scale: float = 0.125,
    pad: Sequence[float],
    keep: MaskZYX | None = None,
    accumulate: str = "cpu",
    tile_done: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Output of a network for a whole image.

    Parameters
    ----------
    image : (channels, z, y, x) float32
        Normalised, on the processor.
    forward
        Takes ``(channels, *patch)``, gives ``(classes, *patch - 2 margin)`` float32.
    patch, margin
        Voxels of a tile's input, and how many of them the output lacks on each side.
    overlap
        Share of the tile's *output* that neighbours have in common.
    pad
        Value of each channel beyond the image.
    keep : (z, y, x) bool or None
        Tiles in which less than a thousandth is true are left out.
    accumulate
        Device of the sums.
    tile_done
        Called with tiles done and in all.

    Returns
    -------
    output : (classes, z, y, x) float32
        0 where no tile was run.
    covered : (z, y, x) bool
        Where a tile was run.
    """
    import torch

    laid = lay(image, patch=patch, margin=margin, overlap=overlap, pad=pad)
    inner, room = laid.inner, laid.room
    chosen = [at for at in laid.starts if keep is None or laid.held(keep, at) >= KEEP_SHARE]
    weight = weights(inner, blend, sigma_scale).to(accumulate)
    total = torch.zeros(room, dtype=torch.float32, device=accumulate)
    output: torch.Tensor | None = None
    for done, start in enumerate(chosen):
        values = forward(laid.tile(start))
        if output is None:
            output = torch.zeros((values.shape[0], *room), dtype=torch.float32, device=accumulate)
        into = tuple(slice(a, a + p) for a, p in zip(start, inner, strict=True))
        output[(slice(None), *into)] += values.to(accumulate) * weight
        total[into] += weight
        tile_done(done + 1, len(chosen))
    shape = tuple(int(n) for n in image.shape[1:])
    box = tuple(slice(a, a + n) for a, n in zip(laid.first, shape, strict=True))
    total = total[box]
    if output is None:
        return torch.zeros((1, *shape)), torch.zeros(shape, dtype=torch.bool)
    output = output[(slice(None), *box)] / total.clamp(min=_WEIGHT_MIN * _WEIGHT_MIN)
    return output.cpu(), (total > 0).cpu()


def _padded(
    image: torch.Tensor, patch: Voxels, margin: Voxels, pad: Sequence[float]
) -> torch.Tensor:
    """Image centred in room for at least one tile, with its margin, each channel's own value."""
    import torch

    sizes = []
    for n, p, m in zip(image.shape[1:], patch, margin, strict=True):
        short = max(0, p - 2 * m - int(n))
        sizes.append((short // 2 + m, short - short // 2 + m))
    if not any(a or b for a, b in sizes):
        return image
    room = [int(n) + a + b for n, (a, b) in zip(image.shape[1:], sizes, strict=True)]
    out = torch.empty((image.shape[0], *room), dtype=image.dtype)
    for channel, value in enumerate(pad):
        out[channel] = value
    box = tuple(slice(a, a + int(n)) for n, (a, _) in zip(image.shape[1:], sizes, strict=True))
    out[(slice(None), *box)] = image
    return out
