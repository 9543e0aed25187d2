"""Which nuclide a header names: each spelling of each row, and names that have no row."""

import numpy as np
import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from netimg.reading.studies import survey_study
from netimg.reading.suv.header import Injection
from netimg.reading.suv.nuclide import evidence, strangers
from netimg.reading.tables import table
from tests.make import dicom as make
from tests.make.pet_headers import HOUR, factor, part, refused

STORED = np.arange(10 * 4 * 5).reshape(10, 4, 5) + 100
GALLIUM = 72500 / (154e6 * 2 ** (-3780 / 4057.7))
LOCAL = {"Radiopharmaceutical": "Solution", "RadionuclidePositronFraction": None}

ELEMENTS = {
    "F": "Fluorine", "Ga": "Gallium", "C": "Carbon", "Cu": "Copper", "Zr": "Zirconium",
    "I": "Iodine", "Sc": "Scandium", "N": "Nitrogen", "O": "Oxygen", "Rb": "Rubidium",
    "Lu": "Lutetium", "In": "Indium", "Tc": "Technetium",
}  # fmt: skip
SPELLINGS = (
    "^{mass}^{element}", "{mass}{symbol}", "{mass} {symbol}", "{symbol}-{mass}", "{symbol}{mass}",
    "{element}-{mass}", "{mass} {element}", "{mass}{element}", "[{mass}{symbol}]",
)  # fmt: skip


@pytest.mark.parametrize("name", table("nuclides"))
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_nuclide_is_known_in_every_spelling(name, spelling):
    symbol, _, mass = name.partition("-")
    text = spelling.format(mass=mass, symbol=symbol, element=ELEMENTS[symbol])
    for field in ("nuclide_meaning", "tracer", "tracer_meaning"):
        item = Injection(**{field: text})
        assert evidence(item) == [name]
        assert strangers(item) == []


PUBLISHED = {
    (scheme, value): meaning
    for scheme, names in cid_concepts[4020].items()
    for word in names
    for value, (meaning, _) in concepts[scheme][word].items()
}


@pytest.mark.parametrize("code", PUBLISHED, ids=PUBLISHED.values())
def test_every_code_of_the_standard_names_what_its_meaning_names(code):
    by_code = Injection(nuclide_code=code[1], nuclide_scheme=code[0])
    by_word = Injection(nuclide_meaning=PUBLISHED[code])
    named = evidence(by_code) + strangers(by_code)
    assert len(named) == 1
    assert evidence(by_word) + strangers(by_word) == named


WRONG = {
    "I-124 by its code": (("40937006", "SCT", "^124^Iodine"), "6586.2 s does not belong to I-124"),
    "I-124 by its meaning": (("X", "99LOCAL", "^124^Iodine"), "6586.2 s does not belong to I-124"),
    "O-15 by its code alone": (("129504001", "SCT", ""), "6586.2 s does not belong to O-15"),
    "Y-86": (("10738001", "SCT", "^86^Yttrium"), "6586.2 s does not belong to Y-86"),
    "Y-90 by its meaning": (("X", "99LOCAL", "^90^Yttrium"), "6586.2 s does not belong to Y-90"),
    "one that no table has": (
        ("X", "99LOCAL", "^212^Lead"), "6586.2 s does not belong to Lead-212"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_named_nuclide_with_the_half_life_of_another_is_refused(case, tmp_path):
    code, says = case
    for name, bent in (
        ("wrong", LOCAL | {"RadionuclideCode": code, "RadionuclideHalfLife": "6586.2"}),
        ("right", {}),
    ):
        make.pet_series(tmp_path / name, STORED, radiopharmaceutical=bent)
    (pet,) = survey_study(tmp_path / "wrong").series
    assert (pet.suv.possible, pet.suv.code) == (False, "SUV-008")
    assert says in pet.suv.sentence
    assert "reconstructed" in pet.suv.todo
    (pet,) = survey_study(tmp_path / "right").series
    assert {flag.code for flag in pet.suv.notes} == set()
    assert pet.load().values == pytest.approx(STORED * 0.75 * GALLIUM, rel=1e-6)


def test_a_stranger_beside_a_nuclide_whose_half_life_fits_is_said():
    generator = part(injected={"tracer": "FDG from a 68Ge phantom", "nuclide_code": None})
    assert factor(generator) == pytest.approx(HOUR)
    nothing = part(injected={"tracer": "68Ge/18F", "nuclide_code": None, "half_life": None})
    code, sentence = refused(nothing)
    assert (code, "F-18, Ge-68" in sentence) == ("SUV-008", True)


def test_a_typed_half_life_over_one_that_fits_needs_no_word():
    from netimg.reading.suv import resolve

    same = resolve([part()], overrides={"half_life_s": 6588.0})
    assert "SUV-008" not in {flag.code for flag in same.notes}
    other = resolve([part(injected={"half_life": "4057.7"})], overrides={"half_life_s": 6586.2})
    (note,) = [flag for flag in other.notes if flag.code == "SUV-008"]
    assert "4057.7 s in the header was replaced by the typed 6586.2 s" in note.sentence
    unread = part(injected={"half_life": "110 min"})
    assert factor(unread, overrides={"half_life_s": 6586.2}) == pytest.approx(HOUR)
