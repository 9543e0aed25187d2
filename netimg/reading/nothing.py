"""Why an examination holds nothing that can be measured, in one paragraph."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from netimg.errors import CODES, IDX_018, SEL_018
from netimg.reading.choose import by_name_only
from netimg.reading.few import is_few
from netimg.reading.problems import refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.errors import NetimgError
    from netimg.study import Series, Study

_NEVER = ("SEL-007", "SEL-008", "SUV-023", "GEO-010")
_MOST = 5


def nothing_usable(study: Study, refused_cts: Sequence[str]) -> NetimgError:
    """SEL-018 where every CT was refused, else IDX-018 with kinds and counts.

    ``refused_cts`` says of each refused CT series why.
    """
    pets = [s for s in study.series if s.kind == "PET" and not is_few(s)]
    cts = [too_coarse(s) for s in study.series if s.kind == "CT"]
    variant = "by_name" if pets else ""
    text = " ".join(by_name(pet) for pet in pets).rstrip(".")
    which = "that PET" if len(pets) == 1 else "one of these PETs"
    option = " or ".join(f"--pet {pet.number}" for pet in pets)
    if refused_cts or cts:
        reasons = "; ".join((*refused_cts[:_MOST], *cts))
        return refusal(
            SEL_018,
            variant,
            reasons=reasons,
            pets=text,
            which=which,
            option=option,
            where=study.source,
        )
    found = "; ".join(f"{_files(n)} ({kind})" for kind, n in _kinds(study).most_common())
    return refusal(
        IDX_018,
        variant,
        n=len(study.files),
        found=found or "nothing",
        pets=text,
        which=which,
        option=option,
        where=study.source,
    )


_FAULTS = {
    "SEL-017": "is a calculated picture",
    "PIX-006": "does not say its unit (PIX-006)",
    "PIX-009": "has 8 bits only",
}


def too_coarse(series: Series) -> str:
    """A CT that is only taken by name: too few slices, too far apart, calculated, or of 8 bits."""
    rows = table("choice")["ct"]
    n, mm, number = series.grid.shape[0], series.grid.spacing_mm[0], series.number
    faults = []
    if n < rows["min_slices"]:
        slices = "1 slice" if n == 1 else f"{n} slices"
        faults.append(f"has only {slices}, and at least {rows['min_slices']} are needed")
    if mm > rows["max_spacing_mm"]:
        most = rows["max_spacing_mm"]
        faults.append(f"has slices {mm:.1f} mm apart, and at most {most:.0f} mm are accepted")
    faults += [_FAULTS[code] for code in by_name_only(series)]
    return f"series {number} {' and '.join(faults)} (take it with --ct {number})"


def by_name(pet: Series) -> str:
    """Why a PET is only taken by name; empty where it would be taken unasked."""
    return " ".join(flag.sentence for flag in pet.flags if flag.code in _NEVER)


def _kinds(study: Study) -> Counter[str]:
    """Files set aside by what they hold, or by why they could not be read."""
    kinds: Counter[str] = Counter()
    for item in study.set_aside:
        found = re.search(r"holds (an? [^,;]+)", item.sentence)
        kinds[found[1] if found else CODES[item.code].title] += 1
    for series in study.series:
        if is_few(series):
            kinds[CODES["GEO-010"].title] += len(series.instances)
    return kinds


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"
