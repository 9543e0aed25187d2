"""Ways to bend a file. Each is a function of the bytes and a random generator, and nothing else."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.make.codecs import ENCODERS, JPEG

NUMBERS = (
    b"", b" ", b"nan", b"inf", b"-0", b"1e308", b"1e-320", b"1,5", b"12345678901234567",
    b"0", b"-1", b"65536", b"2147483648", b"1\\2", b"\\" * 4000, b"0x10", b"1 2", b"+",
)  # fmt: skip
"""Decimal and integer strings as no scanner should write them."""
INNER_TAGS = (
    b"\x28\x00\x30\x00", b"\x20\x00\x32\x00", b"\x20\x00\x37\x00", b"\x18\x00\x50\x00",
    b"\x06\x30\x50\x00",
)  # fmt: skip
"""Pixel spacing, position, orientation, thickness, contour: what sequences hold of places."""
INNER = (b"0", b"-1", b"9e9", b"-9e9", b"1e99", b"1e300", b"-1e300", b"1e-300", b"nan", b"inf")
SHORTS = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 3, 4097, 16384)
LENGTHS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT")
VRS = (
    *LONG_VRS,
    b"DS",
    b"IS",
    b"US",
    b"SS",
    b"LO",
    b"PN",
    b"UI",
    b"DA",
    b"TM",
    b"FD",
    b"AT",
    b"??",
)
SYNTAXES = (
    *(syntax for syntax, _ in ENCODERS.values()),
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    f"{JPEG}50",
    f"{JPEG}100",
    "1.2.3.4",
)
CODESTREAMS = (b"\xff\x4f\xff\x51", b"\xff\xc0", b"\xff\xc1", b"\xff\xc3", b"\xff\xf7")
"""Where a codestream says how large its picture is: SIZ, SOF, SOF55."""
WORDS = (
    b"[", b"]", b"[[", b"{", b"}", b"=", b'"', b"'''", b"\n", b"nan", b"1e999", b"9" * 400, b"-",
    b"(" * 200, b"not ", b"all(", b"any(", b"\x00", b"\xff\xfe", b"true", b"[[rule]]\n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Element:
    """One top-level element of a data set in explicit or implicit little endian."""

    start: int
    value: int
    end: int
    vr: bytes
    """Empty where it is implicit."""


def elements(data: bytes) -> list[Element]:
    """Top-level elements as far as they can be followed; none where the file is something else."""
    at = 132 if data[128:132] == b"DICM" else 0
    found: list[Element] = []
    explicit = data[at + 4 : at + 6].isalpha()
    while at + 8 <= len(data):
        group = struct.unpack_from("<H", data, at)[0]
        if found and group != 2 and explicit and not data[at + 4 : at + 6].isalpha():
            explicit = False
        vr = data[at + 4 : at + 6] if explicit else b""
        if vr in LONG_VRS:
            if at + 12 > len(data):
                break
            head, length = 12, struct.unpack_from("<I", data, at + 8)[0]
        elif explicit:
            head, length = 8, struct.unpack_from("<H", data, at + 6)[0]
        else:
            head, length = 8, struct.unpack_from("<I", data, at + 4)[0]
        end = len(data) if length == 0xFFFFFFFF else at + head + length
        if end > len(data):
            break
        found.append(Element(at, at + head, end, vr))
        at = end
    return found


def bend(data: bytes, rng: random.Random, others: Sequence[bytes], kind: str) -> tuple[bytes, str]:
    """Bend a file once, or up to three times; the bytes and the names of what was done."""
    pool = TEXT if kind in ("facts", "rules") else ANY if kind == "archive" else BINARY
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        bender = rng.choice(pool)
        new = bender(data, rng, others)
        if new != data:
            done.append(bender.__name__.strip("_"))
        data = new
    return data, "+".join(done) or "nothing"


def _flip_bits(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _n in range(rng.choice((1, 1, 2, 8))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _flip_header(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    pixels = data.rfind(b"\xe0\x7f\x10\x00")
    end = pixels if pixels > 140 else len(data)
    for _n in range(rng.choice((1, 2, 4))):
        at = rng.randrange(min(128, end - 1), end) if end > 1 else 0
        if out:
            out[at] = rng.randrange(256)
    return bytes(out)


def _truncate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data))] if data else data


def _truncate_at_an_element(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if not found:
        return _truncate(data, rng, others)
    element = rng.choice(found)
    return data[: rng.choice((element.start, element.value, element.start + 4))]


def _append(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data + rng.randbytes(rng.choice((1, 2, 7, 64, 5000)))


def _blank(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at, size = rng.randrange(len(data)), rng.choice((1, 4, 16, 256))
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def _insert(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 8))) + data[at:]


def _splice(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _swap_halves(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """The other byte order from somewhere on."""
    at = rng.randrange(len(data) + 1)
    rest = bytearray(data[at:])
    even = len(rest) // 2 * 2
    rest[0:even:2], rest[1:even:2] = rest[1:even:2], rest[0:even:2]
    return data[:at] + bytes(rest)


def _length(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if not found:
        return _flip_bits(data, rng, others)
    element = rng.choice(found)
    true = element.end - element.value
    wrong = rng.choice((true + 1, true - 1, true + 2, true * 2, *LENGTHS)) & 0xFFFFFFFF
    if element.vr and element.vr not in LONG_VRS:
        at, packed = element.start + 6, struct.pack("<H", wrong & 0xFFFF)
    else:
        at = element.value - 4
        packed = struct.pack("<I", wrong)
    return data[:at] + packed + data[at + len(packed) :]


def _vr(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = [e for e in elements(data) if e.vr]
    if not found:
        return _flip_bits(data, rng, others)
    at = rng.choice(found).start + 4
    return data[:at] + rng.choice(VRS) + data[at + 2 :]


def _tag(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if len(found) < 2:
        return _flip_bits(data, rng, others)
    one, two = rng.sample(found, 2)
    out = bytearray(data)
    out[one.start : one.start + 4] = data[two.start : two.start + 4]
    out[two.start : two.start + 4] = data[one.start : one.start + 4]
    return bytes(out)


def _twice(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if not found:
        return _splice(data, rng, others)
    e = rng.choice(found)
    return data[: e.end] + data[e.start : e.end] + data[e.end :]


def _delete(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if not found:
        return _truncate(data, rng, others)
    e = rng.choice(found)
    return data[: e.start] + data[e.end :]


def _move(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = elements(data)
    if len(found) < 2:
        return _swap_halves(data, rng, others)
    one, two = sorted(rng.sample(found, 2), key=lambda e: e.start)
    middle = data[one.end : two.start]
    first, second = data[one.start : one.end], data[two.start : two.end]
    return data[: one.start] + second + middle + first + data[two.end :]


def _nest(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A sequence in itself, up to 5,000 deep, put before an element."""
    found = elements(data)
    if not found:
        return _insert(data, rng, others)
    e = rng.choice(found)
    depth = rng.choice((1, 3, 15, 17, 120, 5000))
    vr = b"SQ\0\0" if e.vr else b""
    tag = b"\x08\x00\x40\x11"
    opening = tag + vr + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    closing = b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    closed = rng.random() < 0.5
    return data[: e.start] + opening * depth + closing * (depth * closed) + data[e.start :]


