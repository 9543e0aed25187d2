"""One line of ``netimg doctor``: `Item`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Status(Enum):
    """How an item was found; the value is the word that is printed."""

    OK = "ok"
    NOTE = "note"
    """Works, but a person should know."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What was looked at, and what was found.

    All three texts may hold places for what belongs to this machine or this person, ``{folder}``:
    the values stand in ``private`` and stay out of a bug report.
    """

    name: str
    status: Status
    found: str
    todo: str = ""
    private: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status is Status.FAIL and not self.todo:
            msg = f"{self.name}: a failure says what to do"
            raise ValueError(msg)
        object.__setattr__(self, "private", MappingProxyType(dict(self.private)))

    def told(self, *, private: bool) -> tuple[str, str, str]:
        """``name``, ``found`` and ``todo`` with their places filled.

        Parameters
        ----------
        private
            With paths and names; without, each place reads ``<folder>``.
        """
        names = {key: value if private else f"<{key}>" for key, value in self.private.items()}
        name, found, todo = (_filled(text, names) for text in (self.name, self.found, self.todo))
        return name, found, todo


def _filled(text: str, names: Mapping[str, str]) -> str:
    # Not str.format: what was found may hold braces of its own.
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text
