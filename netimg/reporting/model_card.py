"""What a model's card says of its measured scores and known failures, as sentences."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from netimg.reporting.words import words
from netimg.resources import load_toml

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SCORES = ("sens_10mm", "sens_20mm", "precision", "spec_patient")


def card_sentences(model: str) -> list[str]:
    """How well a model finds lesions by size, and where it is known to fail.

    Parameters
    ----------
    model
        ``id version`` as in a manifest; a card of another version says nothing of it.
    """
    phrases = words()["model_card"]
    card = _card(model)
    if card is None:
        return [phrases["absent"]]
    scores = card["scores"]
    measured = [
        phrases[name].format(share=f"{100 * scores[name]:.0f}", count=scores.get(f"{name}_n", "?"))
        for name in _SCORES
        if name in scores
    ]
    found = phrases["not_measured"]
    if measured:
        found = phrases["measured"].format(
            scores="; ".join(measured), protocol=scores["protocol"].rstrip(".")
        )
    failures = " ".join(
        phrases["failure"].format(what=failure["what"].rstrip("."), when=failure["when"])
        for failure in card["known_failures"]
    )
    return [found, phrases["failures"].format(failures=failures)]


def _card(model: str) -> Mapping[str, Any] | None:
    name, _, version = model.partition(" ")
    if not _ID.fullmatch(name):
        return None
    try:
        card = load_toml("models", name, "card.toml")
    except (OSError, tomllib.TOMLDecodeError):
        return None
    return card if card.get("version") == version else None
