"""How the PETs lie to the CT: registered on request, and the dome of the liver on both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.flag import Flag
    from netimg.study import Series, Study
    from netimg.volume import Volume

_APART = "SEL-010"


def laid_over(study: Study, anatomy: Anatomy | None, *, register: bool = False) -> Study:
    """The study with each PET laid over the CT as far as it can be, and what to doubt about that.

    Parameters
    ----------
    study, anatomy
        The liver drawn on the CT of the study; without one nothing is compared.
    register
        Turn and shift PETs of another coordinate system onto the CT. One that is refused stays
        apart (SEL-010) and is measured by itself.
    """
    if study.ct is None or not study.pets:
        return study
    liver = anatomy is not None and anatomy.has_liver
    if anatomy is None or not liver or not anatomy.grid.same_as(study.ct.grid, tol_mm=0.1):
        if register and any(_is_apart(pet, study.ct) for pet in study.pets):
            refusal = _doubt("SEL-010/refused", reason="there is no liver on the CT to compare")
            return _with_pets(study, study.pets, (refusal,))
        return study
    ct = study.ct.load()
    pets = []
    for pet in study.pets:
        seen = pet
        if register and _is_apart(pet, study.ct):
            seen = _registered(pet, study.ct, ct, anatomy)
        if not _is_apart(seen, study.ct):
            seen = _with_dome(seen, ct, anatomy)
        pets.append(seen)
    return _with_pets(study, tuple(pets), ())


def _is_apart(pet: Series, ct: Series) -> bool:
    frame = pet.frame_of_reference_uid
    return frame is None or frame != ct.frame_of_reference_uid


def _registered(pet: Series, series: Series, ct: Volume, anatomy: Anatomy) -> Series:
    """The PET where its registration puts it, or where it was with the refusal."""
    from netimg.registration import moved, register

    found = register(pet.load(), ct, anatomy.liver)
    if not found.accepted:
        flag = _doubt("SEL-010/refused", reason=found.refusal)
        return replace(pet, registration=found, flags=(*pet.flags, flag))
    numbers = {
        "turned_deg": found.rotation_deg,
        "shifted_mm": found.translation_mm,
        "before": found.similarity_before,
        "after": found.similarity_after,
        "gap_mm": found.liver_gap_mm,
    }
    flag = _doubt("SEL-010/registered", measured=found.liver_gap_mm, **numbers)
    there = moved(pet, series, found)
    word = (
        f"registered to series {series.number}: turned by {found.rotation_deg:.1f} degrees, "
        f"shifted by {found.translation_mm:.0f} mm"
    )
    why = tuple(w for w in there.why if not w.startswith("another coordinate system"))
    return replace(there, why=(*why, word), flags=(*there.flags, flag))


def _with_dome(pet: Series, ct: Volume, anatomy: Anatomy) -> Series:
    """The PET with a doubt where the top of the liver lies elsewhere than on the CT."""
    from netimg.registration import dome_shift
    from netimg.registration.tables import limits

    found = dome_shift(pet.load(), ct, anatomy.liver)
    if found is None:
        return pet
    word = f"dome of the liver {abs(found.shift_mm):.0f} mm {_way(found.shift_mm)} than on the CT"
    pet = replace(pet, why=(*pet.why, word))
    most = float(limits("dome")["shift_mm"])
    if abs(found.shift_mm) <= most:
        return pet
    flag = _doubt(
        "SEL-015",
        measured=found.shift_mm,
        limit=most,
        shift_mm=abs(found.shift_mm),
        way=_way(found.shift_mm),
    )
    return replace(pet, flags=(*pet.flags, flag))


def _way(shift_mm: float) -> str:
    return "higher" if shift_mm > 0 else "lower"


def _with_pets(study: Study, pets: tuple[Series, ...], flags: tuple[Flag, ...]) -> Study:
    """The study with its PETs in place of the earlier ones; SEL-010 only while one is apart."""
    now = {pet.number: pet for pet in pets}
    series = tuple(now.get(s.number, s) for s in study.series)
    ct = study.ct
    untried = ct is not None and any(
        _is_apart(pet, ct) and pet.registration is None for pet in pets
    )
    kept = tuple(f for f in study.flags if f.code != _APART or (untried and not flags))
    return replace(study, pets=pets, series=series, flags=(*kept, *flags))


def _doubt(problem: str, **numbers: object) -> Flag:
    from netimg.reading.problems import doubt

    return doubt(problem, touches=("pet",), **numbers)  # type: ignore[arg-type]  # numbers of the sentence
