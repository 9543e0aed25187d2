"""Doubts as a reader sees them: one sentence where several lesions share it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from netimg.flag import Flag
from netimg.reporting.words import words
from netimg.reporting.words.sentences import listed

_ABOUT = re.compile(r"(L[1-9]\d*)( .*)")
_MOST_NAMED = 12


def together(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Put flags together that say the same of several lesions, in the place of the first.

    Only sentences that begin with the lesion and whose verb has a plural in ``[plural]`` join;
    the joined flag touches all of the lesions and has no number of its own.
    """
    groups: dict[object, list[Flag]] = {}
    for flag in flags:
        about = _about(flag)
        key = flag if about is None else (flag.code, flag.severity, about[1])
        groups.setdefault(key, []).append(flag)
    return tuple(group[0] if len(group) == 1 else _joined(group) for group in groups.values())


def _about(flag: Flag) -> tuple[str, str] | None:
    """The lesion a sentence is about and the rest of it; None where it is no such sentence."""
    found = _ABOUT.fullmatch(flag.sentence)
    if found is None or flag.touches != (found[1],):
        return None
    verb = found[2].split(" ")[1]
    return (found[1], found[2]) if verb in words()["plural"]["verbs"] else None


def _joined(group: list[Flag]) -> Flag:
    abouts = [about for flag in group if (about := _about(flag)) is not None]
    lesions = tuple(dict.fromkeys(lesion for lesion, _ in abouts))
    plural = words()["plural"]
    verb, *others = abouts[0][1].split()
    rest = [plural["verbs"][verb], *(plural["others"].get(word, word) for word in others)]
    sentence = " ".join([listed(lesions, _MOST_NAMED), *rest])
    return replace(group[0], sentence=sentence, touches=lesions, value=None, threshold=None)
