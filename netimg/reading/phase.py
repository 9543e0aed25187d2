"""Contrast phase of a CT from words and tags: pure.

Evidence is summed by phase; the winner needs a lead. The picture decides against both where its
medians are given (``medians``); reading itself runs no network.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from netimg.reading.tables import table
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.reading.headers import Header

_PHASES = ("unenhanced", "arterial", "portal", "delayed", "with_contrast")
_LETTER = r"[^\W\d_]"


@dataclass(frozen=True, slots=True)
class PhaseReading:
    """Phase of a CT with the statements it rests on; ``sure`` False means the lead was missing."""

    phase: Phase
    why: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement about the phase: what says it, for which phase, how much it counts."""

    says: str
    phase: str
    weight: int


def from_words(*texts: str | None) -> list[Evidence]:
    """Evidence of the words of a header: the longest phrase at each place counts."""
    found: list[Evidence] = []
    for text in texts:
        if not text:
            continue
        flat = _plain(text)
        for start, end, phase in _phrases(flat):
            phrase = flat[start:end]
            long = len(phrase.replace(" ", "")) > 3 or not phrase.isascii()
            weight = table("phases")["weights"]["word" if long else "short_word"]
            found.append(Evidence(f'"{phrase}"', phase, int(weight)))
        if found:
            break
    return found


def from_tags(header: Header, *, minutes_ok: bool = True) -> list[Evidence]:
    """Evidence of contrast tags and of the time from contrast to scan."""
    rows, found = table("phases"), []
    agent = header.contrast_agent
    given = agent is not None and _plain(agent) not in rows["contrast"]["none"]
    route = (header.contrast_route or "").casefold()
    if given and not ("oral" in route and "iv" not in route and "intra" not in route):
        weight = int(rows["weights"]["tags"])
        found.append(Evidence("contrast agent is recorded", "with_contrast", weight))
    seconds = _delay_s(header) if minutes_ok else None
    if seconds is not None:
        for phase in ("arterial", "portal", "delayed"):
            low, high = rows["timing"][f"{phase}_s"]
            if low <= seconds < high:
                says = f"{seconds:.0f} s after contrast"
                found.append(Evidence(says, phase, int(rows["weights"]["time"])))
    return found


def decide(evidence: list[Evidence]) -> PhaseReading:
    """Phase from all evidence; `Phase.CONTRAST` where only contrast itself is sure."""
    scores = dict.fromkeys(_PHASES, 0)
    for item in evidence:
        scores[item.phase] += item.weight
    said = ", ".join(dict.fromkeys(item.says for item in evidence))
    contrast = scores.pop("with_contrast")
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    (first, most), (_, second) = ranked[0], ranked[1]
    rival = max(second, contrast if first == "unenhanced" else 0)
    if most and most - rival >= table("phases")["weights"]["lead"]:
        return PhaseReading(Phase(first), said, sure=True)
    if contrast and not scores["unenhanced"]:
        return PhaseReading(Phase.CONTRAST, said, sure=most == 0)
    return PhaseReading(Phase.UNKNOWN, said or "nothing is said", sure=most == 0)


def _delay_s(header: Header) -> float | None:
    from netimg.reading.headers import clock_of

    start = clock_of(header.contrast_time)
    if start is None or header.acquired_at is None:
        return None
    then = header.acquired_at.replace(
        hour=start.hour, minute=start.minute, second=start.second, microsecond=start.microsecond
    )
    seconds = (header.acquired_at - then).total_seconds()
    return seconds if 0 <= seconds <= table("phases")["timing"]["max_s"] else None


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
    patterns = []
    for phase in _PHASES:
        for phrases in table("phases")[phase].values():
            for phrase in phrases:
                flat = _plain(phrase)
                if not flat:
                    continue
                letters = flat[0].isascii() or "\u0400" <= flat[0] <= "\u04ff"
                edge = (r"(?<![\w+])", r"(?![\w+])") if letters else ("", "")
                patterns.append((re.compile(edge[0] + re.escape(flat) + edge[1]), phase))
    return tuple(patterns)


def _plain(text: str) -> str:
    """Casefolded, Latin diacritics stripped, separators as blanks; a phrase's sign is kept."""
    flat = text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    flat = unicodedata.normalize("NFKD", flat)
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    flat = unicodedata.normalize("NFC", flat)
    flat = re.sub(r"(?<=\bc)-(?=\s|$)", "\x00", flat)  # "c-" says without contrast
    flat = re.sub(r"[_\-./,;()\[\]:]+", " ", flat).replace("\x00", "-")
    return " ".join(flat.split())
