"""The front door: its signature, what it asks of a Segmenter, what comes out."""

import inspect
import subprocess
import sys
from typing import get_type_hints

import numpy as np
import pytest

import netimg
from netimg.errors import ContractError, ModelError, ResourceError
from netimg.flag import Flag, Severity
from netimg.geometry import Grid
from netimg.segmentation import explain_plan, segment
from netimg.segmentation.cards import load_card
from netimg.segmentation.door import segment_with
from netimg.segmentation.protocol import Prediction, RunPlan, Segmenter
from netimg.settings import Settings
from netimg.study import Phase, SegContext
from netimg.volume import Quantity, Volume
from tests.make import arrays, segmenter
from tests.segmentation.conftest import CENTRE_LPS_MM, LIVER_SEMI_MM

PORTAL = SegContext(phase=Phase.PORTAL)


def test_the_signature_of_the_door_is_pinned():
    assert str(inspect.signature(segment)) == (
        "(ct: 'Volume', *, context: 'SegContext | None' = None, model: 'str | None' = None, "
        "device: 'str' = 'auto', settings: 'Settings | None' = None, "
        "progress: 'Progress' = silent) -> 'Anatomy'"
    ).replace("silent", str(inspect.signature(segment).parameters["progress"].default))
    assert netimg.segment is segment


def test_the_protocol_of_a_segmenter_is_pinned():
    names = {
        name: list(inspect.signature(getattr(Segmenter, name)).parameters)
        for name in ("check", "plan", "run")
    }
    assert names == {
        "check": ["self", "ct", "context"],
        "plan": ["self", "grid", "budget", "device"],
        "run": ["self", "ct", "plan", "progress"],
    }
    assert isinstance(inspect.getattr_static(Segmenter, "card"), property)
    assert set(Prediction.__dataclass_fields__) == {
        "grid", "start", "liver", "lesion", "locator", "plan", "seconds", "flags", "log",
    }  # fmt: skip
    assert set(RunPlan.__dataclass_fields__) == {
        "model", "model_hash", "stages", "device", "threads", "accumulate", "seconds",
        "memory_mb", "reasons",
    }  # fmt: skip
    assert get_type_hints(RunPlan)["threads"] is int


def test_importing_the_room_imports_no_network_library():
    code = (
        "import sys, netimg.segmentation; "
        "sys.exit(bool({'torch', 'monai', 'numpy', 'scipy', 'cc3d'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_ct_becomes_an_anatomy_with_its_model_and_its_log(liver_ct, settings):
    heard = []

    class Listener:
        def stage(self, name):
            heard.append(name)

        def step(self, done, total):
            heard.append(done / total)

    body = segment(liver_ct, context=PORTAL, settings=settings, progress=Listener())
    truth = arrays.ellipsoid(liver_ct.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    assert segmenter.dice(body.liver.voxels, truth) > 0.93
    assert body.grid is liver_ct.grid
    assert body.origins["liver"].name == "bright-net 1.0.0"
    assert body.has_liver
    assert not body.has_lesions
    assert any(line.startswith("holes:") for line in body.log)
    assert any("expected" in line for line in body.log)
    assert next(flag.code for flag in body.flags) == "hu_offset"
    assert heard == sorted(heard)  # shares only: the stage is announced by whoever calls
    assert heard[-1] == 1.0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_stub_segmenter_lands_on_the_same_world_points_in_any_order(model_folder, order):
    directions = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])[:, list(order)].copy()
    if np.linalg.det(directions[:, ::-1]) < 0:
        directions[:, 0] *= -1
    shape, spacing = (30, 100, 110), (5.0, 2.0, 2.0)
    on = Grid(
        shape=tuple(shape[k] for k in order),
        spacing_mm=tuple(spacing[k] for k in order),
        origin_lps_mm=(-50.0, 30.0, 10.0),
        directions=directions.tolist(),
    )
    middle = on.to_world((np.array([on.shape]) - 1) / 2)[0]
    truth = arrays.ellipsoid(on, middle, (40.0, 30.0, 50.0))
    spot = arrays.ellipsoid(on, middle + np.array([10.0, 0.0, 12.0]), (8.0, 8.0, 8.0))
    values = np.where(truth, 100.0, -50.0).astype(np.float32)
    ct = Volume(values=values, grid=on, quantity=Quantity.HU)
    stub = segmenter.Bright(load_card("bright-net", [model_folder]), 25.0, lesion_mask=spot)
    body = segment_with(stub, ct, context=PORTAL)
    assert segmenter.dice(body.liver.voxels, truth) > 0.95
    assert np.array_equal(body.lesion_mask.voxels, spot)
    assert [lesion.id for lesion in body.lesions] == ["L1"]
    assert body.lesions[0].confidence == pytest.approx(1.0, abs=0.01)
    probability = body.lesion_probability
    at = np.rint(on.to_index(np.array([probability.grid.origin_lps_mm]))[0]).astype(int)
    inside = tuple(slice(a, a + n) for a, n in zip(at, probability.grid.shape, strict=True))
    assert np.array_equal(probability.values > 0.5, spot[inside])
    assert stub.checked == [(ct, PORTAL)]


def test_doubts_of_the_check_come_first(model_folder, liver_ct):
    doubt = Flag(code="phase_unknown", severity=Severity.MEDIUM, sentence="?")
    stub = segmenter.Bright(load_card("bright-net", [model_folder]), 25.0, flags=(doubt,))
    assert segment_with(stub, liver_ct).flags[0] is doubt


def test_without_context_the_phase_is_unknown(liver_ct, settings):
    assert "phase_unknown" in [flag.code for flag in segment(liver_ct, settings=settings).flags]


def test_a_refused_image_runs_no_network(settings):
    on = arrays.grid((40, 60, 60), (5.0, 3.0, 3.0))
    ct = Volume(values=np.zeros(on.shape, np.float32), grid=on, quantity=Quantity.HU)
    with pytest.raises(ContractError, match="SEG-103"):
        segment(ct, settings=settings)


def test_a_model_by_name_wins_over_the_setting(liver_ct, settings):
    with pytest.raises(ModelError, match="MDL-001"):
        segment(liver_ct, model="no-such-net", settings=settings)


def test_a_device_by_name_wins_over_the_setting(liver_ct, settings):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ResourceError, match="SEG-106"):
        segment(liver_ct, device="cuda:0", settings=settings)


def test_a_test_model_runs_only_by_name_and_with_leave(tmp_path, liver_ct, settings):
    segmenter.write_model(tmp_path, status="test-only")
    folders = {"segmentation.model_folders": [str(tmp_path)]}
    here = settings.with_values(folders, layer="test")
    with pytest.raises(ModelError, match="MDL-007"):
        segment(liver_ct, model="bright-net", settings=here)
    allowed = here.with_values({"segmentation.allow_test_model": True}, layer="test")
    body = segment(liver_ct, model="bright-net", settings=allowed)
    assert body.flags[0].code == "test_model"
    assert body.flags[0].severity is Severity.HIGH
    with pytest.raises(ModelError, match="MDL-007"):
        segment(liver_ct, settings=allowed)


def test_the_plan_can_be_asked_for_alone(liver_ct, settings):
    plan = explain_plan(liver_ct, settings=settings)
    assert plan.device.name == "cpu"
    assert "tiles" in plan.explain()


def test_no_shipped_setting_names_a_test_model():
    assert Settings.shipped()["segmentation.allow_test_model"] is False
    assert "test" not in Settings.shipped()["segmentation.model"]
