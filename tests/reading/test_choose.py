"""Which CT and which PETs are measured: each place of the ranking, its reason, its doubts."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from netimg.errors import InputError
from netimg.flag import Severity
from netimg.reading import open_study
from netimg.reading.candidate import kernel_class
from netimg.reading.choose import choose_ct, ct_rank
from netimg.reading.headers import PatientHeader
from netimg.reading.pair import pair, same_person
from netimg.reading.select import select_again
from netimg.study import Coverage, Instance, OrganMedians, Phase, PhaseEvidence, Role
from tests.make import arrays, trunk
from tests.make.dicom import body, ct_series, later, pet_series, uid


def said(series):
    return {flag.code: flag.sentence for flag in series.flags if flag.code != "GEO-016"}


def candidate(number, **changes):
    """A portal, soft, full-dose CT of 3 mm that shows the whole liver, bent."""
    volume = arrays.Volume(
        values=arrays.np.zeros((12, 8, 8), dtype="float32"),
        grid=arrays.grid((12, 8, 8), (changes.pop("spacing_mm", 3.0), 0.8, 0.8)),
        quantity=arrays.Quantity.HU,
    )
    series = arrays.series(volume, number)
    usual = {
        "description": "",
        "phase": Phase.PORTAL,
        "kernel": "B30f",
        "coverage": Coverage.COMPLETE,
    }
    return replace(series, series_number=number, **(usual | changes))


PLACES = [
    ({"coverage": Coverage.CUT}, "its coverage of the liver"),
    ({"coverage": Coverage.NEARLY}, "its coverage of the liver"),
    ({"phase": Phase.ARTERIAL}, "its contrast phase"),
    ({"spacing_mm": 5.0}, "its thinner slices"),
    ({"kernel": "B70f"}, "its softer kernel"),
    ({"kernel": None}, "its softer kernel"),
    ({"low_dose": True}, "its higher dose"),
]


@pytest.mark.parametrize(("worse", "reason"), PLACES)
def test_a_ct_that_is_worse_in_one_place_comes_second_and_the_reason_is_said(worse, reason):
    """The worse one has the lower series number, which would decide alone."""
    chosen = choose_ct([candidate(1, **worse), candidate(2)], asked=None)
    assert chosen.number == 2
    assert chosen.why[0] == f"chosen: before series 1 for {reason}"
    assert "SEL-001" not in said(chosen)


@pytest.mark.parametrize("place", range(1, len(PLACES)))
def test_an_earlier_place_of_the_ranking_decides_before_all_later_ones(place):
    better = candidate(2, **{k: v for bend, _ in PLACES[place + 1 :] for k, v in bend.items()})
    worse = candidate(1, **PLACES[place][0])
    if PLACES[place][1] == (PLACES[place + 1][1] if place + 1 < len(PLACES) else ""):
        better = candidate(2)
    assert choose_ct([worse, better], asked=None).number == 2


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Phase.PORTAL, Phase.ARTERIAL),
        (Phase.ARTERIAL, Phase.DELAYED),
        (Phase.DELAYED, Phase.CONTRAST),
        (Phase.CONTRAST, Phase.UNKNOWN),
        (Phase.UNKNOWN, Phase.UNENHANCED),
    ],
)
def test_phases_have_their_order(better, worse):
    both = [candidate(1, phase=worse), candidate(2, phase=better)]
    assert choose_ct(both, asked=None).number == 2


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Coverage.COMPLETE, Coverage.NEARLY),
        (Coverage.NEARLY, Coverage.UNKNOWN),
        (Coverage.UNKNOWN, Coverage.CUT),
    ],
)
def test_coverage_has_its_order(better, worse):
    both = [candidate(1, coverage=worse), candidate(2, coverage=better)]
    assert choose_ct(both, asked=None).number == 2


def test_slices_of_1_and_of_3_mm_are_equally_good():
    assert ct_rank(candidate(1, spacing_mm=1.0))[3] == ct_rank(candidate(1, spacing_mm=3.0))[3]
    assert ct_rank(candidate(1, spacing_mm=3.0))[3] < ct_rank(candidate(1, spacing_mm=3.1))[3]
    assert ct_rank(candidate(1, spacing_mm=5.0))[3] < ct_rank(candidate(1, spacing_mm=5.1))[3]


def test_two_equally_suitable_cts_are_said():
    chosen = choose_ct([candidate(4), candidate(9)], asked=None)
    assert chosen.number == 4
    assert "series 4 was taken for its lower series number" in said(chosen)["SEL-001"]
    assert "--ct" in said(chosen)["SEL-001"]


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        *((k, 0) for k in ("B20f", "B31f", "B40s", "Br40d\\3", "Bv36", "I30f\\2", "I31f", "J30s",
                           "STANDARD", "SOFT", "A", "B", "C", "FC08", "FC18")),
        *((k, 1) for k in (None, "", "B50f", "DETAIL", "FC23", "unheard of")),
        *((k, 2) for k in ("B60f", "B70f", "Br64", "LUNG", "BONE", "BONEPLUS", "EDGE", "FC52",
                           "YA", "YB", "D", "L", "I70f\\3")),
    ],
)  # fmt: skip
def test_kernels_of_the_vendors_are_soft_unknown_or_sharp(kernel, kind):
    assert kernel_class(kernel) == kind


def test_a_sharp_kernel_is_said_where_only_it_is_there(tmp_path):
    ct_series(tmp_path / "sharp", common={"ConvolutionKernel": "B70f"})
    ct_series(tmp_path / "soft" / "ct")
    assert "(B70f)" in said(open_study(tmp_path / "sharp").ct)["SEL-006"]
    assert "SEL-006" not in said(open_study(tmp_path / "soft").ct)


def phases(folder, *names):
    """One CT of a phase each, ten minutes apart in the order given."""
    for i, name in enumerate(names):
        common = {
            "SeriesDescription": name,
            "SeriesNumber": str(i + 1),
            "AcquisitionTime": later("101000", 60 * i),
        }
        ct_series(folder / str(i), name=name, common=common)


def test_all_phases_are_kept_and_one_is_measured(tmp_path):
    phases(tmp_path, "nativ", "arterial", "portal", "delayed")
    study = open_study(tmp_path)
    assert [s.phase for s in study.cts] == [
        Phase.UNKNOWN,  # "nativ" against a recorded contrast agent
        Phase.ARTERIAL,
        Phase.PORTAL,
        Phase.DELAYED,
    ]
    assert [s.role for s in study.cts] == [Role.CT, Role.CT, Role.PRIMARY_CT, Role.CT]
    assert "has 3 phases; all are kept, the portal phase is measured" in said(study.ct)["SEL-016"]


def test_without_a_portal_phase_the_one_taken_is_said(tmp_path):
    phases(tmp_path, "arterial", "delayed")
    study = open_study(tmp_path)
    assert "the arterial phase was taken" in said(study.ct)["SEL-002"]
    phases(tmp_path / "more", "portal")
    assert "SEL-002" not in said(open_study(tmp_path / "more").ct)


def test_a_portal_phase_that_cuts_the_liver_is_named_where_another_is_taken():
    chosen = choose_ct(
        [candidate(1, coverage=Coverage.CUT), candidate(2, phase=Phase.DELAYED)], asked=None
    )
    assert "The delayed phase was taken" in said(chosen)["SEL-002"]
    assert "(series 1) does not show the whole liver" in said(chosen)["SEL-002"]


def test_the_order_in_time_of_contrast_scans_is_weak_evidence(tmp_path):
    """Two unnamed contrast scans: the first is rather arterial, the second rather portal."""
    phases(tmp_path, "liver a", "liver b")
    first, second = open_study(tmp_path).cts
    assert "first of several contrast scans" in first.why[-1]
    assert "second of several contrast scans" in second.why[-1]
    assert {s.phase for s in (first, second)} == {Phase.CONTRAST}


def test_two_reconstructions_of_one_scan_are_one_scan(tmp_path):
    ct_series(tmp_path / "a", name="a", common={"SeriesDescription": "soft"})
    ct_series(tmp_path / "b", name="b", common={"SeriesDescription": "thin", "SeriesNumber": "3"})
    assert all("contrast scans" not in why for s in open_study(tmp_path).cts for why in s.why)


@pytest.mark.parametrize(
    ("seconds", "phase"),
    [
        (10, Phase.ARTERIAL),
        (15, Phase.ARTERIAL),
        (44, Phase.ARTERIAL),
        (45, Phase.PORTAL),
        (109, Phase.PORTAL),
        (110, Phase.DELAYED),
        (599, Phase.DELAYED),
        (700, Phase.CONTRAST),
        (1000, Phase.CONTRAST),
        (-60, Phase.CONTRAST),
    ],
)
def test_seconds_from_contrast_to_scan_say_the_phase(tmp_path, seconds, phase):
    common = {
        "SeriesDescription": "abdomen",
        "ContrastBolusStartTime": "100000",
        "AcquisitionTime": later("100000", seconds),
    }
    ct_series(tmp_path, common=common)
    ct = open_study(tmp_path).ct
    assert ct.phase is phase
    assert (f"{seconds} s after contrast" in ct.why[-1]) is (0 <= seconds < 600)


@pytest.mark.parametrize(
    ("agent", "route", "phase"),
    [
        ("Iomeron 400", None, Phase.CONTRAST),
        ("Iomeron 400", "IV", Phase.CONTRAST),
        ("Gastrografin", "ORAL", Phase.UNKNOWN),
        ("Iomeron / Gastrografin", "IV, ORAL", Phase.CONTRAST),
        ("none", None, Phase.UNKNOWN),
        ("Nein", None, Phase.UNKNOWN),
        ("AUCUN", None, Phase.UNKNOWN),
        ("oral only", None, Phase.UNKNOWN),
        ("0", None, Phase.UNKNOWN),
        (None, None, Phase.UNKNOWN),
    ],
)
def test_a_recorded_agent_says_contrast_unless_it_was_drunk(tmp_path, agent, route, phase):
    common = {
        "SeriesDescription": "abdomen",
        "ContrastBolusAgent": agent,
        "ContrastBolusRoute": route,
    }
    ct_series(tmp_path, common=common)
    ct = open_study(tmp_path).ct
    assert ct.phase is phase
    assert ("SEL-003" in said(ct)) is (phase is Phase.UNKNOWN)


def test_words_that_contradict_each_other_are_said(tmp_path):
    ct_series(tmp_path, common={"SeriesDescription": "arterial and portal"})
    assert '"arterial", "portal"' in said(open_study(tmp_path).ct)["SEL-003"]


MAPS = ["Iodine map", "Zeff", "ELECTRON DENSITY", "Iodine(Water)"]


@pytest.mark.parametrize("name", MAPS)
def test_a_calculated_map_is_refused_and_named(tmp_path, name):
    ct_series(tmp_path / "map", name="map", common={"SeriesDescription": name})
    ct_series(tmp_path / "ct", common={"SeriesNumber": "9"})
    study = open_study(tmp_path)
    assert study.ct.uid == uid("study", "ct")
    (sentence,) = {item.sentence for item in study.set_aside}
    assert {item.code for item in study.set_aside} == {"SEL-017"}
    assert "is a calculated map" in sentence
    with pytest.raises(InputError, match="SEL-017"):
        open_study(tmp_path, ct=uid("study", "map"))


def test_a_virtual_unenhanced_ct_is_only_measured_by_name(tmp_path):
    ct_series(tmp_path / "vnc", name="vnc", common={"SeriesDescription": "VNC 3.0"})
    ct_series(tmp_path / "ct", common={"SeriesNumber": "9", "SeriesDescription": "arterial"})
    study = open_study(tmp_path)
    assert study.ct.uid == uid("study", "ct")
    vnc = next(s for s in study.cts if s.uid == uid("study", "vnc"))
    assert "(vnc)" in said(vnc)["SEL-017"]
    assert "--ct 1" in said(vnc)["SEL-017"]
    asked = open_study(tmp_path, ct="1").ct
    assert asked.uid == uid("study", "vnc")
    assert "its CT numbers are estimates" in said(asked)["SEL-017"]
    assert all(flag.severity is not Severity.HIGH for flag in asked.flags)


def test_one_energy_of_a_dual_energy_ct_is_measured_and_said(tmp_path):
    ct_series(tmp_path, common={"SeriesDescription": "portal venous MonoE 55 keV"})
    ct = open_study(tmp_path).ct
    assert ct.phase is Phase.PORTAL
    assert "calculated for one energy" in said(ct)["SEL-017"]


def test_slices_too_far_apart_are_said_with_both_numbers(tmp_path):
    ct_series(tmp_path / "far", name="far", spacing_mm=(12.0, 2.0, 2.0))
    ct_series(tmp_path / "ct", common={"SeriesNumber": "9"})
    study = open_study(tmp_path)
    far = next(s for s in study.cts if s.uid == uid("study", "far"))
    assert "12.0 mm apart, too far apart to measure; at most 10 mm" in said(far)["SEL-004"]
    assert study.ct.uid == uid("study", "ct")
    assert "SEL-004" not in said(study.ct)
    asked = open_study(tmp_path, ct=str(far.number)).ct
    assert "12.0 mm apart; lesions under 24 mm may be missed" in said(asked)["SEL-004"]
    assert all(flag.severity is not Severity.HIGH for flag in asked.flags)


def test_a_ct_of_nine_slices_is_only_measured_by_name(tmp_path):
    ct_series(tmp_path / "nine", body((9, 32, 40)), name="nine")
    ct_series(tmp_path / "ct", common={"SeriesNumber": "9"})
    study = open_study(tmp_path)
    nine = next(s for s in study.cts if s.uid == uid("study", "nine"))
    assert "has only 9 slices, and at least 10 are needed" in said(nine)["GEO-010"]
    assert study.ct.uid == uid("study", "ct")
    assert "GEO-010" not in said(study.ct)
    assert "GEO-010" not in said(open_study(tmp_path, ct=str(nine.number)).ct)


@pytest.mark.parametrize("name", ["CTAC 5.0", "AC CT", "WB LOW DOSE"])
def test_the_ct_of_the_pet_comes_after_a_ct_of_full_dose(tmp_path, name):
    ct_series(tmp_path / "ac", name="ac", common={"SeriesDescription": f"portal {name}"})
    ct_series(tmp_path / "ct", common={"SeriesDescription": "portal", "SeriesNumber": "9"})
    pet_series(tmp_path / "pet")
    study = open_study(tmp_path)
    assert study.ct.uid == uid("study", "ct")
    assert "for its higher dose" in study.ct.why[0]
    assert "SEL-019" not in said(study.ct)
    alone = open_study(tmp_path, ct=uid("study", "ac")).ct
    assert "before series" in said(alone)["SEL-019"]


# A few slices are looked at where several CTs compete.


@pytest.fixture(scope="module")
def trunks(tmp_path_factory):
    """A portal CT that ends below the dome, and an unnamed whole one."""
    folder = tmp_path_factory.mktemp("trunks")
    common = {"SeriesDescription": "portal", "SeriesNumber": "1"}
    trunk.write(folder / "cut", name="cut", slices=slice(0, 40), common=common)
    common = {"SeriesDescription": "liver", "SeriesNumber": "2", "ContrastBolusAgent": None}
    trunk.write(folder / "whole", phase="arterial", name="whole", common=common)
    return folder


def test_a_ct_that_shows_the_whole_liver_comes_before_one_that_cuts_it(trunks):
    study = open_study(trunks)
    cut, whole = study.cts
    assert (cut.coverage, whole.coverage) == (Coverage.CUT, Coverage.COMPLETE)
    assert study.ct.uid == whole.uid
    assert "for its coverage of the liver" in study.ct.why[0]
    assert 'series 1 "portal" seems to cut off the liver at the top' in said(cut)["SEL-005"]
    assert "SEL-005" not in said(whole)


def test_the_stand_in_says_arterial_where_nothing_else_says_a_phase(trunks):
    whole = open_study(trunks).cts[1]
    assert whole.phase is Phase.ARTERIAL
    assert whole.phase_source == "picture"
    assert "picture: aorta 3" in whole.why[0] + whole.why[-1]


def test_a_leg_says_nothing_about_the_ends_of_a_liver(tmp_path):
    phases(tmp_path, "leg a", "leg b")
    for series in open_study(tmp_path).cts:
        assert series.coverage is Coverage.UNKNOWN
        assert "SEL-005" not in said(series)


def test_a_single_ct_with_a_named_phase_is_not_looked_at(tmp_path):
    trunk.write(tmp_path)
    ct = open_study(tmp_path).ct
    assert ct.coverage is Coverage.UNKNOWN
    assert ct.phase_source == "header"


# Chosen once more, when the pictures were looked at.

PORTAL = OrganMedians(aorta=150, portal_vein=180, liver=108, cava=120)
ARTERIAL = OrganMedians(aorta=310, portal_vein=110, liver=66)


def test_the_picture_turns_the_choice_round_and_both_are_said(tmp_path):
    phases(tmp_path, "portal", "abdomen")
    study = open_study(tmp_path)
    assert study.ct.number == 1
    again = select_again(study, {1: ARTERIAL, 2: PORTAL})
    assert again.ct.number == 2
    assert [s.role for s in again.cts] == [Role.CT, Role.PRIMARY_CT]
    first = said(again.cts[0])
    assert "words say portal" in first["SEL-003"]
    assert "the picture says arterial (aorta 310 HU" in first["SEL-003"]
    assert "the picture was believed" in first["phase_conflict"]
    assert "SEL-003" not in said(again.ct)
    assert again.context().phase is Phase.PORTAL
    assert again.context().phase_source == "picture"


def test_the_picture_that_agrees_changes_nothing_but_the_reason(tmp_path):
    phases(tmp_path, "portal", "arterial")
    study = open_study(tmp_path)
    again = select_again(study, {1: PORTAL})
    assert again.ct.number == study.ct.number == 1
    assert said(again.ct) == said(study.ct)
    assert again.ct.why[0] == study.ct.why[0]
    assert any("picture: aorta 150 HU" in why for why in again.ct.why)


def test_what_a_person_chose_stays_whatever_the_picture_shows(tmp_path):
    phases(tmp_path, "portal", "abdomen")
    named = select_again(open_study(tmp_path, ct="1"), {1: ARTERIAL, 2: PORTAL})
    assert (named.ct.number, named.ct.phase) == (1, Phase.ARTERIAL)
    assert "SEL-012" in said(named.ct)
    typed = open_study(tmp_path, overrides={"phase": "delayed"})
    assert select_again(typed, {1: ARTERIAL}).ct.phase is Phase.DELAYED
    assert "(--phase delayed)" in said(typed.ct)["SEL-012"]


# PETs.


def test_a_pet_reconstructed_later_is_taken_and_the_difference_is_said(tmp_path):
    for number, words, time in ((4, "PET AC OSEM", "101500"), (5, "PET AC PSF TOF", "101900")):
        pet_series(
            tmp_path / str(number),
            name=words,
            common={"SeriesDescription": words, "SeriesNumber": str(number), "SeriesTime": time},
        )
    (pet,) = open_study(tmp_path).pets
    assert pet.description == "PET AC PSF TOF"
    assert "for its later reconstruction" in pet.why[0]
    assert "reconstructed with PSF and TOF, the other without PSF and TOF said" in pet.why[0]


def test_a_pet_in_the_coordinate_system_of_the_ct_comes_first(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "other", name="other", frame="elsewhere", common={"SeriesNumber": "9"})
    pet_series(tmp_path / "own", name="own")
    study = open_study(tmp_path)
    assert study.pets[0].uid == uid("study", "own")
    assert "the CT's coordinate system" in study.pets[0].why[0]
    assert study.flags == ()


def test_a_reprojection_is_no_pet(tmp_path):
    pet_series(tmp_path / "mip", name="mip", common={"SeriesType": ["WHOLE BODY", "REPROJECTION"]})
    pet_series(tmp_path / "pet")
    study = open_study(tmp_path)
    assert study.pets[0].uid == uid("study", "pet")
    assert {item.code for item in study.set_aside} == {"IDX-012"}


# PET and CT together.


@pytest.mark.parametrize(
    ("days", "code"), [(0, None), (1, None), (2, "info"), (60, "info"), (61, "medium")]
)
def test_days_between_pet_and_ct_are_said(days, code):
    noon = dt.datetime(2024, 3, 10, 12)  # noqa: DTZ001  # as headers say it, without a zone
    ct = replace(candidate(1), acquired_at=noon, frame_of_reference_uid="1.2")
    pet = replace(
        candidate(2),
        kind="PET",
        acquired_at=noon + dt.timedelta(days),
        frame_of_reference_uid="1.2",
    )
    _, flags = pair(ct, [pet])
    assert [f.severity.value for f in flags if f.code == "SEL-014"] == ([code] if code else [])
    assert all(f"{days} days apart" in f.sentence for f in flags)


def test_paired_twice_the_reason_stands_once():
    ct = replace(candidate(1), frame_of_reference_uid="1.2")
    pet = replace(candidate(2), kind="PET", frame_of_reference_uid="1.3")
    once, flags = pair(ct, [pet])
    twice, again = pair(ct, once)
    assert twice[0].why == once[0].why
    assert [f.code for f in flags] == [f.code for f in again] == ["SEL-010"]


ANNA = PatientHeader(
    id="4711", issuer=None, name="MÜLLER^Anna", birth_date=dt.date(1960, 2, 3), sex="F",
    age_y=None, weight_kg=None, height_m=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"name": "Müller^ANNA"}, True),
        ({"name": None}, True),
        ({"birth_date": None}, True),
        ({"id": "4712"}, False),
        ({"id": ""}, False),
        ({"issuer": "OTHER"}, True),  # one says no issuer
        ({"name": "MEIER^Anna"}, False),
        ({"birth_date": dt.date(1961, 2, 3)}, False),
    ],
)
def test_one_person_has_one_number_name_and_date_of_birth(changes, same):
    assert same_person(ANNA, replace(ANNA, **changes)) is same


def test_empty_numbers_are_equal_to_nothing():
    nobody = replace(ANNA, id="")
    assert not same_person(nobody, nobody)


# ---- two scans, typed phases, evened out and converted CTs


def two_pets(folder, *minutes):
    """PETs of one tracer, this long after the first one (60 min after injection)."""
    for number, after in enumerate(minutes, start=1):
        time = later("101500", after * 60)
        common = {"AcquisitionTime": time, "SeriesTime": time, "SeriesNumber": str(number)}
        pet_series(folder / f"pet{number}", name=f"pet{number}", common=common)


def test_of_two_scans_with_one_tracer_the_one_at_the_usual_time_is_taken(tmp_path):
    two_pets(tmp_path, 0, 180)
    (pet,) = open_study(tmp_path).pets
    first, other = pet.suv.uptake_s / 60.0, pet.suv.uptake_s / 60.0 + 180.0
    assert pet.series_number == 1
    assert pet.why[0] == (
        'chosen: before series 2 "PET AC" for its usual uptake time '
        f"({first:.0f} min after injection, the other {other:.0f} min after injection)"
    )
    assert "SEL-001" not in said(pet)


def test_of_two_scans_at_usual_times_the_earlier_is_taken_and_both_are_said(tmp_path):
    two_pets(tmp_path / "two", 30, 0)
    (pet,) = open_study(tmp_path / "two").pets
    assert pet.series_number == 2
    assert said(pet)["SEL-001"] == (
        'Two PETs of one tracer were taken at different times: series 2 "PET AC" at 10:15 and '
        'series 1 "PET AC" at 10:45; series 2 "PET AC" was taken for its earlier time. '
        "Use --pet to take the other."
    )
    two_pets(tmp_path / "one", 0, 2)
    (pet,) = open_study(tmp_path / "one").pets
    assert "for its later reconstruction" in pet.why[0]
    assert "SEL-001" not in said(pet)


def test_a_typed_phase_takes_the_ct_of_that_phase(tmp_path):
    phases(tmp_path, "arterial phase", "portal venous")
    assert open_study(tmp_path).ct.phase is Phase.PORTAL
    study = open_study(tmp_path, overrides={"phase": "arterial"})
    assert study.ct.description == "arterial phase"
    assert study.ct.why[0] == "chosen: the only CT of the arterial phase (--phase)"
    assert "--phase arterial" in said(study.ct)["SEL-012"]
    delayed = open_study(tmp_path, overrides={"phase": "delayed"})
    assert (delayed.ct.description, delayed.ct.phase) == ("portal venous", Phase.DELAYED)


def test_an_untouched_ct_comes_before_one_that_was_evened_out(tmp_path):
    ct_series(tmp_path / "whole", name="whole", spacing_mm=(4.0, 2.0, 2.0))
    paths = ct_series(tmp_path / "gap", name="gap", common={"SeriesNumber": "1"})
    paths[5].unlink()
    study = open_study(tmp_path, overrides={"regrid": True})
    assert study.ct.grid.spacing_mm[0] == pytest.approx(4.0)
    assert "for its slices as they were taken, not evened out (--regrid)" in study.ct.why[0]
    other = next(s for s in study.series if s is not study.ct)
    assert said(other)["GEO-018"].startswith(f"Series {other.number} ")
    assert "GEO-018" not in said(study.ct)


def test_what_a_conversion_adds_to_a_description_is_no_word_for_contrast(tmp_path):
    plain = {"SeriesDescription": "CT Abdomen (enhanced conversion)", "ContrastBolusAgent": None}
    ct_series(tmp_path / "plain", common=plain)
    assert open_study(tmp_path / "plain").ct.phase is Phase.UNKNOWN
    said_so = plain | {"SeriesDescription": "CT Abdomen enhanced (enhanced conversion)"}
    ct_series(tmp_path / "enhanced", common=said_so)
    (word,) = open_study(tmp_path / "enhanced").ct.phase_evidence
    assert (word.phase, word.says) == ("contrast", '"enhanced"')


def test_an_original_ct_comes_before_its_conversion():
    legacy = "1.2.840.10008.5.1.4.1.1.2.2"
    picture = Instance(path=Path("a"), sop_instance_uid="1", sop_class_uid=legacy)
    chosen = choose_ct([candidate(1, instances=(picture,)), candidate(2)], asked=None)
    assert chosen.number == 2
    assert chosen.why[0].endswith("for its original slices, not converted ones")


def test_where_series_numbers_are_equal_the_reason_is_another():
    same = [replace(candidate(n), series_number=7, uid="1.2") for n in (1, 2)]
    chosen = choose_ct(same, asked=None)
    rule = "its place in the list, as nothing else tells them apart"
    assert said(chosen)["SEL-001"].startswith(
        f"Two series are equally suitable; series 1 was taken for {rule}."
    )
    apart = [replace(one, uid=f"1.{9 - one.number}") for one in same]
    assert "for its UID, as nothing" in said(choose_ct(apart, asked=None))["SEL-001"]


def test_series_that_say_portal_without_certainty_are_named():
    word = PhaseEvidence(says='"pv"', phase="portal", weight=1, source="words")
    taken = candidate(1, phase=Phase.ARTERIAL)
    maybe = [candidate(n, phase=Phase.CONTRAST, phase_evidence=(word,)) for n in (3, 4)]
    told = said(choose_ct([taken, *maybe], asked=None))["SEL-002"]
    assert told == (
        "There is no portal venous phase that is certain, and the arterial phase was taken; "
        "series 3 and 4 say portal venous, but not for certain (--ct 3 takes it)."
    )
    none = said(choose_ct([taken], asked=None))["SEL-002"]
    assert none == "There is no portal venous phase; the arterial phase was taken."


def test_an_inspected_pair_that_lies_apart_says_that_registering_was_asked_for(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet", frame="other")
    (flag,) = open_study(tmp_path).flags
    assert (flag.code, "--register" in flag.sentence) == ("SEL-010", False)
    (flag,) = open_study(tmp_path, overrides={"register": True}).flags
    assert flag.code == "SEL-010"
    assert "the PET is laid over the CT if that can be done well (--register)" in flag.sentence
