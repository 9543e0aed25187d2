"""The river: read, segment, measure, plan, assess; calls, no arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netimg import finding, result
from netimg.errors import SEG_105, SEG_109, USE_001, NetimgError, UsageError
from netimg.flag import Flag, Severity
from netimg.pipeline.clock import Clock
from netimg.pipeline.facts import dated
from netimg.pipeline.given import given_anatomy
from netimg.pipeline.loaded import StudyResult, fields_of
from netimg.pipeline.pairing import laid_over
from netimg.pipeline.picture import looked_at, with_liver_drawn
from netimg.progress import Progress, silent
from netimg.settings import Settings
from netimg.study import Study

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.pipeline.request import Masks
    from netimg.treatment import Plans
    from netimg.verdict import Assessment
    from netimg.volume import Volume


def analyse(
    study: Study | str | Path,
    *,
    facts: finding.Facts | None = None,
    baseline: result.StudyResult | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> StudyResult:
    """One study from images to reasons, with the model's masks.

    Parameters
    ----------
    study
        A study, or the path of one.
    facts
        Clinical facts; without them the criteria that need any are unknown, and say which.
    baseline
        Not available yet: change over time is measured by a later version.

    Raises
    ------
    NetimgError
        A refusal of a room; nothing is guessed in its place.
    """
    if baseline is not None:
        raise UsageError(
            USE_001,
            what="a baseline was given, and this version does not measure change.",
            todo="Analyse each study by itself.",
        )
    settings = settings or Settings.shipped()
    clock = Clock(progress)
    if not isinstance(study, Study):
        clock.stage("read")
        from netimg.reading import open_study

        study = open_study(study, settings=settings, progress=progress)
    study, held = look(study, settings=settings, clock=clock)
    anatomy, flags = find_anatomy(study, settings=settings, clock=clock)
    study = laid_over(with_liver_drawn(study, anatomy), anatomy, register=study.register)
    del held
    facts = dated(facts, study)
    return judge(study, anatomy, flags, facts=facts, settings=settings, clock=clock)


def look(
    study: Study,
    *,
    masks: Masks | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> tuple[Study, list[Volume]]:
    """Look at the pictures for the contrast phase, and choose the CT once more.

    A chosen series whose values refuse it is set aside, and the next one takes its place.

    Returns
    -------
    study
        With the phase of its CT confirmed, corrected or doubted, and what its values say.
    held
        Its loaded images: as long as a caller holds them, nothing is decoded twice.

    Raises
    ------
    InputError
        Why a series that was asked for cannot be used, or the first of all that were tried.
    """
    from netimg.reading.values import loaded

    study, images, refused = loaded(study)
    if refused is not None and not images:
        raise refused
    held = list(images.values())
    if study.ct is None or (masks is not None and masks.given):
        return _noted(study), held
    clock = clock or Clock(silent)
    clock.stage("look")
    again = looked_at(study, settings=settings or Settings.shipped(), progress=clock.progress)
    if again.ct is not None and again.ct.number != study.ct.number:
        held.append(again.ct.load())
    return _noted(again), held


def _noted(study: Study) -> Study:
    """The study with what the values of its images say; they are loaded already."""
    from netimg.reading.values import with_flags

    chosen = (study.ct, *study.pets)
    return with_flags(study, {s.number: s.load().flags for s in chosen if s is not None})


def find_anatomy(
    study: Study,
    *,
    masks: Masks | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> tuple[Anatomy | None, tuple[Flag, ...]]:
    """Masks of a person where there are any, else the model's; None for a PET alone.

    A CT without a liver (SEG-105, SEG-109) beside a usable PET is a flag, not an end.
    """
    settings = settings or Settings.shipped()
    clock = clock or Clock(silent)
    clock.stage("segment")
    if masks is not None and masks.given:
        return given_anatomy(study, masks, settings=settings), ()
    if study.ct is None:
        return None, ()
    from netimg.segmentation import segment

    try:
        body = segment(
            study.ct.load(),
            context=study.context(),
            model=settings["segmentation.model"],
            device=settings["segmentation.device"],
            settings=settings,
            progress=clock.progress,
        )
    except NetimgError as error:
        if error.code not in (SEG_105, SEG_109) or not study.pets:
            raise
        return None, (_no_liver(error, study.ct.number),)
    return body, ()


def judge(
    study: Study,
    anatomy: Anatomy | None,
    flags: tuple[Flag, ...],
    *,
    facts: finding.Facts | None,
    settings: Settings,
    clock: Clock,
) -> StudyResult:
    """Measure, plan, assess."""
    from netimg.assessment import assess
    from netimg.measurement import measure
    from netimg.planning import plan

    clock.stage("measure")
    found = measure(study, anatomy, settings=settings, progress=clock.progress)
    series = [s.flags for s in (study.ct, *study.pets) if s is not None]
    parts = (
        found.flags,
        flags,
        anatomy.flags if anatomy else (),
        *series,
        facts.flags if facts else (),
    )
    found = replace(found, flags=tuple(dict.fromkeys(flag for part in parts for flag in part)))
    clock.stage("plan")
    plans: Plans = plan(found, facts, anatomy=anatomy, settings=settings)
    if facts is not None:
        found = found | facts
    clock.stage("assess")
    view: Assessment = assess(
        found, plans, profiles=tuple(settings["criteria.profiles"]), settings=settings
    )
    clock.stop()
    done = result.StudyResult.of(study, anatomy, found, plans, view)
    return StudyResult(**fields_of(done))


def _no_liver(error: NetimgError, series: int) -> Flag:
    """The framed line of a PET-only result."""
    return Flag(
        code=error.code.id,
        severity=Severity.HIGH,
        sentence=f"No liver was found on this CT (series {series}): {error.what} The PET is "
        "measured alone.",
        touches=("liver_volume_ml", "tumour_volume_ml", "burden_pct", "lesion_count"),
    )
