"""A run is one file; a typing error in it is refused by name."""

from pathlib import Path

import pytest

from netimg.errors import SettingsError
from netimg.resources import shipped
from netimg.training.config import RunConfig, from_table, load_config

PLAIN = {"name": "a", "stage": "liver", "seed": 1, "hours": 0.5}


@pytest.mark.parametrize("path", sorted(shipped("configs", "training").glob("net-liver-ct-*.toml")))
def test_shipped_configs_load_and_hold_fold_1_out(path: Path) -> None:
    from netimg.training.items import load_folds
    from netimg.training.start import training_items

    config = load_config(path)
    assert config.name == path.stem
    names = training_items(config)
    assert names
    assert not set(names) & {*load_folds().held_out[1], *config.inner}


@pytest.mark.parametrize("table", [{"learning_rat": 1.0}, {"augment": {"nois_p": 0.1}}])
def test_an_unknown_setting_is_named(table: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="CFG-002") as refusal:
        from_table(PLAIN | table, where="run.toml")
    assert "learning_rat'" in str(refusal.value) or "nois_p'" in str(refusal.value)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match=r"CFG-002.*seed"):
        from_table({key: value for key, value in PLAIN.items() if key != "seed"}, where="run.toml")


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("name = ")
    with pytest.raises(SettingsError, match="CFG-001"):
        load_config(path)


def test_changes_win_over_the_file_and_change_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('name = "a"\nstage = "liver"\nseed = 1\nhours = 0.5\n[augment]\nslab_p = 0.1\n')
    plain = load_config(path)
    changed = load_config(path, {"seed": 2, "augment": {"noise_p": 0.0}})
    assert (changed.seed, changed.augment.noise_p, changed.augment.slab_p) == (2, 0.0, 0.1)
    assert plain.digest() != changed.digest()


def test_the_resolved_table_gives_the_same_run() -> None:
    config = RunConfig(**PLAIN)  # type: ignore[arg-type]
    assert from_table(config.as_table(), where="config.json").digest() == config.digest()
