"""Contrast phase from the words radiographers write, in their languages, and from the picture."""

from dataclasses import replace

import pytest

from netimg.reading.phase import PhaseReading, decide, from_words
from netimg.reading.phase_picture import possible
from netimg.reading.tables import table
from netimg.study import OrganMedians, Phase, PhaseEvidence

U, A, P, D, C = Phase.UNENHANCED, Phase.ARTERIAL, Phase.PORTAL, Phase.DELAYED, Phase.CONTRAST

SAID = [
    ("en", "Abdomen portal venous 2.0 B30f", P),
    ("en", "ABD_PORTAL_VENOUS", P),
    ("en", "LIVER 70 SEC DELAY", P),
    ("en", "late arterial", A),
    ("en", "3 PHASE LIVER ARTERIAL 35s", A),
    ("en", "ABDOMEN EARLY ARTERIAL/1.25", A),
    ("en", "delayed 5 min", D),
    ("en", "Liver equilibrium phase", D),
    ("en", "NON-CONTRAST ABD", U),
    ("en", "Abdomen w/o contrast", U),
    ("en", "C/A/P wo contrast", U),
    ("en", "CT CHEST ABDOMEN WITH CONTRAST", C),
    ("de", "Abdomen portalvenös", P),
    ("de", "Leber PORTALVENOESE PHASE", P),
    ("de", "Oberbauch arteriell", A),
    ("de", "Leber spätarteriell", A),
    ("de", "spätvenöse Phase", D),
    ("de", "nativ", U),
    ("de", "Thorax/Abdomen mit KM", C),
    ("fr", "temps portal", P),
    ("fr", "FOIE TPS ARTERIEL", A),
    ("fr", "temps tardif", D),
    ("fr", "sans injection", U),
    ("fr", "TAP avec injection", C),
    ("es", "fase venosa", P),
    ("es", "abdomen sin contraste", U),
    ("es", "FASE ARTERIAL TARDÍA", A),
    ("es", "fase tardía", D),
    ("pt", "Abdome sem contraste", U),
    ("pt", "fase portal", P),
    ("it", "fase portale", P),
    ("it", "FASE ARTERIOSA 1.25", A),
    ("it", "addome senza mdc", U),
    ("it", "fase tardiva", D),
    ("nl", "Lever portoveneus", P),
    ("nl", "arteriële fase", A),
    ("nl", "zonder contrast", U),
    ("sv", "Lever artär", A),
    ("sv", "Buk portovenös fas", P),
    ("sv", "buk utan kontrast", U),
    ("sv", "sen fas", D),
    ("da", "Abdomen venøs fase", P),
    ("da", "uden kontrast", U),
    ("no", "arteriefase lever", A),
    ("no", "uten kontrast", U),
    ("pl", "faza wrotna", P),
    ("pl", "faza tętnicza", A),
    ("pl", "faza opóźniona", D),
    ("pl", "bez kontrastu", U),
    ("cs", "portální fáze", P),
    ("cs", "arteriální", A),
    ("hu", "portális fázis", P),
    ("hu", "artériás", A),
    ("fi", "laskimovaihe", P),
    ("fi", "valtimovaihe", A),
    ("fi", "ilman varjoainetta", U),
    ("tr", "portal venöz faz", P),
    ("tr", "GEÇ FAZ", D),
    ("tr", "kontrasts\u0131z", U),
    ("ru", "Портальная фаза", P),
    ("ru", "артериальная фаза 1.0", A),
    ("ru", "без контраста", U),
    ("ru", "отсроченная фаза", D),
    ("ja", "門脈相", P),
    ("ja", "腹部CT 動脈相 1.0mm", A),
    ("ja", "平衡相", D),
    ("ja", "単純CT", U),
    ("zh", "腹部门静脉期", P),
    ("zh", "上腹动脉期1.5mm", A),
    ("zh", "延迟期", D),
    ("zh", "上腹部平扫", U),
    ("ko", "문맥기", P),
    ("ko", "간 동맥기", A),
    ("ko", "지연기", D),
    ("ko", "비조영", U),
]

NOT_SAID = [
    "Portal hypertension protocol scout",
    "ART. 12",
    "IV access",
    "Si Abdomen",
    "Abdomen 5.0",
    "PV",
    "Stage IV",
    "CT CAP WITH TRIPHASIC LIVER  (NON-ANGIOGRAPHIC)",
    "Artus partialis",
    "Liver without and with contrast",
    "Portal vein thrombosis follow-up",
    "Sen. Braun",
    "venous access port",
    "arterial and portal",
    "late",
    "CC 1.0",
    "Segment IV",
    "Oberbauch nativ und mit KM",
    "AX 3.0 I30f 3",
]


