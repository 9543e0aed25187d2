"""Data that ships with netimg.

``models/`` and ``configs/`` lie beside the package in a checkout and inside it in a wheel.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Path of shipped data: ``shipped("configs", "run.toml")``, ``shipped("models")``.

    Raises
    ------
    FileNotFoundError
        If the installation is incomplete.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    msg = f"{'/'.join(parts)} is not part of this installation of netimg"
    raise FileNotFoundError(msg)


def load_toml(*parts: str) -> dict[str, Any]:
    """Parse a shipped TOML file: ``load_toml("configs", "reading", "tracers.toml")``."""
    with shipped(*parts).open("rb") as stream:
        return tomllib.load(stream)
