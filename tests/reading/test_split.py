"""One SeriesInstanceUID, several volumes: split by what differs, said by what, never mixed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netimg.errors import InputError, NothingUsable, UsageError
from netimg.reading import open_study
from netimg.reading.headers import read_header
from netimg.reading.split import split
from netimg.reading.stack import stack
from netimg.reading.studies import survey_study
from netimg.reading.summary import inspect_tree
from netimg.reading.walk import Found
from netimg.settings import Settings
from netimg.study import Phase
from tests.make.dicom import body, ct_series, later, pet_series, uid, uptake

SETTINGS = Settings.shipped()
ONE = {"SeriesInstanceUID": uid("one series")}


def headers_of(paths):
    return [read_header(Found(p.name, p, None, p.stat().st_size), SETTINGS) for p in paths]


def more(folder, name, values=None, make=ct_series, **bends):
    """Files of the series `ONE`, with instance UIDs and file names of their own."""
    bends["common"] = bends.get("common", {}) | ONE
    return make(folder, values, name=name, names=f"{name}{{:04d}}.dcm", **bends)


def sizes(paths):
    found = split(headers_of(paths))
    return [len(p.headers) for p in found.volumes], [p.text for p in found.volumes]


def small(n):
    return np.zeros((n, 8, 10))


def places(*z):
    return [(-20.0, -16.0, float(v)) for v in z]


def test_a_plain_series_is_one_volume(tmp_path):
    assert sizes(ct_series(tmp_path)) == ([12], [""])


def test_two_phases_by_acquisition_number_are_two_volumes(tmp_path):
    more(tmp_path, "a", body(hu=120.0), common={"AcquisitionNumber": "1"})
    more(tmp_path, "b", body(hu=90.0), common={"AcquisitionNumber": "2"})
    study = open_study(tmp_path)
    assert [(s.number, s.grid.shape[0]) for s in study.series] == [(1, 12), (2, 12)]
    assert [s.description for s in study.series] == [
        "portal venous (acquisition 1)",
        "portal venous (acquisition 2)",
    ]
    assert [float(s.load().values.max()) for s in study.series] == [120.0, 90.0]
    (said,) = [f.sentence for f in study.series[0].flags if f.code == "GEO-009"]
    assert said == (
        'Series 1 and 2 "portal venous" came as one series that holds 2 time points or phases; '
        "it was split by acquisition (12 slices each)."
    )
    assert inspect_tree(study)["files"] == {"found": 24, "in_series": 24, "set_aside": 0}


def test_the_volumes_of_a_split_series_are_taken_by_number_and_its_uid_is_refused(tmp_path):
    more(tmp_path, "a", body(hu=120.0), common={"AcquisitionNumber": "1"})
    more(tmp_path, "b", body(hu=90.0), common={"AcquisitionNumber": "2"})
    assert float(open_study(tmp_path, ct="2").ct.load().values.max()) == 90.0
    for token in (ONE["SeriesInstanceUID"], ONE["SeriesInstanceUID"][:12]):
        with pytest.raises(UsageError) as caught:
            open_study(tmp_path, ct=token)
        assert caught.value.code.id == "SEL-013"
        assert f"The series {token} holds 2 volumes" in caught.value.what
        assert '1 "portal venous (acquisition 1)", 2 "portal venous' in caught.value.what
        assert caught.value.todo == "Choose one by its number, as in --ct 1."


BEDS = 7


def beds(folder, per_bed=6, **bends):
    """A whole-body PET: every bed with its own time, number and frame reference."""
    per_slice = {
        z: {
            "AcquisitionTime": later("101500", 180 * (z // per_bed)),
            "AcquisitionNumber": str(z // per_bed + 1),
            "FrameReferenceTime": str(75000 + 180000 * (z // per_bed)),
        }
        for z in range(BEDS * per_bed)
    }
    return pet_series(folder, small(BEDS * per_bed), per_slice=per_slice, **bends)


def test_the_beds_of_a_pet_are_one_volume(tmp_path):
    assert sizes(beds(tmp_path)) == ([42], [""])


def test_the_beds_of_a_pet_that_calls_itself_dynamic_are_one_volume(tmp_path):
    assert sizes(beds(tmp_path, common={"SeriesType": ["DYNAMIC", "IMAGE"]})) == ([42], [""])


def test_two_kernels_interleaved_are_two_volumes(tmp_path):
    soft = more(tmp_path, "soft", common={"ConvolutionKernel": "B30f"})
    sharp = more(tmp_path, "sharp", common={"ConvolutionKernel": "B60f"})
    mixed = [path for pair in zip(soft, sharp, strict=True) for path in pair]
    assert sizes(mixed) == ([12, 12], ["kernel B30f", "kernel B60f"])
    study = open_study(tmp_path)
    assert study.ct.description == "portal venous (kernel B30f)"
    assert study.ct.why[0].endswith("for its softer kernel")
    (said,) = [f.sentence for f in study.ct.flags if f.code == "GEO-009"]
    assert "holds 2 volumes; it was split by kernel (B30f: 12 slices, B60f: 12 slices)" in said


def test_three_localizers_beside_120_slices_are_set_aside(tmp_path):
    more(tmp_path, "axial", small(120) + body((120, 8, 10)))
    turned = [(0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)]
    for k, orientation in enumerate(turned):
        kind = ["ORIGINAL", "PRIMARY", "LOCALIZER" if k < 2 else "AXIAL"]
        common = {"ImageType": kind, "AcquisitionNumber": "9"}
        first = (-20.0 + 9 * k, -16.0, 30.0)
        more(
            tmp_path,
            f"loc{k}",
            small(1),
            orientation=orientation,
            first_lps_mm=first,
            common=common,
        )
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [120]
    assert study.ct.description == "portal venous"
    assert [item.code for item in study.set_aside] == ["IDX-011"] * 3
    assert study.set_aside[0].sentence == (
        'Series 1 "portal venous" came with 1 slice of a planning overview (localizer); set aside.'
    )
    assert inspect_tree(study)["files"] == {"found": 123, "in_series": 120, "set_aside": 3}


def moving(folder, times, n=30, **bends):
    """A PET of several times at the same places; ``bends`` of one time by its index."""
    for t in range(times):
        common = {key: value(t) if callable(value) else value for key, value in bends.items()}
        stored = uptake((n, *small(n).shape[1:]), 100 * (t + 1))
        more(folder, f"t{t:02d}", stored, make=pet_series, common=common)


@pytest.mark.parametrize(
    ("bends", "key"),
    [
        ({"TemporalPositionIdentifier": lambda t: str(t + 1)}, "time point"),
        (
            {
                "SeriesType": ["DYNAMIC", "IMAGE"],
                "FrameReferenceTime": lambda t: str(30000 + 60000 * t),
            },
            "frame time",
        ),
        ({"FrameReferenceTime": lambda t: str(30000 + 60000 * t)}, "frame time"),
        ({"AcquisitionTime": lambda t: later("101500", 60 * t)}, "time"),
        ({"SeriesType": ["GATED", "IMAGE"], "TriggerTime": lambda t: str(400 * t)}, "gate"),
        ({"AcquisitionNumber": lambda t: str(t + 1)}, "acquisition"),
    ],
    ids=["identifier", "dynamic", "frame time alone", "clock alone", "gated", "acquisition"],
)
def test_a_pet_of_several_times_is_as_many_volumes(tmp_path, bends, key):
    moving(tmp_path, 4, n=6, **bends)
    study = survey_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [6] * 4
    assert study.pets == ()
    for t, one in enumerate(study.series):
        assert float(one.load().values.max()) > 0
        assert f"({key} " in one.description
        said = {f.code: f.sentence for f in one.flags}
        assert f"holds 4 time points or phases; it was split by {key}" in said["GEO-009"]
        assert "(6 slices each)" in said["GEO-009"]
        assert f"It is measured only with --pet {t + 1}." in said["SUV-023"]


@pytest.mark.slow
def test_a_pet_of_ten_times_thirty_slices_gives_the_time_that_is_asked_for(tmp_path):
    moving(tmp_path, 10, TemporalPositionIdentifier=lambda t: str(t + 1))
    assert [s.grid.shape[0] for s in survey_study(tmp_path).series] == [30] * 10
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert "is one of 10 times" in caught.value.what
    with pytest.raises(UsageError) as caught:
        open_study(tmp_path, pet=[ONE["SeriesInstanceUID"]])
    assert caught.value.code.id == "SEL-013"
    assert "holds 10 volumes" in caught.value.what
    assert caught.value.todo == "Choose one by its number, as in --pet 1."
    (pet,) = open_study(tmp_path, pet=["4"]).pets
    assert pet.description == "PET AC (time point 4)"
    factor = pet.suv.factors[0]
    assert pet.load().values.max() == pytest.approx(400 * 0.75 * factor, rel=1e-6)
    (said,) = [f.sentence for f in pet.flags if f.code == "SUV-023"]
    assert "is one of 10 times; it is measured because you asked for it" in said


def test_the_static_pet_is_measured_rather_than_the_frames(tmp_path):
    moving(tmp_path, 4, n=12, TemporalPositionIdentifier=lambda t: str(t + 1))
    pet_series(tmp_path / "sum", small(12) + 7, name="sum", common={"SeriesNumber": "9"})
    (pet,) = open_study(tmp_path).pets
    assert pet.uid == uid("study", "sum")


def test_two_times_half_a_slice_apart_are_never_woven_into_one_volume(tmp_path):
    common = {"TemporalPositionIdentifier": "1"}
    a = more(tmp_path, "a", small(12), positions=places(*(4.0 * np.arange(12))), common=common)
    common = {"TemporalPositionIdentifier": "2"}
    b = more(tmp_path, "b", small(12), positions=places(*(4.0 * np.arange(12) + 2)), common=common)
    assert sizes([*a, *b]) == ([12, 12], ["time point 1", "time point 2"])


def passes(folder, *starts, shift_mm=0.0, **bends):
    """Passes of 12 slices (4 mm apart) that begin at their times, each ``shift_mm`` higher."""
    paths = []
    for k, start in enumerate(starts):
        z = places(*(4.0 * np.arange(12) + k * shift_mm))
        clock = {i: {"AcquisitionTime": later(start, i // 4)} for i in range(12)}
        values = body((12, 8, 10), hu=60.0 + 40 * k)
        paths += more(folder, f"p{k}", values, positions=z, per_slice=clock, **bends)
    return paths


def test_two_passes_half_a_slice_apart_that_only_the_clock_tells_apart_are_two_volumes(tmp_path):
    passes(tmp_path, "101000", "101100", shift_mm=2.0)
    study = survey_study(tmp_path)
    assert [(s.grid.shape[0], s.grid.spacing_mm[0]) for s in study.series] == [(12, 4.0)] * 2
    assert [s.description for s in study.series] == [
        "portal venous (time 10:10:00)",
        "portal venous (time 10:11:00)",
    ]
    assert [float(s.load().values.max()) for s in study.series] == [60.0, 100.0]
    (said,) = [f.sentence for f in study.series[0].flags if f.code == "GEO-009"]
    assert "holds 2 time points or phases; it was split by time (12 slices each)" in said


def test_passes_a_little_beside_one_another_are_told_apart_by_the_clock(tmp_path):
    assert sizes(passes(tmp_path, "101000", "101100", "101200", shift_mm=1.0)) == (
        [12, 12, 12],
        ["time 10:10:00", "time 10:11:00", "time 10:12:00"],
    )


def test_passes_of_unlike_length_are_told_apart_by_the_clock(tmp_path):
    paths = passes(tmp_path, "101000", "101100", shift_mm=2.0)[:-3]
    assert sizes(paths) == ([12, 9], ["time 10:10:00", "time 10:11:00"])


def test_passes_without_a_pause_between_them_are_one_volume(tmp_path):
    # 24 slices at 2 mm, the time of each within 2 s of the next.
    assert sizes(passes(tmp_path, "101000", "101003", shift_mm=2.0)) == ([24], [""])


def test_steps_with_pauses_between_them_are_one_volume(tmp_path):
    clock = {z: {"AcquisitionTime": later("101000", 30 * (z // 4))} for z in range(24)}
    assert sizes(ct_series(tmp_path, small(24), per_slice=clock)) == ([24], [""])


def test_a_few_slices_taken_again_later_leave_a_scan_whole(tmp_path):
    clock = {z: {"AcquisitionTime": "101200"} for z in (5, 7, 9, 11)}
    assert sizes(ct_series(tmp_path, small(24), per_slice=clock)) == ([24], [""])


def steps(folder, *ranges):
    """Acquisitions in order, each with its slices from..to (3 mm apart)."""
    paths = []
    for k, (first, last) in enumerate(ranges):
        z = places(*(3.0 * np.arange(first, last)))
        common = {"AcquisitionNumber": str(k + 1)}
        paths += more(folder, f"s{k}", small(last - first), positions=z, common=common)
    return paths


def test_steps_of_one_scan_stay_together(tmp_path):
    assert sizes(steps(tmp_path, (0, 10), (10, 20), (20, 30))) == ([30], [""])


def test_two_phases_of_two_steps_each_are_two_volumes(tmp_path):
    assert sizes(steps(tmp_path, (0, 10), (10, 20), (0, 10), (10, 20))) == (
        [20, 20],
        ["acquisition 1 to 2", "acquisition 3 to 4"],
    )


def test_steps_that_were_not_taken_from_one_end_to_the_other_stay_together(tmp_path):
    found = sizes(steps(tmp_path, (0, 1), (20, 24), (8, 9), (12, 20), (1, 8), (9, 12)))
    assert found == ([24], [""])


def test_a_short_phase_is_never_completed_with_a_step_of_the_next(tmp_path):
    # Arterial upper abdomen, portal venous whole abdomen, delayed pelvis.
    found, _ = sizes(steps(tmp_path, (20, 30), (0, 30), (0, 20)))
    assert sorted(found) == [10, 20, 30]


def test_two_acquisitions_that_share_a_few_places_are_refused(tmp_path):
    for k, (first, last) in enumerate([(0, 12), (10, 22)]):
        z = places(*(3.0 * np.arange(first, last)))
        values = body((12, 8, 10), hu=50.0 + 20 * k)
        more(tmp_path, f"s{k}", values, positions=z, common={"AcquisitionNumber": str(k + 1)})
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert caught.value.code.id == "GEO-005"
    assert 'Two slices of series 1 "portal venous" lie at the same place (30.00 mm)' in (
        caught.value.what
    )
    assert "s00011.dcm, s10001.dcm" in caught.value.what


def test_a_bolus_watched_at_one_place_is_no_volume(tmp_path):
    for k in range(4):
        more(
            tmp_path,
            f"b{k}",
            body((1, 8, 10), hu=40.0 + 50 * k),
            positions=places(61.5),
            common={"AcquisitionNumber": str(12 + k)},
        )
    study = survey_study(tmp_path)
    assert study.series == ()
    assert {item.code for item in study.set_aside} == {"GEO-005"}
    assert "its 4 pictures all lie at one place (61.50 mm) and differ" in (
        study.set_aside[0].sentence
    )


@pytest.mark.parametrize("z", [15.0, 16.5], ids=["at a slice", "between two slices"])
@pytest.mark.parametrize("numbers", [("9",) * 5, "34567"], ids=["one number", "a number each"])
def test_a_bolus_watched_before_the_scan_of_its_series_is_set_aside(tmp_path, z, numbers):
    more(tmp_path, "a", small(12) + body((12, 8, 10)))
    for k, number in enumerate(numbers):
        values = body((1, 8, 10), hu=40.0 + 50 * k)
        common = {"AcquisitionNumber": number}
        more(tmp_path, f"b{k}", values, positions=places(z), common=common)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    assert study.ct.description == "portal venous"
    assert [item.code for item in study.set_aside] == ["GEO-010"] * 5
    n = 5 if numbers[0] == numbers[1] else 1
    slices = "1 slice" if n == 1 else f"{n} slices"
    assert study.set_aside[0].sentence == (
        f'Series 1 "portal venous" came with {slices} of another kind (acquisition '
        f"{numbers[0]}): too few for a volume."
    )


def test_each_phase_of_a_split_series_is_read_from_its_own_times(tmp_path):
    late = {"SeriesDescription": "abdomen", "ContrastBolusStartTime": "100840"}
    for name, time in (("a", "100915"), ("b", "100950")):
        number = {"AcquisitionNumber": "1" if name == "a" else "2"}
        more(tmp_path, name, common=late | number | {"AcquisitionTime": time})
    study = open_study(tmp_path)
    assert [s.phase for s in study.series] == [Phase.ARTERIAL, Phase.PORTAL]
    assert study.ct.description == "abdomen (acquisition 2)"
    assert "SEL-016" in {flag.code for flag in study.ct.flags}


@pytest.mark.parametrize(
    ("bends", "says"),
    [
        ({"NominalPercentageOfCardiacPhase": 70.0}, "cardiac phase 70 %"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "MONO 40KEV"]}, "energy 40 keV"),
        ({"RescaleType": "US"}, "unit US"),
    ],
)
def test_heartbeats_energies_and_units_in_one_series_are_volumes_of_their_own(
    tmp_path, bends, says
):
    first = {
        "NominalPercentageOfCardiacPhase": 40.0,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "MONO 70KEV"],
    }
    paths = more(tmp_path, "a", common=first) + more(tmp_path, "b", common=first | bends)
    found, text = sizes(paths)
    assert found == [12, 12]
    assert says in text


@pytest.mark.parametrize(
    ("bends", "says"),
    [
        (
            {"orientation": (1, 0, 0, 0, 0, -1)},
            ["slice direction axial", "slice direction coronal"],
        ),
        ({"spacing_mm": (3.0, 2.5, 2.5)}, ["pixel size 2 mm", "pixel size 2.5 mm"]),
        ({"frame": "other"}, None),
        (
            {"common": {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}},
            ["image type DERIVED\\PRIMARY\\AXIAL", "image type ORIGINAL\\PRIMARY\\AXIAL"],
        ),
        ({"common": {"KVP": "80"}}, ["tube voltage 80 kV", "tube voltage 120 kV"]),
    ],
    ids=["direction", "pixel", "frame", "image type", "voltage"],
)
def test_pictures_that_differ_in_what_they_are_are_split(tmp_path, bends, says):
    paths = more(tmp_path / "a", "a") + more(tmp_path / "b", "b", **bends)
    found, text = sizes(paths)
    assert found == [12, 12]
    if says is not None:
        assert sorted(text) == sorted(says)
    else:
        assert text == ["coordinate system 1", "coordinate system 2"]  # a UID is nobody's word


@pytest.mark.parametrize(
    ("attribute", "value", "key"),
    [
        ("TemporalPositionIdentifier", "2", "time point"),
        ("NominalPercentageOfCardiacPhase", 70.0, "cardiac phase"),
        ("ReconstructionDiameter", "350", "field"),
        ("ImageComments", "second reconstruction", "comment"),
    ],
)
def test_a_copy_that_says_what_the_first_does_not_is_a_volume_of_its_own(
    tmp_path, attribute, value, key
):
    paths = more(tmp_path, "a", body(hu=50.0))
    paths += more(tmp_path, "b", body(hu=70.0), common={attribute: value})
    found, text = sizes(paths)
    assert found == [12, 12]
    assert all(part.startswith(key) for part in text)
    assert {float(s.load().values.max()) for s in open_study(tmp_path).series} == {50.0, 70.0}


def test_two_fields_beside_one_another_at_the_same_heights_are_two_volumes(tmp_path):
    paths = more(tmp_path, "left", body(hu=50.0))
    first = (25.0, -16.0, 0.0)
    paths += more(tmp_path, "right", body(hu=70.0), first_lps_mm=first)
    assert sizes(paths) == ([12, 12], ["field position 1", "field position 2"])
    origins = {s.grid.origin_lps_mm[0] for s in open_study(tmp_path).series}
    assert origins == {-20.0, 25.0}


@pytest.mark.parametrize(
    "says",
    [
        {"ReconstructionDiameter": "350"},
        {"TemporalPositionIdentifier": "2"},
        {"ImageComments": "nice"},
        {"TriggerTime": "120"},
    ],
)
def test_what_only_some_slices_say_splits_nothing(tmp_path, says):
    assert sizes(ct_series(tmp_path, per_slice=dict.fromkeys((2, 3, 7), says))) == ([12], [""])


def test_corrected_and_uncorrected_pet_in_one_series_are_two_volumes(tmp_path):
    more(tmp_path, "ac", make=pet_series)
    nac = {"CorrectedImage": ["NORM", "DECY"], "AttenuationCorrectionMethod": None}
    more(tmp_path, "nac", make=pet_series, common=nac)
    study = open_study(tmp_path)
    assert len(study.series) == 2
    (pet,) = study.pets
    assert "ATTN" in pet.description


def test_two_reconstructions_that_nothing_tells_apart_are_refused(tmp_path):
    more(tmp_path, "a", body(hu=50.0))
    more(tmp_path, "b", body(hu=70.0))
    study = survey_study(tmp_path)
    assert study.series == ()
    assert {item.code for item in study.set_aside} == {"GEO-005"}
    with pytest.raises(InputError, match=r"same place \(0\.00 mm\)"):
        open_study(tmp_path, ct="1")


def test_a_series_sent_twice_is_one_volume_and_its_copies_are_said(tmp_path):
    more(tmp_path, "a")
    more(tmp_path, "b")
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    assert [item.code for item in study.set_aside] == ["GEO-013"] * 12
    assert "12 slices are there twice" in next(
        f.sentence for f in study.ct.flags if f.code == "GEO-013"
    )


def test_a_few_slices_sent_again_with_another_comment_are_copies(tmp_path):
    more(tmp_path, "a")
    again = places(*(3.0 * np.arange(4)))
    comment = {"ImageComments": "sent again"}
    more(tmp_path, "b", body((4, 32, 40)), positions=again, common=comment)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    assert [item.code for item in study.set_aside] == ["GEO-013"] * 4


def test_two_slices_of_another_size_beside_a_volume_are_set_aside_and_said(tmp_path):
    more(tmp_path, "a")
    more(tmp_path, "b", body((2, 16, 20)), positions=places(36.0, 39.0))
    study = open_study(tmp_path)
    assert [s.grid.shape for s in study.series] == [(12, 32, 40)]
    assert [item.code for item in study.set_aside] == ["GEO-010"] * 2
    assert study.set_aside[0].sentence == (
        'Series 1 "portal venous" came with 2 slices of another kind (picture size 16x20): too few '
        "for a volume."
    )


def test_a_slice_without_a_place_refuses_its_series_and_is_not_cut_off(tmp_path):
    more(tmp_path, "a", per_slice={3: {"ImageOrientationPatient": None}})
    with pytest.raises(NothingUsable, match="GEO-001 Slice 4"):
        open_study(tmp_path)


@settings(max_examples=20)
@given(seed=st.integers(0, 1 << 30))
def test_the_order_of_files_never_changes_the_parts(seed, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "shuffled parts"
    paths = sorted(folder.glob("*.dcm"))
    if not paths:
        steps(folder, (0, 6), (6, 12), (0, 6), (6, 12))
        more(folder, "k", small(5), common={"ConvolutionKernel": "B60f"})
        paths = sorted(folder.glob("*.dcm"))
    headers = headers_of(paths)
    straight = split(headers)
    headers = [headers[i] for i in np.random.default_rng(seed).permutation(len(headers))]
    turned = split(headers)

    def shape(found):
        return [(p.text, sorted(h.sop_instance for h in p.headers)) for p in found.volumes]

    assert shape(turned) == shape(straight)


@settings(max_examples=60)
@given(
    phases=st.integers(1, 3),
    beds=st.integers(1, 3),
    n=st.integers(3, 9),
    gap_mm=st.sampled_from([0.7, 3.0, 5.0]),
    aside=st.sampled_from([0.0, 0.1, 0.5]),
    key=st.sampled_from(["acquisition_number", "temporal_position", "cardiac_phase_pct"]),
    seed=st.integers(0, 1 << 30),
)
def test_any_mixture_of_phases_and_steps_gives_back_its_phases(
    tmp_path_factory, *, phases, beds, n, gap_mm, aside, key, seed
):
    folder = tmp_path_factory.getbasetemp() / "mixture"
    paths = sorted(folder.glob("*.dcm")) or ct_series(folder, small(1))
    (base,) = headers_of(paths)
    headers = []
    for phase in range(phases):
        for place in range(beds * n):
            step = place // n if key == "acquisition_number" else 0
            number = phase * beds + step if key == "acquisition_number" else 10 * (phase + 1)
            z = gap_mm * (place + aside * phase)
            headers.append(
                replace(
                    base,
                    position=(-20.0, -16.0, z),
                    sop_instance=f"{phase}.{place}",
                    instance_number=phase,
                    **{key: number},
                )
            )
    order = np.random.default_rng(seed).permutation(len(headers))
    found = split([headers[i] for i in order]).volumes
    assert sorted(len(p.headers) for p in found) == [beds * n] * phases
    assert all(len({h.instance_number for h in p.headers}) == 1 for p in found)


NUMBER = st.one_of(st.none(), st.sampled_from([0.0, -1.0, 1.0, 2.0, 2.00001, 1e300]), st.floats())
WHOLE = st.one_of(st.none(), st.integers(-3, 3))
VECTOR = st.one_of(
    st.none(),
    st.lists(NUMBER.filter(lambda v: v is not None), max_size=7).map(tuple),
    st.tuples(st.just(-20.0), st.just(-16.0), st.sampled_from([0.0, 3.0, 6.0, 9.0, 1e-3])),
)
TURN = st.one_of(
    VECTOR,
    st.sampled_from([(1.0, 0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0, -1.0), (1.0, 0, 0, 0, 1.0, 1e-3)]),
)
BENT = st.fixed_dictionaries(
    {},
    optional={
        "position": VECTOR,
        "orientation": TURN,
        "pixel_spacing": VECTOR,
        "frame_of_reference": st.sampled_from([None, "1.2", "1.3"]),
        "image_type": st.sampled_from([(), ("ORIGINAL", "PRIMARY", "LOCALIZER"), ("DERIVED",)]),
        "kernel": st.sampled_from([None, "B30f", "x" * 200]),
        "kvp": NUMBER,
        "reconstruction_mm": NUMBER,
        "acquisition_number": WHOLE,
        "temporal_position": WHOLE,
        "cardiac_phase_pct": NUMBER,
        "stack_id": st.sampled_from([None, "1", "2"]),
        "acquired_at": st.none(),
    },
)


def test_a_series_of_as_many_coordinate_systems_as_slices_is_refused_once(tmp_path):
    more(tmp_path, "a", per_slice={z: {"FrameOfReferenceUID": uid(z)} for z in range(12)})
    study = survey_study(tmp_path)
    assert [item.code for item in study.set_aside] == ["GEO-014"] * 12
    assert "names 12 coordinate systems" in study.set_aside[0].sentence
    more(tmp_path / "one", "b", per_slice={3: {"FrameOfReferenceUID": None}})
    (ct,) = open_study(tmp_path / "one").series
    assert ct.frame_of_reference_uid == uid("study", "frame")


def test_phases_a_little_beside_one_another_are_two_volumes(tmp_path):
    paths = []
    for k in range(2):
        z = places(*(5.0 * np.arange(12) + 0.4 * k))
        common = {"AcquisitionNumber": str(k + 1)}
        paths += more(tmp_path, f"p{k}", small(12), positions=z, common=common)
    assert sizes(paths) == ([12, 12], ["acquisition 1", "acquisition 2"])


@pytest.mark.parametrize(
    ("attribute", "values", "says"),
    [
        ("SeriesDescription", ("arterial", "venous"), "description arterial"),
        ("SeriesNumber", ("3", "4"), "series number 3"),
        ("ImageComments", ("30 % inspiration", "80 % inspiration"), "comment 30 % inspiration"),
        ("TriggerTime", ("120", "700"), "gate 120"),
    ],
)
def test_what_nothing_else_tells_apart_is_split_by_what_it_is_called(
    tmp_path, attribute, values, says
):
    paths = []
    for k, value in enumerate(values):
        paths += more(tmp_path, f"n{k}", body(hu=50.0 + 9 * k), common={attribute: value})
    found, text = sizes(paths)
    assert (found, text[0]) == ([12, 12], says)
    bent = {3: {attribute: values[1]}}
    assert sizes(more(tmp_path / "once", "o", per_slice=bent))[0] == [12]


@pytest.mark.slow
@settings(max_examples=100)
@given(bends=st.lists(BENT, min_size=1, max_size=9))
def test_whatever_headers_say_each_picture_is_in_one_part_and_nothing_crashes(
    bends, tmp_path_factory
):
    folder = tmp_path_factory.getbasetemp() / "bent"
    paths = sorted(folder.glob("*.dcm")) or ct_series(folder, small(9))
    straight = headers_of(paths)
    headers = [replace(h, **bend) for h, bend in zip(straight, bends, strict=False)]
    found = split(headers)
    parts = (*found.volumes, *found.overviews, *found.scraps)
    assert sorted(h.sop_instance for p in parts for h in p.headers) == sorted(
        h.sop_instance for h in headers
    )
    for part in found.volumes:
        result = refused = None
        try:
            result = stack(
                part.headers, series="series 1", kind="CT", same_picture=lambda _a, _b: True
            )
        except InputError as error:
            refused = error
        if result is None:
            assert refused.code.id.startswith("GEO-")
        else:
            assert sorted([*result.order, *(left for left, _ in result.dropped)]) == list(
                range(len(part.headers))
            )
