"""A line of a list: one input of a batch, and what is asked about it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.pipeline import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An input of a list.

    ``where`` names its file and line. ``name`` takes the place of the folder's name in the label.
    ``request`` holds the options of every study with those of the row over them, ``changes`` the
    settings that are the row's own. ``is_told``: the row says something about its study, so there
    has to be one only.
    """

    path: Path
    where: str
    request: Request
    name: str = ""
    changes: Mapping[str, object] = field(default_factory=dict)
    is_told: bool = False
