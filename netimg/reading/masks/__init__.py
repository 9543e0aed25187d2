"""A person's masks onto a grid, exactly or not at all.

In: a SEG, RTSTRUCT or NIfTI file and the Grid it must lie on. Out: Mask or LabelMap on that grid.
A mask on the same lattice may be cropped, padded, flipped or turned; one that is off by more than
a twentieth of a voxel is refused with the distance in mm. Nothing is resampled.
Start reading at `door`; `place` decides what lies on a grid.
"""

from netimg.reading.masks.door import read_label_map, read_mask, read_mask_file

__all__ = ["read_label_map", "read_mask", "read_mask_file"]
