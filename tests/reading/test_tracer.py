"""Tracer and nuclide from codes of several schemes and from the words in the wild."""

import pytest

from netimg.errors import UsageError
from netimg.reading import open_study
from netimg.reading.suv.header import Injection
from netimg.reading.tables import table
from netimg.reading.tracer import nuclide_of, recognise, typed_for
from netimg.study import Role, TracerClass
from tests.make.dicom import ct_series, pet_series, uid

NUCLIDES = {
    "F-18": ("77004003", "C-111A1", "6586.2"),
    "Ga-68": ("35337001", "C-131A3", "4062.6"),
    "Cu-64": ("3932008", "C-127A2", "45723.6"),
    "Zr-89": ("63360001", "C-168A4", "282276"),
    "C-11": ("40565003", "C-105A1", "1223.4"),
}
OLD = ("SRT", "SNM3", "99SDM")

SSTR, FDG, OTHER = TracerClass.SSTR, TracerClass.FDG, TracerClass.OTHER
CODED = [
    ("dotatate_ga68", SSTR, "Ga-68", "724025002", "SCT"),
    ("dotatoc_ga68", SSTR, "Ga-68", "C2713594", "UMLS"),
    ("fdg_f18", FDG, "F-18", "35321007", "SCT"),
    *(("fdg_f18", FDG, "F-18", "C-B1031", scheme) for scheme in OLD),
    ("fdopa_f18", OTHER, "F-18", "5811000122108", "SCT"),
    *(("fdopa_f18", OTHER, "F-18", "C-E0241", scheme) for scheme in OLD),
    ("naf_f18", OTHER, "F-18", "129501009", "SCT"),
    ("naf_f18", OTHER, "F-18", "C-B1032", "SRT"),
    ("fes_f18", OTHER, "F-18", "926372005", "SCT"),
    ("choline", OTHER, "F-18", "456992002", "SCT"),
    ("choline", OTHER, "C-11", "126703", "DCM"),
    ("psma", OTHER, "Ga-68", "C118961", "NCIt"),
    ("psma", OTHER, "F-18", "126758", "DCM"),
    ("coded_other", OTHER, "F-18", "457000009", "SCT"),
    ("coded_other", OTHER, "C-11", "C-B1043", "SRT"),
]
SAID = [
    ("dotatate_ga68", "Ga-68", ["68Ga-DOTATATE", "NETSPOT", "Ga-68 oxodotreotide", "DOTA-TATE",
                                "Gallium DOTATATE", "Ga TATE"]),
    ("dotatoc_ga68", "Ga-68", ["Ga DOTA-TOC", "DOTATOC", "68Ga edotreotide", "SomaKit TOC"]),
    ("dotanoc_ga68", "Ga-68", ["DOTANOC", "Ga-68 DOTA-NOC", "68Ga NOC"]),
    ("dotatate_cu64", "Cu-64", ["Detectnet", "Cu DOTATATE", "copper Cu 64 dotatate",
                                "64Cu-DOTATATE", "Copper oxodotreotide", "DOTATATE"]),
    ("sifalin_tate_f18", "F-18", ["SiFAlin-TATE", "SiTATE", "[18F]SiFAlinTATE", "F18 TATE"]),
    ("dotajr11_ga68", "Ga-68", ["DOTA-JR11", "NODAGA-LM3", "68Ga JR11"]),
    ("satoreotide", "Ga-68", ["68Ga-satoreotide trizoxetan"]),
    ("fdg_f18", "F-18", ["FDG -- fluorodeoxyglucose", "F-18 FDG", "Fludeoxyglucose",
                         "18F Deoxyglucose"]),
    ("fdopa_f18", "F-18", ["6-fluoro-L-DOPA, FDOPA", "F-DOPA", "Fluorodopa"]),
    ("psma", "Ga-68", ["PSMA-11"]),
    ("flt_f18", "F-18", ["FLT"]),
]  # fmt: skip


def by_nuclide(nuclide, **fields):
    code, _, half_life = NUCLIDES[nuclide]
    given = {"nuclide_code": code, "nuclide_scheme": "SCT", "half_life": half_life}
    return Injection(**(given | fields))


@pytest.mark.parametrize("name", NUCLIDES)
@pytest.mark.parametrize("scheme", ["SCT", *OLD])
def test_a_nuclide_is_known_by_its_code_in_every_scheme(name, scheme):
    code = NUCLIDES[name][0 if scheme == "SCT" else 1]
    assert nuclide_of(Injection(nuclide_code=code, nuclide_scheme=scheme)) == name


