"""Pieces of one scan that lie side by side are one volume, whatever differs between them."""

import numpy as np
import pytest

from netimg.errors import InputError
from netimg.reading import open_study
from netimg.reading.studies import survey_study
from netimg.reading.summary import inspect_tree
from tests.make.dicom import body, ct_series, uid
from tests.make.multiframe import enhanced_ct

N = 24
SHAPE = (N, 16, 20)


def ramp():
    """HU of a body that brightens by 2 HU a slice: every slice is known again."""
    return np.array(body(SHAPE)) + 2.0 * np.arange(N)[:, None, None] * (body(SHAPE) > 0)


def changing(element, *values):
    """What each slice says of an element: the values one after the other, in equal parts."""
    return {z: {element: values[z * len(values) // N]} for z in range(N)}


TWO = ["ORIGINAL", "PRIMARY"]
PIECES = {
    "voltage": changing("KVP", "100", "120"),
    "voltage back and forth": changing("KVP", "120", "100", "120"),
    "image type of two values and of three": changing("ImageType", TWO, [*TWO, "AXIAL"]),
    "image type of one slice": {7: {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}},
    "kernel": changing("ConvolutionKernel", "B30f", "B31f"),
    "field of each slice": {
        z: {"ReconstructionDiameter": f"{360 + 0.06 * z:.3f}"} for z in range(N)
    },
    "field at last": changing("ReconstructionDiameter", "360", "361", "362"),
    "energy": {
        z: {"ImageType": [*TWO, "AXIAL", f"MONO {40 if z < 12 else 70}KEV"]} for z in range(N)
    },
}


@pytest.mark.parametrize("per_slice", PIECES.values(), ids=PIECES)
def test_what_changes_along_the_patient_splits_nothing(tmp_path, per_slice):
    ct_series(tmp_path, ramp(), per_slice=per_slice)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [N]
    assert study.ct.description == "portal venous"
    assert not {f.code for f in (*study.flags, *study.ct.flags)} & {"SEL-001", "GEO-009"}
    assert study.ct.load().values.max(axis=(1, 2)).tolist() == [60.0 + 2 * z for z in range(N)]
    assert inspect_tree(study)["files"] == {"found": N, "in_series": N, "set_aside": 0}


@pytest.mark.parametrize("per_slice", PIECES.values(), ids=PIECES)
def test_two_times_of_pieces_are_two_volumes_of_all_pieces(tmp_path, per_slice):
    for k in range(2):
        ct_series(
            tmp_path,
            ramp() + 100 * k,
            name=f"t{k}",
            names=f"t{k}_{{:03d}}",
            common={"SeriesInstanceUID": uid("one"), "AcquisitionNumber": str(k + 1)},
            per_slice=per_slice,
        )
    study = survey_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [N, N]
    assert [s.description for s in study.series] == [
        "portal venous (acquisition 1)",
        "portal venous (acquisition 2)",
    ]


def reconstruction(folder, name, first, n, *, step_mm=3.0, **common):
    """Slices first..first+n-1 of the series "one", ``step_mm`` apart."""
    return ct_series(
        folder,
        body((n, 16, 20)),
        name=name,
        names=f"{name}{{:03d}}",
        first_lps_mm=(-20.0, -16.0, 3.0 * first),
        spacing_mm=(step_mm, 2.0, 2.0),
        common={"SeriesInstanceUID": uid("one")} | common,
    )


def test_a_voltage_that_lies_over_pieces_of_others_is_a_volume_and_so_are_the_pieces(tmp_path):
    reconstruction(tmp_path, "a", 0, 12, KVP="100")
    reconstruction(tmp_path, "b", 12, 12, KVP="120")
    reconstruction(tmp_path, "c", 0, 24, KVP="140")
    study = survey_study(tmp_path)
    assert [(s.grid.shape[0], s.description) for s in study.series] == [
        (24, "portal venous (tube voltage 100 kV to 120 kV)"),
        (24, "portal venous (tube voltage 140 kV)"),
    ]
    (said,) = [f.sentence for f in study.series[0].flags if f.code == "GEO-009"]
    assert "100 kV to 120 kV: 24 slices, 140 kV: 24 slices" in said


def test_of_unlike_volumes_no_piece_is_given_to_another(tmp_path):
    # A sharp chest lies over the soft one; whether the abdomen follows either is not known.
    reconstruction(tmp_path, "chest", 0, 12, ConvolutionKernel="B30f")
    reconstruction(tmp_path, "lung", 0, 12, ConvolutionKernel="B60f")
    reconstruction(tmp_path, "abdomen", 12, 14, ConvolutionKernel="B40f")
    assert [s.grid.shape[0] for s in survey_study(tmp_path).series] == [12, 14, 12]


def test_pieces_with_two_slices_missing_between_them_are_refused_and_not_measured_by_halves(
    tmp_path,
):
    reconstruction(tmp_path, "a", 0, 12, KVP="100")
    reconstruction(tmp_path, "b", 14, 12, KVP="120")
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert caught.value.code.id == "GEO-004"
    assert "2 slices are missing" in caught.value.what
    assert "(33.0 and 42.0 mm)" in caught.value.what


def test_two_scans_of_one_series_with_a_wide_gap_between_them_are_two_volumes(tmp_path):
    reconstruction(tmp_path, "head", 200, 12, KVP="120", ConvolutionKernel="H30f")
    reconstruction(tmp_path, "abdomen", 0, 30, KVP="100")
    study = open_study(tmp_path)
    assert [(s.grid.shape[0], s.description) for s in study.series] == [
        (30, "portal venous (kernel B30f)"),
        (12, "portal venous (kernel H30f)"),
    ]


def test_kernels_half_a_slice_apart_are_never_woven_into_one_volume(tmp_path):
    reconstruction(tmp_path, "soft", 0, 12, ConvolutionKernel="B30f")
    reconstruction(tmp_path, "sharp", 0.5, 12, ConvolutionKernel="B60f")
    study = open_study(tmp_path)
    assert [(s.grid.shape[0], s.grid.spacing_mm[0]) for s in study.series] == [(12, 3.0)] * 2


@pytest.mark.parametrize("kind", ["LOCALIZER", "MIP", "MPR"])
def test_overviews_and_projections_beside_a_scan_are_no_pieces_of_it(tmp_path, kind):
    reconstruction(tmp_path, "a", 0, 12)
    reconstruction(tmp_path, "b", 12, 2, ImageType=["DERIVED", "SECONDARY", kind])
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    assert {item.code for item in study.set_aside} == {
        "IDX-011" if kind == "LOCALIZER" else "GEO-010"
    }


def frames(first, n, stack):
    """Functional groups of frames that follow one another, 3 mm apart."""
    return [
        {
            "PlanePosition": {"ImagePositionPatient": ["-20", "-16", f"{3.0 * (first + k):g}"]},
            "FrameContent": {"StackID": stack},
        }
        for k in range(n)
    ]


def test_stacks_that_follow_one_another_without_a_gap_are_one_volume(tmp_path):
    own = dict(enumerate([*frames(0, 12, "1"), *frames(12, 12, "2")]))
    enhanced_ct(tmp_path, ramp(), frames=own)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [N]
    assert study.ct.load().values.max(axis=(1, 2)).tolist() == [60.0 + 2 * z for z in range(N)]


def test_a_frame_of_maximum_projection_is_not_taken_for_a_slice(tmp_path):
    own = dict(enumerate(frames(0, N, "1")))
    kind = {"FrameType": ["DERIVED", "PRIMARY", "VOLUME", "MAXIMUM"]}
    own[N - 1] = own[N - 1] | {"CTImageFrameType": kind}
    enhanced_ct(tmp_path, ramp(), frames=own)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [N - 1]
    (said,) = [f.sentence for f in study.ct.flags if f.code == "GEO-010"]
    assert (
        "came with 1 slice of another kind (image type DERIVED\\PRIMARY\\VOLUME\\MAXIMUM)" in said
    )
