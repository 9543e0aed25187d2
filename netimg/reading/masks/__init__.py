"""A person's masks onto a grid, exactly or not at all.

In: a SEG, RTSTRUCT, NIfTI or NRRD file and the Grid it must lie on. Out: Mask or LabelMap on that
grid, and what is to be said about it. A mask on the same lattice may be cropped, padded, flipped
or turned; one that is off by more than a twentieth of a voxel is refused with the distance in mm.
Nothing is resampled. Start reading at `door`; `place` decides what lies on a grid, `choose` which
structure of a file is meant.
"""

from netimg.reading.masks.door import (
    Given,
    read_given,
    read_given_labels,
    read_label_map,
    read_mask,
)
from netimg.reading.masks.own import read_mask_file, read_mask_pair

__all__ = [
    "Given",
    "read_given",
    "read_given_labels",
    "read_label_map",
    "read_mask",
    "read_mask_file",
    "read_mask_pair",
]
