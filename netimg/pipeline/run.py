"""One request from input to result folder: what ``netimg run`` and each batch worker call."""

from __future__ import annotations

from dataclasses import replace

from netimg.pipeline.clock import Clock
from netimg.pipeline.facts import dated, load_facts
from netimg.pipeline.given_files import with_given_files
from netimg.pipeline.log import tell_chosen, tell_result
from netimg.pipeline.pairing import laid_over
from netimg.pipeline.picture import with_liver_drawn, with_masks_read
from netimg.pipeline.provenance import card_of, manifest_of, model_name, now, peak_memory_mb
from netimg.pipeline.request import Outcome, Request
from netimg.pipeline.required import check_found, check_read
from netimg.pipeline.river import find_anatomy, judge, look
from netimg.progress import Progress, silent
from netimg.settings import Settings


def run(request: Request, settings: Settings, progress: Progress = silent) -> Outcome:
    """Read, analyse and write one study; do nothing where the same result is already there.

    Raises
    ------
    NetimgError
        The refusal that stopped it; the output folder is then as it was before.
    """
    from netimg.reading import open_study
    from netimg.reporting import write_report
    from netimg.reporting.finished import finished_manifest, holds
    from netimg.reporting.layout import check_target

    check_settings(settings)
    there = finished_manifest(request.output) is not None
    check_target(request.output, source=str(request.input), overwrite=request.overwrite or there)
    clock = Clock(progress)
    typed = load_facts(request.facts, request.fact_texts, request.assessment_date)
    clock.stage("read")
    study = open_study(
        request.input,
        study=request.study,
        ct=request.ct,
        pet=request.pets,
        overrides=request.overrides,
        settings=settings,
        progress=progress,
    )
    facts = dated(typed, study)
    check_read(request.require, study, facts)
    manifest = manifest_of(study, request, facts, settings)
    if holds(request.output, manifest):
        return Outcome(path=request.output, result=None)
    check_target(request.output, overwrite=request.overwrite)
    study, held = look(study, masks=request.masks, settings=settings, clock=clock)
    check_read(request.require, study, facts)  # what could not be loaded is no longer there
    anatomy, flags = find_anatomy(study, masks=request.masks, settings=settings, clock=clock)
    if anatomy is not None and request.masks.given:
        study = with_masks_read(study, anatomy)
    study = laid_over(with_liver_drawn(study, anatomy), anatomy, register=study.register)
    tell_chosen(study)
    check_found(request.require, study, anatomy, flags)
    study = with_given_files(study, request)
    done = judge(study, anatomy, flags, facts=facts, settings=settings, clock=clock)
    tell_result(done)
    clock.stage("report")  # the manifest ends before the report does
    manifest = replace(
        manifest,
        model=model_name(anatomy),
        stages=clock.seconds(),
        finished_at=now(),
        peak_memory_mb=peak_memory_mb(),
    )
    path = write_report(
        replace(done, manifest=manifest),
        request.output,
        overwrite=request.overwrite,
        privacy=settings["reporting.privacy"],
        settings=settings,
    )
    clock.stop()
    del held
    return Outcome(path=path, result=replace(done, manifest=manifest))


def check_settings(settings: Settings) -> None:
    """Refuse, before any image is read, what would be refused only when it is needed.

    Raises
    ------
    UsageError, CriteriaError, ModelError
        USE-001 for an unknown output, CRIT- codes for rule files and profiles, MDL- codes for a
        model that somebody chose.
    """
    from netimg.assessment.catalogue import load_catalogue
    from netimg.reporting.write import wanted_outputs

    wanted_outputs((), settings)
    load_catalogue(settings).of_profiles(settings["criteria.profiles"])
    if settings["segmentation.model"] != Settings.shipped()["segmentation.model"]:
        card_of(settings)