@pytest.mark.parametrize(("text", "phase"), [row[1:] for row in SAID], ids=[t for _, t, _ in SAID])
def test_words_say_the_phase(text, phase):
    assert decide(from_words(text), []).phase is phase


def test_the_words_come_from_many_languages():
    assert len(SAID) >= 60
    assert len({language for language, _, _ in SAID}) >= 12


@pytest.mark.parametrize("text", NOT_SAID)
def test_what_only_looks_like_a_phase_stays_unknown(text):
    assert decide(from_words(text), []).phase is Phase.UNKNOWN


@pytest.mark.parametrize(("phase", "language"), [
    (phase, language)
    for phase, languages in table("phases")["words"].items()
    for language in languages
])  # fmt: skip
def test_every_phrase_of_the_table_says_what_its_row_says(phase, language):
    for phrase in table("phases")["words"][phase][language]:
        said = {item.phase for item in from_words(phrase)}
        assert said == ({phase} if phase != "nothing" else set()), phrase


def test_letters_with_marks_may_be_written_either_way():
    for text in ("spätarteriell", "spaetarteriell", "spatarteriell", "SPA\u0308TARTERIELL"):
        assert decide(from_words(text), []).phase is A


def test_a_negative_phrase_beats_its_part():
    assert {e.phase for e in from_words("liver without contrast")} == {"unenhanced"}


def test_the_first_text_that_says_something_counts():
    assert decide(from_words("portal", "arterial"), []).phase is P
    assert decide(from_words("abdomen", None, "arterial phase"), []).phase is A


def test_short_words_alone_are_not_enough_and_contradictions_are_unknown():
    assert decide(from_words("PV"), []).phase is Phase.UNKNOWN
    reading = decide(from_words("arterial and portal"), [])
    assert reading.phase is Phase.UNKNOWN
    assert not reading.sure
    assert '"arterial", "portal"' in reading.why


def test_two_short_words_together_are_enough():
    assert decide(from_words("PVP 70s"), []).phase is P


TIME = PhaseEvidence(says="70 s after contrast", phase="portal", weight=2, source="time")
AGENT = PhaseEvidence(says="contrast agent is recorded", phase="contrast", weight=1, source="tags")
FIRST = PhaseEvidence(says="first of several", phase="arterial", weight=1, source="order")


def test_evidence_is_summed_and_the_lead_decides():
    assert decide(from_words("pv"), [TIME]).lead == 3
    assert decide(from_words("pv"), [TIME]).phase is P
    assert decide([], [TIME, FIRST]).phase is Phase.UNKNOWN
    assert decide(from_words("arterial"), [TIME]).phase is Phase.UNKNOWN
    assert decide(from_words("arterial"), [TIME]).is_open


def test_words_count_once_however_many_there_are():
    """Three words for one phase do not outweigh a time and a tag against it."""
    words = from_words("arterial phase HAP 35s")
    assert len(words) == 3
    assert decide(words, []).lead == 2


def test_a_contrast_agent_speaks_against_unenhanced():
    assert decide([], [AGENT]).phase is C
    assert decide(from_words("nativ"), [AGENT]).phase is Phase.UNKNOWN


def test_a_short_ambiguous_word_never_stands_alone_against_a_tag_or_the_picture():
    """The word "si" may mean "sans injection"; a recorded agent says otherwise: believed."""
    reading = decide(from_words("Si Abdomen"), [AGENT])
    assert (reading.phase, reading.sure) == (C, True)
    seen = OrganMedians(aorta=140, portal_vein=170, liver=105, cava=120)
    assert decide(from_words("art"), [], seen).phase is P


UNENHANCED = OrganMedians(aorta=42, portal_vein=40, liver=56)
ARTERIAL = OrganMedians(aorta=310, portal_vein=120, liver=68)
EARLY = OrganMedians(aorta=310, portal_vein=60, liver=58)
PORTAL = OrganMedians(aorta=150, portal_vein=170, liver=108, cava=130)
DELAYED = OrganMedians(aorta=105, portal_vein=108, liver=88, cava=100)


