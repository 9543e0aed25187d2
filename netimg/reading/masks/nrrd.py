"""Masks from NRRD, 3D Slicer's segmentations among them.

Read here and not by a library, within what the header says: a text header, then values raw,
gzipped or bzip2-ed, in the same file or in one beside it.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from netimg.errors import IDX_003, IDX_006, MSK_009, MSK_015
from netimg.reading.masks.bounded import check_voxels, skip, unpacked
from netimg.reading.masks.labels import Labels, Named, read_labels
from netimg.reading.problems import readable, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from netimg.settings import Settings

MAGIC = b"NRRD000"

_HEADER_MAX = 10 << 20
_LINE_MAX = 64 << 10
_TO_LPS = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
_ENCODINGS = {
    "raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2",
}  # fmt: skip
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long",
           "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_SEGMENT = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer|Tags)")
_TYPE = re.compile(r"TerminologyEntry:[^~|]*~[^~|]*~[^~|^]*\^([^~|^]+)\^")
"""Code of the property type, the third part of Slicer's terminology entry."""

_SKIP_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class _Header:
    """Fields by name (lower case) and keys by name; ``end``: the first byte after them."""

    file: str
    fields: Mapping[str, str]
    keys: Mapping[str, str]
    end: int

    def field(self, *names: str) -> str | None:
        """Value of a field, under any of its names."""
        return next((self.fields[name] for name in names if name in self.fields), None)

    def numbers(self, *names: str) -> tuple[int, ...]:
        """Whole numbers of a field; empty where it is absent."""
        try:
            return tuple(int(word) for word in (self.field(*names) or "").split())
        except ValueError as error:
            reason = f"{names[0]} is {self.field(*names)!r}"
            raise refusal(IDX_003, file=self.file, reason=reason) from error


def read_nrrd(path: Path, settings: Settings) -> Labels:
    """Labels of an NRRD file in its own axes; Slicer's segments with names, layers and codes.

    Raises
    ------
    MaskError
        MSK-009 no place, MSK-011 not whole numbers, MSK-015 beyond the limits.
    InputError
        IDX-003 not readable, IDX-006 values in a file outside the header's folder.
    """
    with path.open("rb") as file:
        header = _header(file, path.name)
        dtype = _dtype(header)
        shape, layers = _shape(header)
        check_voxels((*shape, layers), dtype.itemsize, file=path.name, settings=settings)
        affine = _affine_lps(header)
        n = int(np.prod(shape)) * layers * dtype.itemsize
        with _values(file, path, header, n) as stream:
            values = read_labels(stream, dtype, (layers, *shape), file=path.name)
    return Labels(path.name, tuple(values), affine, _named(header, layers))


