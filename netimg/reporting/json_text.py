"""JSON as every document of netimg is written: no NaN, no Infinity, the order of the schema."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
"""A JSON object as Python holds it."""


def json_text(document: Mapping[str, Any]) -> str:
    """UTF-8 text of a document: two spaces, LF at the end, shortest exact numbers.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def present(**values: object) -> Document:
    """A JSON object of the values that are there: None, empty text, lists and objects fall out."""
    return {key: plain(value) for key, value in values.items() if not _is_empty(value)}


def plain(value: object) -> Any:  # noqa: ANN401  # JSON has many types
    """A value as JSON holds it: dates as ISO text, tuples as lists, mappings as objects."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str | tuple | list | Mapping) and len(value) == 0)
