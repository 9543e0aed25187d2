"""Colours and coded names of lesions and structures: what ``configs/reporting`` says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netimg.lesion import Lesion
from netimg.resources import load_toml

Rgb = tuple[int, int, int]
"""sRGB, 0-255."""

_GREY: Rgb = (160, 160, 160)


@cache
def _colours() -> Mapping[str, Any]:
    return load_toml("configs", "reporting", "colours.toml")


@cache
def codes() -> Mapping[str, Any]:
    """``configs/reporting/codes.toml``."""
    return load_toml("configs", "reporting", "codes.toml")


def lesion_rgb(lesion: Lesion) -> Rgb:
    """Colour of a lesion: cycled by its number, grey shades for what is no metastasis."""
    special = _colours()["lesion_types"].get(lesion.type.value)
    palette = _colours()["lesions"]
    return _rgb(special or palette[(lesion.number - 1) % len(palette)])


def label_rgb(code: int) -> Rgb:
    """Colour of a label code; grey where none is set."""
    found = _colours()["labels"].get(str(code))
    return _GREY if found is None else _rgb(found)


def code_of(thing: Lesion | int) -> Mapping[str, str] | None:
    """Coded type of a lesion or a label code (``code, meaning``); None where there is none."""
    if isinstance(thing, Lesion):
        found: Mapping[str, str] = codes()["lesion_types"][thing.type.value]
        return found
    return codes()["labels"].get(str(thing))  # type: ignore[no-any-return]  # a table of the file


def css(rgb: Rgb) -> str:
    """``#d55e00`` of a colour."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _rgb(values: list[int]) -> Rgb:
    red, green, blue = values
    return (red, green, blue)
