"""Letters, lines of text and a scale bar over the pixels of a picture.

Text is set by matplotlib in its own DejaVu Sans, each line once per size, and laid over the pixels
with a dark rim on darkened ground, so that it can be read on any grey, white bone too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.reporting.pictures.picture import Pixels

_BARS_MM = (5, 10, 20, 50, 100, 200)
_BAR_SHARE = 0.3
_EDGE = 6
_LARGE_PX = 400
_GROUND_PX = 3
_GROUND_SHARE = 3
"""Behind text the picture keeps one part of this many of its brightness."""


def lettered(
    pixels: Pixels, letters: tuple[str, str, str, str], step_mm: float, corners: tuple[str, str]
) -> Pixels:
    """Copy of a picture with orientation letters, a scale bar and lines in the upper corners.

    Parameters
    ----------
    letters
        Left, right, top, bottom.
    step_mm
        Size of a pixel.
    """
    height, width = pixels.shape[:2]
    points = 8.0 if width >= _LARGE_PX else 6.5
    canvas = pixels.copy()
    left, right, top, bottom = letters
    bar_mm = max((b for b in _BARS_MM if b / step_mm <= width * _BAR_SHARE), default=_BARS_MM[0])
    middle, centre, low, far = height // 2, width // 2, height - _EDGE, width - _EDGE
    for text, down, across, anchor in (
        (left, middle, _EDGE, (0.5, 0.0)),
        (right, middle, far, (0.5, 1.0)),
        (top, _EDGE, centre, (0.0, 0.5)),
        (bottom, low, centre, (1.0, 0.5)),
        (corners[0], _EDGE, _EDGE, (0.0, 0.0)),
        (corners[1], _EDGE, far, (0.0, 1.0)),
        (f"{bar_mm} mm", low - 5, _EDGE, (1.0, 0.0)),
    ):
        if text:
            _write(canvas, _set(text, points), down, across, anchor)
    length = min(round(bar_mm / step_mm), width - 2 * _EDGE)
    canvas[low - 3 : low + 1, _EDGE - 1 : _EDGE + length + 1] = 0
    canvas[low - 2 : low, _EDGE : _EDGE + length] = 255
    return canvas


def _write(
    canvas: Pixels, ink: NDArray[Any], down: int, across: int, anchor: tuple[float, float]
) -> None:
    """Lay a line of text over the canvas; ``anchor`` is the part of it that lies at the place."""
    height, width = canvas.shape[:2]
    rows, columns = ink.shape
    top = min(max(round(down - anchor[0] * rows), 1), max(1, height - rows - 1))
    left = min(max(round(across - anchor[1] * columns), 1), max(1, width - columns - 1))
    ink = ink[: height - top - 1, : width - left - 1]
    rows, columns = ink.shape
    ground = canvas[
        max(0, top - _GROUND_PX) : top + rows + _GROUND_PX,
        max(0, left - _GROUND_PX) : left + columns + _GROUND_PX,
    ]
    ground //= _GROUND_SHARE
    rim = np.zeros((rows + 2, columns + 2), dtype=np.float32)
    for y, x in ((0, 1), (2, 1), (1, 0), (1, 2), (1, 1)):
        part = rim[y : y + rows, x : x + columns]
        np.maximum(part, ink, out=part)
    box = canvas[top - 1 : top + rows + 1, left - 1 : left + columns + 1]
    shaded = box * (1.0 - rim[..., None])
    shaded[1:-1, 1:-1] += 255.0 * ink[..., None] - shaded[1:-1, 1:-1] * ink[..., None]
    box[...] = np.rint(shaded).astype(np.uint8)


@lru_cache(maxsize=1024)
def _set(text: str, points: float) -> NDArray[Any]:
    """A line of text as coverage 0..1, cut to its ink."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (0.3 + 0.012 * points * len(text), 0.3)
    figure = Figure(figsize=size, dpi=100, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    figure.text(
        0.02, 0.3, text, color="white", fontsize=points, family="DejaVu Sans", parse_math=False
    )
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib types its figures, not its canvas
    buffer = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # as above
    ink: NDArray[Any] = np.array(buffer)[:, :, 0].astype(np.float32) / 255.0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if rows.size == 0:
        return ink[:1, :1]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
