"""Every setting with its value and the layer it came from, fit to show or to paste."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netimg.doctor.item import Item, Status
from netimg.resources import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.settings import Settings

HIDDEN = "<text>"
_LAYERS = ("environment", "--set", "argument")
_USER_FILE = "settings file"


def check_settings(settings: Settings) -> Item:
    """How many settings are not as shipped, and which."""
    changed = settings.different_from_shipped()
    if not changed:
        found = f"all {len(settings.values)} as shipped"
    else:
        found = f"{len(changed)} of {len(settings.values)} not as shipped: {', '.join(changed)}"
    return Item(name="settings", status=Status.OK, found=found)


def settings_rows(settings: Settings, *, private: bool) -> Iterator[dict[str, Any]]:
    """``key``, ``value`` and ``layer`` of every setting, in the order of the files.

    Parameters
    ----------
    private
        With everything; without, the name of the settings file is left out, and a text is shown
        only where it is the shipped one or a word that the schema lists.
    """
    usual = settings.shipped().values
    schema = json.loads(shipped("configs", "schemas", "settings-1.json").read_text("utf-8"))
    for key, value in settings.values.items():
        layer = settings.layers[key]
        if not private:
            is_ours = layer in _LAYERS or layer.startswith("configs/")
            layer = layer if is_ours else _USER_FILE
            if value != usual[key]:
                value = _public(value, _row(schema, key))  # noqa: PLW2901  # the same value, masked
        yield {"key": key, "value": value, "layer": layer}


def _public(value: object, row: Mapping[str, Any]) -> object:
    """A value without what only this person knows."""
    if isinstance(value, list):
        return [_public(one, row.get("items", {})) for one in value]
    if not isinstance(value, str):
        return value
    pattern = row.get("pattern")
    listed = value in row.get("enum", ()) or (pattern and re.search(pattern, value))
    return value if listed else HIDDEN


def _row(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What the schema says of a dotted key."""
    node = schema
    for part in key.split("."):
        node = node.get("properties", {}).get(part, {})
    return node
