"""Whatever stands in a header: factors that are numbers, or a refusal."""

import math

from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import SUVError
from netimg.reading.suv import resolve
from netimg.reading.suv.header import Private
from netimg.reading.suv.provenance import record
from tests.make.pet_headers import part

TEXT = st.one_of(
    st.none(),
    st.text(alphabet="0123456789.+-:eE ,TBQMLCNTS\0", max_size=18),
    st.sampled_from(
        ["0", "-1", "1e999", "1e300", "-1e300", "1e-300", "nan", "inf", "000000", "235959.999999",
         "240000", "00010101", "99991231", "99991231235959", "00010101000000", "19000101",
         "20240310090000+1400", "20240310090000-1200", "20240229", "20230229", "1\\2", "",
         "99981231", "00020101", "00020101000100", "99981231235900", "19600614", "20010101",
         "1e9", "9e9", "1e-9", "76.38", "360806", "2591999000", "-2591999000", "Cu-64", "GE",
         "Philips"]
    ),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["units", "suv_type", "decay_correction", "slope", "intercept", "series_date", "series_time",
     "acquisition_date", "acquisition_time", "acquisition_datetime", "frame_reference_ms",
     "frame_duration_ms", "decay_datetime", "timezone", "manufacturer", "weight", "size", "sex",
     "calibration_factor", "decay_factor", "pixel_spacing", "thickness"]
)  # fmt: skip
INJECTED = st.sampled_from(
    ["tracer", "start_time", "start_datetime", "dose", "half_life", "positron_fraction",
     "nuclide_code", "nuclide_meaning"]
)  # fmt: skip
PRIVATE = st.sampled_from(
    ["ge_scan_datetime", "siemens_decay_datetime", "philips_suv_factor", "philips_activity_factor"]
)


@given(
    fields=st.dictionaries(FIELDS, TEXT, max_size=4),
    injected=st.dictionaries(INJECTED, TEXT, max_size=3),
    private=st.dictionaries(PRIVATE, st.tuples(TEXT, st.booleans()), max_size=2),
    way=st.tuples(
        st.sampled_from(["BQML", "CNTS", "CPS", "GML", "CM2ML"]),
        st.sampled_from(["START", "ADMIN", "NONE"]),
        st.sampled_from(["auto", "qiba", "ibsi"]),
    ),
)
def test_any_text_gives_finite_positive_factors_or_a_refusal_in_words(
    fields, injected, private, way
):
    unit, decay, policy = way
    corrected = ("ATTN", "DCAL") if decay == "NONE" else ("ATTN", "DECY", "DCAL")
    own = {
        name: Private(text=text or "", creator_present=there)
        for name, (text, there) in private.items()
    }
    base = {"units": unit, "decay_correction": decay, "corrected_image": corrected}
    slices = [part(injected=injected, **(base | fields | own)) for _ in range(2)]
    try:
        result = resolve(slices, policy=policy)
    except SUVError as error:
        assert error.what.endswith(".")  # noqa: PT017  # any of the codes may come
        return
    assert all(math.isfinite(f) and f > 0 for f in result.factors)
    assert record(result).sentence
