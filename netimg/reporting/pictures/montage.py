"""Many slices in one picture, and the slices that are worth drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from netimg.reporting.colours import label_rgb, lesion_rgb
from netimg.reporting.pictures.draw import Field, Outline, Window, drawn
from netimg.reporting.pictures.picture import Picture
from netimg.reporting.pictures.planes import Plane, Turned
from netimg.reporting.words import words
from netimg.reporting.words.sentences import montage_alt, slice_corners
from netimg.resources import load_toml
from netimg.volume import Quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.anatomy import Anatomy
    from netimg.reporting.pictures.picture import Pixels
    from netimg.volume import Volume

Corners: TypeAlias = tuple[str, str]
"""Lines in the upper left and right corners of a picture."""

_AIR_HU = -400.0
_BODY_SHARE = 0.03


def picture_settings() -> dict[str, Any]:
    """``configs/reporting/pictures.toml``."""
    return load_toml("configs", "reporting", "pictures.toml")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An image and its anatomy on one grid, ready to be cut into outlined slices."""

    image: Volume
    anatomy: Anatomy | None
    window: Window
    turned: Turned

    @classmethod
    def of(cls, image: Volume, anatomy: Anatomy | None, window: Window) -> Scene:
        """Scene of an image; the anatomy has to lie on its grid.

        Raises
        ------
        ValueError
            If image and anatomy lie on different grids.
        """
        if anatomy is not None and not anatomy.grid.same_as(image.grid, tol_mm=0.01):
            msg = "the image and its outlines lie on different grids"
            raise ValueError(msg)
        return cls(image, anatomy, window, Turned(image.grid))

    def axial(self, index: int, *, width_px: int, field: Field | None, corners: Corners) -> Pixels:
        """Axial slice with the liver and the lesions outlined."""
        plane = self.turned.axial(self.image.values, index)
        outlines = self._outlines(lambda array: self.turned.axial(array, index))
        return drawn(plane, self.window, outlines, width_px=width_px, field=field, corners=corners)

    def coronal(
        self, index: int, *, width_px: int, field: Field | None, corners: Corners
    ) -> Pixels:
        """Coronal slice with the liver and the lesions outlined."""
        plane = self.turned.coronal(self.image.values, index)
        outlines = self._outlines(lambda array: self.turned.coronal(array, index))
        return drawn(plane, self.window, outlines, width_px=width_px, field=field, corners=corners)

    def lesions_on(self, axis: int, index: int) -> tuple[str, ...]:
        """Ids of the lesions that a plane cuts; ``axis`` 0 axial, 1 coronal."""
        if self.anatomy is None:
            return ()
        labels = self.turned.view(self.anatomy.lesion_labels.labels)
        plane = labels[index] if axis == 0 else labels[:, index]
        return tuple(f"L{n}" for n in np.unique(plane) if n)

    def outlined_on(self, axis: int, index: int) -> tuple[str, ...]:
        """Names of everything that is outlined on a plane: the liver, then lesions."""
        if self.anatomy is None or not self.anatomy.has_liver:
            return self.lesions_on(axis, index)
        liver = self.turned.view(self.anatomy.liver.voxels)
        there = bool((liver[index] if axis == 0 else liver[:, index]).any())
        named = (words()["parts"]["liver"],) if there else ()
        return (*named, *self.lesions_on(axis, index))

    def _outlines(self, cut: Any) -> list[Outline]:  # noqa: ANN401  # from an array to a Plane
        if self.anatomy is None:
            return []
        outlines = []
        if self.anatomy.has_liver:
            outlines.append(Outline(cut(self.anatomy.liver.voxels).values, label_rgb(1)))
        labels: Plane = cut(self.anatomy.lesion_labels.labels)
        numbers = set(np.unique(labels.values).tolist())
        outlines += [
            Outline(labels.values == lesion.number, lesion_rgb(lesion))
            for lesion in self.anatomy.lesions
            if lesion.number in numbers
        ]
        return outlines

    def body(self, axis: int, indices: list[int], margin_mm: float) -> Field:
        """The part of some planes that holds the body, with a margin of air."""
        cut = self.turned.axial if axis == 0 else self.turned.coronal
        planes = [cut(self.image.values, index) for index in indices]
        row_mm, column_mm = planes[0].row_mm, planes[0].column_mm
        shape = planes[0].values.shape
        rows, columns = (0, shape[0]), (0, shape[1])
        if self.image.quantity is Quantity.HU:
            inside = _largest(np.logical_or.reduce([p.values > _AIR_HU for p in planes]))
            rows, columns = _extent(inside, 1), _extent(inside, 0)
        top = max(0.0, rows[0] * row_mm - margin_mm)
        left = max(0.0, columns[0] * column_mm - margin_mm)
        bottom = min(shape[0] * row_mm, rows[1] * row_mm + margin_mm)
        right = min(shape[1] * column_mm, columns[1] * column_mm + margin_mm)
        return Field(top, left, bottom - top, right - left)

    def liver_range(self, axis: int) -> tuple[int, int]:
        """First and last plane with liver along S (0) or P (1); all planes without a liver."""
        whole = (0, self.turned.shape[axis] - 1)
        if self.anatomy is None or self.anatomy.liver.is_empty:
            return whole
        liver = self.turned.view(self.anatomy.liver.voxels)
        there = np.flatnonzero(liver.any(axis=(1, 2) if axis == 0 else (0, 2)))
        return int(there[0]), int(there[-1])


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part: the body without the table."""
    from scipy.ndimage import label

    parts, count = label(inside)
    if count == 0:
        return inside
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = parts == sizes.argmax()
    return largest


def _extent(inside: NDArray[np.bool_], along: int) -> tuple[int, int]:
    """First and one past the last line that holds more than a little of the body."""
    share = inside.mean(axis=along)
    there = np.flatnonzero(share > _BODY_SHARE)
    return (0, len(share)) if there.size == 0 else (int(there[0]), int(there[-1]) + 1)


def spread(first: int, last: int, count: int) -> list[int]:
    """At most ``count`` whole numbers from ``first`` to ``last``, evenly, ends a little inside.

    Examples
    --------
    >>> spread(0, 100, 4)
    [13, 38, 63, 88]
    >>> spread(3, 4, 4)
    [3, 4]
    """
    steps = last - first + 1
    if steps <= count:
        return list(range(first, last + 1))
    return [int(first + (k + 0.5) * (last - first) / count + 0.5) for k in range(count)]


def axial_montage(
    image: Volume, anatomy: Anatomy | None, *, count: int | None = None, title: str = "axial"
) -> Picture:
    """Axial slices through the liver with the outlines of liver and lesions.

    Parameters
    ----------
    image
        CT in HU; the anatomy lies on its grid.
    count
        Number of slices, evenly from the lowest to the highest with liver; None = as configured.
    title
        Name of the picture.
    """
    return _montage(image, anatomy, axis=0, count=count, title=title)


def coronal_montage(
    image: Volume, anatomy: Anatomy | None, *, count: int | None = None, title: str = "coronal"
) -> Picture:
    """Coronal slices through the liver with the outlines of liver and lesions, front to back."""
    return _montage(image, anatomy, axis=1, count=count, title=title)


def _montage(
    image: Volume, anatomy: Anatomy | None, *, axis: int, count: int | None, title: str
) -> Picture:
    config = picture_settings()
    kind = "axial" if axis == 0 else "coronal"
    montage = config["montage"]
    scene = Scene.of(image, anatomy, ct_window(config, kind))
    first, last = scene.liver_range(axis)
    indices = spread(first, last, count or montage[f"{kind}_slices"])
    field = scene.body(axis, indices, config["axial"]["margin_mm"])
    cut = scene.axial if axis == 0 else scene.coronal
    tiles = [
        cut(
            index,
            width_px=montage["tile_px"],
            field=field,
            corners=slice_corners(scene.turned, axis, index),
        )
        for index in indices
    ]
    columns = min(montage["columns"], len(tiles))
    pixels = _tiled(tiles, columns)
    return Picture(
        name=title, kind="montage", pixels=pixels, alt=montage_alt(kind, len(tiles), anatomy)
    )


def ct_window(config: dict[str, Any], kind: str) -> Window:
    """The window that is configured for a kind of picture."""
    chosen = config["windows"][config[kind]["window"]]
    return Window.of(chosen["level"], chosen["width"])


def _tiled(tiles: list[Pixels], columns: int, gap: int = 4) -> Pixels:
    """Tiles of one size in rows, on black."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    shape = (rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap, 3)
    canvas = np.zeros(shape, dtype=np.uint8)
    for k, tile in enumerate(tiles):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    return canvas
