"""Contrast phase from the words radiographers write, in their languages."""

import pytest

from netimg.reading.phase import Evidence, decide, from_words
from netimg.study import Phase


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("Abdomen portal venous 2.0 B30f", Phase.PORTAL),
        ("ABD_PORTAL_VENOUS", Phase.PORTAL),
        ("Abdomen portalvenös", Phase.PORTAL),
        ("temps portal", Phase.PORTAL),
        ("fase venosa", Phase.PORTAL),
        ("faza wrotna", Phase.PORTAL),
        ("門脈相", Phase.PORTAL),
        ("腹部门静脉期", Phase.PORTAL),
        ("문맥기", Phase.PORTAL),
        ("Портальная фаза", Phase.PORTAL),
        ("late arterial", Phase.ARTERIAL),
        ("Oberbauch arteriell", Phase.ARTERIAL),
        ("動脈相", Phase.ARTERIAL),
        ("delayed 5 min", Phase.DELAYED),
        ("temps tardif", Phase.DELAYED),
        ("spät", Phase.DELAYED),
        ("non contrast", Phase.UNENHANCED),
        ("Abdomen w/o contrast", Phase.UNENHANCED),
        ("nativ", Phase.UNENHANCED),
        ("без контраста", Phase.UNENHANCED),
        ("sin contraste", Phase.UNENHANCED),
        ("with contrast", Phase.CONTRAST),
        ("mit KM", Phase.CONTRAST),
        ("Abdomen 5.0", Phase.UNKNOWN),
        ("CT CAP WITH TRIPHASIC LIVER  (NON-ANGIOGRAPHIC)", Phase.UNKNOWN),
        ("Artus partialis", Phase.UNKNOWN),
    ],
)
def test_words_say_the_phase(text, phase):
    assert decide(from_words(text)).phase is phase


def test_a_negative_phrase_beats_its_part():
    assert {e.phase for e in from_words("liver without contrast")} == {"unenhanced"}


def test_the_first_text_that_says_something_counts():
    assert decide(from_words("portal", "arterial")).phase is Phase.PORTAL
    assert decide(from_words("abdomen", None, "arterial phase")).phase is Phase.ARTERIAL


def test_short_words_alone_are_not_enough_and_contradictions_are_unknown():
    assert decide(from_words("PV")).phase is Phase.UNKNOWN
    reading = decide(from_words("arterial and portal"))
    assert reading.phase is Phase.UNKNOWN
    assert not reading.sure
    assert '"arterial", "portal"' in reading.why


def test_evidence_is_summed_and_the_lead_decides():
    time = Evidence("70 s after contrast", "portal", 2)
    word = Evidence('"pv"', "portal", 1)
    assert decide([time, word]).phase is Phase.PORTAL
    against = Evidence('"arterial"', "arterial", 2)
    assert decide([time, word, against]).phase is Phase.UNKNOWN


def test_a_contrast_agent_speaks_against_unenhanced():
    agent = Evidence("contrast agent is recorded", "with_contrast", 1)
    assert decide([agent]).phase is Phase.CONTRAST
    assert decide([agent, *from_words("nativ")]).phase is Phase.UNKNOWN
