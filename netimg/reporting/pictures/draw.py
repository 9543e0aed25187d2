"""From a plane to pixels: window, outlines along voxel borders, letters, scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reporting.pictures.lettering import lettered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.reporting.colours import Rgb
    from netimg.reporting.pictures.picture import Pixels
    from netimg.reporting.pictures.planes import Plane


@dataclass(frozen=True, slots=True)
class Field:
    """The part of a plane that is drawn, in mm from its upper left outer corner."""

    top_mm: float
    left_mm: float
    height_mm: float
    width_mm: float


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask on the plane whose border is drawn in a colour."""

    mask: NDArray[np.bool_]
    rgb: Rgb


@dataclass(frozen=True, slots=True)
class Window:
    """Values drawn as black and as white; ``inverted`` swaps them."""

    low: float
    high: float
    inverted: bool = False

    @classmethod
    def of(cls, level: float, width: float) -> Window:
        """Window of a level and a width in HU."""
        return cls(level - width / 2, level + width / 2)


def whole(plane: Plane) -> Field:
    """The whole plane."""
    rows, columns = plane.values.shape
    return Field(0.0, 0.0, rows * plane.row_mm, columns * plane.column_mm)


def drawn(
    plane: Plane,
    window: Window,
    outlines: Sequence[Outline],
    *,
    width_px: int,
    field: Field | None = None,
    corners: tuple[str, str] = ("", ""),
) -> Pixels:
    """A plane at true aspect ratio with outlines, orientation letters, scale bar and a line.

    Parameters
    ----------
    plane
        What is drawn; linear between pixel centres, black outside.
    outlines
        Later ones lie over earlier ones.
    width_px
        Width of the picture; its height follows from the field.
    field
        Part of the plane; None = all of it.
    corners
        Lines in the upper left and right corners: slice, position.

    Returns
    -------
    (rows, columns, 3) uint8
    """
    field = field or whole(plane)
    step_mm = field.width_mm / width_px
    height_px = max(1, round(field.height_mm / step_mm))
    rows = (field.top_mm + (np.arange(height_px) + 0.5) * step_mm) / plane.row_mm
    columns = (field.left_mm + (np.arange(width_px) + 0.5) * step_mm) / plane.column_mm
    grey = _grey(plane.values, rows, columns, window)
    pixels: Pixels = np.repeat(grey[:, :, None], 3, axis=2)
    for outline in outlines:
        pixels[_border(outline.mask, rows, columns)] = outline.rgb
    return lettered(pixels, plane.letters, step_mm, corners)


def _grey(
    values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], window: Window
) -> Pixels:
    """Windowed grey values at the given places (in pixels from the outer corner)."""
    low_row, high_row, row_part = _neighbours(rows, values.shape[0])
    low_column, high_column, column_part = _neighbours(columns, values.shape[1])
    needed = values[np.concatenate([low_row, high_row])].astype(np.float32)
    upper, lower = needed[: len(rows)], needed[len(rows) :]
    lines = upper + (lower - upper) * row_part[:, None]
    left, right = lines[:, low_column], lines[:, high_column]
    scaled = (left + (right - left) * column_part - window.low) / (window.high - window.low)
    if window.inverted:
        scaled = 1.0 - scaled
    inside = _inside(rows, values.shape[0])[:, None] & _inside(columns, values.shape[1])
    grey: Pixels = np.where(inside, np.rint(scaled.clip(0.0, 1.0) * 255), 0).astype(np.uint8)
    return grey


def _neighbours(
    places: NDArray[Any], count: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Pixels on both sides of a place and how far it lies towards the second."""
    centred = np.clip(places - 0.5, 0, count - 1)
    low = np.floor(centred).astype(int)
    return low, np.minimum(low + 1, count - 1), (centred - low).astype(np.float32)


def _inside(places: NDArray[Any], count: int) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (places >= 0) & (places < count)
    return inside


def _border(
    mask: NDArray[np.bool_], rows: NDArray[Any], columns: NDArray[Any]
) -> NDArray[np.bool_]:
    """Innermost line of output pixels of a mask: one pixel wide, along voxel borders."""
    row = np.clip(np.floor(rows).astype(int), 0, mask.shape[0] - 1)
    column = np.clip(np.floor(columns).astype(int), 0, mask.shape[1] - 1)
    inside = _inside(rows, mask.shape[0])[:, None] & _inside(columns, mask.shape[1])
    large = mask[np.ix_(row, column)] & inside
    padded = np.pad(large, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    border: NDArray[np.bool_] = large & ~core
    return border