@pytest.mark.parametrize("name", NUCLIDES)
def test_without_a_code_the_words_and_then_the_half_life_name_the_nuclide(name):
    element, mass = name.split("-")
    assert nuclide_of(Injection(tracer=f"{mass}{element} something")) == name
    assert nuclide_of(Injection(half_life=NUCLIDES[name][2])) == name
    assert nuclide_of(Injection(half_life=str(float(NUCLIDES[name][2]) * 1.1))) is None


def test_a_code_of_another_scheme_falls_through_to_its_meaning():
    private = Injection(
        nuclide_code="35337001",
        nuclide_scheme="99HOSP",
        nuclide_meaning="^18^Fluorine",
        tracer_code="724025002",
        tracer_scheme="99HOSP",
        tracer_meaning="Fluorodeoxyglucose",
    )
    found = recognise(private)
    assert (found.id, found.nuclide) == ("fdg_f18", "F-18")


@pytest.mark.parametrize(("tracer", "kind", "nuclide", "code", "scheme"), CODED)
def test_a_coded_tracer_is_known_and_its_class(tracer, kind, nuclide, code, scheme):
    found = recognise(by_nuclide(nuclide, tracer_code=code, tracer_scheme=scheme))
    assert (found.id, found.kind, found.nuclide, found.clash) == (tracer, kind, nuclide, None)


@pytest.mark.parametrize(
    ("code", "scheme"),
    [(code, scheme) for tracer, _, _, code, scheme in CODED if table("tracers")[tracer]["nuclide"]],
)
def test_a_coded_tracer_on_a_nuclide_it_cannot_carry_contradicts_itself(code, scheme):
    found = recognise(
        by_nuclide("Zr-89", tracer_code=code, tracer_scheme=scheme, tracer_meaning="as coded")
    )
    assert (found.id, found.kind) == (None, TracerClass.UNKNOWN)
    assert found.clash == ("as coded", "Zr-89")


@pytest.mark.parametrize(
    ("tracer", "nuclide", "text"), [(t, n, text) for t, n, texts in SAID for text in texts]
)
@pytest.mark.parametrize("place", ["tracer", "tracer_meaning", "words"])
def test_text_alone_names_the_tracer(tracer, nuclide, text, place):
    words = (text,) if place == "words" else ()
    fields = {} if place == "words" else {place: text}
    found = recognise(by_nuclide(nuclide, **fields), words=words)
    assert (found.id, found.clash) == (tracer, None)
    assert found.kind is TracerClass(table("tracers")[tracer]["class"])


@pytest.mark.parametrize(
    "text", [texts[0] for tracer, _, texts in SAID if table("tracers")[tracer]["nuclide"]]
)
def test_a_named_tracer_on_another_nuclide_contradicts_itself(text):
    found = recognise(by_nuclide("C-11", tracer=text))
    assert found.id is None
    assert found.clash == (text, "C-11")


@pytest.mark.parametrize("text", ["Solution", "68Ga", "Ga-68", "", None, "Gallium"])
def test_a_somatostatin_analogue_is_never_concluded_from_gallium_alone(text):
    found = recognise(by_nuclide("Ga-68", tracer=text))
    assert (found.id, found.kind, found.nuclide) == (None, TracerClass.UNKNOWN, "Ga-68")
    assert found.clash is None


def test_nothing_at_all_is_unknown():
    for injection in (None, Injection()):
        found = recognise(injection)
        assert (found.id, found.nuclide, found.why) == (None, None, "nothing is said")


def test_code_and_text_of_different_classes_contradict_each_other():
    """A code that a console left behind is not believed against what a person wrote."""
    left = by_nuclide(
        "F-18",
        tracer="SiTATE",
        tracer_code="C-B1031",
        tracer_scheme="SRT",
        tracer_meaning="Fluorodeoxyglucose F^18^",
    )
    found = recognise(left)
    assert (found.id, found.clash) == (None, ("Fluorodeoxyglucose F^18^", "SiTATE"))


def test_words_of_the_series_are_the_last_resort():
    assert recognise(Injection(half_life="4062.6"), words=("PET DOTATOC AC",)).id == "dotatoc_ga68"
    assert recognise(None, words=("PET FDG",)).kind is TracerClass.FDG
    assert recognise(None, words=("PET AC",)).kind is TracerClass.UNKNOWN
    named = by_nuclide("F-18", tracer="FDG")
    assert recognise(named, words=("DOTATATE follow-up",)).id == "fdg_f18"


def test_a_nuclide_without_positrons_is_no_pet():
    lutetium = Injection(nuclide_code="C-101ED", nuclide_meaning="177 Lutetium")
    assert not recognise(lutetium).positron
    assert nuclide_of(Injection(nuclide_meaning="^99m^Technetium")) == "Tc-99m"


