"""Where the slices of a part lie along their normal, and how many places they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netimg.reading.stack import broken_direction, has_place, same_place_mm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from netimg.reading.headers import Header


def normal_of(headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """Normal of the first slice that says how it is turned; None where none does."""
    for header in headers:
        if header.orientation is not None and not broken_direction(header.orientation):
            row, column = np.array(header.orientation[:3]), np.array(header.orientation[3:])
            normal: NDArray[np.float64] = np.cross(row, column)
            return normal
    return None


def along_of(headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """Places of slices along their normal in mm; None where one does not say its place."""
    normal = normal_of(headers)
    if normal is None or not all(map(has_place, headers)):
        return None
    along: NDArray[np.float64] = np.array([h.position for h in headers], np.float64) @ normal
    return along


def count_places(headers: Sequence[Header]) -> int:
    """How many places slices show; their number where one does not say its place."""
    along = along_of(headers)
    return len(headers) if along is None else _distinct(along)


def repeats(headers: Sequence[Header]) -> bool:
    """Whether a place is there more than once."""
    along = along_of(headers)
    return along is not None and _distinct(along) < along.size


def _distinct(along: NDArray[np.float64]) -> int:
    ordered = np.sort(along)
    return int((np.diff(ordered) >= same_place_mm(ordered)).sum()) + 1
