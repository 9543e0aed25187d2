"""Reading scores as functions of numbers; no image comes in here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True, kw_only=True)
class Krenning:
    """Modified Krenning score: what is still possible, and what is missing to decide.

    ``missing`` names the references (``blood_pool``, ``liver``, ``spleen``) that separate the
    possible scores; ``too_small`` says that low uptake may be partial volume.
    """

    lowest: int
    highest: int
    missing: tuple[str, ...] = ()
    too_small: bool = False

    @property
    def value(self) -> int | None:
        """The score, None where more than one is possible."""
        return self.lowest if self.lowest == self.highest else None


def krenning(
    suv_max: float,
    *,
    blood_pool: float | None,
    liver: float | None,
    spleen: float | None,
    visible: bool = True,
    longest_mm: float | None = None,
    min_lesion_mm: float = 0.0,
) -> Krenning:
    """Modified Krenning score of a lesion from SUVs of an SSTR PET.

    Parameters
    ----------
    suv_max
        Of the lesion.
    blood_pool, liver, spleen
        SUVmean of the references; None = not known.
    visible
        False when a reader sees no uptake: score 0.
    longest_mm, min_lesion_mm
        A lesion shorter than ``min_lesion_mm`` whose highest possible score is below 3 may be
        hidden by partial volume: the upper end becomes 4.

    Returns
    -------
    Krenning
        0 not visible; 1 up to blood pool and liver; 2 above blood pool, up to liver; 3 above
        liver, up to spleen; 4 above liver and spleen. Equal is "up to".

    Notes
    -----
    The published scale was made for the eye; the step between 1 and 2 is this project's own.

    Examples
    --------
    >>> krenning(7.0, blood_pool=1.5, liver=5.0, spleen=9.0).value
    3
    >>> krenning(7.0, blood_pool=1.5, liver=5.0, spleen=None).missing
    ('spleen',)
    """
    if not visible:
        return Krenning(lowest=0, highest=0)
    references = {"blood_pool": blood_pool, "liver": liver, "spleen": spleen}
    above = {
        name: (True, False) if value is None else (suv_max > value,)
        for name, value in references.items()
    }
    outcomes = {choice: _score(*choice) for choice in product(*above.values())}
    missing = tuple(name for k, name in enumerate(references) if _separates(outcomes, k))
    lowest, highest = min(outcomes.values()), max(outcomes.values())
    small = longest_mm is not None and longest_mm < min_lesion_mm and highest < 3
    return Krenning(
        lowest=lowest, highest=4 if small else highest, missing=missing, too_small=small
    )


def _score(above_blood: bool, above_liver: bool, above_spleen: bool) -> int:  # a truth table
    if above_liver:
        return 4 if above_spleen else 3
    return 2 if above_blood else 1


def _separates(outcomes: dict[tuple[bool, ...], int], k: int) -> bool:
    """Whether the k-th comparison alone can change the score."""
    turned = ((c, (*c[:k], not c[k], *c[k + 1 :])) for c in outcomes)
    return any(other in outcomes and outcomes[other] != outcomes[c] for c, other in turned)
