"""Model cards as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def model_row(card: Mapping[str, Any]) -> dict[str, str]:
    """Return one line of ``models list`` for a card: what it is, what it scored, its licence."""
    scores = card["scores"]
    size = sum(stage["bytes"] for stage in card["stage"]) / 1e6
    return {
        "id": card["id"],
        "version": card["version"],
        "status": card["status"],
        "phases": ", ".join(card["intended"]["phases_covered"]),
        "liver Dice": _score(scores.get("liver_dice_mean")),
        "lesion Dice": _score(scores.get("lesion_dice_global")),
        "MB": f"{size:.1f}",
        "licence": card["licence"],
    }


def _score(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield a card as text: what it is for, its scores and how they were got, what it cannot do."""
    yield f"{card['id']} {card['version']}  {card['name']}"
    for key in ("kind", "status", "licence", "created"):
        yield f"  {key}: {card[key]}"
    for table in ("intended", "input", "scores", "training", "postprocess"):
        if table in card:
            yield f"{table}:"
            yield from _entries(card[table], 2)
    for stage in card["stage"]:
        yield f"stage {stage['name']}:"
        yield from _entries({k: v for k, v in stage.items() if k != "name"}, 2)
    yield "known failures:"
    for failure in card["known_failures"]:
        yield f"  {failure['what']}"
        yield from _entries({k: v for k, v in failure.items() if k != "what"}, 4)


def _entries(tree: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, value in tree.items():
        yield f"{' ' * indent}{key}: {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list):
        separator = " | " if value and isinstance(value[0], Mapping) else ", "
        return separator.join(_plain(v) for v in value)
    return str(value)
