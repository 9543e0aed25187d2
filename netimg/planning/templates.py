"""Operations by name, and the plans that a facts file asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netimg.planning.liver_model import SEGMENTS
from netimg.resources import load_toml
from netimg.treatment import LocalTreatment, Plan


@cache
def templates() -> Mapping[str, tuple[str, ...]]:
    """Resected segments by template name."""
    table = load_toml("configs", "planning", "templates.toml")["templates"]
    return {name: tuple(segments) for name, segments in table.items()}


def standard_plan() -> Plan:
    """The operation that is planned for every measured liver."""
    name = load_toml("configs", "planning", "templates.toml")["standard"]
    return _plan(name.replace("_", " "), templates()[name], template=name)


def named_plan(entry: Mapping[str, Any]) -> Plan:
    """Plan of one ``[[plans]]`` table of a checked facts file."""
    template = entry.get("template")
    resected = set(templates()[template] if template else entry["segments"])
    if entry.get("with_segment_I", False):
        resected.add("I")
    local = tuple(
        LocalTreatment(
            lesion=str(part["lesion"]),
            method=part["method"],
            margin_mm=float(part["margin_mm"]),
            margin_parenchyma_ml=part.get("margin_parenchyma_ml"),
        )
        for part in entry.get("local", ())
    )
    return _plan(
        str(entry["name"]),
        tuple(resected),
        template=template,
        approach=entry.get("approach", "one_stage"),
        local=local,
    )


def _plan(
    name: str,
    resected: tuple[str, ...],
    *,
    template: str | None,
    approach: str = "one_stage",
    local: tuple[LocalTreatment, ...] = (),
) -> Plan:
    return Plan(
        name=name,
        resected=tuple(s for s in SEGMENTS if s in resected),
        retained=tuple(s for s in SEGMENTS if s not in resected),
        template=template,
        approach=approach,
        local=local,
    )
