"""``netimg batch``: many studies, resumable."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netimg.cli import options as opt
from netimg.cli.asked import Asked
from netimg.cli.common import command
from netimg.cli.reading_options import Reading
from netimg.cli.terminal import Terminal
from netimg.errors import USE_001, UsageError

if TYPE_CHECKING:
    from netimg.batch import BatchResult, Outcome, Row
    from netimg.pipeline import Request
    from netimg.settings import Settings


def register(app: typer.Typer) -> None:
    """Add ``batch`` to the application."""
    help_ = "Many studies, resumable: finished ones are skipped.\n\nnetimg batch cohort/ -o out/"
    command(app, "batch", help=help_)(batch)


def batch(
    terminal: Terminal,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of all results.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders or zips holding studies, or lists (.csv).", show_default=False
        ),
    ] = None,
    lists: Annotated[
        list[Path] | None,
        typer.Option(
            "--list",
            help="A .txt with a path on each line, or a .csv with the column input and any option "
            "of run, with - as _; repeatable.",
            metavar="FILE",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("-j", "--jobs", min=1, help="Worker processes; default: what fits."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed studies again.")
    ] = False,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout-s", min=1.0, help="Seconds per study.")
    ] = None,
    facts_dir: Annotated[
        Path | None, typer.Option("--facts-dir", help="Folder with <label>.toml.", metavar="DIR")
    ] = None,
    outputs: opt.Outputs = None,
    overwrite: opt.Overwrite = False,
    privacy: opt.Privacy = None,
    reading: Reading = Reading(),  # noqa: B008  # frozen
    require: opt.Require = None,
    model: opt.Model = None,
    device: opt.Device = None,
    facts: opt.FactsFile = None,
    fact: opt.Fact = None,
    assessment_date: opt.AssessmentDate = None,
    profile: opt.Profile = None,
    threads: opt.Threads = None,
) -> None:
    """Run many studies."""
    from netimg.batch import run_batch
    from netimg.pipeline import Request

    changes = opt.changes_of(
        outputs=outputs,
        privacy=privacy,
        model=model,
        device=device,
        profile=profile,
        threads=threads,
    )
    if jobs is not None:
        changes["batch.jobs"] = jobs
    if timeout_s is not None:
        changes["resources.timeout_batch_s"] = timeout_s
    settings = terminal.settings().with_values(changes, layer="option")
    asked = Asked(
        reading=reading, facts=facts, fact=fact, assessment_date=assessment_date, require=require
    )
    typed = shlex.join(["netimg", *sys.argv[1:]])
    template = asked.over(Request(input=output, output=output, overwrite=overwrite, command=typed))
    given = _inputs(inputs or [], lists or [], template, settings)

    def tell(outcome: Outcome) -> None:
        if terminal.quiet or (terminal.is_live and not outcome.code):
            return
        line = f"{outcome.label}: {outcome.state.value}"
        detail = f" {outcome.code} {outcome.what}" if outcome.code else ""
        if outcome.state.value == "done":
            detail = f" {outcome.seconds:.0f} s"
        terminal.say(line + detail)

    with terminal.progress() as progress:
        done = run_batch(
            given,
            output,
            settings=settings,
            template=template,
            facts_dir=facts_dir,
            retry_failed=retry_failed,
            progress=progress,
            tell=tell,
        )
    if terminal.json_wanted:
        import json

        terminal.document(json.loads((output / "batch.json").read_text("utf-8")))
    else:
        terminal.result(_end_line(done, output))
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _inputs(
    inputs: list[Path], lists: list[Path], template: Request, settings: Settings
) -> list[Path | Row]:
    """Folders and archives as they were typed, and the rows of every list."""
    from netimg.cli.lists import read_list

    found: list[Path | Row] = []
    for path in inputs:
        is_list = path.suffix.lower() == ".csv" and path.is_file()
        found += read_list(path, template, settings) if is_list else [path]
    for path in lists:
        found += read_list(path, template, settings)
    if not found:
        what = "there is nothing to run: no INPUT, and no row in a list."
        todo = "Give folders or zips, or --list FILE."
        raise UsageError(USE_001, what=what, where="netimg batch", todo=todo)
    return found


def _end_line(done: BatchResult, output: Path) -> str:
    """``48 done, 3 failed (2 IDX-018, 1 SEG-107), 120 skipped, 1 h 12 min. OUT/failed.csv``."""
    from netimg.batch import State

    failed = done.count(State.FAILED)
    codes = ", ".join(f"{n} {code}" for code, n in sorted(done.failures_by_code.items()))
    minutes, seconds = divmod(round(done.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    taken = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    parts = [
        f"{done.count(State.DONE)} done",
        f"{failed} failed" + (f" ({codes})" if codes else ""),
        f"{done.count(State.SKIPPED)} skipped",
        taken,
    ]
    table = output / ("failed.csv" if failed else "summary.csv")
    return f"{', '.join(parts)}. {table}"
