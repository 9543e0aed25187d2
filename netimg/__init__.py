"""netimg: CT and PET of neuroendocrine liver metastases, from DICOM to reasons.

::

    study = netimg.open_study("patient_07/")
    body  = netimg.segment(study.ct.load(), context=study.context())
    found = netimg.measure(study, body)
    facts = netimg.Facts.load("patient_07.toml")
    plans = netimg.plan(found, facts, anatomy=body)
    view  = netimg.assess(found | facts, plans)

Start reading at ``netimg/pipeline/river.py``. Names resolve on first use, so importing netimg costs
nothing. Research use; not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netimg.assessment import assess
    from netimg.errors import NetimgError
    from netimg.measurement import measure
    from netimg.pipeline import Facts, StudyResult, analyse
    from netimg.planning import plan
    from netimg.reading import open_study
    from netimg.reporting import write_report
    from netimg.segmentation import segment
    from netimg.settings import Settings

__version__ = "0.1.0"

_HOME = {
    "open_study": "netimg.reading",
    "segment": "netimg.segmentation",
    "measure": "netimg.measurement",
    "plan": "netimg.planning",
    "assess": "netimg.assessment",
    "analyse": "netimg.pipeline",
    "write_report": "netimg.reporting",
    "Facts": "netimg.pipeline",
    "StudyResult": "netimg.pipeline",
    "Settings": "netimg.settings",
    "NetimgError": "netimg.errors",
}

__all__ = [
    "Facts",
    "NetimgError",
    "Settings",
    "StudyResult",
    "__version__",
    "analyse",
    "assess",
    "measure",
    "open_study",
    "plan",
    "segment",
    "write_report",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # functions, classes and a string
    """Resolve a public name on first use (PEP 562)."""
    if name not in _HOME:
        msg = f"module 'netimg' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, for completion and help."""
    return sorted(__all__)
