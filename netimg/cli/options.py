"""Options of ``run`` and ``batch``: what is read, patient values, masks, clinical, resources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from netimg.errors import USE_001, USE_002, UsageError

_READ = "What is read"
_PATIENT = "Patient values in place of the header's"
_MASKS = "Masks in place of the model"
_MODEL = "Segmentation"
_CLINICAL = "Clinical"
_RESOURCES = "Resources"

Outputs = Annotated[
    str | None,
    typer.Option(
        "--outputs", help="Formats, as in html,csv,nifti,seg; '+seg,-html' edits the default.",
        metavar="LIST", rich_help_panel="Output",
    ),
]  # fmt: skip
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a netimg result.", rich_help_panel="Output")
]
Privacy = Annotated[
    bool | None,
    typer.Option(
        "--privacy/--no-privacy", help="No identity in any output.", rich_help_panel="Output"
    ),
]
StudyChoice = Annotated[
    str | None,
    typer.Option(
        "--study", help="Choose among several studies.", metavar="UID|N", rich_help_panel=_READ
    ),
]
Ct = Annotated[
    str | None,
    typer.Option("--ct", help="CT series by UID or number.", metavar="UID", rich_help_panel=_READ),
]
Pet = Annotated[
    list[str] | None,
    typer.Option(
        "--pet",
        help="PET series by UID or number; repeatable.",
        metavar="UID",
        rich_help_panel=_READ,
    ),
]
Phase = Annotated[
    str | None,
    typer.Option("--phase", help="unenhanced, arterial, portal or delayed.", rich_help_panel=_READ),
]
Tracer = Annotated[
    str | None,
    typer.Option(
        "--tracer",
        help="Tracer id of configs/reading/tracers.toml.",
        metavar="ID",
        rich_help_panel=_READ,
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require", help="End with 4 if liver, pet, suv, segments or facts cannot be had.",
        metavar="PART", rich_help_panel=_READ,
    ),
]  # fmt: skip
WeightKg = Annotated[float | None, typer.Option("--weight-kg", rich_help_panel=_PATIENT)]
HeightCm = Annotated[float | None, typer.Option("--height-cm", rich_help_panel=_PATIENT)]
Sex = Annotated[str | None, typer.Option("--sex", help="F, M or O.", rich_help_panel=_PATIENT)]
DoseMbq = Annotated[float | None, typer.Option("--dose-mbq", rich_help_panel=_PATIENT)]
ResidualMbq = Annotated[float | None, typer.Option("--residual-mbq", rich_help_panel=_PATIENT)]
InjectedAt = Annotated[
    str | None,
    typer.Option("--injected-at", help="As in 2026-03-02T09:41:00.", rich_help_panel=_PATIENT),
]
ReferenceAt = Annotated[
    str | None,
    typer.Option(
        "--reference-at", help="Time the values are decay-corrected to.", rich_help_panel=_PATIENT
    ),
]
HalfLifeS = Annotated[float | None, typer.Option("--half-life-s", rich_help_panel=_PATIENT)]
Injection = Annotated[
    int | None,
    typer.Option(
        "--injection", help="Which of several injections, from 1.", rich_help_panel=_PATIENT
    ),
]
BranchingCorrected = Annotated[
    bool,
    typer.Option(
        "--branching-corrected",
        help="The positron fraction was corrected.",
        rich_help_panel=_PATIENT,
    ),
]
AllowIntercept = Annotated[
    bool,
    typer.Option(
        "--allow-intercept", help="Apply a PET intercept that is not 0.", rich_help_panel=_PATIENT
    ),
]
SuvPolicy = Annotated[
    str | None, typer.Option("--suv-policy", help="auto, qiba or ibsi.", rich_help_panel=_PATIENT)
]
LiverMask = Annotated[
    str | None,
    typer.Option(
        "--liver-mask",
        help="SEG, RTSTRUCT or NIfTI.",
        metavar="FILE[:LABEL]",
        rich_help_panel=_MASKS,
    ),
]
LesionMask = Annotated[
    list[str] | None,
    typer.Option(
        "--lesion-mask",
        help="The same; repeatable.",
        metavar="FILE[:LABEL]",
        rich_help_panel=_MASKS,
    ),
]
SegmentsMask = Annotated[
    str | None,
    typer.Option(
        "--segments-mask",
        help="Couinaud segments, codes 11-18.",
        metavar="FILE",
        rich_help_panel=_MASKS,
    ),
]
LabelMask = Annotated[
    str | None,
    typer.Option(
        "--mask", help="A multilabel mask of another tool.", metavar="FILE", rich_help_panel=_MASKS
    ),
]
LabelMapName = Annotated[
    str | None,
    typer.Option(
        "--label-map",
        help="What its numbers mean: netimg, totalsegmentator-v2 or a file.",
        metavar="NAME|FILE",
        rich_help_panel=_MASKS,
    ),
]
NoLesions = Annotated[
    bool, typer.Option("--no-lesions", help="A person says there are none.", rich_help_panel=_MASKS)
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Id of a model card.", metavar="ID", rich_help_panel=_MODEL),
]
Device = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", rich_help_panel=_MODEL)
]
FactsFile = Annotated[
    Path | None,
    typer.Option(
        "--facts", help="Clinical facts, TOML or JSON.", metavar="FILE", rich_help_panel=_CLINICAL
    ),
]
Fact = Annotated[
    list[str] | None,
    typer.Option(
        "--fact",
        help="One fact over the file; repeatable.",
        metavar="NAME=VALUE",
        rich_help_panel=_CLINICAL,
    ),
]
AssessmentDate = Annotated[
    str | None,
    typer.Option("--assessment-date", help="YYYY-MM-DD; else of the facts file, else of the CT.",
                 metavar="DATE", rich_help_panel=_CLINICAL),
]  # fmt: skip
Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        help="Profile of criteria; repeatable.",
        metavar="NAME",
        rich_help_panel=_CLINICAL,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, rich_help_panel=_RESOURCES)]

_REQUIRABLE = ("liver", "pet", "suv", "segments", "facts")


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
    found: dict[str, object] = {}
    if privacy is not None:
        found["reporting.privacy"] = privacy
    if model is not None:
        found["segmentation.model"] = model
    if device is not None:
        found["segmentation.device"] = device
    if profile:
        found["criteria.profiles"] = list(profile)
    if threads is not None:
        found["resources.threads"] = threads
    if outputs is not None:
        found["reporting.outputs"] = outputs_of(outputs)
    return found


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


def overrides_of(
    *,
    phase: str | None,
    tracer: str | None,
    weight_kg: float | None,
    height_cm: float | None,
    sex: str | None,
    dose_mbq: float | None,
    residual_mbq: float | None,
    injected_at: str | None,
    reference_at: str | None,
    half_life_s: float | None,
    injection: int | None,
    branching_corrected: bool,
    allow_intercept: bool,
    suv_policy: str | None,
) -> dict[str, Any]:
    """Options of reading under the names of the Python API; what was not typed is left out."""
    _one_of("--phase", phase, ("unenhanced", "arterial", "portal", "delayed"))
    _one_of("--sex", sex, ("F", "M", "O"))
    _one_of("--suv-policy", suv_policy, ("auto", "qiba", "ibsi"))
    _instant("--injected-at", injected_at)
    _instant("--reference-at", reference_at)
    typed: Mapping[str, Any] = {
        "phase": phase,
        "tracer": tracer,
        "weight_kg": weight_kg,
        "height_m": None if height_cm is None else height_cm / 100.0,
        "sex": sex,
        "dose_bq": None if dose_mbq is None else dose_mbq * 1e6,
        "residual_bq": None if residual_mbq is None else residual_mbq * 1e6,
        "injection_time": injected_at,
        "reference_time": reference_at,
        "half_life_s": half_life_s,
        "injection": injection,
        "branching_corrected": branching_corrected or None,
        "allow_intercept": allow_intercept or None,
        "suv_policy": suv_policy,
    }
    return {key: value for key, value in typed.items() if value is not None}


def check_require(parts: list[str] | None) -> tuple[str, ...]:
    """Parts of ``--require``, each known."""
    for part in parts or ():
        _one_of("--require", part, _REQUIRABLE)
    return tuple(parts or ())


def date_of(option: str, text: str | None) -> dt.date | None:
    """Date of an option, YYYY-MM-DD."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        what = f"{option} {text!r} is not a date."
        raise UsageError(USE_001, what=what, todo="Write YYYY-MM-DD.") from None


def check_masks(
    liver: str | None,
    lesions: list[str] | None,
    labels: str | None,
    legend: str | None,
    none: bool,
) -> None:
    """Refuse masks that exclude each other."""
    if none and lesions:
        what = "--no-lesions and --lesion-mask exclude each other."
        raise UsageError(USE_002, what=what, todo="Leave one of them out.")
    if none and not (liver or labels):
        what = "--no-lesions needs a liver mask."
        raise UsageError(USE_002, what=what, todo="Add --liver-mask FILE or --mask FILE.")
    if labels and not legend:
        what = "--mask does not say what its numbers mean."
        raise UsageError(USE_002, what=what, todo="Add --label-map netimg, or another map.")
    if labels and liver:
        what = "--mask and --liver-mask both give the liver."
        raise UsageError(USE_002, what=what, todo="Leave one of them out.")


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        what = f"{option} {value!r} is not known."
        raise UsageError(USE_001, what=what, todo=f"Choose one of {', '.join(known)}.")


def _instant(option: str, text: str | None) -> None:
    if text is None:
        return
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        what = f"{option} {text!r} is not a date and time."
        raise UsageError(USE_001, what=what, todo="Write it as 2026-03-02T09:41:00.") from None