def _number(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = [e for e in elements(data) if e.vr in (b"DS", b"IS", b"DA", b"TM", b"DT")]
    if not found:
        return _flip_bits(data, rng, others)
    return _with_value(data, rng.choice(found), rng.choice(NUMBERS))


def _inner_number(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """One number of a place, a spacing or a contour in a sequence, in the bytes that it has."""
    found = []
    for tag in INNER_TAGS:
        at = data.find(tag + b"DS")
        while at >= 0:
            found.append(at)
            at = data.find(tag + b"DS", at + 8)
    if not found:
        return _number(data, rng, others)
    at = rng.choice(found)
    end = at + 8 + struct.unpack_from("<H", data, at + 6)[0]
    parts = data[at + 8 : end].split(b"\\")
    which = rng.randrange(len(parts))
    size = len(parts[which])
    parts[which] = rng.choice([v for v in INNER if len(v) <= size] or [b"9" * size]).ljust(size)
    return data[: at + 8] + b"\\".join(parts) + data[end:]


def _short(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = [e for e in elements(data) if e.vr in (b"US", b"SS")]
    if not found:
        return _flip_bits(data, rng, others)
    return _with_value(data, rng.choice(found), struct.pack("<H", rng.choice(SHORTS)))


def _text(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Bytes of no character set, escapes, control characters, a very long value."""
    found = [e for e in elements(data) if e.vr in (b"LO", b"PN", b"SH", b"CS", b"UI", b"LT", b"ST")]
    if not found:
        return _insert(data, rng, others)
    values = (
        b"\xff\xfe\xfa",
        b"\x1b$B\x1b(B",
        b"<script>",
        b"\x1b[2J",
        b"A" * 20000,
        b"\xe2\x80\xae",
        b"",
    )
    return _with_value(data, rng.choice(found), rng.choice(values))


def _syntax(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = [e for e in elements(data) if data[e.start : e.start + 4] == b"\x02\x00\x10\x00"]
    if not found:
        return _flip_header(data, rng, others)
    return _with_value(data, found[0], rng.choice(SYNTAXES).encode(), fill=b"\0")


def _codestream(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Another size, precision or number of components than was packed."""
    places = [at for mark in CODESTREAMS if (at := data.find(mark)) >= 0]
    if not places:
        return _flip_bits(data, rng, others)
    at = rng.choice(places) + 4 + rng.randrange(40)
    wrong = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\xff\xff", b"\0\1", b"\xff"))
    return data[:at] + wrong + data[at + len(wrong) :]


def _with_value(data: bytes, e: Element, value: bytes, fill: bytes = b" ") -> bytes:
    value += fill * (len(value) % 2)
    head = data[e.start : e.value]
    if e.vr in LONG_VRS or not e.vr:
        head = head[:-4] + struct.pack("<I", len(value))
    else:
        value = value[:0xFFFE]
        head = head[:-2] + struct.pack("<H", len(value))
    return data[: e.start] + head + value + data[e.end :]


def _word(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(WORDS) + data[at:]


def _line(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """A line gone, twice or elsewhere."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    line = lines.pop(rng.randrange(len(lines)))
    for _n in range(rng.randrange(3)):
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _deep(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    depth = rng.choice((5, 40, 3000))
    return data + b"\nx = " + b"[" * depth + b"]" * depth + b"\n"


Bender = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
ANY: tuple[Bender, ...] = (_flip_bits, _flip_header, _truncate, _append, _blank, _insert, _splice)
BINARY: tuple[Bender, ...] = (
    *ANY, _truncate_at_an_element, _swap_halves, _length, _length, _vr, _tag, _twice, _delete,
    _move, _nest, _number, _number, _inner_number, _inner_number,
    _short, _short, _text, _syntax, _codestream, _codestream,
)  # fmt: skip
TEXT: tuple[Bender, ...] = (_flip_bits, _truncate, _insert, _splice, _word, _word, _line, _deep)
