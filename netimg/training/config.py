"""A training run as one TOML file: read, checked, changed from the command line, hashed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import CFG_001, CFG_002, SettingsError
from netimg.training.augment import Augment

if TYPE_CHECKING:
    from collections.abc import Mapping

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that decides the weights of a run."""

    name: str
    stage: str  # "locator", "liver" or "lesion"
    seed: int
    hours: float  # wall clock of the schedule
    iterations: int = 0  # above 0: the schedule counts steps, not hours
    fold: int = 1  # held out
    inner: tuple[str, ...] = ()  # inner selection, never trained on
    extra: tuple[str, ...] = ()  # items of no fold; named n times, drawn n times as often
    only_beside: tuple[str, ...] = ()  # items of no fold, shown without their liver alone
    leave_out: tuple[str, ...] = ()  # items that hurt, with the reason as a comment
    network: str = "DynUNet"
    kwargs: dict[str, Any] = field(default_factory=dict)
    begin_from: str = ""  # safetensors, relative to the checkout
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 1.5)
    patches: tuple[Triple, ...] = ((96, 96, 96),)
    window: Triple = (96, 96, 96)  # tile of inner selection and of inference
    overlap: float = 0.25
    border: Triple = (0, 0, 0)  # voxels of a training patch that padding spoils
    window_hu: tuple[float, float] = (-160.0, 240.0)
    outside_hu: float = -1024.0
    mix: dict[str, float] = field(default_factory=lambda: {"edge": 0.5, "liver": 0.25, "box": 0.25})
    with_prior: bool = False  # second channel: probability of an earlier stage
    prior_from: str = ""  # config of that stage, and name of its run
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warm_up: int = 50
    batch: int = 1  # samples of one pass
    accumulate: int = 1
    compiled: bool = False  # on a GPU: torch.compile, faster after a minute
    average: float = 0.999  # decay of the averaged weights, which ship
    validate_every: int = 500
    checkpoint_every: int = 100
    false_positive: float = 0.5
    false_negative: float = 0.5
    painted: float = 0.0  # share of lesion patches with painted lesions
    augment: Augment = field(default_factory=Augment)

    def digest(self) -> str:
        """Sha256 of the resolved values."""
        return hashlib.sha256(json.dumps(self.as_table(), sort_keys=True).encode()).hexdigest()

    def as_table(self) -> dict[str, Any]:
        """Plain values, as they are written to ``config.toml``."""
        table: dict[str, Any] = _plain(dataclasses.asdict(self))
        return table


def load_config(path: Path, changes: Mapping[str, Any] | None = None) -> RunConfig:
    """Read a run.

    Parameters
    ----------
    changes
        Settings over those of the file: ``{"learning_rate": 1e-4, "augment": {"noise_p": 0}}``.

    Raises
    ------
    SettingsError
        CFG-001 if the file cannot be read, CFG-002 for an unknown key or a wrong type.
    """
    try:
        with path.open("rb") as stream:
            table = tomllib.load(stream)
        _merge(table, dict(changes or {}))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            CFG_001, what=str(error), where=path.name, todo="Give a TOML file of one run."
        ) from error
    return from_table(table, where=path.name)


def from_table(table: dict[str, Any], *, where: str) -> RunConfig:
    """Build the config of a parsed table, refusing unknown keys."""
    table = dict(table)
    augment = table.pop("augment", {})
    for kind, values in ((RunConfig, table), (Augment, augment)):
        known = {entry.name for entry in dataclasses.fields(kind)}
        for key in values:
            if key not in known:
                raise SettingsError(
                    CFG_002,
                    what=f"{key!r} is not a setting of a training run.",
                    where=where,
                    todo=f"Known: {', '.join(sorted(known))}.",
                )
    frozen: dict[str, Any] = {key: _frozen(value) for key, value in table.items()}
    bent: dict[str, Any] = {key: _frozen(value) for key, value in augment.items()}
    try:
        return RunConfig(**frozen, augment=Augment(**bent))
    except TypeError as error:
        raise SettingsError(
            CFG_002, what=f"{error}.", where=where, todo="Add the missing keys."
        ) from error


def _merge(table: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = value


def _frozen(value: object) -> object:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:  # noqa: ANN401  # a tree
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
