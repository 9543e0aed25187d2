"""Which tracer a PET shows, from its codes and words: pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netimg.reading.tables import table
from netimg.study import TracerClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.reading.suv.header import Injection


@dataclass(frozen=True, slots=True)
class Tracer:
    """What a PET shows. ``id`` of ``configs/reading/tracers.toml``, None where not recognised.

    ``why`` is the header's words that decided; ``clash`` names two statements that exclude each
    other; ``positron`` is False for a nuclide that gives none (SPECT under the PET class).
    """

    id: str | None
    name: str | None
    kind: TracerClass
    nuclide: str | None
    why: str
    clash: tuple[str, str] | None = None
    positron: bool = True
    typed: bool = False


def recognise(
    injection: Injection | None,
    *,
    words: tuple[str, ...] = (),
    typed: str | None = None,
) -> Tracer:
    """Tracer of a PET from its radiopharmaceutical item, then from the words of the series.

    ``typed`` is an id of ``tracers.toml`` given by a person; it wins.
    """
    nuclide = nuclide_of(injection)
    positron = nuclide is None or float(table("nuclides")[nuclide]["positron"]) > 0.0
    if typed is not None:
        row = table("tracers")[typed]
        name, kind = str(row["name"]), TracerClass(row["class"])
        other = nuclide is not None and row["nuclide"] not in ("", nuclide)
        return Tracer(
            typed,
            name,
            kind,
            nuclide,
            f"{name} (typed)",
            clash=(f"{name} as typed", str(nuclide)) if other else None,
            positron=positron,
            typed=True,
        )
    if not positron:
        return Tracer(None, None, TracerClass.UNKNOWN, nuclide, str(nuclide), positron=False)
    fit, clash, why = _match(injection, words, nuclide)
    if fit is None:
        return Tracer(None, None, TracerClass.UNKNOWN, nuclide, why, clash)
    row = table("tracers")[fit]
    return Tracer(fit, row["name"], TracerClass(row["class"]), nuclide, why)


def typed_for(typed: object, uid: str, number: int) -> str | None:
    """Tracer id that a person typed for one PET.

    ``typed`` is an id for every PET, or several of ``UID=ID`` (UID, its beginning, or the number
    of the series).
    """
    every = None
    several = typed if isinstance(typed, (tuple, list)) else () if typed is None else (typed,)
    for text in several:
        token, equals, tracer = str(text).partition("=")
        if not equals:
            every = str(text)
        elif token in (uid, str(number)) or (len(token) >= 8 and uid.startswith(token)):
            return tracer
    return every


def nuclide_of(injection: Injection | None) -> str | None:
    """Nuclide from its code, else the words, else the half-life within 2 %."""
    if injection is None:
        return None
    rows = table("nuclides")
    if _family(injection.nuclide_scheme) in ("", "snomed", "dcm"):
        for name, row in rows.items():
            if injection.nuclide_code in row["codes"] and row["codes"]:
                return str(name)
    texts = plain(" ".join(filter(None, (injection.nuclide_meaning, injection.tracer))))
    for name, row in rows.items():
        if any(_holds(texts, word) for word in row["words"]):
            return str(name)
    try:
        seconds = float(injection.half_life or "nan")
    except ValueError:
        return None
    near = [n for n, row in rows.items() if has_half_life(seconds, row)]
    return str(near[0]) if len(near) == 1 else None


def has_half_life(seconds: float, row: Mapping[str, Any]) -> bool:
    """Whether a half-life is that of a row of ``nuclides.toml``."""
    near = float(table("suv")["nuclide"]["half_life_near"])
    return abs(seconds / float(row["half_life_s"]) - 1.0) <= near


def _match(
    injection: Injection | None, words: tuple[str, ...], nuclide: str | None
) -> tuple[str | None, tuple[str, str] | None, str]:
    """Tracer id, contradiction, and the words that decided."""
    steps: list[str] = []
    if injection is not None:
        meanings = (injection.tracer_meaning, injection.nuclide_meaning)
        steps = [t for t in (injection.tracer, *meanings) if t]
        coded = _coded(injection)
        if coded is not None:
            meaning = injection.tracer_meaning or f"code {injection.tracer_code}"
            against = _against(coded, injection.tracer)
            if against is not None:
                return None, (meaning, against), meaning
            return _with_nuclide([coded], nuclide, meaning)
    for text in (*steps, *filter(None, words)):
        fits = _named(plain(text))
        if fits:
            return _with_nuclide(fits, nuclide, text)
    said = ", ".join(dict.fromkeys((*steps, *filter(None, words)))) or "nothing is said"
    return None, None, said


def _coded(injection: Injection) -> str | None:
    """Tracer id of the radiopharmaceutical code; None where the code is not in the table."""
    family = _family(injection.tracer_scheme)
    for name, row in table("tracers").items():
        for scheme, values in row["codes"].items():
            if injection.tracer_code in values and family in ("", scheme):
                return str(name)
    return None


def _family(scheme: str | None) -> str:
    """Key of the coding schemes that share values; empty where no scheme is said."""
    said = (scheme or "").strip().upper()
    if not said:
        return ""
    families = table("choice")["schemes"].items()
    return next((str(name) for name, schemes in families if said in schemes), said)


def _against(coded: str, text: str | None) -> str | None:
    """The radiopharmaceutical's text, where it names a tracer of another kind than its code."""
    fits = _named(plain(text or ""))
    if not fits or coded in fits or coded == "coded_other":
        return None
    rows = table("tracers")
    same = any(rows[fit]["class"] == rows[coded]["class"] for fit in fits)
    return None if same else text


def _named(text: str) -> list[str]:
    """Tracer ids whose longest word in the text is as long as any other's."""
    best, fits = 0, []
    for name, row in table("tracers").items():
        longest = max((len(w) for w in row["words"] if _holds(text, w)), default=0)
        if longest > best:
            best, fits = longest, [str(name)]
        elif longest and longest == best:
            fits.append(str(name))
    return fits


def _with_nuclide(
    fits: list[str], nuclide: str | None, text: str
) -> tuple[str | None, tuple[str, str] | None, str]:
    rows = table("tracers")
    agree = [f for f in fits if nuclide is None or rows[f]["nuclide"] in ("", nuclide)]
    if not agree:
        return None, (text, str(nuclide)), text
    return agree[0], None, text


def plain(text: str) -> str:
    """Casefolded text without marks and punctuation, single blanks."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w+]+|_", " ", flat).split())


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
