"""What ships with netimg: model weights by hash, and the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.doctor.item import Item, Status
from netimg.errors import MDL_001, MDL_003, MDL_004, CriteriaError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.segmentation.cards import Card
    from netimg.segmentation.stages import Stage
    from netimg.settings import Settings

_AGAIN = (
    "Install netimg again, or fetch the weights of this model; `netimg models verify` says more."
)


def check_models(settings: Settings) -> Iterator[Item]:
    """One item per model card: every weights file of the size and SHA-256 that the card says."""
    from netimg.segmentation.cards import list_cards

    try:
        cards = list_cards(
            settings["segmentation.model_folders"],
            allow_test_only=bool(settings["segmentation.allow_test_model"]),
        )
    except ModelError as error:
        yield Item(
            name="models",
            status=Status.FAIL,
            found=f"a card cannot be read ({error.code}): {{reason}}",
            todo="Mend the card, or leave its folder out of segmentation.model_folders.",
            private={"reason": f"{error.what} {error.where}".strip()},
        )
        return
    default = settings["segmentation.model"]
    if all(card.id != default for card in cards):
        yield Item(
            name="models",
            status=Status.FAIL,
            found=f"the model of the settings, {{model}}, is not there ({MDL_001})",
            todo="Choose one that `netimg models list` names: --set segmentation.model=ID",
            private={"model": str(default)},
        )
    for card in cards:
        yield _model(card)


def _model(card: Card) -> Item:
    """Files of one card by size and hash; nothing is loaded."""
    ours = {"model": card.id}
    wrong = [problem for stage in card.stages if (problem := _wrong(card, stage))]
    if wrong:
        return Item(
            name="model {model}",
            status=Status.FAIL,
            found="; ".join(wrong),
            todo=_AGAIN,
            private=ours,
        )
    mb = sum(stage.bytes for stage in card.stages) / 1e6
    found = f"{card.version}, {len(card.stages)} files, {mb:.1f} MB, SHA-256 as the card says"
    return Item(name="model {model}", status=Status.OK, found=found, private=ours)


def _wrong(card: Card, stage: Stage) -> str:
    """What is wrong with the weights of a stage; empty for nothing."""
    from netimg.segmentation.weights import sha256

    path = card.folder / stage.weights
    there = path.stat().st_size if path.is_file() else None
    if there is None:
        return f"the weights of {stage.name} are missing ({MDL_003})"
    if there != stage.bytes:
        sizes = f"{there} bytes, the card says {stage.bytes}"
        return f"the weights of {stage.name} have {sizes} ({MDL_003})"
    found = sha256(path)
    if found != stage.sha256:
        said = f"SHA-256 {found[:12]}..., the card says {stage.sha256[:12]}..."
        return f"the weights of {stage.name} are not those of the card: {said} ({MDL_004})"
    return ""


def check_criteria(settings: Settings) -> Item:
    """Whether every rule file parses and holds together."""
    from netimg.assessment.catalogue import load_catalogue

    try:
        rules = load_catalogue(settings).listed()
    except CriteriaError as error:
        return Item(
            name="criteria",
            status=Status.FAIL,
            found=f"the rules do not load ({error.code}): {{reason}}",
            todo="`netimg criteria check` lists every fault with file and line.",
            private={"reason": error.what},
        )
    profiles = {rule["profile"] for rule in rules}
    found = f"{len(rules)} rules of {len(profiles)} profiles load"
    return Item(name="criteria", status=Status.OK, found=found)
