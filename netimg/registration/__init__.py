"""Rigid registration of a PET to a CT with its quality, and where the liver's edge lies on both.

In: two Volumes and the liver on the CT. Out: `netimg.study.Registration`, distances in mm. The PET
is never resampled: a registered PET is the same voxels on a moved grid (`moved`). Limits stand in
``configs/registration.toml``.
Start reading at `rigid`; `edge` finds the liver's surface on a PET.
"""

from netimg.registration.edge import dome_shift, liver_gap_mm
from netimg.registration.move import moved, moved_grid
from netimg.registration.rigid import register

__all__ = ["dome_shift", "liver_gap_mm", "moved", "moved_grid", "register"]
