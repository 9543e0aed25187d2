"""The page: views and pictures put into the template."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from netimg.reporting.colours import css, label_rgb
from netimg.reporting.html import criteria, first_screen, origin, sections
from netimg.reporting.html.first_screen import View
from netimg.reporting.html.marks import Marks
from netimg.reporting.pictures.montage import picture_settings
from netimg.reporting.words import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from netimg.reporting.pictures.picture import Picture
    from netimg.result import StudyResult

_QUALITIES = (None, 75, 60, 40)
"""JPEG qualities that are tried in turn until the page is small enough; None = as configured."""


def report_html(
    result: StudyResult, pictures: Sequence[Picture], *, limit_mb: float, privacy: bool = False
) -> str:
    """The whole report as one HTML file that needs nothing else.

    Parameters
    ----------
    pictures
        Of `study_pictures`; embedded as JPEG.
    limit_mb
        Above it, pictures are made smaller in bytes, then thumbnails past the configured number
        are left out.
    """
    config = picture_settings()
    text = ""
    for quality in _QUALITIES:
        shown = _embedded(pictures, quality or config["output"]["jpeg_quality"], config)
        text = _rendered(result, shown, privacy=privacy)
        if len(text.encode()) <= limit_mb * 1e6:
            break
    return text


def _rendered(result: StudyResult, pictures: dict[str, list[View]], *, privacy: bool) -> str:
    marks = Marks.of(result)
    lesions = sections.lesions(result, marks)
    colours = {row["id"]: row["colour"] for row in lesions["rows"]}
    for picture in (*pictures["axial"], *pictures["coronal"]):
        named = picture["caption"].split(", ") if picture["caption"] else []
        picture["outlined"] = [{"id": name, "colour": colours[name]} for name in named]
    several = len({picture["caption"] for picture in pictures["lesion_pet"]}) > 1
    for row in lesions["rows"]:
        row["ct"] = [p for p in pictures["lesion_ct"] if p["lesion"] == row["id"]]
        row["pet"] = [p for p in pictures["lesion_pet"] if p["lesion"] == row["id"]]
        for picture in row["pet"]:
            picture["label"] = picture["caption"] if several else ""
    script = _script()
    view: View = {
        "w": words(),
        "script": script,
        "script_hash": _script_hash(script),
        "head": first_screen.head(result, privacy=privacy),
        "used": first_screen.used(result),
        "problems": first_screen.problems(result, marks),
        "numbers": first_screen.numbers(result, marks),
        "missing": first_screen.missing(result),
        "pictures": pictures,
        "liver_colour": css(label_rgb(1)),
        "has_liver": result.anatomy is not None and result.anatomy.has_liver,
        "has_lesions": result.anatomy is not None and result.anatomy.has_lesions,
        "lesions": lesions,
        "thumbnails_note": _thumbnails_note(len(lesions["rows"])),
        "segments": sections.segments(result),
        "plans": sections.plans(result),
        "criteria": criteria.criteria(result),
        "flags": sections.flags(marks),
        "facts": sections.facts(result),
        "findings": sections.findings(result, marks),
        "methods": sections.methods(result),
        "origin": origin.origin(result, privacy=privacy),
    }
    return _environment().get_template("report.html.j2").render(view)


def _thumbnails_note(lesions: int) -> str:
    """Says that thumbnails are left out, where they are."""
    most = int(picture_settings()["lesion"]["report_max"])
    return words()["lesions"]["more"].format(shown=most) if lesions > most else ""


def _embedded(
    pictures: Sequence[Picture], quality: int, config: dict[str, Any]
) -> dict[str, list[View]]:
    """Pictures by kind as data addresses; montages stay in the folder."""
    groups: dict[str, list[View]] = {
        kind: [] for kind in ("axial", "coronal", "mip", "lesion_ct", "lesion_pet")
    }
    most = int(config["lesion"]["report_max"])
    for picture in pictures:
        if picture.kind not in groups:
            continue
        if picture.lesion is not None and int(picture.lesion.removeprefix("L")) > most:
            continue
        data = base64.b64encode(picture.jpeg(quality)).decode()
        width, height = picture.size
        groups[picture.kind].append(
            {
                "src": f"data:image/jpeg;base64,{data}",
                "width": width,
                "height": height,
                "alt": picture.alt,
                "caption": picture.caption,
                "label": "",
                "outlined": [],
                "lesion": picture.lesion,
            }
        )
    return groups


@cache
def _script() -> Markup:
    """Our own script, which escaping would break; it holds no data."""
    from markupsafe import Markup

    environment = _environment()
    if environment.loader is None:
        return Markup("")
    source, _, _ = environment.loader.get_source(environment, "report.js")
    return Markup(source)  # noqa: S704  # a file of this package


def _script_hash(script: str) -> str:
    """What the content security policy lets run: this script and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("netimg.reporting.html", "templates")
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
