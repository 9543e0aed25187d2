"""Which structure of a file is meant: by a person's word, else by code, else by words."""

import pytest

from netimg.anatomy import LABEL_NAMES
from netimg.errors import MaskError
from netimg.reading.masks.choose import choose, code_of, meaning
from netimg.reading.masks.part import Structure, joined
from netimg.resources import load_toml

LIVER_CODE, MASS, TISSUE, VEIN = "10200004", "4147007", "85756007", "8993003"


def structures(*rows):
    """Structures of ``name`` or ``(name, code)``, numbered from 1."""
    pairs = [row if isinstance(row, tuple) else (row, None) for row in rows]
    return [
        Structure(number, lambda: joined([]), name, code)
        for number, (name, code) in enumerate(pairs, start=1)
    ]


def chosen(want, *rows, label=None):
    """Numbers of the structures that are chosen."""
    return [s.number for s in choose(structures(*rows), want=want, label=label, file="m.dcm")]


def refused(want, *rows, label=None):
    with pytest.raises(MaskError) as caught:
        chosen(want, *rows, label=label)
    assert caught.value.code.id == "MSK-003"
    return caught.value


@pytest.mark.parametrize(
    "name",
    ["Liver", "LEBER", "foie", "Hígado", "fígado", "fegato", "Lever", "wątroba", "játra", "maksa",
     "liver_1"],
)  # fmt: skip
def test_the_liver_is_found_by_its_name_in_many_languages(name):
    assert chosen("liver", "spleen", name) == [2]
    assert meaning(*structures(name)) == "liver"


@pytest.mark.parametrize(
    "name",
    ["Lesion", "lesion_12", "Tumour", "TUMOR 3", "Metastase", "Metástasis", "métastase", "Läsion",
     "Herd 2", "lesión", "lesioni", "przerzut", "liver lesion", "GTV_1", "mass",
     "Lebermetastase_3"],
)  # fmt: skip
def test_lesions_are_found_by_their_names_in_many_languages(name):
    assert chosen("lesion", "Liver", name, "Spleen") == [2]
    assert meaning(*structures(name)) == "lesion"


@pytest.mark.parametrize(
    "code", ["14799000", "108369006", "4147007", "52988006", "M-80006", "M-03000"]
)
def test_a_lesion_is_found_by_its_code_whatever_it_is_called(code):
    assert chosen("lesion", ("Liver", LIVER_CODE), ("L1", code), ("L2", code)) == [2, 3]


def test_what_is_no_tumour_by_its_name_is_none():
    assert meaning(*structures("nontumor tissue")) is None
    assert meaning(*structures("non_tumoral")) is None
    assert chosen("lesion", "nontumor liver", "tumor") == [2]


HEALTHY = ["Liver-GTV", "Liver - GTV", "H\u00edgado\u2212GTV1", "Liver-CTV", "Liver minus GTV",
           "Liver_minus_PTV", "Liver excl. tumor", "liver without mets", "Leber ohne Tumor",
           "non-tumor liver"]  # fmt: skip
OTHERS = ["PTV_liver", "PTV", "liver cyst", "GTV-PTV ring", "liver_ring", "avoid GTV",
          "bone metastasis", "kidney mets", "lung lesion", "spleen lesion_2"]  # fmt: skip


@pytest.mark.parametrize("name", [*HEALTHY, *OTHERS])
def test_the_liver_less_its_lesions_a_margin_and_another_organ_are_neither(name):
    assert meaning(*structures(name)) == "other"
    assert chosen("lesion", "Liver", name, "GTV") == [3]
    assert chosen("liver", name, "Liver") == [2]
    assert chosen("lesion", name, ("spot", MASS), (name, MASS)) == [2]
    for want in ("liver", "lesion"):
        assert (
            f"There is no {want} in the mask file; present: 1 {name}." in refused(want, name).what
        )
        assert chosen(want, name, label="1") == [1]


