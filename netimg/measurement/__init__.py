"""From an Anatomy and its images to Findings.

In: Study, Anatomy, Settings. Out: Findings, immutable, each with unit, source and uncertainty.
CT values are taken on the CT grid, PET values on the PET grid. Touches no file and no clock.
Judges nothing: a threshold that decides a treatment lives in ``configs/criteria``.
Start reading at `volumes`; `pet_lesion` is the longest story.
"""
