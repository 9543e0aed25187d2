"""The river in one file: read, segment, measure, plan, assess; calls, no arithmetic.

::

    open_study -> segment -> measure -> plan -> assess -> StudyResult
      Study       Anatomy    Findings   Plans   Assessment

`analyse` is the river for one study. `run` is what ``netimg run`` and each worker of ``netimg
batch`` call: a `Request` in, a result folder out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from netimg import __version__, finding, result
from netimg.errors import (
    MSK_001,
    RUN_005,
    SEG_105,
    SEG_109,
    USE_001,
    MaskError,
    NetimgError,
    NothingUsable,
    UsageError,
)
from netimg.flag import Flag, Severity
from netimg.progress import Progress, silent
from netimg.result import Manifest
from netimg.settings import Settings
from netimg.study import Study

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.geometry import Grid
    from netimg.segmentation.cards import Card
    from netimg.study import Series
    from netimg.treatment import Plans
    from netimg.verdict import Assessment
    from netimg.volume import LabelMap, Mask

_HOW_FAST = ("resources.", "batch.")
"""Settings that leave no trace in a result: the same study, the same bytes, on any machine."""

_PACKAGES = ("numpy", "scipy", "pydicom", "SimpleITK", "torch", "monai", "highdicom")


class Facts(finding.Facts):
    """Clinical facts, with the ways to get them from a file or a tree."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the facts of a TOML or JSON file of schema ``netimg.facts/1``.

        Raises
        ------
        FactsError
            FACT- and LES- codes; every problem of the file at once.
        """
        from netimg.reading.facts_file import read_facts

        return cls.from_dict(read_facts(Path(path)))

    @classmethod
    def from_dict(
        cls,
        tree: Mapping[str, Any],
        *,
        with_image: bool = False,
        lines: Mapping[str, int] | None = None,
        where: str = "",
    ) -> Self:
        """Return the facts of a tree as TOML or JSON would give it.

        Parameters
        ----------
        tree
            Schema ``netimg.facts/1``.
        with_image
            Refuse what the image measures (FACT-IMAGE).
        lines, where
            Line of each path, and the file's name, for messages.
        """
        from netimg.assessment.facts import facts_from_tree

        facts = facts_from_tree(tree, with_image=with_image, lines=lines, where=where)
        return cls(
            tree=facts.tree,
            entered=facts.entered,
            assessment_date=facts.assessment_date,
            flags=facts.flags,
        )

    @staticmethod
    def template() -> str:
        """Return a commented facts file to fill in."""
        from netimg.assessment.facts import template

        return template()


class StudyResult(result.StudyResult):
    """Everything about one study, with the way back from a result folder."""

    @classmethod
    def load(cls, out: str | Path) -> Self:
        """Return the result that ``write_report`` or ``netimg run`` wrote into ``out``.

        Raises
        ------
        OutputError
            OUT-006 if the folder is not a finished netimg result.
        """
        from netimg.reporting.results_json import load_result

        return cls(**_fields(load_result(Path(out))))

    def to_json(self) -> str:
        """Return the text of ``results.json``."""
        from netimg.reporting.results_json import to_json

        return to_json(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A mask file, and the segment or ROI in it where it holds several (``FILE:LABEL``)."""

    path: Path
    label: str | None = None

    @classmethod
    def parse(cls, text: str) -> MaskFile:
        """``FILE`` or ``FILE:LABEL``; a colon inside an existing file's name is part of it."""
        whole = Path(text)
        head, colon, label = text.rpartition(":")
        if colon and label and not whole.exists():
            return cls(path=Path(head), label=label)
        return cls(path=whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """A person's masks in place of the model."""

    liver: MaskFile | None = None
    lesions: tuple[MaskFile, ...] = ()
    segments: MaskFile | None = None
    labels: MaskFile | None = None
    """A multilabel mask; ``legend`` explains its numbers."""
    legend: str = "netimg"
    no_lesions: bool = False
    """A person says there are none."""

    @property
    def given(self) -> bool:
        """Whether there is any mask."""
        return any((self.liver, self.lesions, self.segments, self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One study as asked for on a command line or in a row of a batch."""

    input: Path
    output: Path
    study: str | None = None
    ct: str | None = None
    pets: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    masks: Masks = field(default_factory=Masks)
    facts: Path | None = None
    fact_texts: tuple[str, ...] = ()
    assessment_date: dt.date | None = None
    require: tuple[str, ...] = ()
    overwrite: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `run` did: ``result`` is None where a finished result was already there."""

    path: Path
    result: result.StudyResult | None


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
    clock = _Clock(progress)
    if not isinstance(study, Study):
        clock.stage("read")
        from netimg.reading import open_study

        study = open_study(study, settings=settings, progress=progress)
    anatomy, flags = find_anatomy(study, settings=settings, clock=clock)
    return _judge(study, anatomy, flags, facts=facts, settings=settings, clock=clock)


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
    clock = _Clock(progress)
    facts = load_facts(request.facts, request.fact_texts, request.assessment_date)
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
    facts = dated(facts, study)
    manifest = _manifest(study, request, facts, settings)
    if holds(request.output, manifest):
        return Outcome(path=request.output, result=None)
    check_target(request.output, overwrite=request.overwrite)
    held = [series.load() for series in (study.ct, *study.pets) if series]  # decoded once
    anatomy, flags = find_anatomy(study, masks=request.masks, settings=settings, clock=clock)
    done = _judge(study, anatomy, flags, facts=facts, settings=settings, clock=clock)
    _check_required(request.require, done)
    stages = clock.seconds()  # the manifest ends before the report does
    clock.stage("report")
    manifest = replace(
        manifest,
        model=_model_name(anatomy),
        stages=stages,
        finished_at=_now(),
        peak_memory_mb=_peak_memory_mb(),
    )
    path = write_report(
        replace(done, manifest=manifest),
        request.output,
        overwrite=request.overwrite,
        privacy=settings["reporting.privacy"],
        settings=settings,
    )
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
        _card(settings)


def _card(settings: Settings) -> Card:
    """Card of the model in use, with the folders that are searched for it."""
    from netimg.segmentation.cards import load_card

    return load_card(
        settings["segmentation.model"],
        settings["segmentation.model_folders"],
        allow_test_only=settings["segmentation.allow_test_model"],
    )


def load_facts(
    path: Path | None, texts: tuple[str, ...] = (), assessment_date: dt.date | None = None
) -> Facts | None:
    """Clinical facts of a file with single facts (``--fact``) over it; None without any.

    Raises
    ------
    FactsError, UsageError
        FACT- codes for the file; USE-001 for a single fact that cannot be read.
    """
    if path is None and not texts:
        return None
    from netimg.assessment.facts import told_twice, with_fact
    from netimg.assessment.lines import toml_lines
    from netimg.reading.facts_file import read_facts

    tree: dict[str, Any] = {"schema": "netimg.facts/1"} if path is None else read_facts(path)
    flags = told_twice(tree, texts)
    for text in texts:
        tree = with_fact(tree, text)
    if assessment_date is not None:
        tree["assessment_date"] = assessment_date.isoformat()
    is_toml = path is not None and path.suffix.lower() != ".json"
    lines = toml_lines(path.read_text("utf-8")) if path is not None and is_toml else {}
    where = "" if path is None else path.name
    facts = Facts.from_dict(tree, with_image=True, lines=lines, where=where)
    return replace(facts, flags=facts.flags + flags)


def dated(facts: Facts | None, study: Study) -> Facts | None:
    """Return the facts as of the CT's date where nobody gave an assessment date; never today's."""
    day = study.ct.acquired_at.date() if study.ct and study.ct.acquired_at else study.date
    if facts is None or facts.assessment_date is not None or day is None:
        return facts
    tree = dict(facts.entered) | {"assessment_date": day.isoformat()}
    return replace(Facts.from_dict(tree, with_image=True), flags=facts.flags)


def find_anatomy(
    study: Study,
    *,
    masks: Masks | None = None,
    settings: Settings | None = None,
    clock: _Clock | None = None,
) -> tuple[Anatomy | None, tuple[Flag, ...]]:
    """Masks of a person where there are any, else the model's; None for a PET alone.

    A CT without a liver (SEG-105, SEG-109) beside a usable PET is a flag, not an end.
    """
    settings = settings or Settings.shipped()
    clock = clock or _Clock(silent)
    clock.stage("segment")
    if masks is not None and masks.given:
        return _given_anatomy(study, masks), ()
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
        return None, (_no_liver(error),)
    return body, ()


def _no_liver(error: NetimgError) -> Flag:
    """The framed line of a PET-only result."""
    return Flag(
        code=error.code.id,
        severity=Severity.HIGH,
        sentence=f"{error.code.title[0].upper()}{error.code.title[1:]}: {error.what}",
        touches=("liver_volume_ml", "tumour_volume_ml", "burden_pct", "lesion_count"),
    )


def _given_anatomy(study: Study, masks: Masks) -> Anatomy:
    """A person's masks, on the CT grid or else on the grid of the first PET they fit."""
    places = [s for s in (study.ct, *study.pets) if s is not None]
    refusals: list[MaskError] = []
    for series in places:
        try:
            return _anatomy_on(series, masks)
        except MaskError as error:
            if not error.code.id.startswith(("MSK-001", "MSK-002", "MSK-014", "MSK-008")):
                raise
            refusals.append(error)
    if refusals:
        raise refusals[0]
    raise MaskError(
        MSK_001, what="there is no CT and no PET to put the masks on.", todo="Check the input."
    )


def _anatomy_on(series: Series, masks: Masks) -> Anatomy:
    from netimg.anatomy import Origin
    from netimg.reading.masks import read_label_map, read_mask
    from netimg.segmentation.given import anatomy_from_masks, join_lesions

    grid: Grid = series.grid
    frame = series.frame_of_reference_uid
    origins: dict[str, Origin] = {}

    def note(part: str, source: MaskFile) -> None:
        digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
        detail = source.label or ""
        name = source.path.name
        origins[part] = Origin(kind="file", name=name, sha256=digest, detail=detail)

    def mask(source: MaskFile, part: str) -> Mask | LabelMap:
        found = read_mask(
            source.path, grid, want=part, label=source.label, frame_of_reference_uid=frame
        )
        note("lesions" if part == "lesion" else part, source)
        return found

    labels = None
    if masks.labels is not None:
        labels = read_label_map(masks.labels.path, grid, masks.legend)
        note("labels", masks.labels)
    segments = None
    if masks.segments is not None:
        segments = read_label_map(masks.segments.path, grid, "netimg")
        note("segments", masks.segments)
    return anatomy_from_masks(
        grid,
        liver=_as_mask(mask(masks.liver, "liver")) if masks.liver else None,
        lesions=join_lesions([mask(source, "lesion") for source in masks.lesions]),
        segments=segments,
        labels=labels,
        no_lesions=masks.no_lesions,
        origins=origins,
    )


def _as_mask(found: Mask | LabelMap) -> Mask:
    """Return one structure as a mask, whatever form the reader gave it."""
    from netimg.volume import Mask

    if isinstance(found, Mask):
        return found
    return Mask(voxels=found.labels > 0, grid=found.grid)


def _judge(
    study: Study,
    anatomy: Anatomy | None,
    flags: tuple[Flag, ...],
    *,
    facts: finding.Facts | None,
    settings: Settings,
    clock: _Clock,
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
    done = result.StudyResult.of(study, anatomy, found, plans, view)
    return StudyResult(**_fields(done))


def _check_required(parts: tuple[str, ...], done: result.StudyResult) -> None:
    """End with 4 if a part that ``--require`` names could not be had."""
    body = done.anatomy
    have = {
        "liver": body is not None and body.has_liver,
        "pet": bool(done.study.pets),
        "suv": any(s.suv is not None and s.suv.possible for s in done.study.pets),
        "segments": body is not None and body.segments is not None,
        "facts": done.facts is not None,
    }
    for part in parts:
        if not have[part]:
            why = "; ".join(f.sentence for f in done.flags if f.severity is Severity.HIGH)
            raise NothingUsable(
                RUN_005,
                what=f"{part} was required and could not be had. {why}".strip(),
                where=f"--require {part}",
                todo="Leave the option out to get the rest of the result.",
            )


def _manifest(
    study: Study, request: Request, facts: finding.Facts | None, settings: Settings
) -> Manifest:
    """What is known before the work: the identity of input and configuration."""
    model = settings["segmentation.model"]
    weights: tuple[str, ...] = ()
    if study.ct is not None and not request.masks.given:
        from netimg.segmentation.cards import load_card

        card = load_card(
            model,
            settings["segmentation.model_folders"],
            allow_test_only=settings["segmentation.allow_test_model"],
        )
        weights = tuple(stage.sha256 for stage in card.stages)
    used = [s for s in (study.ct, *study.pets) if s is not None]
    instances = sorted((i.sop_instance_uid, i.size_bytes) for s in used for i in s.instances)
    config = {
        "version": __version__,
        "settings": settings.hash,
        "model": [model, *weights] if weights else [],
        "masks": _mask_hashes(request.masks),
        "facts": dict(facts.entered) if facts else {},
        "overrides": dict(request.overrides),
        "chosen": [request.study, request.ct, list(request.pets)],
        "outputs": list(settings["reporting.outputs"]),
        "privacy": settings["reporting.privacy"],
    }
    return Manifest(
        version=__version__,
        command=request.command,
        settings_hash=settings.hash,
        settings={
            key: value
            for key, value in settings.different_from_shipped().items()
            if not key.startswith(_HOW_FAST)
        },
        input_fingerprint=_digest([study.uid, instances]),
        config_hash=_digest(config),
        model_sha256=weights,
        packages=_versions(),
        platform=f"{platform.system()} {platform.machine()}, python {platform.python_version()}",
        started_at=_now(),
    )


def _mask_hashes(masks: Masks) -> list[list[str]]:
    files = [masks.liver, *masks.lesions, masks.segments, masks.labels]
    hashes = [
        [hashlib.sha256(f.path.read_bytes()).hexdigest(), f.label or ""]
        for f in files
        if f is not None and f.path.is_file()
    ]
    return [*hashes, [masks.legend, str(masks.no_lesions)]]


def _model_name(anatomy: Anatomy | None) -> str:
    if anatomy is None or "liver" not in anatomy.origins:
        return ""
    origin = anatomy.origins["liver"]
    return origin.name if origin.kind == "model" else ""


def _digest(tree: object) -> str:
    text = json.dumps(tree, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _peak_memory_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _fields(whole: result.StudyResult) -> dict[str, Any]:
    """Fields of a result by name, not copied."""
    return {name: getattr(whole, name) for name in result.StudyResult.__dataclass_fields__}


class _Clock:
    """Times the stages and tells the listener."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._stages: list[tuple[str, float]] = []

    def stage(self, name: str) -> None:
        self._stages.append((name, time.monotonic()))
        self.progress.stage(name)

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """(stage, seconds) of every stage begun so far."""
        ends = [start for _, start in self._stages[1:]] + [time.monotonic()]
        pairs = zip(self._stages, ends, strict=True)
        return tuple((name, round(end - start, 3)) for (name, start), end in pairs)