@pytest.mark.parametrize(
    ("medians", "phase"),
    [
        (UNENHANCED, U),
        (ARTERIAL, A),
        (EARLY, A),
        (PORTAL, P),
        (DELAYED, D),
        (replace(DELAYED, renal_pelvis=600), D),
        (replace(DELAYED, renal_pelvis=20), Phase.UNKNOWN),
        (OrganMedians(aorta=160, portal_vein=60, liver=60), Phase.UNKNOWN),
        (OrganMedians(liver=104), Phase.UNKNOWN),
        (OrganMedians(), Phase.UNKNOWN),
    ],
)
def test_the_picture_alone_shows_the_phase(medians, phase):
    assert decide([], [], medians).phase is phase


@pytest.mark.parametrize(
    ("medians", "changed", "below"),
    [
        (UNENHANCED, "aorta", (64.9, 65.0)),
        (replace(UNENHANCED, aorta=60, portal_vein=75), "aorta", (84.9, 85.0)),
        (ARTERIAL, "portal_vein", (270.0, 271.0)),
        (replace(PORTAL, portal_vein=185), "liver", (85.0, 84.9)),
        (PORTAL, "portal_vein", (199.9, 200.0)),
        (DELAYED, "aorta", (124.9, 125.0)),
        (replace(PORTAL, aorta=210, portal_vein=230), "aorta", (260.0, 260.1)),
    ],
)
def test_the_limits_of_the_picture_are_those_of_the_table(medians, changed, below):
    """Just inside the phase is left, just outside it is excluded."""
    (phase,) = possible(medians)
    inside, outside = (possible(replace(medians, **{changed: value})) for value in below)
    assert inside == (phase,)
    assert phase not in outside


def test_early_arterial_is_said():
    assert "early" in decide([], [], EARLY).why or any(
        "early" in item.says for item in decide([], [], EARLY).evidence
    )
    assert not any("early" in item.says for item in decide([], [], ARTERIAL).evidence)


def test_where_picture_and_words_contradict_each_other_the_picture_wins_and_both_are_said():
    reading = decide(from_words("portal venous"), [], ARTERIAL)
    assert (reading.phase, reading.sure) == (A, False)
    assert reading.conflict == (
        'portal ("portal venous")',
        "arterial (aorta 310 HU, portal vein 120 HU, liver 68 HU)",
    )
    assert decide(from_words("arterial"), [], ARTERIAL).conflict is None


def test_a_time_and_words_against_the_picture_leave_the_phase_open():
    reading = decide(from_words("portal venous"), [TIME], ARTERIAL)
    assert (reading.phase, reading.sure) == (Phase.UNKNOWN, False)
    assert reading.conflict is not None


def test_a_scan_called_contrast_without_any_in_the_vessels_is_unenhanced():
    reading = decide(from_words("with contrast"), [], UNENHANCED)
    assert reading.phase is U
    assert reading.conflict is not None


STAND_IN = OrganMedians(aorta=150, stand_in=True)


@pytest.mark.parametrize(
    ("aorta", "words", "phase"),
    [
        (300, "", A),
        (270, "", Phase.UNKNOWN),
        (150, "", Phase.UNKNOWN),
        (150, "portal", P),
        (150, "arterial", Phase.UNKNOWN),
        (40, "", Phase.UNKNOWN),
        (40, "nativ", U),
        (200, "", Phase.UNKNOWN),
        (200, "arterial", A),
        (200, "portal", P),
    ],
)
def test_the_stand_in_says_at_most_arterial_or_not_arterial(aorta, words, phase):
    medians = replace(STAND_IN, aorta=aorta)
    assert decide(from_words(words), [], medians).phase is phase


def test_stand_in_and_liver_together_say_whether_contrast_was_given():
    assert decide([], [], replace(STAND_IN, liver=104)).phase is C
    assert decide([], [], replace(STAND_IN, aorta=40, liver=55)).phase is U


def test_a_reading_carries_what_it_rests_on():
    reading = decide(from_words("portal venous"), [AGENT], PORTAL)
    assert isinstance(reading, PhaseReading)
    assert [item.source for item in reading.evidence] == ["words", "tags", "picture"]
    assert "picture: aorta 150 HU, portal vein 170 HU" in reading.why
    assert reading.lead == 6


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Leber venös 3.0", ['"venös"']),
        ("Abd SPÄT", ['"SPÄT"']),
        ("Abd C- 5.0", ['"C-"']),
        ("Leber_ART._1.0", ['"ART"']),
        ("腹部門脈相造影", ['"門脈相"', '"造影"']),
    ],
)
def test_words_are_shown_as_they_stand_in_the_header(text, told):
    assert [item.says for item in from_words(text)] == told
