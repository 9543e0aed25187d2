"""``configs/registration.toml``, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netimg.resources import load_toml


@cache
def limits(name: str) -> Mapping[str, Any]:
    """One table of the file."""
    part: Mapping[str, Any] = load_toml("configs", "registration.toml")[name]
    return part
