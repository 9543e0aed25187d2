"""A PET on the grid that a registration gives it: the same voxels, elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from netimg.geometry import Grid
    from netimg.study import Opener, Registration, Series
    from netimg.volume import Volume


@dataclass(frozen=True, slots=True)
class MovedOpener:
    """Loads a series onto a moved grid; picklable."""

    opener: Opener
    grid: Grid

    def __call__(self) -> Volume:
        """The voxels as they are, lying where the registration puts them."""
        return replace(self.opener(), grid=self.grid)


def moved(pet: Series, ct: Series, found: Registration) -> Series:
    """The PET in the coordinate system of the CT; measured on its own voxels, never resampled."""
    grid = moved_grid(pet.grid, found)
    return replace(
        pet,
        grid=grid,
        opener=MovedOpener(pet.opener, grid),
        frame_of_reference_uid=ct.frame_of_reference_uid,
        registration=found,
    )


def moved_grid(grid: Grid, found: Registration) -> Grid:
    """Where the voxels of a grid lie after the registration."""
    matrix = np.array(found.matrix, dtype=np.float64)
    origin = matrix[:3, :3] @ np.array(grid.origin_lps_mm) + matrix[:3, 3]
    turned = matrix[:3, :3] @ grid.matrix
    return replace(
        grid,
        origin_lps_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        directions=turned.tolist(),
    )
