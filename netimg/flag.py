"""A doubt that does not stop the work: the `Flag`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a doubt matters."""

    INFO = "info"
    MEDIUM = "medium"
    HIGH = "high"
    """Criteria that read a touched finding become unknown (``needs_reader:flag.<code>``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A doubt, shown beside each number it touches.

    Parameters
    ----------
    code
        ``liver_cut_fov``, ``SUV-029``, ``GEO-012``: a name of the documentation's tables.
    sentence
        What a reader sees; one sentence with the deciding numbers.
    touches
        Finding names it bears on (``liver_volume_ml``), a scope (``pet``), or a lesion id
        (``L3``); empty = the whole study.
    value, threshold
        The number that raised it and its limit, where there is one.
    """

    code: str
    severity: Severity
    sentence: str
    touches: tuple[str, ...] = ()
    value: float | None = None
    threshold: float | None = None
