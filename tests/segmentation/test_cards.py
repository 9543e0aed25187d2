"""Cards: what is refused, with which code, and that nothing is parsed before its hash is right."""

import subprocess
import sys

import pytest

from netimg.errors import ModelError
from netimg.segmentation.cards import (
    list_cards,
    load_card,
    read_card,
)
from netimg.segmentation.networks import golden, load_network
from netimg.segmentation.verify import verify_card
from tests.make import segmenter


def refused(code, call, *args, **more):
    """Return the error of a call that must be refused with this code."""
    with pytest.raises(ModelError) as caught:
        call(*args, **more)
    assert caught.value.code.id == code, caught.value
    assert caught.value.exit_code == 6
    return caught.value


def edited(card, old, new):
    """Change the text of a written card."""
    text = card.read_text("utf-8")
    assert old in text
    card.write_text(text.replace(old, new), encoding="utf-8")
    return card


def test_a_written_card_is_read_whole(model_folder):
    card = load_card("bright-net", [model_folder])
    stage = card.stages[0]
    assert (card.version, card.status, card.phases_covered) == ("1.0.0", "selectable", ("portal",))
    assert stage.spacing_mm == (6.0, 6.0, 6.0)
    assert stage.patch == (36, 40, 48)
    assert stage.output(1).name == "liver"
    assert stage.output(2) is None
    assert card.mb == pytest.approx(stage.bytes / 1e6)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "what', 'colour = "red"\nname = "what', "colour"),
        ("overlap = 0.25", "overlap = 0.25\nspeed = 3", "speed"),
        ("overlap = 0.25", "overlap = 0.8", "overlap"),
        ("overlap = 0.25", "overlap = true", "overlap"),
        ('orientation = "SPL"', 'orientation = "RAS-xyz"', "orientation"),
        ('version = "1.0.0"', 'version = "1"', "version"),
        ('created = "2026-01-01"', 'created = "yesterday"', "created"),
        ('activation = "sigmoid"', 'activation = "relu"', "activation"),
        ('normalise = "window(-200, 200)"', 'normalise = "window(200, -200)"', "empty range"),
        ('normalise = "window(-200, 200)"', 'normalise = "eval(1, 2)"', "normalise"),
        ('"portal"', '"venous"', "phases_covered"),
        ('licence = "Apache-2.0"\n', "", "licence"),
        ('id = "bright-net"', 'id = "other-net"', "folder's name"),
        ('weights = "coarse.safetensors"', 'weights = "../coarse.safetensors"', "weights"),
        ("schema = 1", "schema = 2", "schema"),
        ("[scores]", "[scores]\nliver_dice_mean = 1.5", "liver_dice_mean"),
        ("schema = 1", "schema = = 1", "Invalid"),
    ],
)
def test_a_card_with_a_wrong_key_is_refused_by_its_name(tmp_path, old, new, named):
    card = edited(segmenter.write_model(tmp_path), old, new)
    error = refused("MDL-002", read_card, card)
    assert named in error.what
    assert error.where == "bright-net/card.toml"


def test_a_card_without_known_failures_is_refused(tmp_path):
    card = segmenter.write_model(tmp_path, known_failures=[])
    assert "known_failures" in refused("MDL-002", read_card, card).what


def test_a_card_beyond_the_size_limit_is_not_parsed(tmp_path):
    card = segmenter.write_model(tmp_path)
    card.write_text(card.read_text("utf-8") + "#" * (10 * 2**20), encoding="utf-8")
    assert "at most" in refused("MDL-002", read_card, card).what


@pytest.mark.parametrize(
    "change",
    [
        {"crop": {"from_stage": "later", "label": 1, "margin_mm": [1, 1, 1]}},
        {"inputs": ["ct", "coarse:1"], "normalise": ["window(0, 1)", "unit(0, 1)"]},
        {"statistics": {"tiles": 2, "from_stage": "coarse", "label": 2}},
    ],
)
def test_a_stage_may_ask_only_for_what_an_earlier_one_gives(tmp_path, change):
    card = segmenter.write_model(tmp_path, stages=[segmenter.stage_tree(**change)])
    assert "no earlier stage" in refused("MDL-002", read_card, card).what


def test_every_channel_needs_its_normalisation(tmp_path):
    change = {"normalise": ["window(0, 1)", "window(0, 1)"]}
    card = segmenter.write_model(tmp_path, stages=[segmenter.stage_tree(**change)])
    assert "one normalise for each" in refused("MDL-002", read_card, card).what


@pytest.mark.parametrize("patch", [[38, 48, 48], [4, 48, 48]])
def test_a_tile_is_a_multiple_of_the_total_stride_and_at_least_twice_it(tmp_path, patch):
    card = segmenter.write_model(tmp_path, stages=[segmenter.stage_tree(patch=patch)])
    assert "multiple" in refused("MDL-002", read_card, card).what


