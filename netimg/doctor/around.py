"""What netimg works without: fonts for other scripts, programs that check results."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.doctor.item import Item, Status
from netimg.resources import load_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 3
"""Folder levels below a font folder that are looked at."""


def check_fonts() -> Item:
    """Whether a font with Chinese, Japanese and Korean letters is installed.

    Fonts are known by the names of their files: asking a font library would write a cache.
    """
    known = load_toml("configs", "doctor.toml")["cjk"]
    found = next(_fonts(known), None)
    if found is not None:
        return Item(name="cjk fonts", status=Status.OK, found=found.stem)
    return Item(
        name="cjk fonts",
        status=Status.NOTE,
        found="none; a browser here shows Chinese, Japanese and Korean names as boxes",
        todo=str(known["install"]),
    )


def _fonts(known: Mapping[str, Any]) -> Iterator[Path]:
    for folder in known["folders"]:
        root = Path(folder).expanduser()
        for depth in range(_DEPTH + 1):
            for name in known["files"]:
                yield from sorted(root.glob("/".join(["*"] * depth + [name])))


def check_programs() -> Iterator[Item]:
    """One item per optional program: where it is, or what it is for and how to get it."""
    folders = sysconfig.get_path("scripts")
    for program in load_toml("configs", "doctor.toml")["program"]:
        places = (shutil.which(name) or shutil.which(name, path=folders)
                  for name in program["commands"])  # fmt: skip
        place = next((one for one in places if one), None)
        if place is None:
            yield Item(
                name=program["name"],
                status=Status.NOTE,
                found=f"not here; optional: {program['purpose']}",
                todo=f"To have it: {program['install']}",
            )
        else:
            private = {"path": place}
            yield Item(name=program["name"], status=Status.OK, found="{path}", private=private)
