"""``netimg run``: one study, from a folder to a report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netimg.cli import options as opt
from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import USE_001, UsageError

if TYPE_CHECKING:
    from netimg.pipeline import Request
    from netimg.settings import Settings

_EXAMPLE = "netimg run patient_07/ -o out/ --facts patient_07.toml"


def register(app: typer.Typer) -> None:
    """Add ``run`` to the application."""
    command(
        app, "run", help=f"One study: read, segment, measure, plan, assess, report.\n\n{_EXAMPLE}"
    )(run)


def run(
    terminal: Terminal,
    input: Annotated[  # noqa: A002  # the command's word
        Path, typer.Argument(help="Folder (any depth), zip or DICOM file.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Result folder.", rich_help_panel="Output")
    ],
    outputs: opt.Outputs = None,
    overwrite: opt.Overwrite = False,
    privacy: opt.Privacy = None,
    study: opt.StudyChoice = None,
    ct: opt.Ct = None,
    pet: opt.Pet = None,
    phase: opt.Phase = None,
    tracer: opt.Tracer = None,
    require: opt.Require = None,
    weight_kg: opt.WeightKg = None,
    height_cm: opt.HeightCm = None,
    sex: opt.Sex = None,
    dose_mbq: opt.DoseMbq = None,
    residual_mbq: opt.ResidualMbq = None,
    injected_at: opt.InjectedAt = None,
    reference_at: opt.ReferenceAt = None,
    half_life_s: opt.HalfLifeS = None,
    injection: opt.Injection = None,
    branching_corrected: opt.BranchingCorrected = False,
    allow_intercept: opt.AllowIntercept = False,
    suv_policy: opt.SuvPolicy = None,
    liver_mask: opt.LiverMask = None,
    lesion_mask: opt.LesionMask = None,
    segments_mask: opt.SegmentsMask = None,
    mask: opt.LabelMask = None,
    label_map: opt.LabelMapName = None,
    no_lesions: opt.NoLesions = False,
    model: opt.Model = None,
    device: opt.Device = None,
    explain_plan: Annotated[
        bool,
        typer.Option("--explain-plan", help="Print tiles, seconds and memory expected, and stop."),
    ] = False,
    facts: opt.FactsFile = None,
    fact: opt.Fact = None,
    assessment_date: opt.AssessmentDate = None,
    profile: opt.Profile = None,
    threads: opt.Threads = None,
) -> None:
    """Run one study."""
    from netimg.pipeline import MaskFile, Masks, Request
    from netimg.pipeline import run as run_study

    opt.check_masks(liver_mask, lesion_mask, mask, label_map, no_lesions)
    request = Request(
        input=input,
        output=output,
        study=study,
        ct=ct,
        pets=tuple(pet or ()),
        overrides=opt.overrides_of(
            phase=phase,
            tracer=tracer,
            weight_kg=weight_kg,
            height_cm=height_cm,
            sex=sex,
            dose_mbq=dose_mbq,
            residual_mbq=residual_mbq,
            injected_at=injected_at,
            reference_at=reference_at,
            half_life_s=half_life_s,
            injection=injection,
            branching_corrected=branching_corrected,
            allow_intercept=allow_intercept,
            suv_policy=suv_policy,
        ),
        masks=Masks(
            liver=MaskFile.parse(liver_mask) if liver_mask else None,
            lesions=tuple(MaskFile.parse(text) for text in lesion_mask or ()),
            segments=MaskFile.parse(segments_mask) if segments_mask else None,
            labels=MaskFile.parse(mask) if mask else None,
            legend=label_map or "netimg",
            no_lesions=no_lesions,
        ),
        facts=facts,
        fact_texts=tuple(fact or ()),
        assessment_date=opt.date_of("--assessment-date", assessment_date),
        require=opt.check_require(require),
        overwrite=overwrite,
        command=shlex.join(["netimg", *sys.argv[1:]]),
    )
    changes = opt.changes_of(
        outputs=outputs,
        privacy=privacy,
        model=model,
        device=device,
        profile=profile,
        threads=threads,
    )
    settings = terminal.settings().with_values(changes, layer="option")
    if explain_plan:
        _explain_plan(terminal, request, settings)
        return
    with terminal.progress() as progress:
        outcome = run_study(request, settings, progress)
    if outcome.result is None:
        _say_finished(terminal, outcome.path)
        return
    if terminal.json_wanted:
        import json

        terminal.document(json.loads((outcome.path / "results.json").read_text("utf-8")))
        return
    from netimg.reporting.words.terminal import run_summary

    for line in run_summary(outcome.result, outcome.path):
        terminal.result(line)


def _say_finished(terminal: Terminal, path: Path) -> None:
    if terminal.json_wanted:
        import json

        terminal.document(json.loads((path / "results.json").read_text("utf-8")))
    else:
        terminal.result(f"{path} holds this very result already; nothing was done")


def _explain_plan(terminal: Terminal, request: Request, settings: Settings) -> None:
    """Print what the model would do with the chosen CT."""
    from netimg.reading import open_study
    from netimg.segmentation import explain_plan

    study = open_study(request.input, study=request.study, ct=request.ct, settings=settings)
    if study.ct is None:
        what = "there is no CT in this study, so no network would run."
        raise UsageError(USE_001, what=what, todo="Leave --explain-plan out.")
    plan = explain_plan(study.ct.load(), settings=settings)
    terminal.result(plan.explain())
