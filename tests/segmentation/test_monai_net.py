"""The engine on a network that is known by construction: what is bright is liver."""

import re
from itertools import permutations, product

import numpy as np
import pytest
import torch  # noqa: TID253  # the tests run networks

from netimg.errors import ModelError, NothingUsable, ResourceError
from netimg.geometry import AXIAL, Grid
from netimg.progress import silent
from netimg.segmentation import networks, passes
from netimg.segmentation.cards import load_card
from netimg.segmentation.device import budget
from netimg.segmentation.monai_net import MonaiNet, ladder
from netimg.segmentation.preprocess import upright
from netimg.segmentation.protocol import Device
from netimg.study import Phase, SegContext
from netimg.volume import Quantity, Volume
from tests.make import arrays, segmenter
from tests.segmentation.conftest import CENTRE_LPS_MM, LIVER_SEMI_MM

CPU = Device(name="cpu", dtype="float32", reason="test")


@pytest.fixture
def net(limits):
    """Make a MonaiNet of a model folder."""

    def of(folder, name="bright-net"):
        return MonaiNet(
            load_card(name, [folder]), contract=limits("contract"), locate=limits("locate")
        )

    return of


def run(model, ct, device=CPU, progress=silent):
    return model.run(ct, model.plan(ct.grid, budget(1), device), progress)


