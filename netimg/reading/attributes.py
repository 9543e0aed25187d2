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
    from netimg.reading.scan import Element, Scan

_FRAMES = 0x00280008  # NumberOfFrames, the one integer of group 0028 that is text
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SHOWN = 1000
_CHARSET = 0x00080005
_FLOATS = frozenset(
    (
        *(0x00189220, 0x00189332, 0x00189330, 0x00189328, 0x00209241, 0x0018937C),
        *(0x00409224, 0x00409225, 0x00280122, 0x00280123, 0x00280124, 0x00280125),
    )
)
"""Numbers that are binary floats where the file does not say so (implicit syntax)."""
_BINARY = frozenset((
    0x00209057, 0x00209128, 0x00209156, 0x00209162, 0x00209163, 0x00209228, 0x00189337, 0x00189729,
    0x00620004, 0x0062000B, 0x0062000E, 0x00409211, 0x00409216,
))  # fmt: skip
"""Integers that are binary where the file does not say so."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Typed access to the elements of a scanned data set.

    ``under``: data sets that are asked, in order, for what the first one lacks or leaves empty.
    """

    scan: Scan
    name: str
    inherited: tuple[str, ...] = field(default=())
    under: tuple[Scan, ...] = field(default=())

    def __contains__(self, tag: int) -> bool:
        """Whether the element is there and has a value."""
        found = self._find(tag)
        return found is not None and found[1].length > 0

    def _find(self, tag: int) -> tuple[Scan, Element] | None:
        """Where an element stands; one with a value before an empty one."""
        element = self.scan.elements.get(tag)
        if not self.under or (element is not None and element.length > 0):
            return None if element is None else (self.scan, element)
        empty = None if element is None else (self.scan, element)
        for scan in self.under:
            element = scan.elements.get(tag)
            if element is not None:
                if element.length > 0:
                    return scan, element
                empty = empty or (scan, element)
        return empty

    def raw(self, tag: int) -> bytes | None:
        """Bytes of the value; None where the element is absent."""
        found = self._find(tag)
        return None if found is None else _value(*found)

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
        found = self._find(tag)
        if found is None or found[1].length == 0:
            return None
        scan, element = found
        if element.vr in ("FD", "FL") or (not element.vr and tag in _FLOATS):
            order, kind, size = ("<" if scan.little else ">"), "d", 8
            if element.vr == "FL" or (not element.vr and element.length == 4):
                kind, size = "f", 4
            raw = _value(scan, element)
            return struct.unpack(f"{order}{len(raw) // size}{kind}", raw[: len(raw) // size * size])
        return tuple(number(part) for part in self.texts(tag))

    def float(self, tag: int) -> float | None:
        """First decimal number; NaN where it is none, None where absent."""
        values = self.floats(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Integer string, or a binary US or UL; None where absent or no number."""
        found = self._find(tag)
        if found is None or found[1].length == 0:
            return None
        scan, element = found
        raw = _value(scan, element)
        binary = element.vr in ("US", "UL", "SS", "SL") or (
            not element.vr
            and (tag in _BINARY or (tag >> 16 in (0x0028, 0x0054) and tag != _FRAMES))
            and len(raw) in (2, 4)
        )
        if binary:
            order = "<" if scan.little else ">"
            kind = {2: "h" if element.vr == "SS" else "H", 4: "i" if element.vr == "SL" else "I"}
            size = 4 if element.vr in ("UL", "SL") or (not element.vr and len(raw) == 4) else 2
            if len(raw) < size:
                return None
            return int(struct.unpack(f"{order}{kind[size]}", raw[:size])[0])
        value = number(self.texts(tag)[0]) if self.texts(tag) else math.nan
        return int(value) if math.isfinite(value) and value == int(value) else None

    def items(self, tag: int) -> tuple[Attributes, ...] | None:
        """Items of a sequence; None where the element is absent, empty where it has none."""
        found = self._find(tag)
        if found is None:
            return None
        charset = self._charset()
        return tuple(Attributes(item, self.name, charset) for item in items(*found, name=self.name))

    def private(self, group: int, low: int, creator: str) -> tuple[str, bool] | None:
        """Private value by its creator: its text, and whether the creator stood there.

        Where the group names no creator at all, the usual block 10 is looked up and the second
        value is False.
        """
        found = self.private_tag(group, low, creator)
        value = None if found is None else self.verbatim(found[0])
        return None if found is None or value is None else (value, found[1])

    def private_tag(self, group: int, low: int, creator: str) -> tuple[int, bool] | None:
        """Tag of a private element that is there, and whether its creator stands there."""
        creators = {
            tag & 0xFF: self.text(tag)
            for scan in (self.scan, *self.under)
            for tag in scan.elements
            if tag >> 16 == group and 0x10 <= (tag & 0xFFFF) <= 0xFF
        }
        for block, name in sorted(creators.items()):
            if name == creator:
                tag = group << 16 | block << 8 | low
                if tag in self:
                    return tag, True
        tag = group << 16 | 0x1000 | low
        return None if creators or tag not in self else (tag, False)

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


def _value(scan: Scan, element: Element) -> bytes:
    return bytes(scan.data[element.start : element.start + element.length])


def number(text: str) -> float:
    """A decimal string as a number; NaN where it is none (letters, decimal comma, nan, inf)."""
    text = text.strip(" \0")
    return float(text) if _NUMBER.fullmatch(text) else math.nan
