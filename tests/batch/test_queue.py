"""Which studies there are below an input, and what they are called."""

import zipfile

import pytest

from netimg.batch.queue import plan_tasks, safe_name
from netimg.errors import NetimgError
from netimg.pipeline import Request
from netimg.settings import Settings
from tests.batch.conftest import cohort
from tests.make import dicom as make


def plan(*inputs, out="out", facts_dir=None, **changes):
    """Plan a batch with shipped settings and some changes."""
    settings = Settings.shipped().with_values(
        {key.replace("__", "."): value for key, value in changes.items()}, layer="test"
    )
    template = Request(input=inputs[0], output=inputs[0])
    where = inputs[0].parent / out
    return plan_tasks(inputs, where, settings=settings, template=template, facts_dir=facts_dir)


def names(found):
    """Labels without their digits."""
    return sorted(label.rsplit("-", 1)[0] for label in found.tasks)


def packed(folder):
    """A zip of a folder in its place."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
            file.unlink()
    folder.rmdir()
    return path


def test_a_study_is_called_after_its_path_below_the_input(tmp_path):
    root = tmp_path / "in"
    for name in ("ann/2024 03", "ann/2025 01", "böb"):
        make.pet_series(root / name, study=name, patient=name)
    assert names(plan(root)) == ["ann__2024_03", "ann__2025_01", "bob"]


def test_studies_in_one_folder_are_told_apart_by_their_images(tmp_path):
    root = tmp_path / "flat"
    for name in ("one", "two"):
        make.pet_series(root, study=name, patient=name, names=name + "{:04d}.dcm")
    found = plan(root)
    assert names(found) == ["flat", "flat"]
    assert len({task.request.study for task in found.tasks.values()}) == 2
    assert {task.request.input for task in found.tasks.values()} == {root}


def test_a_label_is_the_same_when_studies_are_added_and_another_when_images_are(tmp_path):
    root = cohort(tmp_path / "in", "ann")
    (before,) = plan(root).tasks
    cohort(root, "bob")
    assert before in plan(root).tasks
    (root / "ann" / "IM0006.dcm").unlink()
    assert before not in plan(root).tasks


def test_zips_are_studies_like_folders(tmp_path):
    root = cohort(tmp_path / "in", "ann", "bob")
    path = packed(root / "ann")
    found = plan(root)
    assert names(found) == ["ann", "bob"]
    (task,) = (t for label, t in found.tasks.items() if label.startswith("ann"))
    assert task.request.input == path


def test_the_same_study_given_twice_is_one_task(tmp_path):
    root = cohort(tmp_path / "in", "ann")
    assert len(plan(root, root).tasks) == 1


def test_an_archive_that_unpacks_too_far_costs_its_own_patient_only(tmp_path):
    root = cohort(tmp_path / "in", "ann", "bob")
    packed(root / "bob")
    assert names(plan(root, limits__zip_bytes_max=1_000_000)) == ["ann", "bob"]
    found = plan(root, limits__zip_bytes_max=5_000)
    assert names(found) == ["ann"]
    (refused,) = found.refused
    assert refused.code == "IDX-009"
    assert refused.label.startswith("bob-")
    assert refused.stage == "index"


def test_one_of_several_inputs_may_hold_nothing(tmp_path):
    root, empty = cohort(tmp_path / "in", "ann"), tmp_path / "empty"
    empty.mkdir()
    found = plan(root, empty, tmp_path / "nowhere")
    assert names(found) == ["ann"]
    assert [outcome.code for outcome in found.refused] == ["IDX-001", "IDX-002"]
    with pytest.raises(NetimgError, match="IDX-002"):
        plan(tmp_path / "nowhere")


def test_facts_are_found_by_the_label(tmp_path):
    root, facts = cohort(tmp_path / "in", "ann", "bob"), tmp_path / "facts"
    facts.mkdir()
    label = next(label for label in plan(root).tasks if label.startswith("ann"))
    (facts / f"{label}.toml").write_text('schema = "netimg.facts/1"\n', "utf-8")
    given = {
        task.label[:3]: task.request.facts for task in plan(root, facts_dir=facts).tasks.values()
    }
    assert given == {"ann": facts / f"{label}.toml", "bob": None}


def test_in_privacy_mode_the_label_is_the_key_alone(tmp_path):
    root = cohort(tmp_path / "in", "ann")
    (root / "letters").mkdir()
    found = plan(root, reporting__privacy=True)
    (task,) = found.tasks.values()
    assert task.label == task.key
    assert "letters" not in found.refused[0].label


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc__passwd"),
        ("a b\tc", "a_b_c"),
        ("Jürgen Straße", "Jurgen_Strae"),
        ("日本", "study"),
        ("x" * 200, "x" * 60),
        ("...", "study"),
    ],
)
def test_a_name_is_made_safe(name, safe):
    assert safe_name(name).strip("_.") == safe