@pytest.mark.parametrize("name", ["GTV_liver", "liver-lesion", "Liver-Metastasis", "GTV 1"])
def test_a_lesion_that_names_its_liver_stays_a_lesion(name):
    assert chosen("lesion", "Liver", name) == [2]


def test_a_code_goes_before_a_word():
    assert chosen("liver", ("liver", MASS), ("organ 5", LIVER_CODE)) == [2]
    assert chosen("lesion", ("tumour bed", TISSUE), ("blob", MASS)) == [2]
    assert chosen("lesion", ("tumour", TISSUE), ("liver", TISSUE)) == [1]


def test_a_liver_beside_its_parts_is_the_one_called_liver():
    rows = ("Liver", "Liver_Remnant", "Hepatic", "Portal", "Tumor_1", "Tumor_2")
    assert chosen("liver", *rows) == [1]
    assert chosen("lesion", *rows) == [5, 6]
    coded = (("Liver", LIVER_CODE), ("Liver_Remnant", LIVER_CODE), ("Tumor_1", MASS))
    assert chosen("liver", *coded) == [1]
    error = refused("liver", "liver left", "liver right")
    assert "may be the liver: 1 liver left, 2 liver right" in error.what
    assert error.todo == "Name one with FILE:LABEL."
    assert chosen("liver", ("left", LIVER_CODE), ("right", LIVER_CODE)) == [1, 2]


def test_the_only_structure_is_taken_unless_it_is_something_else():
    assert chosen("lesion", "Segmentation 1") == [1]
    assert chosen("liver", ("x", TISSUE)) == [1]
    assert "present: 1 Liver" in refused("lesion", "Liver").what
    assert "present: 1 Tumor" in refused("liver", "Tumor").what
    assert "no liver" in refused("liver", "Spleen").what
    assert "no lesion" in refused("lesion", ("vessel", VEIN)).what
    assert chosen("lesion", "Liver", label="Liver") == [1]


def test_a_structure_that_is_not_there_is_refused_with_those_that_are():
    error = refused("lesion", "Liver", "Spleen")
    assert "There is no lesion in the mask file; present: 1 Liver, 2 Spleen." in error.what
    assert error.where == "m.dcm"
    assert "present: nothing" in refused("liver").what
    assert "present: nothing" in refused("lesion").what
    assert "present: nothing" in refused("phantom").what
    assert "present: nothing" in refused("liver", label="x").what


@pytest.mark.parametrize(
    ("label", "number"), [("2", 2), ("liver", 1), ("LIVER", 1), ("seg", 3), ("  Segment 3 ", 3)]
)
def test_a_person_names_a_structure_by_number_name_or_part_of_it(label, number):
    assert chosen("lesion", "Liver", "Tumour", "Segment 3", label=label) == [number]


@pytest.mark.parametrize("label", ["tumour", "9", "spleen"])
def test_a_word_that_fits_none_or_several_is_refused(label):
    assert (
        "present: 1 tumour a, 2 tumour b"
        in refused("lesion", "tumour a", "tumour b", label=label).what
    )


@pytest.mark.parametrize(("code", "name"), LABEL_NAMES.items())
def test_each_structure_of_ours_is_known_by_its_own_name(code, name):
    assert code_of(*structures(name)) == code
    assert code_of(*structures(name.upper().replace(" ", "_"))) == code


@pytest.mark.parametrize("code", range(11, 19))
def test_segments_are_known_by_code_and_by_the_names_of_other_tools(code):
    row = load_toml("configs", "reporting", "codes.toml")["labels"][str(code)]
    assert code_of(*structures(("anything", row["code"]))) == code
    assert code_of(*structures(f"liver_segment_{code - 10}")) == code


def test_a_code_that_fits_two_sides_names_neither():
    assert code_of(*structures(("kidney", "64033007"))) is None
    assert code_of(*structures(("Left Kidney", "64033007"))) == 32
