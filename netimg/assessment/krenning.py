"""Modified Krenning score of one lesion from SUVs: every score that is still possible.

0 not visible; 1 up to blood pool; 2 above blood pool up to liver; 3 above liver up to spleen; 4
above spleen. SUVmax of the lesion against SUVmean of the references; equal is not above.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from netimg.assessment.known import Known, equal, missing, within_error
from netimg.verdict import Reason

REFERENCES = ("blood_pool_mean", "liver_mean", "spleen_mean")


def krenning(
    name: str,
    suvmax: Known,
    references: Mapping[str, Known],
    *,
    visible: bool,
    longest_mm: float | None,
    min_lesion_mm: float,
) -> Known:
    """Score of a lesion, an interval where a reference is missing or the lesion small.

    Parameters
    ----------
    name
        Lesion id, for reasons.
    suvmax
        SUVmax of the lesion on the SSTR PET.
    references
        SUVmean by `REFERENCES`.
    visible
        False = a person sees no uptake: score 0.
    longest_mm, min_lesion_mm
        A smaller lesion whose highest possible score is below 3 may hide uptake: up to 4.
    """
    if visible and suvmax.value is None:
        return Known.absent(suvmax.reasons or {missing(f"pet.sstr.lesions.{name}.suvmax")})
    scores, reasons = _scores(suvmax, references) if visible else ({0}, set())
    lo, hi = min(scores), max(scores)
    if hi < 3 and longest_mm is not None and longest_mm < min_lesion_mm:
        reasons.add(Reason("not_assessable", f"lesions.{name}"))
        hi = 4
    doubts = suvmax.doubts.union(*(references[r].doubts for r in REFERENCES))
    if lo == hi:
        return Known(value=lo, doubts=doubts, provenance=suvmax.provenance)
    return Known(
        lo=lo, hi=hi, reasons=frozenset(reasons), doubts=doubts, provenance=suvmax.provenance
    )


def _scores(suvmax: Known, references: Mapping[str, Known]) -> tuple[set[int], set[Reason]]:
    """Possible scores, and the reasons of the references that separate them."""
    above = [_is_above(suvmax, references[r]) for r in REFERENCES]
    choices: list[tuple[bool, ...]] = [
        (True, False) if answer is None else (answer,) for answer in above
    ]
    scores = {_score(combination) for combination in itertools.product(*choices)}
    reasons: set[Reason] = set()
    for k, reference in enumerate(REFERENCES):
        if above[k] is None and _separates(choices, k):
            found = references[reference]
            error = Reason("within_error", suvmax.error_name)
            reasons |= found.reasons if found.value is None else {error}
    return scores, reasons


def _is_above(suvmax: Known, reference: Known) -> bool | None:
    """Whether the uptake is above a reference; None where that is not known."""
    if reference.bounds is None or suvmax.bounds is None:
        return None
    level = reference.bounds[0]
    if within_error(suvmax, level):
        return None
    value = suvmax.bounds[0]
    return value > level and not equal(value, level)


def _score(above: tuple[bool, ...]) -> int:
    """Score of the answers to `REFERENCES`."""
    above_blood, above_liver, above_spleen = above
    if above_liver:
        return 4 if above_spleen else 3
    return 2 if above_blood else 1


def _separates(choices: list[tuple[bool, ...]], position: int) -> bool:
    """Whether the score depends on one open answer in any case that can occur."""
    others = [c for k, c in enumerate(choices) if k != position]
    for combination in itertools.product(*others):
        before, after = combination[:position], combination[position:]
        if _score((*before, True, *after)) != _score((*before, False, *after)):
            return True
    return False
