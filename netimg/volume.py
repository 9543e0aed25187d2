"""Arrays that know where they lie: `Volume`, `Mask`, `LabelMap`.

All three are frozen; their arrays are handed out read-only. Compare by content with ``same_as``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX
    from netimg.flag import Flag
    from netimg.geometry import Grid


class Quantity(Enum):
    """What the values of a volume measure; the value is the unit as printed."""

    HU = "HU"
    SUV_BW = "g/mL{SUVbw}"
    ACTIVITY = "Bq/mL"
    STORED = "stored values"
    """Values without a usable scale (a PET that cannot become SUV)."""
    PROBABILITY = "1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Volume:
    """float32 values ``[z, y, x]`` on a `Grid`, with what they measure.

    ``flags``: doubts that only the values could raise, such as a scale that ends at 3071 HU.

    Raises
    ------
    ValueError
        If the array does not have the shape of the grid.
    """

    values: FloatZYX
    grid: Grid
    quantity: Quantity
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _frozen(self.values, np.float32, self.grid))

    def __repr__(self) -> str:
        """One line: quantity, size, spacing, range."""
        low, high = float(self.values.min()), float(self.values.max())
        size = f"{'x'.join(map(str, self.grid.shape))}"
        spacing = "x".join(f"{s:.4g}" for s in self.grid.spacing_mm)
        return f"Volume({self.quantity.name}, {size}, {spacing} mm, {low:.4g}..{high:.4g})"

    def same_as(self, other: Volume, *, tol_mm: float, tol: float = 0.0) -> bool:
        """Tell whether grid (within ``tol_mm``), quantity and values (within ``tol``) agree."""
        return (
            self.quantity is other.quantity
            and self.grid.same_as(other.grid, tol_mm=tol_mm)
            and bool(np.allclose(self.values, other.values, rtol=0.0, atol=tol))
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """True inside one structure, ``[z, y, x]`` on a `Grid`."""

    voxels: MaskZYX
    grid: Grid

    def __post_init__(self) -> None:
        object.__setattr__(self, "voxels", _frozen(self.voxels, np.bool_, self.grid))

    def __repr__(self) -> str:
        """One line: size and volume."""
        return f"Mask({'x'.join(map(str, self.grid.shape))}, {self.volume_ml:.4g} mL)"

    @property
    def volume_ml(self) -> float:
        """Voxels inside times voxel volume, mL."""
        return int(np.count_nonzero(self.voxels)) * self.grid.voxel_ml

    @property
    def is_empty(self) -> bool:
        """Whether no voxel is inside."""
        return not bool(self.voxels.any())

    def same_as(self, other: Mask, *, tol_mm: float) -> bool:
        """Tell whether both masks hold the same voxels on the same grid."""
        same_grid = self.grid.same_as(other.grid, tol_mm=tol_mm)
        return same_grid and bool(np.array_equal(self.voxels, other.voxels))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """Whole-number labels ``[z, y, x]`` (uint16, 0 = background) on a `Grid`.

    ``names`` says what each label is; labels that occur without a name are allowed.
    ``tracking_uids`` holds the identity of labels whose file gives them one.
    """

    labels: LabelZYX
    grid: Grid
    names: Mapping[int, str] = field(default_factory=dict)
    tracking_uids: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", _frozen(self.labels, np.uint16, self.grid))
        ordered = dict(sorted(self.names.items()))
        object.__setattr__(self, "names", MappingProxyType(ordered))
        tracked = dict(sorted(self.tracking_uids.items()))
        object.__setattr__(self, "tracking_uids", MappingProxyType(tracked))

    def __repr__(self) -> str:
        """One line: size and names."""
        return f"LabelMap({'x'.join(map(str, self.grid.shape))}, {dict(self.names)})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle through the constructor's arguments (a mapping proxy does not pickle)."""
        names, tracked = dict(self.names), dict(self.tracking_uids)
        return (_label_map, (np.asarray(self.labels), self.grid, names, tracked))

    def mask(self, label: int) -> Mask:
        """Voxels that carry ``label``."""
        return Mask(voxels=self.labels == label, grid=self.grid)

    def present(self) -> tuple[int, ...]:
        """Labels that occur, ascending, background left out."""
        found = np.zeros(int(self.labels.max(initial=0)) + 1, dtype=bool)
        for plane in self.labels:  # numpy would make 8-byte indices of the whole map
            found[plane] = True
        return tuple(int(i) for i in np.flatnonzero(found) if i != 0)

    def same_as(self, other: LabelMap, *, tol_mm: float) -> bool:
        """Tell whether both maps hold the same labels on the same grid."""
        same_grid = self.grid.same_as(other.grid, tol_mm=tol_mm)
        return same_grid and bool(np.array_equal(self.labels, other.labels))


def _label_map(
    labels: LabelZYX, grid: Grid, names: dict[int, str], tracking_uids: dict[int, str]
) -> LabelMap:
    return LabelMap(labels=labels, grid=grid, names=names, tracking_uids=tracking_uids)


def _frozen(values: object, dtype: type[np.generic], grid: Grid) -> np.ndarray[Any, Any]:
    """C-ordered read-only array of ``dtype``; copied only if it must be."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.shape != grid.shape:
        msg = f"an array of {array.shape} does not lie on a grid of {grid.shape}"
        raise ValueError(msg)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array
