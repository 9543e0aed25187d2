"""Why an examination holds nothing that can be measured, in one paragraph."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from netimg.errors import CODES, IDX_018, SEL_018
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.errors import NetimgError
    from netimg.study import Series, Study

_NEVER = ("SEL-007", "SEL-008", "SUV-023")
_MOST = 5


def nothing_usable(study: Study, refused_cts: Sequence[str]) -> NetimgError:
    """SEL-018 where every CT was refused, else IDX-018 with kinds and counts.

    ``refused_cts`` says of each refused CT series why.
    """
    pets = [_never_chosen(s) for s in study.series if s.kind == "PET"]
    cts = [too_coarse(s) for s in study.series if s.kind == "CT"]
    if refused_cts or cts:
        text = "; ".join((*refused_cts[:_MOST], *cts, *pets))
        return refusal(SEL_018, reasons=text, where=study.source)
    parts = pets
    parts += [f"{_files(n)}: {kind}" for kind, n in _kinds(study).most_common()]
    found = "; ".join(parts) or "nothing"
    return refusal(IDX_018, n=len(study.files), found=found, where=study.source)


def too_coarse(series: Series) -> str:
    """A CT that is only taken by name."""
    n, mm, number = series.grid.shape[0], series.grid.spacing_mm[0], series.number
    return f"series {number} has {n} slices {mm:.1f} mm apart (take it with --ct {number})"


def _never_chosen(pet: Series) -> str:
    """A PET that is only taken by name, with the reason."""
    why = [f.sentence.rstrip(".") for f in pet.flags if f.code in _NEVER]
    reason = f" ({why[0][:1].lower()}{why[0][1:]})" if why else ""
    return f"{len(pet.instances)} PET images{reason}, taken with --pet {pet.number}"


def _kinds(study: Study) -> Counter[str]:
    """Files set aside by what they hold, or by why they could not be read."""
    kinds: Counter[str] = Counter()
    for item in study.set_aside:
        found = re.search(r"holds (an? [^,;]+)", item.sentence)
        kinds[found[1] if found else CODES[item.code].title] += 1
    return kinds


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"
