"""Which of several patient identities of one study is read: chosen by Patient ID or by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import IDX_020, USE_005, UsageError
from netimg.reading.person import differing, identities
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.headers import Header


def of_one_person(
    images: Sequence[Header], uid: str, chosen: str | None
) -> tuple[list[Header], list[Header]]:
    """Images of the patient that is read, and those of others.

    Parameters
    ----------
    images, uid
        Of one study.
    chosen
        Patient ID, or the number of an identity where the study carries several (``--patient``).

    Raises
    ------
    InputError
        IDX-020 where several persons are left.
    UsageError
        USE-005 where nobody is meant.
    """
    people = identities(images)
    if chosen is None:
        if len(people) > 1:
            raise _several(people, images, uid)
        return list(images), []
    kept = [h for h in images if h.patient.id == chosen]
    if not kept:
        kept = _numbered(people, images).get(chosen, [])
    if images and not kept:
        what = "no image of this study carries the patient ID that was typed (--patient)."
        todo = "Type it as it stands in the files, Patient ID (0010,0020)."
        raise UsageError(USE_005, what=what, todo=todo)
    left = identities(kept)
    if len(left) > 1:
        raise _several(left, images, uid, people)
    mine = set(map(id, kept))
    return kept, [h for h in images if id(h) not in mine]


def _several(
    left: list[list[Header]],
    images: Sequence[Header],
    uid: str,
    people: list[list[Header]] | None = None,
) -> Exception:
    """IDX-020: how many images each has, by what they differ, and how each is chosen."""
    sizes = [len({h.file for h in own}) for own in left]
    files = ", ".join(f"{n} file{'' if n == 1 else 's'}" for n in sizes)
    ways = [
        f"--patient {number} (as {own[0].file.name})"
        for number, own in _numbered(people or left, images).items()
    ]
    return refusal(
        IDX_020,
        "" if people is None else "same_id",
        uid=uid,
        n=len(left),
        files=files,
        differ=" and ".join(differing([own[0].patient for own in left])),
        ways=", ".join(ways),
    )


def _numbered(people: list[list[Header]], images: Sequence[Header]) -> dict[str, list[Header]]:
    """Identities by a number from 1; a number that is a Patient ID here is passed over."""
    ids = {h.patient.id for h in images}
    free = (str(n) for n in range(1, len(people) + len(ids) + 1) if str(n) not in ids)
    return dict(zip(free, people, strict=False))
