"""Several volumes in one multi-frame file: frames are split as files are."""

import numpy as np
import pytest

from netimg.errors import NothingUsable
from netimg.reading import open_study
from netimg.reading.studies import survey_study
from netimg.reading.summary import inspect_tree
from tests.make.dicom import body, uptake
from tests.make.multiframe import enhanced_ct, enhanced_pet


def at(z, *, spacing_mm=3.0, **content):
    """Functional groups of a frame at a height, with what its Frame Content says besides."""
    place = [f"{v:.10g}" for v in (-20.0, -16.0, spacing_mm * z)]
    return {"PlanePosition": {"ImagePositionPatient": place}, "FrameContent": content}


def counted(study):
    return inspect_tree(study)["files"]


def test_two_phases_in_one_file_are_two_volumes_in_any_order_of_frames(tmp_path):
    values = np.concatenate([body(hu=120.0), body(hu=80.0)])
    order = np.random.default_rng(2).permutation(24)
    frames = {
        n: at(int(z) % 12, TemporalPositionIndex=int(z) // 12 + 1) for n, z in enumerate(order)
    }
    enhanced_ct(tmp_path, values, order=order.tolist(), frames=frames)
    study = open_study(tmp_path)
    assert [s.description for s in study.series] == [
        "portal venous (time point 1)",
        "portal venous (time point 2)",
    ]
    assert [float(s.load().values.max()) for s in study.series] == [120.0, 80.0]
    assert [s.grid.shape[0] for s in study.series] == [12, 12]
    assert "holds 2 time points or phases" in next(
        f.sentence for f in study.series[0].flags if f.code == "GEO-009"
    )
    assert counted(study) == {"found": 1, "in_series": 1, "set_aside": 0}
    assert study.files == (("enhanced_ct_0.dcm", "series 1, 2"),)
    assert float(open_study(tmp_path, ct="2").ct.load().values.max()) == 80.0


def test_a_pet_of_three_times_in_one_file_gives_the_frame_that_is_asked_for(tmp_path):
    stored = np.concatenate([uptake(stored=1000 * (t + 1)) for t in range(3)])
    frames = {
        n: at(n % 6, TemporalPositionIndex=n // 6 + 1)
        | {"PlanePosition": at(n % 6)["PlanePosition"]}
        for n in range(18)
    }
    enhanced_pet(tmp_path, stored, frames=frames)
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert "is one of 3 times. It is measured only with --pet 2." in caught.value.what
    (pet,) = open_study(tmp_path, pet=["2"]).pets
    assert pet.load().values.max() == pytest.approx(1500.0 * pet.suv.factors[0], rel=1e-6)


def test_stacks_of_one_direction_are_told_apart_by_their_name(tmp_path):
    frames = {n: at(n if n < 12 else n + 10, StackID="1" if n < 12 else "2") for n in range(24)}
    enhanced_ct(tmp_path, np.concatenate([body(), body()]), frames=frames)
    study = open_study(tmp_path)
    assert [s.description for s in study.series] == [
        "portal venous (stack 1)",
        "portal venous (stack 2)",
    ]
    assert [s.grid.origin_lps_mm[2] for s in study.series] == [0.0, 66.0]


def test_two_kernels_in_one_file_are_two_volumes_and_the_soft_one_is_chosen(tmp_path):
    frames = {
        n: at(n % 12) | {"CTReconstruction": {"ConvolutionKernel": "B30f" if n < 12 else "B60f"}}
        for n in range(24)
    }
    enhanced_ct(
        tmp_path,
        np.concatenate([body(), body()]),
        frames=frames,
        drop=(),
        shared={"CTReconstruction": None},
    )
    study = open_study(tmp_path)
    assert study.ct.description == "portal venous (kernel B30f)"
    assert study.ct.why[0].endswith("for its softer kernel")


def test_frames_of_an_overview_are_left_out_and_said_though_their_file_is_used(tmp_path):
    kind = {"FrameType": ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]}
    frames = {n: at(n) for n in range(12)} | {
        n: at(n) | {"CTImageFrameType": kind} for n in (12, 13)
    }
    enhanced_ct(tmp_path, np.concatenate([body(), body((2, 32, 40))]), frames=frames)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    (said,) = [f.sentence for f in study.ct.flags if f.code == "IDX-011"]
    assert "came with 2 slices of a planning overview" in said
    assert counted(study) == {"found": 1, "in_series": 1, "set_aside": 0}


def test_a_time_that_cannot_be_used_is_said_though_another_of_its_file_is_measured(tmp_path):
    frames = {n: at(n, TemporalPositionIndex=1) for n in range(12)}
    gap = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    frames |= {12 + k: at(z, TemporalPositionIndex=2) for k, z in enumerate(gap)}
    enhanced_ct(tmp_path, np.concatenate([body(), body((11, 32, 40))]), frames=frames)
    study = open_study(tmp_path)
    assert [s.grid.shape[0] for s in study.series] == [12]
    (flag,) = [f for f in study.flags if f.code == "GEO-004"]
    assert flag.severity.value == "info"
    assert "1 slice is missing in series 2" in flag.sentence
    assert counted(survey_study(tmp_path)) == {"found": 1, "in_series": 1, "set_aside": 0}
