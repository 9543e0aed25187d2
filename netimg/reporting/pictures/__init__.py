"""Pictures of a study: slices with outlines, thumbnails of lesions, projections of a PET.

In: a StudyResult whose series can be loaded. Out: `Picture`, RGB pixels with words beside them.
Radiological convention, true aspect ratio, outlines of one pixel along voxel borders.
Start reading at `choose`; ``planes`` turns any grid to the patient, ``draw`` makes the pixels,
``montage`` holds what a gallery calls.
"""

from netimg.reporting.pictures.choose import study_pictures
from netimg.reporting.pictures.montage import axial_montage, coronal_montage
from netimg.reporting.pictures.picture import Picture, index_document

__all__ = ["Picture", "axial_montage", "coronal_montage", "index_document", "study_pictures"]
