"""Which structure of a mask file is meant: by a person's word, else by code, else by words."""

from __future__ import annotations

import itertools
import re
from functools import cache
from typing import TYPE_CHECKING

from netimg.anatomy import LABEL_NAMES
from netimg.errors import MSK_003
from netimg.reading.problems import refusal
from netimg.reading.tables import table
from netimg.reading.tracer import plain
from netimg.resources import load_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.reading.masks.part import Structure

LIVER, LESION = "liver", "lesion"


def choose(
    structures: Sequence[Structure], *, want: str, label: str | None, file: str
) -> list[Structure]:
    """Structures that are meant: several for lesions, or where several are one liver.

    Raises
    ------
    MaskError
        MSK-003 with the names that are there.
    """
    if label is not None:
        return [_labelled(structures, label, file)]
    if want not in (LIVER, LESION):
        words = [s for s in structures if want.casefold() in plain(s.name)]
        return words or _only_one(structures, want, file)
    if structures and not any(s.name or s.code for s in structures):
        return _unnamed(structures, want, file)
    codes = table("masks")[want]["codes"]
    coded = [s for s in structures if s.code in codes and not is_apart(s)]
    fits = coded or [s for s in structures if not _coded_otherwise(s, want) and _says(s, want)]
    if not fits:
        fits = [s for s in _only_one(structures, want, file) if meaning(s) is None]
        if not fits:
            raise not_there(structures, want, file)
    return fits if want == LESION else _one_liver(fits, file, coded=bool(coded))


def meaning(structure: Structure) -> str | None:
    """``liver``, ``lesion``, ``other`` for what is neither, None where it cannot be told."""
    if is_apart(structure):
        return "other"
    for want in (LESION, LIVER):
        if structure.code in table("masks")[want]["codes"]:
            return want
    if code_of(structure) not in (None, 1, 2):
        return "other"
    return next((want for want in (LESION, LIVER) if _says(structure, want)), None)


def is_apart(structure: Structure) -> bool:
    """Whether a name says that it is neither: a margin, a cyst, the liver less its lesions."""
    rows = table("masks")
    apart = rows["apart"]
    words = _words(structure.name)
    livers = set(rows[LIVER]["words"])
    if words & set(apart["words"]) or (words & set(apart["organs"]) and not words & livers):
        return True
    if not words & livers:
        return False
    lesions = {*rows[LESION]["words"], *apart["volumes"]}
    if words & set(apart["minus"]) and words & lesions:
        return True
    pieces = [_ends(piece) for piece in re.split("[-\u2013\u2212]", structure.name)]
    return any(
        left in livers and right in apart["volumes"]
        for (_, left), (right, _) in itertools.pairwise(pieces)
    )


def code_of(structure: Structure) -> int | None:
    """Netimg's label code of a structure: by its name, else by its property type."""
    found = _names().get(plain(structure.name))
    return _types().get(structure.code or "") if found is None else found


def not_there(structures: Sequence[Structure], asked: str, file: str) -> Exception:
    """Refusal that names what is there instead."""
    return refusal(MSK_003, where=file, asked=asked, present=present(structures))


def present(structures: Sequence[Structure]) -> str:
    """Structures as `FILE:LABEL` names them."""
    return ", ".join(map(str, structures)) or "nothing"


@cache
def _names() -> Mapping[str, int]:
    names = {plain(text): code for code, text in LABEL_NAMES.items()}
    return names | {str(k): int(v) for k, v in table("masks")["synonyms"].items()}


@cache
def _types() -> Mapping[str, int]:
    """Codes that name one structure and no side of it."""
    rows = load_toml("configs", "reporting", "codes.toml")["labels"].items()
    plain_rows = [(int(n), row) for n, row in rows if "side" not in row]
    return {row["code"]: n for n, row in reversed(plain_rows)}


def _only_one(structures: Sequence[Structure], want: str, file: str) -> list[Structure]:
    if len(structures) != 1:
        raise not_there(structures, want, file)
    return list(structures)


def _unnamed(structures: Sequence[Structure], want: str, file: str) -> list[Structure]:
    """Numbers without names: lesions each, or a liver in netimg's own codes."""
    liver = table("masks")[LIVER]["labels"]
    if want == LIVER and len(structures) > 1 and not all(s.number in liver for s in structures):
        raise refusal(MSK_003, "several", where=file, asked=want, present=present(structures))
    return list(structures)


def _one_liver(fits: list[Structure], file: str, *, coded: bool) -> list[Structure]:
    """What is called liver and nothing more, else the only one, else all of one code."""
    words = set(table("masks")[LIVER]["words"])
    whole = [s for s in fits if set(plain(s.name).split()) <= words and s.name]
    if len(whole) == 1 or len(fits) == 1:
        return whole or fits
    if coded:
        return fits
    raise refusal(MSK_003, "which", where=file, asked=LIVER, present=present(fits))


def _coded_otherwise(structure: Structure, want: str) -> bool:
    """Whether its code says that it is the other of liver and lesion."""
    other = LIVER if want == LESION else LESION
    return structure.code in table("masks")[other]["codes"]


def _words(text: str) -> set[str]:
    """Words of a name without marks and numbers at their ends."""
    return {re.sub(r"\d+$", "", word) for word in plain(text).split()}


def _ends(text: str) -> tuple[str, str]:
    """First and last word."""
    words = [re.sub(r"\d+$", "", word) for word in plain(text).split()] or [""]
    return words[0], words[-1]


def _says(structure: Structure, want: str) -> bool:
    """Whether a name means it, else the type of an ROI; "liver lesion" means a lesion."""
    rows = table("masks")
    if is_apart(structure):
        return False
    for text in (structure.name, structure.hint):
        words = _words(text)
        for kind in (LESION, LIVER):
            if _holds(words, rows[kind]):
                return kind == want
    return False


def _holds(words: set[str], row: Mapping[str, Sequence[str]]) -> bool:
    """Whether words, or parts of them, mean it and none denies it."""
    unless = tuple(row.get("unless", ()))
    if words & set(unless):
        return False
    compound = (word for word in words if not unless or not word.startswith(unless))
    stems = row.get("stems", ())
    return bool(words & set(row["words"])) or any(s in word for word in compound for s in stems)


def _labelled(structures: Sequence[Structure], label: str, file: str) -> Structure:
    asked = label.strip().casefold()
    for fits in (
        [s for s in structures if asked == str(s.number)],
        [s for s in structures if asked == s.name.strip().casefold()],
        [s for s in structures if asked in s.name.casefold()],
    ):
        if len(fits) == 1:
            return fits[0]
    raise not_there(structures, label, file)
