"""From a plane to pixels: window, outlines along voxel borders, letters, scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.reporting.colours import Rgb
    from netimg.reporting.pictures.picture import Pixels
    from netimg.reporting.pictures.planes import Plane

_BARS_MM = (5, 10, 20, 50, 100, 200)
_INK = "white"
_SHADOW = (
    (-1, 0, "black"), (1, 0, "black"), (0, -1, "black"), (0, 1, "black"), (0, 0, _INK),
)  # fmt: skip
"""Offsets in pixels: text is readable on any grey. (Path effects lose the bar of a lone F.)"""


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
    return _lettered(pixels, plane.letters, step_mm, corners)


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


def _lettered(
    pixels: Pixels,
    letters: tuple[str, str, str, str],
    step_mm: float,
    corners: tuple[str, str],
) -> Pixels:
    """Orientation letters, a scale bar and lines in the upper corners over the pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    height, width = pixels.shape[:2]
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    figure.figimage(pixels, 0, 0, origin="upper")
    size = 8.0 if width >= 400 else 6.5
    edge = 6

    def write(x: float, y: float, text: str, across: str, down: str) -> None:
        for right, lower, ink in _SHADOW:
            figure.text(
                (x + right) / width, 1 - (y + lower) / height, text, color=ink, fontsize=size,
                ha=across, va=down, family="DejaVu Sans", parse_math=False,
            )  # fmt: skip

    left, right, top, bottom = letters
    write(edge, height / 2, left, "left", "center")
    write(width - edge, height / 2, right, "right", "center")
    write(width / 2, edge, top, "center", "top")
    write(width / 2, height - edge, bottom, "center", "bottom")
    write(edge, edge, corners[0], "left", "top")
    write(width - edge, edge, corners[1], "right", "top")
    bar_mm = max((b for b in _BARS_MM if b / step_mm <= width * 0.3), default=_BARS_MM[0])
    bar_px = bar_mm / step_mm
    ends = [edge / width, (edge + bar_px) / width]
    for ink, thickness in (("black", 3.0), (_INK, 1.5)):
        line = Line2D(ends, [edge / height] * 2, color=ink, linewidth=thickness)
        figure.add_artist(line)
    write(edge, height - edge - 4, f"{bar_mm} mm", "left", "bottom")
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib types its figures, not its canvas
    buffer = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # as above
    lettered: Pixels = np.array(buffer)[:, :, :3].copy()
    return lettered