def test_a_bright_ellipsoid_is_found_at_its_place(net, model_folder, liver_ct):
    seen = run(net(model_folder), liver_ct)
    found = Volume(
        values=(seen.liver >= 0.5).astype(np.float32), grid=seen.grid, quantity=Quantity.HU
    )
    truth = arrays.ellipsoid(seen.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    assert segmenter.dice(found.values > 0, truth) > 0.95
    assert seen.lesion is None
    assert seen.locator is None
    assert set(seen.seconds) == {"coarse", "onto the CT grid"}


def test_the_same_again_is_the_same_to_the_bit(net, model_folder, liver_ct):
    first, second = run(net(model_folder), liver_ct), run(net(model_folder), liver_ct)
    assert np.array_equal(first.liver, second.liver)
    assert first.plan.hash == second.plan.hash


def orders():
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            directions = np.array(AXIAL)[:, list(order)] * np.array(signs)
            if np.linalg.det(directions[:, ::-1]) > 0:
                yield order, signs, directions


@pytest.mark.parametrize("case", list(orders())[1::6], ids=lambda c: f"{c[0]}{c[1]}")
def test_the_order_of_the_axes_changes_nothing(net, model_folder, liver_ct, case):
    order, signs, directions = case
    values = liver_ct.values.transpose(order)[tuple(slice(None, None, s) for s in signs)]
    corner = [
        [0 if s > 0 else liver_ct.grid.shape[k] - 1 for k, s in zip(order, signs, strict=True)]
    ]
    index = np.zeros((1, 3))
    index[0, list(order)] = corner[0]
    on = Grid(
        shape=values.shape,
        spacing_mm=tuple(liver_ct.grid.spacing_mm[k] for k in order),
        origin_lps_mm=tuple(liver_ct.grid.to_world(index)[0]),
        directions=directions.tolist(),
    )
    turned = Volume(values=np.ascontiguousarray(values), grid=on, quantity=Quantity.HU)
    straight, seen = run(net(model_folder), liver_ct), run(net(model_folder), turned)
    assert seen.grid.same_as(straight.grid, tol_mm=1e-6)
    assert np.array_equal(seen.liver, straight.liver)
    assert upright(turned.values, on).grid.same_as(liver_ct.grid, tol_mm=1e-6)


def test_a_tilted_scan_gives_the_liver_on_its_own_grid(net, model_folder):
    on = arrays.grid((44, 120, 150), (5.0, 2.0, 2.0), directions=arrays.oblique((20.0, 0.0, 5.0)))
    middle = on.to_world(np.array([[21.5, 60.0, 75.0]]))[0]
    values = segmenter.body_ct(on, middle, LIVER_SEMI_MM)
    ct = Volume(values=values, grid=on, quantity=Quantity.HU)
    seen = run(net(model_folder), ct)
    assert seen.grid.same_as(on, tol_mm=1e-6)
    assert segmenter.dice(seen.liver >= 0.5, arrays.ellipsoid(on, middle, LIVER_SEMI_MM)) > 0.93


def test_two_stages_look_into_the_box_of_the_first(net, tmp_path, liver_ct):
    fine = segmenter.stage_tree(
        name="fine",
        weights="fine.safetensors",
        spacing_mm=[3.0, 3.0, 3.0],
        crop={"from_stage": "coarse", "label": 1, "margin_mm": [10, 10, 10]},
    )
    segmenter.write_model(tmp_path, stages=[segmenter.stage_tree(), fine])
    seen = run(net(tmp_path), liver_ct)
    truth = arrays.ellipsoid(seen.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    # The network knows brightness only against the rest of its tile: the box changes its measure.
    assert segmenter.dice(seen.liver >= 0.5, truth) > 0.9
    assert segmenter.dice(seen.locator, truth) > 0.9
    assert seen.liver.shape[1] < liver_ct.grid.shape[1]


def test_an_earlier_probability_can_be_a_channel(net, tmp_path, liver_ct):
    kwargs = segmenter.DYNUNET | {"in_channels": 2}
    fine = segmenter.stage_tree(
        name="fine",
        weights="fine.safetensors",
        network={"class": "DynUNet", "kwargs": kwargs},
        inputs=["ct", "coarse:1"],
        normalise=["window(-200, 200)", "window(0, 1)"],
        crop={"from_stage": "coarse", "label": 1, "margin_mm": [10, 10, 10]},
    )
    prior_only = segmenter.bright_network(threshold=0.0, channels=2, channel=1)
    segmenter.write_model(
        tmp_path,
        stages=[segmenter.stage_tree(), fine],
        networks=[segmenter.bright_network(), prior_only],
    )
    seen = run(net(tmp_path), liver_ct)
    truth = arrays.ellipsoid(seen.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    assert segmenter.dice(seen.liver >= 0.5, truth) > 0.85


def test_a_softmax_of_three_gives_the_whole_liver_and_the_share_of_lesion(net, tmp_path, liver_ct):
    outputs = [
        {"channel": 0, "code": 0, "name": "background"},
        {"channel": 1, "code": 1, "name": "liver"},
        {"channel": 2, "code": 2, "name": "lesion"},
    ]
    kwargs = segmenter.DYNUNET | {"out_channels": 3}
    tree = segmenter.stage_tree(
        outputs=outputs, activation="softmax", network={"class": "DynUNet", "kwargs": kwargs}
    )
    network = segmenter.bright_network(classes=3)
    segmenter.write_model(tmp_path, stages=[tree], networks=[network])
    seen = run(net(tmp_path), liver_ct)
    truth = arrays.ellipsoid(seen.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    assert segmenter.dice(seen.liver >= 0.5, truth) > 0.95
    # Liver and lesion get the same logit: half of what is liver.
    assert np.abs(seen.lesion[seen.liver > 0.9].astype(float) - 0.5).max() < 0.01


def test_recorded_statistics_are_fixed_for_the_run_and_gone_afterwards(net, tmp_path, liver_ct):
    settings = {"pool": 2, "residual": False, "flat_bottom": True}
    lesion = segmenter.stage_tree(
        name="lesion",
        weights="lesion.safetensors",
        network={"class": "PatchNormUNet", "kwargs": settings},
        spacing_mm=[8.0, 8.0, 8.0],
        patch=[16, 16, 16],
        multiple=[8, 8, 8],
        outputs=[{"channel": 0, "code": 2, "name": "lesion"}],
        crop={"from_stage": "coarse", "label": 1, "margin_mm": [8, 8, 8], "min_mm": 0},
        outside={"from_stage": "coarse", "label": 1, "dilate_voxels": 1, "value_hu": -200},
        statistics={"tiles": 2, "from_stage": "coarse", "label": 1},
    )
    from netimg.segmentation.nets import build_network

    torch.manual_seed(0)
    networks_ = [segmenter.bright_network(), build_network("PatchNormUNet", settings)]
    segmenter.write_model(tmp_path, stages=[segmenter.stage_tree(), lesion], networks=networks_)
    model = net(tmp_path)
    first, second = run(model, liver_ct), run(model, liver_ct)
    assert "lesion: statistics of 2 tiles" in first.log
    assert np.array_equal(first.lesion, second.lesion)
    loaded = networks.load_network(model.card, "lesion", "cpu")
    assert all(norm.fixed is None and norm.recorded is None for norm in loaded.norms())


def test_a_liver_too_small_is_looked_for_twice_and_then_refused(net, model_folder):
    on = Grid(shape=(40, 160, 192), spacing_mm=(5.0, 2.0, 2.0), origin_lps_mm=(0.0, 0.0, 0.0))
    values = segmenter.body_ct(on, CENTRE_LPS_MM, (30.0, 25.0, 30.0))
    ct = Volume(values=values, grid=on, quantity=Quantity.HU)
    with pytest.raises(NothingUsable) as caught:
        run(net(model_folder), ct)
    assert caught.value.code.id == "SEG-109"
    assert caught.value.exit_code == 4
    assert "200 mL are needed" in caught.value.what


def test_a_network_that_is_not_finite_in_float32_is_refused(net, tmp_path, liver_ct):
    broken = segmenter.bright_network()
    with torch.no_grad():
        broken.output_block.conv.conv.bias[0] = float("nan")
    segmenter.write_model(tmp_path, networks=[broken])
    with pytest.raises(ModelError) as caught:
        run(net(tmp_path), liver_ct)
    assert caught.value.code.id == "SEG-108"
    assert "stage coarse" in caught.value.where


def test_a_precision_that_this_machine_gets_wrong_falls_back_to_float32(net, tmp_path, liver_ct):
    segmenter.write_model(tmp_path, version="1.0.1")
    model = net(tmp_path)
    rough = Device(name="cpu", dtype="bfloat16", reason="test")
    error = networks.precision_error(model.card, "coarse", "cpu", "bfloat16")
    seen = run(model, liver_ct, rough)
    fell_back = [flag.code for flag in seen.flags] == ["precision_fallback"]
    assert fell_back == (error >= networks.PRECISION_ERROR_MAX)
    truth = arrays.ellipsoid(seen.grid, CENTRE_LPS_MM, LIVER_SEMI_MM)
    assert segmenter.dice(seen.liver >= 0.5, truth) > 0.95


class _TwiceNotFinite(torch.nn.Module):
    """Gives NaN in lower precision, 1 in float32."""

    def forward(self, x):
        half = torch.is_autocast_enabled("cpu")
        return torch.full_like(x, float("nan") if half else 1.0)


def test_a_tile_that_is_not_finite_is_run_again_and_the_second_ends_the_precision():
    forward = networks.Forward(_TwiceNotFinite(), "cpu", "bfloat16", "coarse")
    assert float(forward(torch.zeros((1, 2, 2, 2))).max()) == 1.0
    with pytest.raises(networks.NotFiniteError):
        forward(torch.zeros((1, 2, 2, 2)))


@pytest.mark.parametrize("kind", [MemoryError, torch.OutOfMemoryError])
def test_memory_that_runs_out_on_the_processor_is_refused(
    net, model_folder, liver_ct, monkeypatch, kind
):
    def no_memory(*_args, **_more):
        raise kind("out of memory")

    monkeypatch.setattr(passes, "slide", no_memory)
    with pytest.raises(ResourceError) as caught:
        run(net(model_folder), liver_ct)
    assert caught.value.code.id == "SEG-107"
    assert "MB expected" in caught.value.what


def test_a_gpu_out_of_memory_is_followed_by_its_host_and_then_the_processor(net, model_folder):
    model = net(model_folder)
    on = arrays.grid((40, 160, 192), (5.0, 2.0, 2.0))
    gpu = Device(name="cuda:0", dtype="bfloat16", reason="test")
    steps = list(ladder(model.plan(on, budget(1), gpu)))
    assert [(s.device.name, s.accumulate) for s in steps] == [
        ("cuda:0", "cuda:0"),
        ("cuda:0", "cpu"),
        ("cpu", "cpu"),
    ]
    assert [s.stages for s in steps] == [steps[0].stages] * 3


def test_other_errors_are_not_taken_for_a_lack_of_memory(net, model_folder, liver_ct, monkeypatch):
    def broken(*_args, **_more):
        message = "shapes do not match"
        raise RuntimeError(message)

    monkeypatch.setattr(passes, "slide", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        run(net(model_folder), liver_ct)


def test_the_plan_says_what_it_will_do(net, model_folder, liver_ct):
    model = net(model_folder)
    plan = model.plan(liver_ct.grid, budget(2), CPU)
    assert plan.stages[0].patch == (36, 40, 48)
    assert plan.stages[0].tiles == 1 * 2 * 2
    text = plan.explain()
    for word in ("bright-net 1.0.0", "cpu, float32 (test)", "4 tiles", "MB expected"):
        assert word in text
    assert model.check(liver_ct, SegContext(phase=Phase.PORTAL))[0].code == "hu_offset"


def test_progress_ends_at_its_total(net, model_folder, liver_ct):
    heard = []

    class Listener:
        def stage(self, name):
            heard.append(name)

        def step(self, done, total):
            heard.append((done, total))

    run(net(model_folder), liver_ct, progress=Listener())
    assert heard[-1] == (100, 100)
    assert heard == sorted(heard)


def test_two_looks_that_disagree_are_no_liver(tmp_path, limits, liver_ct, caplog):
    # A fixed tile is mostly padding here: the network, which measures brightness against its
    # tile, sees more liver in it than in one that fits.
    fixed = segmenter.stage_tree(patch=[80, 80, 80], fixed_patch=True)
    segmenter.write_model(tmp_path, stages=[fixed])
    card = load_card("bright-net", [tmp_path])

    def seen(agreement_min):
        locate = limits("locate") | {"agreement_min": agreement_min}
        return run(MonaiNet(card, contract=limits("contract"), locate=locate), liver_ct)

    line = next(line for line in seen(0.0).log if "two looks" in line)
    agreement = float(line.rpartition(" ")[2])
    assert 0 < agreement < 1
    assert seen(agreement - 0.001).liver.any()
    with caplog.at_level("INFO"), pytest.raises(NothingUsable) as caught:
        seen(agreement + 0.001)
    assert caught.value.code.id == "SEG-109"
    assert re.fullmatch(
        r"what looked like liver \(\d+ mL\) did not hold in a second look\.", caught.value.what
    )
    told = next(record for record in caplog.records if "did not hold" in record.message)
    assert told.dice == pytest.approx(agreement, abs=0.0006)  # the log rounds
