"""Doubts gathered on the way to SUV, and refusals in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netimg.errors import SUVError
from netimg.reading.problems import doubt, refusal

if TYPE_CHECKING:
    from netimg.errors import NetimgError
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


def refuse(problem: str, **numbers: Any) -> NetimgError:  # noqa: ANN401  # as the sentence asks
    """SUVError of ``problems.toml``."""
    return refusal(problem, kind=SUVError, **numbers)
