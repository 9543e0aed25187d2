"""One metastasis, or what may be one: the `Lesion`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LesionStatus(Enum):
    """Where a lesion stands between the model's proposal and a person's word."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EDITED = "edited"


class LesionType(Enum):
    """What a lesion is said to be; only metastases count as tumour."""

    METASTASIS = "metastasis"
    INDETERMINATE = "indeterminate"
    CYST = "cyst"
    HAEMANGIOMA = "haemangioma"
    TREATED = "treated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """A lesion of an `Anatomy`; its voxels carry ``number`` in the lesion label map.

    ``confidence`` is the model's calibrated mean probability in 0..1, None for a person's mask.
    """

    number: int
    tracking_uid: str
    status: LesionStatus = LesionStatus.PROPOSED
    type: LesionType = LesionType.METASTASIS
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.number < 1:
            msg = f"lesions are numbered from 1, not {self.number}"
            raise ValueError(msg)

    @property
    def id(self) -> str:
        """``L1``, ``L2``, ...: the name in every output."""
        return f"L{self.number}"

    @property
    def counts(self) -> bool:
        """Whether it counts as tumour: a metastasis that nobody rejected."""
        return self.type is LesionType.METASTASIS and self.status is not LesionStatus.REJECTED
