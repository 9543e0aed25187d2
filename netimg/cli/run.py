"""``netimg run``: one study, from a folder to a report."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netimg.cli import options as opt
from netimg.cli.asked import Asked
from netimg.cli.common import command
from netimg.cli.mask_options import GivenMasks
from netimg.cli.reading_options import Chosen, Reading
from netimg.cli.terminal import Terminal
from netimg.errors import USE_001, USE_002, UsageError

if TYPE_CHECKING:
    from netimg.pipeline import Request
    from netimg.result import StudyResult
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
        Path | None, opt.option("Output", "--output", "Result folder.", short="-o")
    ] = None,
    outputs: opt.Outputs = None,
    overwrite: opt.Overwrite = False,
    privacy: opt.Privacy = None,
    chosen: Chosen = Chosen(),  # noqa: B008  # frozen
    reading: Reading = Reading(),  # noqa: B008  # frozen
    require: opt.Require = None,
    given: GivenMasks = GivenMasks(),  # noqa: B008  # frozen
    model: opt.Model = None,
    device: opt.Device = None,
    explain_plan: opt.ExplainPlan = False,
    facts: opt.FactsFile = None,
    fact: opt.Fact = None,
    assessment_date: opt.AssessmentDate = None,
    profile: opt.Profile = None,
    threads: opt.Threads = None,
) -> None:
    """Run one study."""
    from netimg.pipeline import Request
    from netimg.pipeline import run as run_study

    if output is None and not explain_plan:
        what = "Missing option '-o' / '--output'."
        raise UsageError(USE_001, what=what, where="netimg run", todo="See netimg run --help.")
    asked = Asked(
        chosen=chosen,
        reading=reading,
        given=given,
        facts=facts,
        fact=fact,
        assessment_date=assessment_date,
        require=require,
    )
    typed = shlex.join(["netimg", *sys.argv[1:]])
    request = asked.over(
        Request(input=input, output=output or Path(), overwrite=overwrite, command=typed)
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
    _note_decisions(terminal, outcome.result)
    if terminal.json_wanted:
        import json

        terminal.document(json.loads((outcome.path / "results.json").read_text("utf-8")))
        return
    from netimg.reporting.words.terminal import run_summary

    for line in run_summary(outcome.result, outcome.path):
        terminal.result(line)


def _note_decisions(terminal: Terminal, result: StudyResult) -> None:
    """Say with -v why each series was taken for what it is, and how long each stage took."""
    study = result.study
    for series in ((study.ct,) if study.ct else ()) + study.pets:
        for why in series.why:
            terminal.note(f"{series.kind} series {series.number}: {why}")
    for stage, seconds in () if result.manifest is None else result.manifest.stages:
        terminal.note(f"{stage} {seconds:.1f} s")


def _say_finished(terminal: Terminal, path: Path) -> None:
    if terminal.json_wanted:
        import json

        terminal.document(json.loads((path / "results.json").read_text("utf-8")))
    else:
        terminal.result(f"{path} holds this very result already; nothing was done")


def _explain_plan(terminal: Terminal, request: Request, settings: Settings) -> None:
    """Print what the model would do with the chosen CT."""
    from netimg.pipeline import check_settings
    from netimg.reading import open_study
    from netimg.segmentation import explain_plan

    if request.masks.given:
        what = "masks are given, so no network would run."
        raise UsageError(USE_002, what=what, todo="Leave the masks or --explain-plan out.")
    check_settings(settings)
    study = open_study(
        request.input,
        study=request.study,
        ct=request.ct,
        overrides=request.overrides,
        settings=settings,
    )
    if study.ct is None:
        what = "there is no CT in this study, so no network would run."
        raise UsageError(USE_001, what=what, todo="Leave --explain-plan out.")
    plan = explain_plan(study.ct.load(), settings=settings)
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.plan/1"} | asdict(plan))
    else:
        terminal.result(plan.explain())
