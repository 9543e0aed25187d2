"""Contrast phase of a CT from words, tags, order in time and the picture: pure.

Evidence is summed by phase, each source up to its own weight; the winner needs a lead. Reading
runs no network: the medians of the picture come in as numbers (`decide`, ``medians``).
Start reading at `decide`; words stand in `phase_words`, the rules of the picture in
`phase_picture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from netimg.reading.phase_picture import from_picture, seen_text
from netimg.reading.phase_words import from_words, plain_words
from netimg.reading.tables import table
from netimg.study import Phase, PhaseEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netimg.reading.headers import Header
    from netimg.study import OrganMedians, Series

__all__ = ["PhaseReading", "decide", "from_order", "from_tags", "from_words"]

_NAMED = (Phase.UNENHANCED, Phase.ARTERIAL, Phase.PORTAL, Phase.DELAYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseReading:
    """Phase of a CT with the statements it rests on."""

    phase: Phase
    why: str
    sure: bool
    """False where statements compete and none has the lead."""
    lead: int
    """Score of the first named phase over the second; 0 where none is named."""
    evidence: tuple[PhaseEvidence, ...] = ()
    conflict: tuple[str, str] | None = None
    """What words and tags say, and what the picture says, where the two exclude each other."""

    @property
    def is_open(self) -> bool:
        """Whether words, tags and picture leave the phase open."""
        return self.lead < int(table("phases")["weights"]["lead"])


def decide(
    words: Sequence[PhaseEvidence],
    tags: Sequence[PhaseEvidence],
    medians: OrganMedians | None = None,
) -> PhaseReading:
    """Phase from all evidence; `Phase.CONTRAST` where only contrast itself is sure.

    Parameters
    ----------
    words
        From `from_words`.
    tags
        From `from_tags` and `from_order`.
    medians
        HU of aorta, portal vein, liver ..., as far as they are known; None = the picture was not
        looked at.

    Returns
    -------
    PhaseReading
        The picture counts more than words and tags each; where it contradicts them, ``conflict``
        holds both.
    """
    picture = () if medians is None else from_picture(medians)
    said = tuple(words)
    words = _heard(words, (*tags, *picture))
    header = _sum((*words, *tags))
    found = _sum((*words, *tags, *picture))
    parts = [f"{item.says}" for item in (*words, *tags)]
    if medians is not None:
        parts.append(f"picture: {seen_text(medians)}")
    conflict = None
    if _contradict(header.phase, picture):
        by_header = ", ".join(dict.fromkeys(item.says for item in (*words, *tags)))
        conflict = (f"{header.phase.value} ({by_header})", _picture_says(picture, medians))
    return PhaseReading(
        phase=found.phase,
        why=", ".join(dict.fromkeys(parts)) or "nothing is said",
        sure=found.sure and conflict is None,
        lead=found.lead,
        evidence=(*said, *tags, *picture),
        conflict=conflict,
    )


def from_tags(header: Header, *, minutes_ok: bool = True) -> list[PhaseEvidence]:
    """Evidence of contrast tags and of the time from contrast to scan.

    ``minutes_ok`` false leaves the time out.
    """
    rows, found = table("phases"), []
    if contrast_given(header):
        weight = int(rows["weights"]["tags"])
        says = "contrast agent is recorded"
        found.append(PhaseEvidence(says=says, phase="contrast", weight=weight, source="tags"))
    seconds = _delay_s(header) if minutes_ok else None
    if seconds is not None:
        for name, limits in rows["timing"]["seconds"].items():
            low, high = limits
            if low <= seconds < high:
                early = " (early)" if name == "early" else ""
                found.append(
                    PhaseEvidence(
                        says=f"{seconds:.0f} s after contrast{early}",
                        phase=rows["timing"]["means"].get(name, name),
                        weight=int(rows["weights"]["time"]),
                        source="time",
                    )
                )
    return found


def contrast_given(header: Header) -> bool:
    """Whether the tags record a contrast agent other than one that was drunk."""
    rows = table("phases")["contrast_tags"]
    agent = header.contrast_agent
    if agent is None or plain_words(agent) in rows["none"]:
        return False
    route = plain_words(header.contrast_route or "")
    oral = any(word in route.split() for word in rows["oral"])
    return not oral or any(word in route for word in rows["vein"])


def from_order(series: Iterable[Series]) -> Mapping[int, PhaseEvidence]:
    """Weak evidence by series number, where a study holds several contrast scans in time.

    The first scan is more likely arterial, the next portal. Reconstructions of one scan (begun
    within a few seconds of each other) share what they get. Nothing is concluded from one scan,
    nor about a scan whose words name its phase, nor of a phase that words give to another scan.
    """
    rows = table("phases")
    same = timedelta(seconds=float(rows["timing"]["same_scan_s"]))
    timed = sorted(
        (s for s in series if s.acquired_at is not None and _has_contrast(s)),
        key=lambda s: (s.acquired_at, s.number),
    )
    scans: list[list[Series]] = []
    for one in timed:
        begun = scans[-1][0].acquired_at if scans else None
        if begun is not None and one.acquired_at is not None and one.acquired_at - begun <= same:
            scans[-1].append(one)
        else:
            scans.append([one])
    if len(scans) < 2:
        return {}
    found = {}
    taken = {phase for scan in scans for one in scan for phase in _named(one)}
    for (name, says), scan in zip(rows["order"].items(), scans, strict=False):
        for one in () if name in taken else scan:
            if _named(one):
                continue
            found[one.number] = PhaseEvidence(
                says=str(says),
                phase=str(name),
                weight=int(rows["weights"]["order"]),
                source="order",
            )
    return found


def _named(series: Series) -> set[str]:
    """Phases that the words of a CT name."""
    named = {phase.value for phase in _NAMED}
    return {e.phase for e in series.phase_evidence if e.source == "words" and e.phase in named}


def _has_contrast(series: Series) -> bool:
    """Whether tags record contrast and no word says there was none."""
    said = {(item.phase, item.source) for item in series.phase_evidence}
    return ("contrast", "tags") in said and ("unenhanced", "words") not in said


@dataclass(frozen=True, slots=True)
class _Sum:
    phase: Phase
    lead: int
    sure: bool


def _sum(evidence: Sequence[PhaseEvidence]) -> _Sum:
    """Phase with the lead."""
    weights = table("phases")["weights"]
    scores = {phase.value: 0 for phase in _NAMED} | {"contrast": 0, "not_arterial": 0}
    for source in dict.fromkeys(item.source for item in evidence):
        own: dict[str, int] = {}
        for item in evidence:
            if item.source == source:
                own[item.phase] = own.get(item.phase, 0) + item.weight
        for phase, weight in own.items():
            scores[phase] += min(weight, int(weights[_WEIGHT_OF[source]]))
    contrast = scores.pop("contrast")
    scores["arterial"] -= scores.pop("not_arterial")
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    (first, most), (_, second) = ranked[0], ranked[1]
    rival = max(second, contrast if first == Phase.UNENHANCED.value else 0)
    lead = max(0, most - rival) if most > 0 else 0
    if most > 0 and lead >= weights["lead"]:
        return _Sum(Phase(first), lead, sure=True)
    unenhanced = scores[Phase.UNENHANCED.value]
    firm = any(e.phase == "contrast" and (e.source != "words" or e.weight > 1) for e in evidence)
    if firm and (unenhanced <= 0 or contrast - unenhanced >= weights["lead"]):
        return _Sum(Phase.CONTRAST, lead, sure=most <= 0 or unenhanced == most)
    return _Sum(Phase.UNKNOWN, lead, sure=most <= 0)


_WEIGHT_OF = {
    "words": "word",
    "tags": "tags",
    "time": "time",
    "order": "order",
    "picture": "picture",
}
"""Key of ``weights`` that limits what a source may add to one phase."""


def _heard(
    words: Sequence[PhaseEvidence], others: Sequence[PhaseEvidence]
) -> tuple[PhaseEvidence, ...]:
    """Words, without short ambiguous ones that stand alone against a tag or the picture."""
    word = int(table("phases")["weights"]["word"])
    if not words or any(item.weight >= word for item in words):
        return tuple(words)
    against = {item.phase for item in others}
    said = {item.phase for item in words}
    clash = (
        ("unenhanced" in said and against & {"contrast", "arterial", "portal", "delayed"})
        or ("arterial" in said and "not_arterial" in against)
        or (against & {phase.value for phase in _NAMED}) - said
    )
    return () if clash else tuple(words)


def _contradict(header: Phase, picture: Sequence[PhaseEvidence]) -> bool:
    """Whether what words and tags say together cannot be what the picture shows."""
    shown = {item.phase for item in picture}
    if header is Phase.UNKNOWN or not shown:
        return False
    named = shown & {phase.value for phase in _NAMED}
    if header is Phase.CONTRAST:
        return named == {Phase.UNENHANCED.value}
    if named:
        return header.value not in named
    if header is Phase.UNENHANCED:
        return "contrast" in shown
    return header is Phase.ARTERIAL and "not_arterial" in shown


def _picture_says(picture: Sequence[PhaseEvidence], medians: OrganMedians | None) -> str:
    named = [item.phase.replace("_", " ") for item in picture]
    text = named[0] if named else "nothing"
    return f"{text} ({seen_text(medians)})" if medians is not None else text


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
