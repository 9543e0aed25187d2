"""Tracer and nuclide from codes of several schemes and from the words in the wild."""

import pytest

from netimg.reading.suv.header import Injection
from netimg.reading.tracer import nuclide_of, recognise
from netimg.study import TracerClass


@pytest.mark.parametrize(
    ("fields", "tracer", "nuclide"),
    [
        ({"tracer": "68Ga-DOTATATE", "half_life": "4062.6"}, "dotatate_ga68", "Ga-68"),
        ({"tracer": "DOTATATE", "nuclide_code": "35337001"}, "dotatate_ga68", "Ga-68"),
        ({"tracer": "DOTATATE", "nuclide_code": "3932008"}, "dotatate_cu64", "Cu-64"),
        ({"tracer": "DETECTNET", "nuclide_code": "C-127A2"}, "dotatate_cu64", "Cu-64"),
        ({"tracer": "Ga DOTA-TOC", "nuclide_code": "C-131A3"}, "dotatoc_ga68", "Ga-68"),
        ({"tracer": "DOTANOC", "half_life": "4080"}, "dotanoc_ga68", "Ga-68"),
        ({"tracer": "FDG -- fluorodeoxyglucose", "nuclide_code": "C-111A1"}, "fdg_f18", "F-18"),
        ({"tracer_code": "35321007", "half_life": "6586.2"}, "fdg_f18", "F-18"),
        ({"tracer_code": "C-B1031", "half_life": "6588"}, "fdg_f18", "F-18"),
        ({"tracer_code": "724025002", "half_life": "4057.7"}, "dotatate_ga68", "Ga-68"),
        ({"tracer": "6-fluoro-L-DOPA, FDOPA", "half_life": "6586.2"}, "fdopa_f18", "F-18"),
        ({"tracer": "Solution", "half_life": "4062.6"}, None, "Ga-68"),
        ({}, None, None),
    ],
)
def test_the_header_names_tracer_and_nuclide(fields, tracer, nuclide):
    found = recognise(Injection(**fields))
    assert (found.id, found.nuclide) == (tracer, nuclide)


def test_words_of_the_series_are_the_last_resort():
    assert recognise(Injection(half_life="4062.6"), words=("PET DOTATOC AC",)).id == "dotatoc_ga68"
    assert recognise(None, words=("PET FDG",)).kind is TracerClass.FDG
    assert recognise(None, words=("PET AC",)).kind is TracerClass.UNKNOWN


def test_a_tracer_on_another_nuclide_contradicts_itself():
    found = recognise(Injection(tracer="FDG", nuclide_code="C-131A3"))
    assert found.id is None
    assert found.clash == ("FDG", "Ga-68")


def test_a_nuclide_without_positrons_is_no_pet():
    lutetium = Injection(nuclide_code="C-101ED", nuclide_meaning="177 Lutetium")
    assert not recognise(lutetium).positron
    assert nuclide_of(Injection(nuclide_meaning="^99m^Technetium")) == "Tc-99m"


def test_what_a_person_typed_wins():
    found = recognise(Injection(tracer="solution"), typed="dotatate_ga68")
    assert (found.kind, "typed" in found.why) == (TracerClass.SSTR, True)
