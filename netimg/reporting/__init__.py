"""From a StudyResult to files that people and programs read.

In: StudyResult, Settings, a folder to write. Out: that folder, complete or absent:
``results.json``, ``manifest.json``, tables, masks, DICOM SEG, pictures and ``report.html``.
Computes nothing: every number comes from a finding, a verdict or the anatomy and is only rounded
for display. Judges nothing and says no sentence that does not stand in ``words``.
Start reading at `write`; ``layout`` knows how a folder becomes complete, ``html`` what is seen.
"""

from netimg.reporting.write import write_report

__all__ = ["write_report"]
