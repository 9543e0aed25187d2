"""Values of a data set by tag, as text and numbers, without raising on bad values.

DICOM text is kept as written: whether a value can be used is decided where it is used. A number
that cannot be read is NaN, a value that is not there is None.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netimg.reading.scan import items

if TYPE_CHECKING:
    from netimg.reading.scan import Scan

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SHOWN = 1000
_CHARSET = 0x00080005


@dataclass(frozen=True, slots=True)
class Attributes:
    """Typed access to the elements of a scanned data set."""

    scan: Scan
    name: str
    inherited: tuple[str, ...] = field(default=())

    def __contains__(self, tag: int) -> bool:
        """Whether the element is there and has a value."""
        element = self.scan.elements.get(tag)
        return element is not None and element.length > 0

    def raw(self, tag: int) -> bytes | None:
        """Bytes of the value; None where the element is absent."""
        element = self.scan.elements.get(tag)
        if element is None:
            return None
        return bytes(self.scan.data[element.start : element.start + element.length])

    def text(self, tag: int) -> str | None:
        """Whole value as text, padding dropped; None where absent or empty."""
        raw = self.raw(tag)
        if raw is None:
            return None
        if len(raw) > 16 << 10:
            raw = raw[: 16 << 10]
        value = self._decode(raw.rstrip(b"\0 "))
        return _CONTROL.sub(" ", value).strip()[:_SHOWN] or None

    def verbatim(self, tag: int) -> str | None:
        """Text with its blanks, for times and numbers that are judged as written."""
        raw = self.raw(tag)
        return None if raw is None else raw[: 16 << 10].decode("latin-1").rstrip("\0") or None

    def texts(self, tag: int) -> tuple[str, ...]:
        """Values between backslashes; empty where absent."""
        value = self.text(tag)
        return () if value is None else tuple(part.strip() for part in value.split("\\"))

    def uid(self, tag: int) -> str | None:
        """A unique identifier."""
        raw = self.raw(tag)
        return None if raw is None else raw.decode("ascii", "replace").strip("\0 ") or None

    def floats(self, tag: int) -> tuple[float, ...] | None:
        """Decimal strings (or binary floats) as numbers; NaN for one that is none."""
        element = self.scan.elements.get(tag)
        if element is None or element.length == 0:
            return None
        if element.vr in ("FD", "FL"):
            order, kind, size = ("<" if self.scan.little else ">"), "f", 4
            if element.vr == "FD":
                kind, size = "d", 8
            raw = self.raw(tag) or b""
            return struct.unpack(f"{order}{len(raw) // size}{kind}", raw[: len(raw) // size * size])
        return tuple(number(part) for part in self.texts(tag))

    def float(self, tag: int) -> float | None:
        """First decimal number; NaN where it is none, None where absent."""
        values = self.floats(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Integer string, or a binary US or UL; None where absent or no number."""
        element = self.scan.elements.get(tag)
        if element is None or element.length == 0:
            return None
        raw = self.raw(tag) or b""
        binary = element.vr in ("US", "UL", "SS", "SL") or (
            not element.vr and (tag >> 16 in (0x0028, 0x0054) and len(raw) in (2, 4))
        )
        if binary:
            order = "<" if self.scan.little else ">"
            kind = {2: "h" if element.vr == "SS" else "H", 4: "i" if element.vr == "SL" else "I"}
            size = 4 if element.vr in ("UL", "SL") or (not element.vr and len(raw) == 4) else 2
            return int(struct.unpack(f"{order}{kind[size]}", raw[:size])[0]) if raw[:size] else None
        value = number(self.texts(tag)[0]) if self.texts(tag) else math.nan
        return int(value) if math.isfinite(value) and value == int(value) else None

    def items(self, tag: int) -> tuple[Attributes, ...] | None:
        """Items of a sequence; None where the element is absent, empty where it has none."""
        element = self.scan.elements.get(tag)
        if element is None:
            return None
        found = items(self.scan, element, name=self.name)
        charset = self._charset()
        return tuple(Attributes(item, self.name, charset) for item in found)

    def private(self, group: int, low: int, creator: str) -> tuple[str, bool] | None:
        """Private value by its creator: its text, and whether the creator stood there.

        Where the group names no creator at all, the usual block 10 is looked up and the second
        value is False.
        """
        creators = {
            tag & 0xFF: self.text(tag)
            for tag in self.scan.elements
            if tag >> 16 == group and 0x10 <= (tag & 0xFFFF) <= 0xFF
        }
        for block, name in sorted(creators.items()):
            if name == creator:
                value = self.verbatim(group << 16 | block << 8 | low)
                if value is not None:
                    return value, True
        if creators:
            return None
        value = self.verbatim(group << 16 | 0x1000 | low)
        return None if value is None else (value, False)

    def _charset(self) -> tuple[str, ...]:
        raw = self.raw(_CHARSET)
        if raw is None:
            return self.inherited
        return tuple(part.strip() for part in raw.decode("ascii", "replace").split("\\"))

    def _decode(self, raw: bytes) -> str:
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        from pydicom.charset import convert_encodings, decode_bytes

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown character set is shown, not warned about
            try:
                encodings = convert_encodings(list(self._charset()) or ["ISO_IR 6"])
                return decode_bytes(raw, encodings, {0x5C, 0x0A, 0x0D, 0x5E, 0x3D})
            except (LookupError, UnicodeError, ValueError):
                return raw.decode("ascii", "replace")


def number(text: str) -> float:
    """A decimal string as a number; NaN where it is none (letters, decimal comma, nan, inf)."""
    text = text.strip(" \0")
    return float(text) if _NUMBER.fullmatch(text) else math.nan
