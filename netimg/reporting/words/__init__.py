"""Every sentence a reader sees.

``en.toml`` holds the phrases; `numbers` rounds for display, `sentences` puts phrases and numbers
together. A clinician can change a phrase without Python. Never: "should", a recommendation, a
ranking of options, a guess for what is missing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words(lang: str = "en") -> Mapping[str, Any]:
    """All phrases of a language, by section and key."""
    return tomllib.loads(files(__name__).joinpath(f"{lang}.toml").read_text("utf-8"))
