"""Model cards: what a model is, what it may be used for, and whether its files are the card's.

A model is a folder ``<id>/`` with ``card.toml``, one ``.safetensors`` file per stage, and its
licence. The shape of the card is `configs/schemas/card-1.json`; unknown keys are refused. Nothing
is executed: weights are tensors, a network is a name of a closed list with plain arguments. A file
is parsed only after its size and SHA-256 are those of the card.
What the keys of a stage mean: `netimg.segmentation.stages`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import (
    MDL_001,
    MDL_002,
    MDL_003,
    MDL_005,
    MDL_007,
    MDL_008,
    ModelError,
)
from netimg.resources import shipped
from netimg.segmentation.nets import MONAI, OWN
from netimg.segmentation.stages import Crop, Normalise, Output, Outside, Stage, Statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import Draft202012Validator

NETWORKS = (*MONAI, *OWN)
"""Network classes a card may name."""

CARD_BYTES_MAX = 10 * 2**20
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{2,40}")
_CODE_SUFFIXES = (".pt", ".pth", ".ts", ".onnx", ".pkl", ".bin", ".h5", ".hdf5", ".ckpt")
_CALL = re.compile(r"(\w+)\(([^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Card:
    """A validated model card.

    ``tree`` is the whole card as parsed, for display; ``hash`` the SHA-256 of ``card.toml``, which
    names the hashes of all weights.
    """

    id: str
    version: str
    name: str
    kind: str
    status: str
    licence: str
    folder: Path
    hash: str
    stages: tuple[Stage, ...]
    phases_covered: tuple[str, ...]
    postprocess: Mapping[str, float]
    tree: Mapping[str, Any] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        """Equal cards have the same bytes in the same folder."""
        same = isinstance(other, Card) and self.hash == other.hash
        return same and self.folder == other.folder  # type: ignore[attr-defined]  # a Card

    def __hash__(self) -> int:
        """Hash of the card's bytes: loaded networks are kept by it."""
        return hash((self.hash, self.folder))

    @property
    def mb(self) -> float:
        """Size of all weights, MB."""
        return sum(stage.bytes for stage in self.stages) / 1e6

    @property
    def scores(self) -> Mapping[str, Any]:
        """Table ``[scores]``."""
        scores: Mapping[str, Any] = self.tree["scores"]
        return scores

    @property
    def input(self) -> Mapping[str, Any]:
        """Table ``[input]``."""
        table: Mapping[str, Any] = self.tree["input"]
        return table

    def stage(self, name: str) -> Stage:
        """Stage by name."""
        return next(stage for stage in self.stages if stage.name == name)


def model_folders(folders: Sequence[str | Path] = ()) -> tuple[Path, ...]:
    """Folders that hold models: ``folders`` first, then what is shipped."""
    mine = tuple(Path(folder) for folder in folders)
    try:
        return (*mine, shipped("models"))
    except FileNotFoundError:
        return mine


def list_cards(
    folders: Sequence[str | Path] = (), *, allow_test_only: bool = False
) -> tuple[Card, ...]:
    """Every card of the search path, by id; the first of several with one id counts.

    Parameters
    ----------
    folders
        Further folders with models (what ``NETIMG_MODELS`` names), searched before the shipped.
    allow_test_only
        List models of status ``test-only`` too.

    Raises
    ------
    ModelError
        As `load_card`.
    """
    cards: dict[str, Card] = {}
    for path in _card_files(model_folders(folders)):
        card = read_card(path)
        if card.status != "test-only" or allow_test_only:
            cards.setdefault(card.id, card)
    return tuple(cards[name] for name in sorted(cards))


