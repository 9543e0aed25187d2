"""Headers that hold what they have in common once."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netimg.reading.headers import Header


class Shared:
    """Texts that were seen, each once. Thousands of headers of one series say mostly the same."""

    def __init__(self) -> None:
        self._texts: dict[Any, Any] = {}
        self._names: dict[type, tuple[str, ...]] = {}

    def lean(self, header: Header) -> Header:
        """Let a header, just read and in nobody else's hands, hold the texts that were seen first.

        Equal values only are exchanged, so the header stays what it is.
        """
        self._replace(header)
        return header

    def _replace(self, noun: Any) -> None:  # noqa: ANN401  # any noun of a header
        for name in self._fields(type(noun)):
            value = getattr(noun, name)
            kind = type(value)
            if kind is str or (kind is tuple and value and all(type(v) is str for v in value)):
                known = self._texts.setdefault(value, value)
                if known is not value:
                    object.__setattr__(noun, name, known)
            elif self._fields(kind):
                self._replace(value)

    def _fields(self, kind: type) -> tuple[str, ...]:
        """Names of the fields of a noun; none of anything else."""
        names = self._names.get(kind)
        if names is None:
            names = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
            self._names[kind] = names
        return names
