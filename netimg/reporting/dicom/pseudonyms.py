"""Source headers without the identity of their patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netimg.reporting.dicom.sources import in_order

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from netimg.study import Series, Study

_EMPTY = (
    "PatientBirthDate", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName",
)  # fmt: skip
_GONE = ("IssuerOfPatientID", "PatientAge", "StudyDescription", "PositionReferenceIndicator")


def hide(headers: Sequence[Dataset], study: Study, series: Series) -> None:
    """Give cleaned headers the alias and the UIDs of a study without identity, in place.

    Parameters
    ----------
    headers
        In the order of the grid.
    study, series
        Of `privacy.without_identity`; ``series`` is the one the headers belong to.
    """
    for header, instance in zip(headers, in_order(series.instances), strict=True):
        header.PatientName = f"{study.patient.id}^"
        header.PatientID = study.patient.id
        header.StudyInstanceUID = study.uid
        header.SeriesInstanceUID = series.uid
        header.SOPInstanceUID = instance.sop_instance_uid
        if series.frame_of_reference_uid is not None:
            header.FrameOfReferenceUID = series.frame_of_reference_uid
        for name in _EMPTY:
            setattr(header, name, None)
        for name in _GONE:
            if name in header:
                delattr(header, name)
