"""Files of a person that lie inside the input: used, and so not set aside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.study import USED

if TYPE_CHECKING:
    from pathlib import Path

    from netimg.pipeline.request import Request
    from netimg.study import Study


def with_given_files(study: Study, request: Request) -> Study:
    """The study with masks and facts of the request listed as used where it found them."""
    if not request.input.is_dir():
        return study
    used = {
        name: f"{USED}{', '.join(dict.fromkeys(parts))}"
        for name, parts in _given(request, request.input.resolve()).items()
        if name in {aside.path for aside in study.set_aside}
    }
    if not used:
        return study
    return replace(
        study,
        set_aside=tuple(aside for aside in study.set_aside if aside.path not in used),
        files=tuple((path, used.get(path, fate)) for path, fate in study.files),
    )


def _given(request: Request, root: Path) -> dict[str, list[str]]:
    """What each given file is, by its path inside the input."""
    masks = request.masks
    given = [
        ("liver mask", masks.liver),
        *(("lesion mask", file) for file in masks.lesions),
        ("segments mask", masks.segments),
        ("mask", masks.labels),
    ]
    paths = [(part, file.path) for part, file in given if file is not None]
    if request.facts is not None:
        paths.append(("clinical facts", request.facts))
    found: dict[str, list[str]] = {}
    for part, path in paths:
        whole = path.resolve()
        if whole.is_relative_to(root):
            found.setdefault(whole.relative_to(root).as_posix(), []).append(part)
    return found
