"""The five array types of netimg, with their shapes.

Axes are ``[z, y, x]`` (slices, rows, columns), C order, everywhere; points in the patient are
LPS in mm. Signatures use these names, docstrings repeat the shape. This module holds names for
type checkers only and imports numpy only for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatZYX: TypeAlias = NDArray[np.float32]
    """Image values, shape ``(z, y, x)``; the unit is on the `Volume` that holds it."""
    MaskZYX: TypeAlias = NDArray[np.bool_]
    """True inside the structure, shape ``(z, y, x)``."""
    LabelZYX: TypeAlias = NDArray[np.uint16]
    """Whole-number labels, 0 = background, shape ``(z, y, x)``."""
    PointsLPS: TypeAlias = NDArray[np.float64]
    """World points in mm, shape ``(n, 3)``, columns L, P, S."""
    IndicesZYX: TypeAlias = NDArray[np.float64]
    """Voxel indices, shape ``(n, 3)``, columns z, y, x; whole numbers are voxel centres."""
