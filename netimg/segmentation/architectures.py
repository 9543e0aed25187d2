"""The one network that MONAI does not have: a U-Net normalised over its whole patch.

Two public networks (``docs`` of the model card, KU Leuven 2020 and 2022) have this shape. It is
written anew here so that training may begin from their weights. Imported only by
`netimg.segmentation.nets.build_network`, inside a function, because it needs torch at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253  # a class needs its base class; this module is imported lazily
from torch import nn  # noqa: TID253  # the same
from torch.nn import functional  # noqa: TID253  # the same

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FEATURES = ((20, 40), (40, 80), (80, 160), (160, 160))
"""Channels after the first and second convolution of each level, top to bottom."""

FLAT, CUBE = (1, 3, 3), (3, 3, 3)
EPSILON = 1e-12


class PatchNorm(nn.Module):
    """(x - mean) / SD of each channel over the whole patch, then leaky ReLU; no parameters.

    The statistics are the network's memory of the patient. They are the patch's own unless
    `fixed` holds ``(mean, variance)``, each of shape ``(channels,)``; with `recorded` a list, each
    pass appends its own pair there (one patch at a time). In a batch each patch has its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fixed: tuple[torch.Tensor, torch.Tensor] | None = None
        self.recorded: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``(batch, channels, z, y, x)``."""
        if self.fixed is None and x.shape[0] > 1:
            y = functional.instance_norm(x, eps=EPSILON)
        elif self.fixed is None:
            mean = x.new_zeros(x.shape[1], dtype=torch.float32)
            variance = torch.ones_like(mean)
            y = functional.batch_norm(x, mean, variance, training=True, momentum=1.0, eps=EPSILON)
            if self.recorded is not None:
                count = x.numel() // x.shape[1]
                self.recorded.append((mean, variance * ((count - 1) / count)))  # unbiased there
        else:
            y = functional.batch_norm(x, *self.fixed, training=False, eps=EPSILON)
        return functional.leaky_relu(y, 0.01, inplace=True)


class Level(nn.Module):
    """Two convolutions, each after a `PatchNorm` (but the network's very first one)."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        kernels: Sequence[tuple[int, int, int]],
        *,
        first: bool,
        residual: bool,
        padding: str,
    ) -> None:
        super().__init__()
        inside, middle, outside = channels
        self.norm1 = nn.Identity() if first else PatchNorm()
        self.conv1 = nn.Conv3d(inside, middle, kernels[0], padding=padding)
        self.norm2 = PatchNorm()
        self.conv2 = nn.Conv3d(middle, outside, kernels[1], padding=padding)
        self.residual = residual
        self.shortcut = nn.Conv3d(inside, outside, 1) if residual and inside != outside else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of this level."""
        y: torch.Tensor = self.conv2(self.norm2(self.conv1(self.norm1(x))))
        if self.residual:
            straight = crop_to(x, y.shape[2:])
            y = y + (straight if self.shortcut is None else self.shortcut(straight))
        return y


class PatchNormUNet(nn.Module):
    """Four-level U-Net with `PatchNorm`; one channel in, one logit out.

    Parameters
    ----------
    pool
        Factor between levels: 3 (liver; upsampling is linear) or 2 (lesions; nearest). With
        ``same`` padding sizes must be multiples of its cube.
    residual
        Add the input of each level to its output.
    flat_bottom
        Lowest level with kernels 1x3x3 and 3x3x3 in place of 3x3x3 twice.
    padding
        ``same``, or ``valid``: then the output is smaller than the input by 88 in plane and 44
        along z, and sizes must be 8c + 28 in plane, 8c + 14 along z.
    """

    def __init__(
        self, *, pool: int, residual: bool, flat_bottom: bool, padding: str = "same"
    ) -> None:
        super().__init__()
        self.pool = pool
        # Nearest by 3 and then a 3x3x3 mean, as the public liver network has it, is trilinear by 3.
        self.upsampling = "trilinear" if pool == 3 else "nearest"
        down, inside = [], 1
        for depth, (middle, outside) in enumerate(FEATURES):
            bottom = depth == len(FEATURES) - 1 and not flat_bottom
            kernels = (CUBE, CUBE) if bottom else (FLAT, CUBE)
            down.append(
                Level(
                    (inside, middle, outside),
                    kernels,
                    first=depth == 0,
                    residual=residual,
                    padding=padding,
                )
            )
            inside = outside
        self.down = nn.ModuleList(down)
        up = []
        for middle, outside in reversed(FEATURES[:-1]):
            up.append(
                Level(
                    (inside + outside, outside, middle),
                    (CUBE, FLAT),
                    first=False,
                    residual=residual,
                    padding=padding,
                )
            )
            inside = middle
        self.up = nn.ModuleList(up)
        self.norm = PatchNorm()
        self.head = nn.Conv3d(inside, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits for ``(batch, 1, z, y, x)``."""
        left = []
        for depth, level in enumerate(self.down):
            x = level(x if depth == 0 else functional.max_pool3d(x, self.pool))
            left.append(x)
        left.pop()
        for level in self.up:
            x = functional.interpolate(x, scale_factor=float(self.pool), mode=self.upsampling)
            x = level(torch.cat((crop_to(left.pop(), x.shape[2:]), x), dim=1))
        logits: torch.Tensor = self.head(self.norm(x))
        return logits

    def norms(self) -> list[PatchNorm]:
        """All normalisations, in a fixed order."""
        return [module for module in self.modules() if isinstance(module, PatchNorm)]


def crop_to(x: torch.Tensor, shape: Iterable[int]) -> torch.Tensor:
    """Central part of ``x`` with this spatial shape."""
    for axis, size in enumerate(shape, start=2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x
