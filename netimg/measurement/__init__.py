"""From an Anatomy and its images to Findings.

In: Study, Anatomy, Settings. Out: Findings, immutable, each with unit, source and uncertainty.
CT values are taken on the CT grid, PET values on the PET grid. Touches no file and no clock.
Judges nothing: a threshold that decides a treatment lives in ``configs/criteria``.
Start reading at `ct_lesion`; `pet_lesion` is the longest story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.progress import silent

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.finding import Findings
    from netimg.progress import Progress
    from netimg.settings import Settings
    from netimg.study import Study


def measure(
    study: Study,
    anatomy: Anatomy | None,
    *,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Findings:
    """Everything that can be measured in a study.

    Parameters
    ----------
    study
        Its CT and its chosen PETs are loaded.
    anatomy
        Liver and lesions, on the grid of a series of the study. None: only what a PET gives by
        itself.
    settings
        Shipped settings if None.
    progress
        Told of each lesion.

    Returns
    -------
    Findings
        Names and units of `netimg.measurement.catalogue`. What cannot be had is there with its
        reason.

    Raises
    ------
    ValueError
        If the anatomy lies on the grid of no series of the study.
    InputError
        If the pixels of a series cannot be read.
    """
    from netimg.measurement.whole import everything
    from netimg.settings import Settings

    return everything(study, anatomy, settings or Settings.shipped(), progress)
