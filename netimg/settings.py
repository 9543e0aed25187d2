"""One validated tree of settings: `Settings`.

Layers, later ones win: ``configs/*.toml`` as shipped, the user's file, the environment
(``NETIMG_SEGMENTATION__DEVICE=cpu``), the command line. ``Settings.shipped()`` is the first layer
alone: what the Python API uses unless told otherwise, so that a library does not change with the
home directory. ``Settings.load()`` is what the command line would use.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import CFG_001, CFG_002, CFG_003, CFG_004, SettingsError
from netimg.resources import load_toml, shipped

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

FILES = ("run.toml", "limits.toml", "segmentation.toml", "measurement.toml")
"""Shipped files that together are the settings."""

_NOT_NUMBERS = ("reporting.", "resources.", "batch.", "limits.")
_CONFIG_VARIABLE = "NETIMG_CONFIG"
_SHORT_VARIABLES = {
    "NETIMG_MODELS": "segmentation.model_folders",
    "NETIMG_ALLOW_TEST_MODEL": "segmentation.allow_test_model",
}
"""Variables with a name of their own; ``NETIMG_MODELS`` separates folders by a colon."""


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Every setting by its dotted key, with the layer each value came from.

    ``values["segmentation.device"]``; ``layers["segmentation.device"] == "--set"``.
    """

    values: Mapping[str, Any]
    layers: Mapping[str, str]

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # settings have many types
        """Value of a dotted key.

        Raises
        ------
        SettingsError
            CFG-002 for a key that does not exist.
        """
        if key not in self.values:
            raise _unknown(key, tuple(self.values), "")
        return self.values[key]

    @classmethod
    def shipped(cls) -> Settings:
        """Return the defaults as shipped: no user file, no environment."""
        return _shipped_settings()

    @classmethod
    def load(cls, config: str | Path | None = None, **overrides: object) -> Settings:
        """Return what the command line would use.

        Parameters
        ----------
        config
            A settings file in place of the user's.
        **overrides
            Dotted keys with ``__`` for the dot: ``segmentation__device="cpu"``.

        Raises
        ------
        SettingsError
            CFG-001 file not readable, CFG-002 unknown key, CFG-003 outside its range, CFG-004
            unknown environment variable.
        """
        settings = cls.shipped()
        named = config or os.environ.get(_CONFIG_VARIABLE)
        path = Path(named) if named else _user_file()
        if named or path.is_file():
            settings = settings.with_values(_flat(_read(path)), layer=str(path))
        settings = settings.with_values(_environment(settings), layer="environment")
        typed = {key.replace("__", "."): value for key, value in overrides.items()}
        return settings.with_values(typed, layer="argument")

    def with_values(self, changes: Mapping[str, object], *, layer: str) -> Settings:
        """Copy with some dotted keys changed; each change is checked.

        Raises
        ------
        SettingsError
            CFG-002 or CFG-003, naming the key and the layer.
        """
        if not changes:
            return self
        for key in changes:
            if key not in self.values:
                raise _unknown(key, tuple(self.values), layer)
        values = dict(self.values) | dict(changes)
        _check(values, layer)
        return Settings(values, dict(self.layers) | dict.fromkeys(changes, layer))

    @property
    def hash(self) -> str:
        """SHA-256 of the settings that can change a number."""
        numbers = {k: v for k, v in self.values.items() if not k.startswith(_NOT_NUMBERS)}
        text = json.dumps(numbers, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def different_from_shipped(self) -> dict[str, Any]:
        """Keys whose value is not the shipped one."""
        usual = Settings.shipped().values
        return {k: v for k, v in self.values.items() if v != usual[k]}


@cache
def _shipped_settings() -> Settings:
    tree: dict[str, Any] = {}
    layers: dict[str, str] = {}
    for name in FILES:
        flat = _flat(load_toml("configs", name))
        tree |= flat
        layers |= dict.fromkeys(flat, f"configs/{name}")
    _check(tree, "configs")
    return Settings(tree, layers)


def parse_value(text: str) -> object:
    """A value as typed after ``KEY=``: TOML, a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        node = tree
        *tables, last = key.split(".")
        for table in tables:
            node = node.setdefault(table, {})
        node[last] = value
    return tree


@cache
def _validator() -> Draft202012Validator:
    import jsonschema

    schema = json.loads(shipped("configs", "schemas", "settings-1.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _check(values: Mapping[str, Any], layer: str) -> None:
    for error in _validator().iter_errors(_nested(values)):
        key = ".".join(str(part) for part in error.absolute_path)
        raise SettingsError(
            CFG_003,
            what=f"{key} = {values.get(key)!r}: {_wanted(error)}.",
            where=layer,
            todo="Give a value of the kind and range that configs/schemas/settings-1.json states.",
        )


def _wanted(error: ValidationError) -> str:
    """What the schema wants; a pattern in the words of its description."""
    if error.validator == "pattern" and isinstance(error.schema, Mapping):
        return f"it must be {error.schema['description']}"
    return error.message


def _unknown(key: str, known: tuple[str, ...], layer: str) -> SettingsError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    todo = f"Did you mean {near[0]}?" if near else "The settings stand in configs/*.toml."
    return SettingsError(CFG_002, what=f"there is no setting {key!r}.", where=layer, todo=todo)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            CFG_001,
            what=f"{error}.",
            where=str(path),
            todo="Give a TOML file with --config, or mend this one.",
        ) from error


def _user_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("netimg", appauthor=False) / "config.toml"


def _environment(settings: Settings) -> dict[str, object]:
    found: dict[str, object] = {}
    by_name = {f"NETIMG_{k.upper().replace('.', '__')}": k for k in settings.values}
    by_name |= _SHORT_VARIABLES
    for name, text in sorted(os.environ.items()):
        if not name.startswith("NETIMG_") or name == _CONFIG_VARIABLE:
            continue
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            raise SettingsError(
                CFG_004,
                what=f"{name} means nothing to netimg.",
                where="environment",
                todo=f"Did you mean {near[0]}?" if near else "Unset it.",
            )
        found[by_name[name]] = _short_value(name, text)
    return found


def _short_value(name: str, text: str) -> object:
    """Value of a variable: folders, a yes, or TOML."""
    if name == "NETIMG_MODELS":
        return [folder for folder in text.split(os.pathsep) if folder]
    if name == "NETIMG_ALLOW_TEST_MODEL":
        return text == "1"
    return parse_value(text)
