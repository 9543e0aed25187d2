"""The tables of ``configs/reading``, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netimg.resources import load_toml


@cache
def table(name: str) -> Mapping[str, Any]:
    """Parsed ``configs/reading/<name>.toml``."""
    return load_toml("configs", "reading", f"{name}.toml")
