"""Doubts gathered on the way to SUV."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netimg.reading.problems import doubt

if TYPE_CHECKING:
    from netimg.flag import Flag


@dataclass(slots=True)
class Notes:
    """Warnings and information of one resolution, each once, in order."""

    flags: list[Flag] = field(default_factory=list)

    def add(self, problem: str, **numbers: Any) -> None:  # noqa: ANN401  # as the sentence asks
        """Note a doubt of ``problems.toml``."""
        flag = doubt(problem, touches=("pet",), **numbers)
        if flag not in self.flags:
            self.flags.append(flag)
