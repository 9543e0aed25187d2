"""Connected components of a mask, each with its box.

Components are 26-connected: two voxels that share a corner are one lesion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cc3d
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX

Box: TypeAlias = tuple[slice, slice, slice]
"""Part of an array, z, y, x."""


def components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], int]:
    """Connected components of a mask or a slice, labelled 1..n in uint32, and n.

    26-connected in three dimensions, 8-connected in two.
    """
    # uint8, not bool: cc3d 4.1.1 labels some background of boolean slices, and refuses some
    # boolean volumes; test_components holds such cases
    labels, count = cc3d.connected_components(
        mask.astype(np.uint8, order="C"),
        connectivity=26 if mask.ndim == 3 else 8,
        return_N=True,
        out_dtype=np.uint32,
    )
    return labels.astype(np.uint32, copy=False), int(count)


def among(labels: NDArray[np.unsignedinteger], wanted: Iterable[int]) -> MaskZYX:
    """Voxels whose label is one of ``wanted``: one look-up per voxel."""
    table = np.zeros(np.iinfo(labels.dtype).max + 1, dtype=np.bool_)
    table[list(wanted)] = True
    mask: MaskZYX = table[labels]
    return mask


def box_of(mask: MaskZYX, margin: tuple[int, int, int] = (0, 0, 0)) -> Box | None:
    """Smallest box around the voxels of a mask, widened by ``margin`` voxels inside the array.

    None for an empty mask.
    """
    slices = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if not len(hit):
            return None
        start = max(0, int(hit[0]) - margin[axis])
        slices.append(slice(start, min(mask.shape[axis], int(hit[-1]) + 1 + margin[axis])))
    return (slices[0], slices[1], slices[2])


def boxes_of(labels: NDArray[np.unsignedinteger], count: int) -> dict[int, Box]:
    """Box of each label 1..count that occurs, in one pass over the array."""
    from scipy.ndimage import find_objects

    found = find_objects(labels, max_label=count)
    boxes: dict[int, Box] = {}
    for label, box in enumerate(found, start=1):
        if box is not None:  # the label occurs
            z, y, x = box
            boxes[label] = (z, y, x)
    return boxes


def widened(box: Box, margin: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    """A box grown by ``margin`` voxels on each side, kept inside an array of ``shape``."""
    z, y, x = (
        slice(max(0, b.start - m), min(n, b.stop + m))
        for b, m, n in zip(box, margin, shape, strict=True)
    )
    return (z, y, x)


def touches_border(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box reaches an outer face of an array of ``shape``."""
    return any(b.start == 0 or b.stop == n for b, n in zip(box, shape, strict=True))