@pytest.mark.parametrize("name", ["os.system", "torch.nn.Linear", "eval", "Dynunet"])
def test_a_card_cannot_name_any_class_but_the_listed_networks(tmp_path, name):
    card = edited(segmenter.write_model(tmp_path), 'class = "DynUNet"', f'class = "{name}"')
    assert name in refused("MDL-005", read_card, card).what


@pytest.mark.parametrize("name", ["model.pt", "model.ts", "model.onnx", "weights.pkl"])
def test_weights_that_could_hold_code_are_refused_unread(tmp_path, name):
    card = edited(segmenter.write_model(tmp_path), "coarse.safetensors", name)
    assert name in refused("MDL-008", read_card, card).what


def test_an_unknown_model_is_refused_with_those_there_are(model_folder):
    error = refused("MDL-001", load_card, "no-such-net", [model_folder])
    assert "bright-net" in error.what


@pytest.mark.parametrize("name", ["../bright-net", "Bright", "", "a/b"])
def test_an_id_is_a_plain_name(model_folder, name):
    refused("MDL-001", load_card, name, [model_folder])


def test_a_test_model_needs_leave(tmp_path):
    segmenter.write_model(tmp_path, status="test-only")
    refused("MDL-007", load_card, "bright-net", [tmp_path])
    assert load_card("bright-net", [tmp_path], allow_test_only=True).status == "test-only"
    assert "bright-net" not in [card.id for card in list_cards([tmp_path])]


def test_a_folder_named_first_wins(tmp_path):
    segmenter.write_model(tmp_path / "a", version="1.0.0")
    segmenter.write_model(tmp_path / "b", version="2.0.0")
    assert load_card("bright-net", [tmp_path / "b", tmp_path / "a"]).version == "2.0.0"


@pytest.mark.parametrize("size", [None, 100])
def test_missing_or_shortened_weights_are_refused_with_the_bytes_expected(tmp_path, size):
    weights = segmenter.write_model(tmp_path).parent / "coarse.safetensors"
    data = weights.read_bytes()
    weights.unlink()
    if size is not None:
        weights.write_bytes(data[:size])
    assert str(len(data)) in refused("MDL-003", load_card, "bright-net", [tmp_path]).what


def test_one_flipped_byte_is_noticed_before_anything_is_parsed(tmp_path):
    weights = segmenter.write_model(tmp_path).parent / "coarse.safetensors"
    data = bytearray(weights.read_bytes())
    data[0] ^= 0xFF  # the length of the header: a parser would fall over it
    weights.write_bytes(bytes(data))
    card = load_card("bright-net", [tmp_path])
    refused("MDL-004", load_network, card, "coarse", "cpu")
    refused("MDL-004", verify_card, card)


def test_weights_of_two_stages_cannot_change_places(tmp_path):
    fine = segmenter.stage_tree(name="fine", weights="fine.safetensors")
    networks = [segmenter.bright_network(), segmenter.bright_network(gain=10.0)]
    folder = segmenter.write_model(
        tmp_path, stages=[segmenter.stage_tree(), fine], networks=networks
    ).parent
    (folder / "coarse.safetensors").rename(folder / "x")
    (folder / "fine.safetensors").rename(folder / "coarse.safetensors")
    (folder / "x").rename(folder / "fine.safetensors")
    card = load_card("bright-net", [tmp_path])
    for name in ("coarse", "fine"):
        refused("MDL-004", load_network, card, name, "cpu")


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    kwargs = segmenter.DYNUNET | {"filters": [4, 8, 16]}
    tree = segmenter.stage_tree(network={"class": "DynUNet", "kwargs": kwargs})
    segmenter.write_model(tmp_path, stages=[tree])
    card = load_card("bright-net", [tmp_path])
    refused("MDL-006", load_network, card, "coarse", "cpu")


def test_verify_says_what_it_checked_and_compares_the_golden_numbers(tmp_path):
    segmenter.write_model(tmp_path)
    card = load_card("bright-net", [tmp_path])
    mean, sd = golden(card, card.stages[0])
    assert any("finite" in line for line in verify_card(card))
    right = segmenter.stage_tree(golden={"mean": mean, "sd": sd})
    segmenter.write_model(tmp_path / "right", stages=[right])
    assert any("as the card says" in line for line in verify_card(one(tmp_path / "right")))
    wrong = segmenter.stage_tree(golden={"mean": mean, "sd": sd * 1.1})
    segmenter.write_model(tmp_path / "wrong", stages=[wrong])
    refused("SEG-108", verify_card, one(tmp_path / "wrong"))


def one(folder):
    """Return the only card of a folder."""
    return load_card("bright-net", [folder])


def test_listing_models_imports_no_network_library(model_folder):
    code = (
        "import sys; from netimg.segmentation.cards import list_cards, load_card; "
        f"print([c.id for c in list_cards([{str(model_folder)!r}])]); "
        f"load_card('bright-net', [{str(model_folder)!r}]); "
        "sys.exit(bool({'torch', 'monai', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bright-net" in done.stdout
