"""Options of several commands: output, required parts, model, clinical, resources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from netimg.cli import checks
from netimg.errors import USE_001, UsageError

_READ = "What is read"
_OUTPUT = "Output"
_MODEL = "Segmentation"
_CLINICAL = "Clinical"
_RESOURCES = "Resources"


def option(panel: str, name: str, help_: str, *, short: str = "", **more: Any) -> Any:  # noqa: ANN401  # typer's own
    """One option in a panel of the help."""
    names = (short, name) if short else (name,)
    return typer.Option(*names, help=help_, rich_help_panel=panel, **more)


Outputs = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--outputs",
        "Formats, as in html,csv,nifti,seg; '+seg,-html' edits the default.",
        metavar="LIST",
    ),
]
Overwrite = Annotated[bool, option(_OUTPUT, "--overwrite", "Replace a netimg result.")]
Privacy = Annotated[
    bool | None, option(_OUTPUT, "--privacy/--no-privacy", "No identity in any output.")
]
Require = Annotated[
    list[str] | None,
    option(
        _READ,
        "--require",
        "End with 4 if liver, pet, suv, segments or facts cannot be had.",
        metavar="PART",
    ),
]
Model = Annotated[str | None, option(_MODEL, "--model", "Id of a model card.", metavar="ID")]
Device = Annotated[str | None, option(_MODEL, "--device", "auto, cpu, cuda or cuda:N.")]
ExplainPlan = Annotated[
    bool,
    option(_MODEL, "--explain-plan", "Print tiles, seconds and memory expected, and stop."),
]
FactsFile = Annotated[
    Path | None, option(_CLINICAL, "--facts", "Clinical facts, TOML or JSON.", metavar="FILE")
]
Fact = Annotated[
    list[str] | None,
    option(_CLINICAL, "--fact", "One fact over the file; repeatable.", metavar="NAME=VALUE"),
]
AssessmentDate = Annotated[
    str | None,
    option(
        _CLINICAL,
        "--assessment-date",
        "YYYY-MM-DD; else of the facts file, else of the CT.",
        metavar="DATE",
    ),
]
Profile = Annotated[
    list[str] | None,
    option(_CLINICAL, "--profile", "Profile of criteria; repeatable.", metavar="NAME"),
]
Threads = Annotated[
    int | None,
    option(_RESOURCES, "--threads", "Processor threads; default: all this process may use.", min=1),
]

REQUIRABLE = ("liver", "pet", "suv", "segments", "facts")


def changes_of(
    *,
    outputs: str | None = None,
    privacy: bool | None = None,
    model: str | None = None,
    device: str | None = None,
    profile: list[str] | None = None,
    threads: int | None = None,
) -> dict[str, object]:
    """Named options as settings; what was not typed is left out."""
    checks.device(device)
    typed = {
        "reporting.outputs": None if outputs is None else outputs_of(outputs),
        "reporting.privacy": privacy,
        "segmentation.model": model,
        "segmentation.device": device,
        "criteria.profiles": list(profile) if profile else None,
        "resources.threads": threads,
    }
    return {key: value for key, value in typed.items() if value is not None}


def outputs_of(text: str) -> list[str]:
    """Formats of ``--outputs``: a list, or edits (``+seg,-html``) of the default."""
    from netimg.settings import Settings

    words = [word.strip() for word in text.split(",") if word.strip()]
    edits = [word[0] in "+-" for word in words]
    if any(edits) and not all(edits):
        raise UsageError(
            USE_001,
            what=f"--outputs {text!r} mixes formats with edits.",
            todo="Name every format, or begin each with + or -.",
        )
    if not any(edits):
        return words
    chosen: list[str] = list(Settings.shipped()["reporting.outputs"])
    for word in words:
        name = word[1:]
        chosen = [c for c in chosen if c != name] + ([name] if word[0] == "+" else [])
    return chosen


def check_require(parts: list[str] | None, known: tuple[str, ...] = REQUIRABLE) -> tuple[str, ...]:
    """Parts of ``--require``, each known."""
    for part in parts or ():
        checks.one_of("--require", part, known)
    return tuple(parts or ())
