"""One SeriesInstanceUID may hold several volumes: which files make which.

Keys are tried in a fixed order, and one splits only where it really takes several values; names
and clocks come last, and only where a place is still there more than once. What is too little for
a volume of its own is told apart from what is one. Limits and words:
``configs/reading/geometry.toml``.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netimg.reading.places import count_places, normal_of, repeats
from netimg.reading.split_keys import KEYS, LAST_KEYS, TIME_KEYS
from netimg.reading.split_times import by_passes
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.headers import Header
    from netimg.reading.split_times import Groups

_MOST_SAID = 4
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Cut:
    """One key that took several values: what it said of all groups, and which one this is."""

    key: str
    values: tuple[str, ...]
    counts: tuple[int, ...]
    place: int

    @property
    def value(self) -> str:
        """What the key says of this part."""
        return self.values[self.place]

    @property
    def is_time(self) -> bool:
        """Whether the parts are times or phases of one place."""
        return self.key in TIME_KEYS

    @property
    def word(self) -> str:
        """The key as a reader calls it."""
        return str(table("geometry")["split"]["words"][self.key])

    @property
    def text(self) -> str:
        """Which part this is: ``kernel B60f``."""
        return f"{self.word} {self.value}"

    @property
    def said(self) -> str:
        """Parts with their sizes: ``30 slices each``, or ``B30f: 12 slices, B60f: 9 slices``."""
        if len(set(self.counts)) == 1 and (self.is_time or len(self.counts) > _MOST_SAID):
            return f"{_slices(self.counts[0])} each"
        pairs = zip(self.values[:_MOST_SAID], self.counts, strict=False)
        text = ", ".join(f"{value}: {_slices(n)}" for value, n in pairs)
        rest = len(self.values) - _MOST_SAID
        return f"{text}, and {rest} more" if rest > 0 else text


@dataclass(frozen=True, slots=True)
class Part:
    """Files that may make one volume, and the keys that set them apart."""

    headers: tuple[Header, ...]
    cuts: tuple[Cut, ...] = ()

    @property
    def text(self) -> str:
        """By what it differs from the other parts of its series, in words."""
        return ", ".join(cut.text for cut in self.cuts)

    @property
    def is_overview(self) -> bool:
        """Whether it calls itself a planning overview."""
        return any("LOCALIZER" in h.image_type for h in self.headers)


@dataclass(frozen=True, slots=True)
class Split:
    """Volumes of one series, and parts too small to be one beside a larger part."""

    volumes: tuple[Part, ...]
    overviews: tuple[Part, ...] = ()
    scraps: tuple[Part, ...] = ()


def split(headers: Sequence[Header]) -> Split:
    """Volumes of the files of one series.

    Parameters
    ----------
    headers
        Files (or frames) of one SeriesInstanceUID and one kind, in any order.

    Returns
    -------
    Split
        Every header is in one part; one volume without cuts where nothing differs.
    """
    parts = [Part(tuple(headers))]
    for key, groups in KEYS:
        parts = [piece for part in parts for piece in _cut(part, key, groups(part.headers))]
    for key, groups in LAST_KEYS:
        parts = [
            piece
            for part in parts
            for piece in (
                _cut(part, key, groups(part.headers)) if repeats(part.headers) else [part]
            )
        ]
    parts = [
        piece
        for part in parts
        for piece in (
            [part] if repeats(part.headers) else _cut(part, "block", by_passes(part.headers))
        )
    ]
    return _sorted_out(parts)


def _cut(part: Part, key: str, groups: Groups) -> list[Part]:
    """Parts of a part; itself where a key has one value only."""
    if len(groups) < 2:
        return [part]
    values = _told_apart([value for value, _ in groups])
    counts = tuple(len(own) for _, own in groups)
    return [
        replace(part, headers=tuple(own), cuts=(*part.cuts, Cut(key, values, counts, place)))
        for place, (_, own) in enumerate(groups)
    ]


def _sorted_out(parts: Sequence[Part]) -> Split:
    """Volumes apart from overviews and from what is too small beside a volume."""
    small = table("geometry")["size"]["min_slices"]
    plain = [p for p in parts if not p.is_overview]
    large = [p for p in plain if count_places(p.headers) >= small]
    if not plain:
        return Split(_telling(parts))
    overviews = [p for p in parts if p.is_overview]
    if not large:
        return Split(_telling(plain), tuple(overviews))
    main = max(large, key=lambda p: len(p.headers))
    rest = [p for p in plain if p not in large]
    turned = [p for p in rest if _is_turned(p, main)]
    scraps = [p for p in rest if p not in turned]
    return Split(_telling(large), (*overviews, *turned), tuple(scraps))


def _telling(volumes: Sequence[Part]) -> tuple[Part, ...]:
    """Volumes with those cuts alone that tell them apart, not those that left out a scrap."""
    places: dict[int, set[int]] = {}
    for part in volumes:
        for cut in part.cuts:  # parts of one cut share its values
            places.setdefault(id(cut.values), set()).add(cut.place)
    return tuple(
        replace(part, cuts=tuple(cut for cut in part.cuts if len(places[id(cut.values)]) > 1))
        for part in volumes
    )


def _is_turned(part: Part, main: Part) -> bool:
    """Whether a few slices look across those of the volume, as a planning overview does."""
    a, b = (normal_of(p.headers) for p in (part, main))
    if a is None or b is None:
        return False
    limit = math.cos(math.radians(table("geometry")["split"]["overview_turn_deg"]))
    return abs(float(a @ b)) < limit


def _told_apart(values: Sequence[str]) -> tuple[str, ...]:
    """Values, shortened, with a number behind those that read alike or say nothing."""
    short = [value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…" for value in values]
    often, seen, told = Counter(short), Counter[str](), []
    for value in short:
        seen[value] += 1
        number = str(seen[value])
        told.append(number if not value else value if often[value] == 1 else f"{value} ({number})")
    return tuple(told)


def _slices(n: int) -> str:
    return "1 slice" if n == 1 else f"{n} slices"
