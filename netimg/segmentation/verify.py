"""A model to the last byte: hashes, strict load, and a run on a made-up image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.segmentation.networks import self_test

if TYPE_CHECKING:
    from netimg.segmentation.cards import Card


def verify_card(card: Card) -> tuple[str, ...]:
    """Check a model to the last byte: hashes, strict load, and a run on a made-up image.

    Returns
    -------
    tuple of str
        One line for each check that was made.

    Raises
    ------
    ModelError
        MDL-003 to MDL-006, or SEG-108 if the networks do not give what the card says.
    """
    lines = [f"{card.id} {card.version}: card ok"]
    for stage in card.stages:
        lines.append(f"{stage.name}: {stage.weights}, {stage.bytes} bytes, SHA-256 ok")
        lines.append(f"{stage.name}: {self_test(card, stage)}")
    return tuple(lines)
