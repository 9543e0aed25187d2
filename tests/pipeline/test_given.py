"""A person's masks on a study: what is known of the patient is used for their doubts."""

from pathlib import Path

import pytest

from netimg.pipeline.given import given_anatomy
from netimg.pipeline.request import MaskFile, Masks
from netimg.reading import open_study
from netimg.settings import Settings

PHANTOM = Path(__file__).parents[2] / "sample_data" / "net-phantom"


@pytest.mark.slow
def test_a_spleen_given_as_the_liver_is_doubted_by_its_volume():
    study = open_study(PHANTOM)
    spleen = MaskFile(path=PHANTOM / "truth_labels.nii.gz", label="31")
    found = given_anatomy(study, Masks(liver=spleen), settings=Settings.shipped())
    flag = next(flag for flag in found.flags if flag.code == "liver_volume_implausible")
    assert study.context().height_cm is not None
    assert "the body size lets expect" in flag.sentence
    narrow = Settings.shipped().with_values({"segmentation.flags.ratio_min": 0.01}, layer="test")
    again = given_anatomy(study, Masks(liver=spleen), settings=narrow)
    assert "liver_volume_implausible" not in {flag.code for flag in again.flags}
