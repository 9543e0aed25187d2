"""Every sentence about SUV, once from files: the code, the words, and the numbers in them."""

import re
from string import Formatter

import pytest

from netimg.reading.studies import survey_study
from netimg.reading.tables import table
from tests.make.dicom import pet_series

ROWS = {name: row for name, row in table("problems").items() if name.startswith("SUV-")}
ELSEWHERE = {
    "SUV-021": "tests/measurement/test_pet_lesion.py: voxels below zero",
    "SUV-023": "tests/reading/test_studies.py: a dynamic series is measured when asked for",
    "SUV-023/asked": "tests/reading/test_studies.py: the same",
}
"""Said where pixels are measured or a PET is chosen."""

ADMIN = {"DecayCorrection": "ADMIN"}
PHILIPS = {"Manufacturer": "Philips Medical Systems", "Units": "CNTS"}
BLOCK = "Philips PET Private Group"
COPPER = {
    "Radiopharmaceutical": "Cu 64 dotatate", "RadionuclideHalfLife": "45720",
    "RadionuclidePositronFraction": "0.176", "RadiopharmaceuticalStartTime": None,
    "RadiopharmaceuticalStartDateTime": "20240309101500",
    "RadionuclideCode": ("3932008", "SCT", "^64^Copper"),
}  # fmt: skip
TIMES = {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": None}
FACTOR = 72500 / (154e6 * 2 ** (-3780 / 4057.7))


def case(elements=None, injected=None, *, says="", private=None, **typed):
    """What is bent of the header, of the injection, and typed; what the sentence holds."""
    return elements or {}, injected, private, typed, says


def clock(time):
    """An injection at this time of day, without a date."""
    return TIMES | {"RadiopharmaceuticalStartTime": time}


CASES = {
    "SUV-001": case({"PatientWeight": "0"}),
    "SUV-002": case({"PatientWeight": "1.78"}, says="1.78 kg"),
    "SUV-002/grams": case({"PatientWeight": "72500"}, says="72.5 kg"),
    "SUV-003": case({"Units": "PROPCNTS"}, says="PROPCNTS"),
    "SUV-003/none": case({"Units": None}),
    "SUV-004": case(injected={"RadionuclideTotalDose": None}),
    "SUV-005": case(injected={"RadionuclideTotalDose": "10"}, says="10 Bq"),
    "SUV-005/unit": case(injected={"RadionuclideTotalDose": "154"}, says="154 MBq"),
    "SUV-005/unusual": case(injected={"RadionuclideTotalDose": "1885000000"}, says="1885 MBq"),
    "SUV-005/residual": case(
        residual_bq=4e8, says="400 MBq is not less than the injected activity of 154 MBq"
    ),
    "SUV-006": case(injected=TIMES),
    "SUV-006/hour": case(
        injected=TIMES | {"RadiopharmaceuticalStartDateTime": "2024031009"},
        says="recorded as 2024031009, by the hour",
    ),
    "SUV-006/zone": case(
        injected=TIMES | {"RadiopharmaceuticalStartDateTime": "20240310081200+0000"},
        says="recorded as 20240310081200+0000, with an offset",
    ),
    "SUV-007": case(injected=clock("102000"), says="5.0 min"),
    "SUV-008": case(injected={"RadionuclideHalfLife": "6586.2"}, says="6586.2 s"),
    "SUV-008/none": case(
        injected={"RadionuclideHalfLife": None, "Radiopharmaceutical": "F-18 tracer"},
        says="Ga-68, F-18",
    ),
    "SUV-008/policy": case(
        injected={"RadionuclideHalfLife": None}, suv_policy="qiba", says="Ga-68"
    ),
    "SUV-008/unit": case(injected={"RadionuclideHalfLife": "67.63"}, says="minutes"),
    "SUV-008/table": case(injected={"RadionuclideHalfLife": None}, says="Ga-68"),
    "SUV-008/codes": case(
        injected={"RadionuclideCode": ("C-131A1", "SRT", "^68^Gallium")}, says="Ga-66, Ga-68"
    ),
    "SUV-008/typed": case(
        injected={"RadionuclideHalfLife": "6586.2"}, half_life_s=4057.7,
        says="6586.2 s in the header was replaced by the typed 4057.7 s",
    ),
    "SUV-009": case(ADMIN, suv_policy="qiba", says="ADMIN, policy qiba"),
    "SUV-010": case({"CorrectedImage": ["DECY", "RAN"]}),
    "SUV-011": case({"CorrectedImage": ["ATTN"]}, says="START"),
    "SUV-012": case({"SeriesTime": "143000"}, says="255.0 min"),
    "SUV-013": case(injected=[{}, {}], says="2 radio"),
    "SUV-013/number": case(
        injection=2, says="--injection 2 was asked for; recorded radiopharmaceuticals: 1"
    ),
    "SUV-014": case({"PatientSize": None}, suv_norm="bsa", says="bsa"),
    "SUV-015": case({"PatientSex": None}, suv_norm="ibw", says="ibw"),
    "SUV-015/other": case({"PatientSex": "O"}, suv_norm="lbm-james", says="lbm-james"),
    "SUV-016": case(injected=clock("060000"), says="255 min; 10-180 min is usual for DOTATATE"),
    "SUV-017": case(injected=clock("000000"), says="scan 10:15:00"),
    "SUV-017/repaired": case(
        injected={"RadiopharmaceuticalStartDateTime": "19000101091200"},
        says="repaired as 2024-03-10T09:12:00",
    ),
    "SUV-018": case(PHILIPS, private={BLOCK: {"7053,1000": "0.0007"}}, says="SUV factor"),
    "SUV-019": case({"Units": "GML", "SUVType": "BW"}, says="BW"),
    "SUV-020": case(weight_kg=80.0, says="--weight-kg 80"),
    "SUV-020/unused": case(
        {"Units": "GML", "SUVType": "BW"}, dose_bq=3e8,
        says="--dose-mbq 300; the values are SUV already",
    ),
    "SUV-022": case(injected={"RadionuclideHalfLife": None, "RadionuclideCode": None}),
    "SUV-022/only": case(injected={"RadionuclideCode": None}, says="4057.7 s"),
    "SUV-022/other": case(
        injected={"RadionuclideCode": ("10738001", "SCT", "^86^Yttrium"),
                  "RadionuclideHalfLife": "53064",
                  "RadiopharmaceuticalStartDateTime": "20240310091200"},
        says="Y-86 is named, about which netimg has no table; the half-life in the header "
        "(53064 s)",
    ),
    "SUV-024": case({"SeriesTime": "001500", "AcquisitionTime": "001500"}, clock("231200")),
    "SUV-024/late": case(
        injected={"RadiopharmaceuticalStartDateTime": "20240311091200"},
        says="2024-03-11 09:12:00",
    ),
    "SUV-025": case(says="72.5 and 80"),
    "SUV-026": case(
        PHILIPS,
        private={BLOCK: {"7053,1000": f"{FACTOR / 1.2:.9g}", "7053,1009": "1"}},
        says="20.0 %",
    ),
    "SUV-026/note": case(
        PHILIPS,
        private={BLOCK: {"7053,1000": f"{FACTOR / 1.05:.9g}", "7053,1009": "1"}},
        says="5.0 %",
    ),
    "SUV-027": case({"CorrectedImage": None}),
    "SUV-027/note": case({"CorrectedImage": None, "Units": "GML", "SUVType": "BW"}),
    "SUV-028": case({"SeriesTime": None, "AcquisitionTime": None}),
    "SUV-028/undated": case(
        {"SeriesDate": None, "AcquisitionDate": None}, clock("091200"), says="no date"
    ),
    "SUV-029": case(
        {"SeriesTime": "095000", "FrameReferenceTime": "74000"}, says="09:50:00 and 10:15:00"
    ),
    "SUV-029/note": case(injected={"RadiopharmaceuticalStartTime": "091030"}, says="1.5 %"),
    "SUV-029/typed": case(
        reference_time="2024-03-10T11:00:00",
        says="2024-03-10 11:00:00 fits no time of the series: the nearest is 2024-03-10 10:15:00, "
        "which would give SUV that differ by 36.9 %",
    ),
    "SUV-030": case(
        {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN"], "ActualFrameDuration": None}
    ),
    "SUV-031": case(PHILIPS, private={BLOCK: {"7053,1000": "0", "7053,1009": "0"}}),
    "SUV-033": case({"RescaleIntercept": "-32.5"}, says="-32.5"),
    "SUV-033/note": case({"RescaleIntercept": "-32.5"}, allow_intercept=True, says="-32.5"),
    "SUV-034": case({"Units": "GML", "SUVType": "BSA"}, says="BSA does not go with GML"),
    "SUV-035": case({"PatientSize": "0.12"}, suv_norm="bsa", says="0.12 m"),
    "SUV-035/unit": case({"PatientSize": "178"}, suv_norm="bsa", says="178; read as cm"),
    "SUV-036": case(
        {"PatientSex": "F", "PatientWeight": "210", "PatientSize": "1.50"},
        suv_norm="lbm-james",
        says="210 kg and 1.50 m",
    ),
    "SUV-036/note": case(
        {"PatientWeight": "145", "PatientSize": "1.78"}, suv_norm="lbm-james", says="45.8"
    ),
    "SUV-037": case({"SeriesTime": "1o1500"}, says="time (0008,0031) cannot be read: '1o1500'"),
    "SUV-038": case({"Units": "CPS"}, suv_policy="ibsi"),
    "SUV-039": case(
        injected=COPPER | clock("101500"), says="Cu-64 lives long (half-life 12.7 h)"
    ),
    "SUV-040": case(injected=COPPER | {"RadionuclidePositronFraction": "1.0"}, says="0.176"),
    "SUV-040/note": case(injected=COPPER | {"RadionuclidePositronFraction": None}, says="0.176"),
    "SUV-041": case(
        injected={"RadiopharmaceuticalStartTime": "081200"}, says="09:12:00 and 08:12:00"
    ),
    "SUV-042": case(
        injected={"RadiopharmaceuticalStartDateTime": "20240310010000",
                  "RadiopharmaceuticalStartTime": None},
        says="9.25 h",
    ),
    "SUV-043": case(injected=[]),
    "SUV-045": case(injected=clock("091200")),
    "SUV-046": case({"FrameReferenceTime": None}),
    "SUV-047": case({"FrameReferenceTime": None, "SeriesTime": None}),
    "SUV-048": case({"Units": "GML"}),
    "SUV-049": case(PHILIPS, private={"(none)": {"7053,1000": "0.0007"}}),
}  # fmt: skip


def words(problem):
    """The sentence of a problem with anything in its places."""
    literal = [text for text, *_ in Formatter().parse(ROWS[problem]["sentence"])]
    return re.compile(".+?".join(re.escape(text) for text in literal) + ".*", re.IGNORECASE)


def said(folder, typed):
    """Sentences of the one PET of a folder, with their codes."""
    (pet,) = survey_study(folder, overrides=typed).series
    found = [(flag.code, flag.sentence) for flag in pet.suv.notes]
    return [*found, *([(pet.suv.code, pet.suv.sentence)] if not pet.suv.possible else [])]


def test_every_sentence_about_suv_has_its_case():
    assert set(CASES) | set(ELSEWHERE) == set(ROWS)


def test_the_plain_series_says_none_of_them(tmp_path):
    pet_series(tmp_path)
    assert said(tmp_path, {}) == []


@pytest.mark.parametrize("problem", CASES)
def test_a_sentence_is_said_of_files_with_its_numbers(problem, tmp_path):
    elements, injected, private, typed, says = CASES[problem]
    changes = {2: {"PatientWeight": "80"}} if problem == "SUV-025" else None
    pet_series(
        tmp_path,
        common=elements,
        radiopharmaceutical=injected,
        private=private,
        per_slice=changes,
    )
    found = said(tmp_path, typed)
    code = problem.partition("/")[0]
    matching = [text for name, text in found if name == code and words(problem).fullmatch(text)]
    assert len(matching) == 1, found
    assert says in matching[0]
    if ROWS[problem]["level"] == "S":
        assert found[-1] == (code, matching[0])
