"""Words for contrast phases in the languages of ``configs/reading/phases.toml``: pure."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from netimg.reading.tables import table
from netimg.study import PhaseEvidence

_SPELLED = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"}
_PLAIN = {"ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "\u0131": "i", "đ": "d"}
"""Letters that lose no mark when a text is decomposed."""
_BETWEEN = r"[_\-./,;()\[\]:|\\^'\"&]"
"""A separator."""


def from_words(*texts: str | None) -> list[PhaseEvidence]:
    """Evidence of the words of a header: the first text that says something counts.

    The longest phrase at each place wins, so "non contrast" is not "contrast" and "portal
    hypertension" is no phase.
    """
    for text in texts:
        found = _said(text) if text else []
        if found:
            return found
    return []


def _said(text: str) -> list[PhaseEvidence]:
    weights, unclear = table("phases")["weights"], table("phases")["unclear"]["words"]
    found: dict[tuple[str, str], PhaseEvidence] = {}
    for spelled in (True, False):
        flat = _flat(text, spelled=spelled)
        for start, end, phase in _phrases(flat):
            phrase = flat[start:end]
            if phase == "nothing":
                continue
            long = len(phrase.replace(" ", "")) > 3 or not phrase.isascii()
            sort = "word" if long and phrase not in unclear else "short_word"
            told = _written(text, flat, start, end, spelled=spelled)
            found.setdefault(
                (re.sub(r"[\W_]", "", _stripped(told.casefold())), phase),
                PhaseEvidence(
                    says=f'"{told}"', phase=phase, weight=int(weights[sort]), source="words"
                ),
            )
    return list(found.values())


def _written(text: str, flat: str, start: int, end: int, *, spelled: bool) -> str:
    """The words of a phrase as they stand in the text; flattened where they are parts of words."""
    words = [m for m in re.finditer(r"\S+", _apart(text)) if _flat(m[0], spelled=spelled)]
    before, phrase = flat[:start].split(), flat[start:end].split()
    own = words[len(before) : len(before) + len(phrase)]
    if [_flat(m[0], spelled=spelled) for m in own] != phrase:
        return flat[start:end]
    return text[own[0].start() : own[-1].end()]


def _apart(text: str) -> str:
    """The text with a blank for every separator, of the same length; the sign of "c-" is kept."""
    kept = re.sub(r"(?i)(?<=\bc)-(?=\s|$)", "\x00", text)
    return re.sub(_BETWEEN, " ", kept).replace("\x00", "-")


def plain_words(text: str) -> str:
    """Casefolded, Latin diacritics stripped, separators as blanks; a phrase's sign is kept."""
    return _flat(text, spelled=False)


def _flat(text: str, *, spelled: bool) -> str:
    flat = unicodedata.normalize("NFC", text).casefold()
    if spelled:  # German may be written either way: spaet, spat
        for letter, letters in _SPELLED.items():
            flat = flat.replace(letter, letters)
    flat = _stripped(flat)
    flat = re.sub(r"(?<=\bc)-(?=\s|$)", "\x00", flat)  # "c-" says without contrast
    flat = re.sub(f"{_BETWEEN}+", " ", flat).replace("\x00", "-")
    return " ".join(flat.split())


def _stripped(flat: str) -> str:
    for letter, letters in _PLAIN.items():
        flat = flat.replace(letter, letters)
    flat = unicodedata.normalize("NFKD", flat)
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", flat)


def _phrases(flat: str) -> list[tuple[int, int, str]]:
    """Places of the longest, non-overlapping phrases of the table, in order of place."""
    hits = [
        (match.start(), match.end(), phase)
        for pattern, phase in _patterns()
        for match in pattern.finditer(flat)
    ]
    hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
    taken: list[tuple[int, int, str]] = []
    for hit in hits:
        if all(hit[1] <= start or hit[0] >= end for start, end, _ in taken):
            taken.append(hit)
    return sorted(taken)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    patterns: dict[tuple[str, str], re.Pattern[str]] = {}
    for phase, languages in table("phases")["words"].items():
        for phrases in languages.values():
            for phrase in phrases:
                for flat in {_flat(phrase, spelled=True), plain_words(phrase)} - {""}:
                    spaced = flat[0].isascii() or "\u0370" <= flat[0] <= "\u04ff"
                    edges = (r"(?<![\w+])", r"(?![\w+])") if spaced else ("", "")
                    pattern = re.compile(edges[0] + re.escape(flat) + edges[1])
                    patterns.setdefault((flat, phase), pattern)
    return tuple((pattern, phase) for (_, phase), pattern in patterns.items())
