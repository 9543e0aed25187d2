"""Names and units of the findings."""

import pytest

from netimg.finding import Scope, Source
from netimg.measurement.catalogue import MEASURES, measured
from netimg.units import UCUM

SERIES_4 = Source(kind="measured", on="series 4")

INTERFACE = {
    Scope.PATIENT: (
        "liver_volume_ml tumour_volume_ml functional_liver_ml burden_pct burden_right_pct "
        "burden_left_pct burden_caudate_pct lesion_count bilobar segments_involved dominant_lesion "
        "dominant_lesion_pct longest_mm sum_diameters_mm spleen_volume_ml"
    ),
    Scope.SEGMENT: "volume_ml tumour_volume_ml burden_pct lesion_count",
    Scope.HEMILIVER: "volume_ml tumour_volume_ml burden_pct lesion_count",
    Scope.LESION: (
        "volume_ml mesh_volume_ml surface_mm2 longest_mm short_axis_mm longest_3d_mm z_extent_mm "
        "sphericity elongation flatness hu_mean hu_sd hu_median hu_p10 hu_p90 hu_min hu_max "
        "hu_core_mean hu_core_sd hu_core_median hu_core_p10 hu_core_p90 hu_core_min hu_core_max "
        "enhancement_vs_liver_hu enhancement_ratio enhancement_class calcified_pct necrotic_pct "
        "segment_fraction_I segment_fraction_VIII to_capsule_mm to_hepatic_vein_mm "
        "to_portal_vein_mm to_ivc_mm confidence sstr_suv_max fdg_suv_mean sstr_suv_sd "
        "sstr_suv_median sstr_suv_p10 sstr_suv_p90 sstr_suv_min sstr_suv_max_core "
        "sstr_suv_peak_sphere sstr_suv_peak_ibsi sstr_suv_peak_sphere_local "
        "sstr_suv_peak_ibsi_local sstr_tv_ml fdg_tl_g sstr_ratio_liver sstr_ratio_spleen "
        "sstr_ratio_blood sstr_krenning"
    ),
    Scope.PET: "sstr_liver_tv_ml fdg_liver_tl_g sstr_suv_max fdg_uptake_time_min",
    Scope.REGION: "sstr_suv_mean sstr_suv_sd fdg_volume_ml fdg_cov",
}


@pytest.mark.parametrize("scope", INTERFACE, ids=lambda scope: scope.value)
def test_the_names_of_the_interface_are_measures(scope):
    assert set(INTERFACE[scope].split()) <= set(MEASURES[scope])


def test_every_unit_has_a_code_and_stands_in_the_name():
    for names in MEASURES.values():
        for name, measure in names.items():
            assert measure.unit in UCUM
            assert measure.method
            for suffix, unit in (("_ml", "mL"), ("_mm", "mm"), ("_hu", "HU"), ("_pct", "%")):
                assert name.endswith(suffix) <= (measure.unit == unit), name


def test_a_finding_carries_unit_method_and_source_of_its_measure():
    got = measured("burden_pct", 12.5, on=SERIES_4, interval=(10.0, 15.0, "boundary"))
    assert (got.unit, got.ucum, got.source.on) == ("%", "%", "series 4")
    assert (got.lo, got.hi, got.interval) == (10.0, 15.0, "boundary")
    assert str(got) == "12.5 % (10-15)"


def test_a_name_without_a_measure_is_refused():
    with pytest.raises(KeyError):
        measured("tumor_volume_ml", 1.0, on=SERIES_4)
