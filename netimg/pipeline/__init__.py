"""The river as one call: read, segment, measure, plan, assess.

::

    open_study -> segment -> measure -> plan -> assess -> StudyResult
      Study       Anatomy    Findings   Plans   Assessment

`analyse` is the river for one study. `run` is what ``netimg run`` and each worker of ``netimg
batch`` call: a `Request` in, a result folder out. Calls, no arithmetic.
Start reading at `river`; `run` puts files before and behind it.
"""

from netimg.pipeline.facts import Facts, dated, load_facts
from netimg.pipeline.loaded import StudyResult
from netimg.pipeline.request import MaskFile, Masks, Outcome, Request
from netimg.pipeline.river import analyse, find_anatomy
from netimg.pipeline.run import check_settings, run

__all__ = [
    "Facts",
    "MaskFile",
    "Masks",
    "Outcome",
    "Request",
    "StudyResult",
    "analyse",
    "check_settings",
    "dated",
    "find_anatomy",
    "load_facts",
    "run",
]