def load_card(
    id: str,  # noqa: A002  # the field's name
    folders: Sequence[str | Path] = (),
    *,
    allow_test_only: bool = False,
) -> Card:
    """Card of one model, its files present and of the stated size.

    Raises
    ------
    ModelError
        MDL-001 no such id, MDL-002 malformed, MDL-003 weights missing or of another size, MDL-005
        network class not allowed, MDL-007 test-only, MDL-008 weights that could hold code.
    """
    searched = model_folders(folders)
    path = next((p for p in _card_files(searched) if p.parent.name == id), None)
    if path is None or not _ID.fullmatch(id):
        known = ", ".join(dict.fromkeys(p.parent.name for p in _card_files(searched))) or "none"
        raise ModelError(
            MDL_001,
            what=f"no model is called {id!r}; there are: {known}.",
            where=", ".join(folder.name for folder in searched),
            todo="Choose one with --model, or name its folder in NETIMG_MODELS.",
        )
    card = read_card(path)
    if card.status == "test-only" and not allow_test_only:
        raise ModelError(
            MDL_007,
            what=f"{id} exists for tests and segments no patient.",
            where=f"{id}/card.toml",
            todo="Set NETIMG_ALLOW_TEST_MODEL=1 and name it with --model, in a test.",
        )
    for stage in card.stages:
        _check_size(card, stage)
    return card


