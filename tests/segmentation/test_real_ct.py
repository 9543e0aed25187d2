"""The default model on real CTs: what looks like a liver, and what must not."""

import numpy as np
import pytest

from netimg.errors import ModelError, NothingUsable
from netimg.geometry import Grid
from netimg.segmentation import segment
from netimg.segmentation.cards import load_card
from netimg.settings import Settings
from netimg.study import Phase, SegContext
from netimg.volume import Quantity, Volume

pytestmark = [pytest.mark.real_data, pytest.mark.slow]
PORTAL = SegContext(phase=Phase.PORTAL)


@pytest.fixture(autouse=True)
def _default_model():
    try:
        load_card(Settings.shipped()["segmentation.model"])
    except ModelError as error:
        if error.code.id != "MDL-001":
            raise
        pytest.skip("needs the default model in models/")


def read(folder):
    """CT of a folder of DICOM files, by an independent reader."""
    sitk = pytest.importorskip("SimpleITK")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    directions = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    on = Grid(
        shape=values.shape,
        spacing_mm=image.GetSpacing()[::-1],
        origin_lps_mm=image.GetOrigin(),
        directions=directions.tolist(),
    )
    return Volume(values=values, grid=on, quantity=Quantity.HU)


@pytest.mark.parametrize("case", ["CRLM-CT-1004", "CRLM-CT-1006"])
def test_a_portal_venous_ct_gives_a_liver_of_liver_density(shared_data, case):
    ct = read(shared_data / "crlm_ct" / case / "image")
    body = segment(ct, context=PORTAL)
    inside = ct.values[body.liver.voxels]
    assert 1000 < body.liver.volume_ml < 2200
    assert 60 < inside.mean() < 180
    assert inside.std() < 40
    assert "liver_cut_fov" not in [flag.code for flag in body.flags]


def test_a_thigh_has_no_liver(shared_data):
    with pytest.raises(NothingUsable) as caught:
        segment(read(shared_data / "pet_ct" / "STS_001" / "CT"))
    assert caught.value.code.id in ("SEG-105", "SEG-109")
