"""What the tests of segmentation share: one CT with a known liver, one model that finds it."""

import pytest

from netimg.geometry import Grid
from netimg.settings import Settings
from netimg.volume import Quantity, Volume
from tests.make import segmenter

CENTRE_LPS_MM = (190.0, 160.0, 100.0)
LIVER_SEMI_MM = (60.0, 50.0, 60.0)


@pytest.fixture(scope="session")
def liver_ct():
    """Fat body with a bright ellipsoid of 754 mL; 5 x 2 x 2 mm."""
    on = Grid(shape=(40, 160, 192), spacing_mm=(5.0, 2.0, 2.0), origin_lps_mm=(0.0, 0.0, 0.0))
    values = segmenter.body_ct(on, CENTRE_LPS_MM, LIVER_SEMI_MM)
    return Volume(values=values, grid=on, quantity=Quantity.HU)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Return a folder with the model ``bright-net``."""
    folder = tmp_path_factory.mktemp("models")
    segmenter.write_model(folder)
    return folder


@pytest.fixture
def limits():
    """Return the shipped settings of a table of segmentation: ``limits("flags")``."""

    def of(name):
        start = f"segmentation.{name}."
        values = Settings.shipped().values.items()
        return {k.removeprefix(start): v for k, v in values if k.startswith(start)}

    return of


@pytest.fixture
def settings(model_folder):
    """Settings that find the model and repeat to the bit."""
    changes = {
        "segmentation.model": "bright-net",
        "segmentation.model_folders": [str(model_folder)],
        "segmentation.device": "cpu",
        "segmentation.precision": "float32",
        "resources.threads": 1,
    }
    return Settings.shipped().with_values(changes, layer="test")
