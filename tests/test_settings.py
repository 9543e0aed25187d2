import json

import pytest

from netimg.errors import SettingsError
from netimg.resources import shipped
from netimg.settings import Settings, parse_value


def test_shipped_settings_know_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETIMG_SEGMENTATION__DEVICE", "cpu")
    assert Settings.shipped()["segmentation.device"] == "auto"


def test_layers_win_in_the_order_file_environment_command(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[segmentation]\ndevice = 'cuda:0'\nprecision = 'float32'\n", "utf-8")
    assert Settings.load(path)["segmentation.device"] == "cuda:0"
    monkeypatch.setenv("NETIMG_SEGMENTATION__DEVICE", "cuda:1")
    assert Settings.load(path)["segmentation.device"] == "cuda:1"
    last = Settings.load(path, segmentation__device="cpu")
    assert last["segmentation.device"] == "cpu"
    assert last.layers["segmentation.device"] == "argument"
    assert last.layers["segmentation.precision"] == str(path)


@pytest.mark.parametrize(
    ("key", "value", "code", "part"),
    [
        ("segmentation.devise", "cpu", "CFG-002", "segmentation.device"),
        ("segmentation.device", "gpu", "CFG-003", "gpu"),
        ("measurement.liver_ref_mm", -3.0, "CFG-003", "-3.0"),
        ("batch.jobs", "many", "CFG-003", "many"),
    ],
)
def test_an_unknown_key_or_value_is_refused_with_what_would_be_right(
    key: str, value: object, code: str, part: str
) -> None:
    with pytest.raises(SettingsError, match=code) as refused:
        Settings.shipped().with_values({key: value}, layer="--set")
    assert part in str(refused.value)
    assert "--set" in str(refused.value)


def test_a_variable_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETIMG_SEGMENTATION__DEVISE", "cpu")
    with pytest.raises(SettingsError, match=r"CFG-004.*NETIMG_SEGMENTATION__DEVICE"):
        Settings.load()


def test_a_broken_file_is_refused_with_its_name(tmp_path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[segmentation\n", "utf-8")
    with pytest.raises(SettingsError, match=r"CFG-001.*broken\.toml"):
        Settings.load(path)


def test_only_settings_that_can_change_a_number_change_the_hash() -> None:
    usual = Settings.shipped()
    assert usual.with_values({"reporting.privacy": True}, layer="x").hash == usual.hash
    changed = usual.with_values({"measurement.liver_ref_mm": 20.0}, layer="x")
    assert changed.hash != usual.hash
    assert changed.different_from_shipped() == {"measurement.liver_ref_mm": 20.0}


@pytest.mark.parametrize(
    ("text", "value"), [("cpu", "cpu"), ("3", 3), ("true", True), ("[1, 2]", [1, 2]), ('"3"', "3")]
)
def test_a_typed_value_is_toml_and_a_bare_word_is_text(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_two_variables_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETIMG_MODELS", "/a/models:/b/models")
    monkeypatch.setenv("NETIMG_ALLOW_TEST_MODEL", "1")
    settings = Settings.load()
    assert settings["segmentation.model_folders"] == ["/a/models", "/b/models"]
    assert settings["segmentation.allow_test_model"] is True


def test_every_pattern_has_words_for_a_person() -> None:
    text = shipped("configs", "schemas", "settings-1.json").read_text("utf-8")
    wordless = []

    def look(node: dict[str, object]) -> dict[str, object]:
        if isinstance(node.get("pattern"), str) and "description" not in node:
            wordless.append(node["pattern"])
        return node

    json.loads(text, object_hook=look)
    assert wordless == []
