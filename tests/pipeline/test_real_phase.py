"""What the pictures of real scans say about their phase, with the shipped model's first look."""

import pytest

from netimg.pipeline.picture import looked_at
from netimg.reading import open_study
from netimg.settings import Settings
from netimg.study import Phase

pytestmark = [pytest.mark.real_data, pytest.mark.slow, pytest.mark.xdist_group("default-model")]


@pytest.mark.parametrize("case", ["CRLM-CT-1004", "CRLM-CT-1006"])
def test_a_portal_ct_without_words_is_seen_to_have_contrast_and_not_to_be_arterial(
    shared_data, case
):
    """By eye both are portal venous; the portal vein is not outlined, so that is not claimed."""
    study = open_study(shared_data / "crlm_ct" / case)
    again = looked_at(study, settings=Settings.shipped())
    assert again.ct.phase is Phase.CONTRAST
    seen = {item.phase: item.says for item in again.ct.phase_evidence if item.source == "picture"}
    assert set(seen) == {"not_arterial", "contrast"}
    numbers = [float(word) for word in seen["contrast"].replace(",", "").split() if word.isdigit()]
    aorta, liver = numbers
    assert 120 <= aorta <= 170
    assert 100 <= liver <= 130


def test_a_thigh_has_no_aorta_and_no_phase(shared_data):
    study = open_study(shared_data / "pet_ct" / "STS_001")
    again = looked_at(study, settings=Settings.shipped())
    assert again.ct.phase is Phase.UNKNOWN
    (sentence,) = (flag.sentence for flag in again.ct.flags if flag.code == "SEL-003")
    assert "aorta" not in sentence
