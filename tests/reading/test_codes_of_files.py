"""Codes that need more than one element bent, said of whole series that were written and opened."""

import numpy as np
import pydicom
import pytest

from netimg.errors import InputError
from netimg.reading.studies import survey_study
from tests.make.dicom import body, ct_series

SHAPE = (21, 24, 28)
PLACE = {"spacing_mm": (5, 14, 14), "first_lps_mm": (-196, -168, 0)}


def hu():
    return np.array(body(SHAPE))


def said(folder, **loaded):
    """Codes with their sentences: of files set aside, of series, and of their values."""
    study = survey_study(folder)
    found = [(item.code, item.sentence) for item in study.set_aside]
    for series in study.series:
        found += [(flag.code, flag.sentence) for flag in series.flags]
        if loaded:
            found += [(flag.code, flag.sentence) for flag in series.load().flags]
    return list(dict.fromkeys(found))


def per_slice(**columns):
    """Elements by slice from functions of its number."""
    return {z: {key: value(z) for key, value in columns.items()} for z in range(SHAPE[0])}


def turned(degrees):
    """Row and column directions turned about the slice normal."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [f"{v:.12g}" for v in (c, s, 0, -s, c, 0)]


def jitter(z):
    """Position of a slice, every third 0.09 mm off."""
    return ["-196", "-168", f"{5 * z + 0.09 * (z % 3 == 1):.10g}"]


BENT = {
    "GEO-002": (
        {"common": {"ImageOrientationPatient": ["1", "0", "0", "0.017452", "0.999848", "0"]}},
        "1.00 degrees",
    ),
    "GEO-007": (
        {"per_slice": per_slice(ImageOrientationPatient=lambda z: turned(0.09 * z))},
        "1.8 degrees",
    ),
    "GEO-008": (
        {"per_slice": per_slice(PixelSpacing=lambda z: [f"{14 * (1 + 0.00009 * z):.8g}", "14"])},
        "x 14 mm",
    ),
    "GEO-012": ({"per_slice": per_slice(ImagePositionPatient=jitter)}, "up to 0.09 mm"),
    "GEO-019": ({"per_slice": {4: {"ImagePositionPatient": ["-196", "nan", "20"]}}}, "slice 5"),
}


def test_the_series_as_it_is_says_nothing(tmp_path):
    ct_series(tmp_path, hu(), **PLACE)
    assert said(tmp_path, values=True) == []


@pytest.mark.parametrize("code", BENT)
def test_places_and_directions(code, tmp_path):
    bends, says = BENT[code]
    ct_series(tmp_path, hu(), **PLACE, **bends)
    found = said(tmp_path)
    assert {name for name, _ in found} == {code}
    assert says in found[0][1]


def test_a_ct_without_air_is_refused_with_its_values(tmp_path):
    ct_series(tmp_path, np.full(SHAPE, 55.0), **PLACE)
    (series,) = survey_study(tmp_path).series
    with pytest.raises(InputError) as caught:
        series.load()
    assert (caught.value.code.id, "55" in caught.value.what) == ("PIX-012", True)


def test_values_that_stop_at_3071_are_told(tmp_path):
    values = hu()
    values[:, 8:12, 10:14] = 3071.0
    ct_series(tmp_path, values, **PLACE)
    found = dict(said(tmp_path, values=True))
    assert set(found) == {"PIX-017"}
    assert "3071" in found["PIX-017"]


def test_values_that_are_not_numbers_are_refused_when_they_are_read(tmp_path):
    for path in ct_series(tmp_path, hu(), **PLACE):
        dataset = pydicom.dcmread(path)
        values = dataset.pixel_array.astype("<f4") - 1024.0
        values[3, 4] = np.nan
        del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
        dataset.BitsAllocated = 32
        dataset.RescaleIntercept = "0"
        dataset.FloatPixelData = values.tobytes()
        dataset.save_as(path)
    (series,) = survey_study(tmp_path).series
    with pytest.raises(InputError) as caught:
        series.load()
    assert caught.value.code.id == "PIX-019"
    assert caught.value.what.startswith("Series 1")