def _header(file: IO[bytes], name: str) -> _Header:
    """Lines up to the first empty one, or to the end of a detached header."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    end = 0
    for line in iter(lambda: file.readline(_LINE_MAX + 1), b""):
        end += len(line)
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            break
        if len(line) > _LINE_MAX or end > _HEADER_MAX:
            raise refusal(MSK_015, where=name, what=f"a header of more than {end} bytes")
        if text.startswith(("#", "NRRD")):
            continue
        key, assigned, value = text.partition(":=")
        if assigned:
            keys[key] = value.replace("\\n", "\n")
            continue
        key, described, value = text.partition(": ")
        if described:
            fields[key.strip().lower()] = value.strip()
    return _Header(name, fields, keys, end)


def _dtype(header: _Header) -> np.dtype[Any]:
    word = (header.field("type") or "").lower()
    kind = next((kind for kind, words in _TYPES.items() if word in words), None)
    endian = (header.field("endian") or "").lower()
    if kind is None or (kind[1] != "1" and endian not in ("little", "big")):
        reason = f"its values are of type {word or 'unknown'}, byte order {endian or 'unknown'}"
        raise refusal(IDX_003, file=header.file, reason=reason)
    return np.dtype(("<" if endian != "big" else ">") + kind)


def _shape(header: _Header) -> tuple[tuple[int, int, int], int]:
    """Size along the three axes of space, and number of layers before them."""
    sizes = header.numbers("sizes")
    layers, shape = (sizes[0], sizes[1:]) if len(sizes) == 4 else (1, sizes)
    first = _vectors(header)[:1]
    several = layers > 1 and not any(_SEGMENT.fullmatch(key) for key in header.keys)
    if len(shape) != 3 or (len(sizes) == 4 and first != [None]) or several:
        raise refusal(MSK_015, where=header.file, what=f"{len(sizes)} dimensions")
    return (shape[0], shape[1], shape[2]), layers


def _vectors(header: _Header) -> list[tuple[float, ...] | None]:
    """One vector per axis; None for an axis that is not one of space."""
    words = re.findall(r"none|\([^)]*\)", (header.field("space directions") or "").lower())
    return [None if word == "none" else _vector(word, header) for word in words]


def _vector(text: str, header: _Header) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.strip("() ").split(","))
    except ValueError as error:
        raise refusal(MSK_009, "nrrd", where=header.file, how="does not say") from error


def _affine_lps(header: _Header) -> NDArray[np.float64]:
    """From indices in the order of the file to LPS."""
    space = (header.field("space") or "").lower()
    axes = [vector for vector in _vectors(header) if vector is not None]
    origin = _vector(header.field("space origin") or "()", header) if axes else ()
    numbers = [*axes, origin]
    whole = len(axes) == 3 and all(len(v) == 3 and np.isfinite(v).all() for v in numbers)
    if space not in _TO_LPS or not whole:
        raise refusal(MSK_009, "nrrd", where=header.file, how="does not say")
    affine = np.eye(4)
    affine[:3, :3] = np.array(axes).T
    affine[:3, 3] = origin
    return np.diag([*_TO_LPS[space], 1.0]) @ affine


@contextmanager
def _values(file: IO[bytes], path: Path, header: _Header, n: int) -> Iterator[IO[bytes]]:
    """Stream of the values, lines and bytes before them skipped."""
    word = (header.field("encoding") or "").lower()
    if word not in _ENCODINGS:
        raise refusal(IDX_003, file=header.file, reason=f"its values are written as {word!r}")
    encoding = _ENCODINGS[word]
    detached = header.field("data file", "datafile")
    with _beside(path, detached, header) if detached else _at(file, header.end) as packed:
        for _ in range(_skipped(header, "line skip", "lineskip")):
            packed.readline(_LINE_MAX)
        before = _skipped(header, "byte skip", "byteskip")
        if before == -1 and encoding == "raw":
            before = 0
            packed.seek(max(0, packed.seek(0, os.SEEK_END) - n))
        stream = unpacked(packed, encoding)
        skip(stream, before, file=header.file)
        yield stream


def _skipped(header: _Header, *names: str) -> int:
    n = next(iter(header.numbers(*names)), 0)
    if n > _SKIP_MAX:
        raise refusal(MSK_015, where=header.file, what=f"{names[0]} {n}")
    return n


@contextmanager
def _at(file: IO[bytes], place: int) -> Iterator[IO[bytes]]:
    file.seek(place)
    yield file


@contextmanager
def _beside(path: Path, name: str, header: _Header) -> Iterator[IO[bytes]]:
    """File of the values: a regular file in the header's folder, or below it, and no other."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.upper().startswith("LIST") or "%" in name:
        raise refusal(IDX_003, file=header.file, reason="its values lie in several files")
    target = path.parent.joinpath(*parts)
    outside = PurePosixPath(name).is_absolute() or ".." in parts or ":" in name
    if outside or not target.resolve().is_relative_to(path.parent.resolve()):
        raise refusal(IDX_006, "values", file=header.file, name=name)
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise refusal(IDX_003, file=name, reason=error.strerror or str(error)) from error
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refusal(IDX_006, "values", file=header.file, name=name)
        yield stream


def _named(header: _Header, layers: int) -> tuple[Named, ...]:
    """Slicer's segments in their order: Segment0_Name, _LabelValue, _Layer, _Tags."""
    rows: dict[int, dict[str, str]] = {}
    for key, value in header.keys.items():
        found = _SEGMENT.fullmatch(key)
        if found:
            rows.setdefault(int(found[1]), {})[found[2]] = value
    named = []
    for index, row in sorted(rows.items()):
        label, layer = row.get("LabelValue", "1"), row.get("Layer", "0")
        if not (label.isdecimal() and layer.isdecimal() and int(layer) < layers):
            reason = f"segment {index} is label {label!r} of layer {layer!r}"
            raise refusal(IDX_003, file=header.file, reason=reason)
        code = _TYPE.search(row.get("Tags", ""))
        name = readable(row.get("Name", ""))
        named.append(Named(int(label), name, code and code[1], int(layer)))
    return tuple(named)