def test_what_a_person_typed_wins():
    found = recognise(Injection(tracer="solution"), typed="dotatate_ga68")
    assert (found.kind, "typed" in found.why, found.typed) == (SSTR, True, True)


def test_what_a_person_typed_against_the_nuclide_wins_and_is_doubted():
    found = recognise(by_nuclide("F-18"), typed="dotatate_ga68")
    assert found.id == "dotatate_ga68"
    assert found.clash == ("Ga-68 DOTATATE as typed", "F-18")


def test_with_several_pets_each_is_typed_for_by_its_uid_or_number():
    typed = ("2=fdg_f18", "1.2.840.99=dotatate_ga68")
    assert typed_for(typed, "1.2.3", 2) == "fdg_f18"
    assert typed_for(typed, "1.2.840.99.7", 3) == "dotatate_ga68"
    assert typed_for(typed, "1.2.3", 4) is None
    assert typed_for("fdg_f18", "1.2.3", 4) == "fdg_f18"
    assert typed_for("4=fdg_f18", "1.2.3", 5) is None
    assert typed_for(None, "1.2.3", 4) is None


def codes(series):
    return {flag.code: flag.sentence for flag in series.flags}


CU64 = {
    "Radiopharmaceutical": "Detectnet",
    "RadionuclideCode": ("3932008", "SCT", "^64^Copper"),
    "RadionuclideHalfLife": "45723.6",
    "RadionuclidePositronFraction": "0.176",
}
GA68 = {
    "Radiopharmaceutical": None,
    "RadiopharmaceuticalCode": ("724025002", "SCT", "Dotatate Ga^68^"),
    "RadionuclideCode": ("35337001", "SCT", "^68^Gallium"),
}


@pytest.mark.parametrize(
    ("item", "tracer"), [(GA68, "dotatate_ga68"), (CU64, "dotatate_cu64")], ids=["Ga-68", "Cu-64"]
)
def test_a_somatostatin_pet_is_measured_as_one(tmp_path, item, tracer):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet", radiopharmaceutical=item)
    (pet,) = open_study(tmp_path).pets
    assert (pet.tracer, pet.role) == (tracer, Role.PET_SSTR)
    assert pet.suv.possible, pet.suv.sentence
    assert {"SEL-008", "SEL-009"}.isdisjoint(codes(pet))


def test_an_unnamed_and_a_contradictory_tracer_are_said_with_their_words(tmp_path):
    pet_series(tmp_path / "a", name="a", radiopharmaceutical={"Radiopharmaceutical": "Solution"})
    pet_series(
        tmp_path / "b",
        name="b",
        radiopharmaceutical={"Radiopharmaceutical": "F-DOPA"},
        common={"SeriesNumber": "6"},
    )
    series = {s.uid: codes(s) for s in open_study(tmp_path).series}
    assert "(Solution, ^68^Gallium, PET AC)" in series[uid("study", "a")]["SEL-008"]
    assert "F-DOPA against Ga-68" in series[uid("study", "b")]["SEL-009"]


def test_each_of_several_pets_takes_the_tracer_typed_for_it(tmp_path):
    for number, name in ((4, "a"), (5, "b")):
        pet_series(
            tmp_path / name,
            name=name,
            radiopharmaceutical={"Radiopharmaceutical": "Solution"},
            common={"SeriesNumber": str(number), "SeriesDescription": "PET"},
        )
    typed = (f"{uid('study', 'a')[:20]}=dotatate_ga68", "2=dotatoc_ga68")
    found = {s.uid: s.tracer for s in open_study(tmp_path, overrides={"tracer": typed}).series}
    assert found == {uid("study", "a"): "dotatate_ga68", uid("study", "b"): "dotatoc_ga68"}
    with pytest.raises(UsageError, match="'dotatat'"):
        open_study(tmp_path, overrides={"tracer": ("2=dotatat",)})


def test_a_typed_tracer_is_recorded_and_takes_its_class(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet", radiopharmaceutical={"Radiopharmaceutical": "Solution"})
    plain = open_study(tmp_path).pets[0]
    typed = open_study(tmp_path, overrides={"tracer": "dotatoc_ga68"}).pets[0]
    assert (plain.role, typed.role) == (Role.OTHER, Role.PET_SSTR)
    assert "SEL-008" in codes(plain)
    assert "SEL-008" not in codes(typed)
    assert "(--tracer dotatoc_ga68)" in codes(typed)["SEL-012"]
