"""Connected pieces of a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pieces_of(mask: NDArray[np.bool_], *, connectivity: Literal[4, 6, 8, 26] = 26) -> NDArray[Any]:
    """Label of the piece that each voxel belongs to, from 1; 0 outside.

    Parameters
    ----------
    mask : (z, y, x) or (y, x) bool
    connectivity
        6 or 26 in three dimensions, 4 or 8 in two.
    """
    import cc3d

    # Bytes, not booleans: cc3d 4.1.1 labels some background of boolean arrays.
    labels: NDArray[Any] = cc3d.connected_components(
        mask.astype(np.uint8, order="C"), connectivity=connectivity
    )
    return labels


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Largest 26-connected piece; of equal ones the first; empty for an empty mask."""
    labels = pieces_of(mask)
    counts = sizes_of(labels)
    found: NDArray[np.bool_] = labels == counts.argmax() if counts.any() else np.zeros_like(mask)
    return found


def sizes_of(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Voxels of each label, by label; 0 for the background."""
    counts = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int64)
    for part in labels:  # numpy would make 8-byte indices of the whole map
        counts += np.bincount(part.ravel(), minlength=len(counts))
    counts[0] = 0
    return counts


def boxes_of(labels: NDArray[Any]) -> list[tuple[slice, slice, slice]]:
    """Bounding box of each label, by label; the first is the background's."""
    import cc3d

    boxes: list[tuple[slice, slice, slice]] = cc3d.statistics(labels.astype(np.uint32, order="C"))[
        "bounding_boxes"
    ]
    return boxes


def centres_of(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Centroid of each label in voxels, by label, ``(labels, 3)``."""
    import cc3d

    centres: NDArray[np.float64] = cc3d.statistics(labels.astype(np.uint32, order="C"))["centroids"]
    return centres
