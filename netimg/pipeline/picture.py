"""The contrast phase as the pictures show it, and the choice of the CT with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import InputError
from netimg.progress import silent
from netimg.study import OrganMedians

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.progress import Progress
    from netimg.settings import Settings
    from netimg.study import Study
    from netimg.volume import Volume


def looked_at(study: Study, *, settings: Settings, progress: Progress = silent) -> Study:
    """The study with its CT chosen once more, after a look at the pictures that decide it.

    The chosen CT is looked at always; the others only where words and tags leave its phase open,
    and only those whose own phase is open too. A phase that was typed needs no look. What cannot be
    loaded is set aside.
    """
    from netimg.reading.candidate import phase_is_open
    from netimg.reading.choose import BY_NAME, candidates
    from netimg.reading.select import select_again
    from netimg.reading.values import without

    medians: dict[int, OrganMedians] = {}
    by_name = study.ct is not None and study.ct.why[:1] == (BY_NAME,)
    while study.ct is not None and study.ct.number not in medians and not study.ct.phase_typed:
        wanted = [study.ct]
        if phase_is_open(study.ct) and not by_name:
            wanted += [s for s in candidates(study.series) if phase_is_open(s)]
        for series in wanted:
            if series.number in medians:
                continue
            try:
                image = series.load()
            except InputError as error:
                study = without(study, series, error)
                if by_name or (study.ct is None and not study.pets):
                    raise
                continue
            medians[series.number] = _seen(image, settings, progress)
        study = select_again(study, medians)
    return study


def with_masks_read(study: Study, anatomy: Anatomy) -> Study:
    """The study with the phase that masks on its CT show; the choice of the CT stays."""
    if study.ct is None or not anatomy.grid.same_as(study.ct.grid, tol_mm=0.1):
        return study
    from netimg.reading.select import select_again
    from netimg.segmentation.organ_hu import organ_medians

    ct = study.ct.load()
    medians = _with_stand_in(organ_medians(ct, anatomy), ct)
    return select_again(study, {study.ct.number: medians}, stay=True)


def with_liver_drawn(study: Study, anatomy: Anatomy | None) -> Study:
    """The study without its guess, by the lungs, that the liver is cut off (SEL-005).

    A drawn liver shows whether it is: ``liver_cut_fov`` of the anatomy says so, once.
    """
    if study.ct is None or anatomy is None or not anatomy.has_liver:
        return study
    ct = replace(study.ct, flags=tuple(f for f in study.ct.flags if f.code != "SEL-005"))
    series = tuple(ct if s is study.ct else s for s in study.series)
    return replace(study, ct=ct, series=series)


def _seen(ct: Volume, settings: Settings, progress: Progress) -> OrganMedians:
    from netimg.segmentation import locate

    located = locate(
        ct,
        model=settings["segmentation.model"],
        device=settings["segmentation.device"],
        settings=settings,
        progress=progress,
    )
    return _with_stand_in(located, ct)


def _with_stand_in(medians: OrganMedians, ct: Volume) -> OrganMedians:
    """Medians with the stand-in for the aorta where nobody outlined it."""
    from netimg.reading.glance import aorta_medians

    if medians.aorta is not None:
        return medians
    found = aorta_medians(ct)
    absent = dict(medians.absent)
    if found.aorta is not None:
        absent.pop("aorta", None)
    return replace(
        medians, aorta=found.aorta, stand_in=found.stand_in, absent=absent | dict(found.absent)
    )