def read_card(path: Path) -> Card:
    """Parse and check one ``card.toml``; touches no weights.

    Raises
    ------
    ModelError
        MDL-002, MDL-005, MDL-008.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= CARD_BYTES_MAX else b""
        tree = tomllib.loads(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _malformed(path, f"{error}") from error
    if size > CARD_BYTES_MAX:
        raise _malformed(path, f"{size} bytes, at most {CARD_BYTES_MAX} are read")
    tree = json.loads(json.dumps(tree, default=str))
    for stage in tree.get("stage", ()) if isinstance(tree.get("stage"), list) else ():
        _check_names(path, stage)
    for problem in _validator().iter_errors(tree):
        key = ".".join(str(part) for part in problem.absolute_path) or "card"
        raise _malformed(path, f"{key}: {problem.message}")
    if tree["id"] != path.parent.name:
        raise _malformed(path, f"id: {tree['id']!r}, expected the folder's name")
    stages = tuple(_stage(path, stage) for stage in tree["stage"])
    _check_order(path, stages)
    return Card(
        id=tree["id"],
        version=tree["version"],
        name=tree["name"],
        kind=tree["kind"],
        status=tree["status"],
        licence=tree["licence"],
        folder=path.parent,
        hash=hashlib.sha256(data).hexdigest(),
        stages=stages,
        phases_covered=tuple(tree["intended"]["phases_covered"]),
        postprocess=dict(tree.get("postprocess", {})),
        tree=tree,
    )


def _card_files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
            yield from (p for name in names if (p := folder / name / "card.toml").is_file())


@cache
def _validator() -> Draft202012Validator:
    import jsonschema

    schema = json.loads(shipped("configs", "schemas", "card-1.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _malformed(path: Path, what: str) -> ModelError:
    return ModelError(
        MDL_002,
        what=f"{what}.",
        where=f"{path.parent.name}/card.toml",
        todo="The keys of a card are in configs/schemas/card-1.json.",
    )


def _check_names(path: Path, stage: object) -> None:
    """Network class and weights of a stage, before the rest of the card is believed."""
    if not isinstance(stage, dict):
        return
    network = stage.get("network")
    kind = network.get("class") if isinstance(network, dict) else None
    if isinstance(kind, str) and kind not in NETWORKS:
        raise ModelError(
            MDL_005,
            what=f"{kind!r} is not one of {', '.join(NETWORKS)}.",
            where=f"{path.parent.name}/card.toml",
            todo="Only these networks are run.",
        )
    weights = str(stage.get("weights", ""))
    if weights.lower().endswith(_CODE_SUFFIXES):
        raise ModelError(
            MDL_008,
            what=f"{weights!r} is of a kind that can hold code.",
            where=f"{path.parent.name}/card.toml",
            todo="Convert the weights to .safetensors.",
        )


def _check_order(path: Path, stages: tuple[Stage, ...]) -> None:
    """Stages may ask only for what earlier ones give."""
    given: set[tuple[str, int]] = set()
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise _malformed(path, f"stage.name: {names}, expected different names")
    for stage in stages:
        wanted = [tuple(i.split(":")) for i in stage.inputs if i != "ct"]
        asked = {(name, int(code)) for name, code in wanted}
        asked |= {
            (part.from_stage, part.label)
            for part in (stage.crop, stage.outside, stage.statistics)
            if part is not None
        }
        for name, code in sorted(asked - given):
            raise _malformed(path, f"stage {stage.name}: no earlier stage {name!r} gives {code}")
        if len(stage.normalise) != len(stage.inputs):
            raise _malformed(path, f"stage {stage.name}: one normalise for each of {stage.inputs}")
        if any(p <= 2 * m for p, m in zip(stage.patch, stage.margin, strict=True)):
            raise _malformed(path, f"stage {stage.name}: patch {stage.patch} inside its margin")
        steps = zip(stage.patch, stage.multiple, strict=True)
        if not any(stage.margin) and any(p % m or p < 2 * m for p, m in steps):
            raise _malformed(
                path,
                f"stage {stage.name}: patch {stage.patch}, expected a multiple of "
                f"{stage.multiple}, at least twice it",
            )
        given |= {(stage.name, output.code) for output in stage.outputs}


def _check_size(card: Card, stage: Stage) -> None:
    path = card.folder / stage.weights
    found = path.stat().st_size if path.is_file() else None
    if found != stage.bytes:
        state = "is missing" if found is None else f"has {found} bytes"
        raise ModelError(
            MDL_003,
            what=f"{stage.weights} {state}, expected {stage.bytes} bytes.",
            where=f"{card.id}, stage {stage.name}",
            todo="Install the model again.",
        )


def _stage(path: Path, tree: Mapping[str, Any]) -> Stage:
    """Stage of a tree that fits the schema."""
    plain: dict[str, Any] = {
        key: tree[key]
        for key in ("name", "weights", "sha256", "bytes", "dtype_stored", "overlap", "activation",
                    "blend", "sigma_scale", "fixed_patch", "pad_hu", "patch_invariant")
        if key in tree
    }  # fmt: skip
    tuples: dict[str, Any] = {
        key: tuple(tree[key])
        for key in ("spacing_mm", "patch", "multiple", "margin", "inputs", "clip_hu")
        if key in tree
    }
    for key, kind in (("crop", Crop), ("outside", Outside), ("statistics", Statistics)):
        if key in tree:
            values: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in tree[key].items()
            }
            plain[key] = kind(**values)
    normalise = tree["normalise"]
    temperature = tree.get("temperature", 1.0)
    cost = tree.get("cost", {})
    golden = tree.get("golden")
    return Stage(
        **plain,
        **tuples,
        network=tree["network"]["class"],
        kwargs=dict(tree["network"].get("kwargs", {})),
        outputs=tuple(Output(**output) for output in tree["outputs"]),
        normalise=tuple(
            _normalise(path, text)
            for text in (normalise if isinstance(normalise, list) else [normalise])
        ),
        temperature=tuple(temperature) if isinstance(temperature, list) else (temperature,),
        cpu_s_per_mvoxel=cost.get("cpu_s_per_mvoxel"),
        mb_per_mvoxel=cost.get("mb_per_mvoxel"),
        golden=(golden["mean"], golden["sd"]) if golden else None,
    )


def _normalise(path: Path, text: str) -> Normalise:
    """``window(-160, 240)`` as a `Normalise`."""
    call = _CALL.fullmatch(text)
    if call is None:
        raise _malformed(path, f"normalise: {text!r}")
    made = Normalise(name=call[1], numbers=tuple(float(part) for part in call[2].split(",")))
    low, high = made.range
    if high <= low:
        raise _malformed(path, f"normalise: {text!r} has an empty range")
    return made
