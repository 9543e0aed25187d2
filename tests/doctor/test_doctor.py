"""Fit or not, and why: every item with what is really there, and with something really broken."""

import json
import re
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from netimg.cli.app import call
from netimg.doctor import Item, Status, examine
from netimg.doctor.decoders import FRAMES, check_decoders
from netimg.doctor.machine import check_cores, check_processor, check_temporary
from netimg.doctor.packages import check_lock, check_native, check_needs
from netimg.doctor.settings_rows import settings_rows
from netimg.reading.decode import SYNTAXES
from netimg.reading.scan import NATIVE
from netimg.resources import checkout_commit, load_toml, shipped, source_commit
from netimg.settings import Settings
from tests.make import child, doctor_frames
from tests.make.codecs import JPEG

SHIPPED = Settings.shipped()


def doctor(capsys, *words):
    """Exit status and rows by item."""
    status = call(["doctor", "--json", *words])
    tree = json.loads(capsys.readouterr().out)
    assert sum(tree["counts"].values()) == len(tree["items"])
    return status, {row["item"]: row for row in tree["items"]}, tree


# ---- as it should be -----------------------------------------------------------------------------


def test_this_installation_is_fit_and_every_item_is_said(capsys):
    status, rows, _ = doctor(capsys)
    failed = [row for row in rows.values() if row["status"] == "fail"]
    assert (status, failed) == (0, [])
    for name in ("netimg", "python", "packages", "lock", "native code", "processor", "cores", "gpu",
                 "model net-liver-ct", "criteria", "temporary folder", "cjk fonts", "dciodvfy",
                 "dcmqi", "Orthanc", "settings"):  # fmt: skip
        assert rows[name]["found"]
    assert sum(name.startswith("decoder ") for name in rows) == len(SYNTAXES) + len(NATIVE)
    assert rows["model net-liver-ct"]["found"].endswith("SHA-256 as the card says")
    assert re.match(r"\d+ of \d+ cores, \d+\.\d GB of memory", rows["cores"]["found"])


def test_the_text_has_one_line_per_item_and_a_sum(capsys):
    assert call(["doctor"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok ", "note ")) for line in lines)
    said = re.fullmatch(r"fit to work: (\d+) ok, (\d+) to know, 0 failed", last)
    assert int(said[1]) + int(said[2]) == len(lines)


def test_a_failure_without_a_next_step_cannot_be_built():
    with pytest.raises(ValueError, match="says what to do"):
        Item(name="disk", status=Status.FAIL, found="full")


# ---- models, rules -------------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path):
    """A copy of the shipped models, which may be harmed."""
    shutil.copytree(shipped("models"), tmp_path / "models")
    return tmp_path / "models"


def with_models(folder):
    return "--set", f'segmentation.model_folders=["{folder}"]'


def test_one_changed_byte_of_the_weights_fails_with_both_hashes(capsys, models):
    status, rows, _ = doctor(capsys, *with_models(models))
    assert (status, rows["model net-liver-ct"]["status"]) == (0, "ok")
    weights = models / "net-liver-ct" / "lesion.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    status, rows, _ = doctor(capsys, *with_models(models))
    row = rows["model net-liver-ct"]
    assert (status, row["status"]) == (1, "fail")
    assert "weights of lesion are not those of the card" in row["found"]
    assert "MDL-004" in row["found"]
    assert len(re.findall(r"\b[0-9a-f]{12}\.\.\.", row["found"])) == 2
    assert "models verify" in row["todo"]
    assert call(["doctor", *with_models(models)]) == 1
    assert "not fit to work" in capsys.readouterr().out


def test_weights_that_are_cut_off_or_gone_fail_with_their_sizes(capsys, models):
    weights = models / "net-liver-ct" / "liver.safetensors"
    size = weights.stat().st_size
    weights.write_bytes(weights.read_bytes()[:-10])
    _, rows, _ = doctor(capsys, *with_models(models))
    said = rows["model net-liver-ct"]["found"]
    assert f"have {size - 10} bytes, the card says {size}" in said
    assert "MDL-003" in said
    weights.unlink()
    status, rows, _ = doctor(capsys, *with_models(models))
    assert status == 1
    assert "liver are missing (MDL-003)" in rows["model net-liver-ct"]["found"]


def test_a_card_that_cannot_be_read_and_a_model_that_is_not_there_fail(capsys, models):
    _, rows, _ = doctor(capsys, "--set", "segmentation.model=no-such-net")
    assert rows["models"]["status"] == "fail"
    assert "no-such-net" in rows["models"]["found"]
    assert "MDL-001" in rows["models"]["found"]
    (models / "net-liver-ct" / "card.toml").write_text("id = ", "utf-8")
    status, rows, _ = doctor(capsys, *with_models(models))
    assert status == 1
    assert "MDL-002" in rows["models"]["found"]


def test_a_rule_file_with_a_fault_fails_and_a_bug_report_does_not_name_it(capsys, tmp_path):
    (tmp_path / "ward7.toml").write_text("[profile]\nname = 3\n", "utf-8")
    own = ("--set", f'criteria.extra=["{tmp_path}"]')
    status, rows, _ = doctor(capsys, *own)
    assert (status, rows["criteria"]["status"]) == (1, "fail")
    assert "CRIT-001" in rows["criteria"]["found"]
    assert "ward7.toml" in rows["criteria"]["found"]
    status, rows, _ = doctor(capsys, *own, "--bug-report")
    assert status == 1
    assert rows["criteria"]["found"] == "the rules do not load (CRIT-001): <reason>"


# ---- decoders ------------------------------------------------------------------------------------


def test_every_transfer_syntax_that_is_read_has_a_frame_and_decodes_it_bit_for_bit():
    frames = load_frames()
    assert sorted(f["syntax"] for f in frames) == sorted((*NATIVE, *SYNTAXES))
    for item in check_decoders(SHIPPED):
        assert (item.name, item.status, item.found[:9]) == (item.name, Status.OK, "bit-equal")


def load_frames():
    import tomllib

    return tomllib.loads((FRAMES / "frames.toml").read_text("utf-8"))["frame"]


@pytest.fixture
def frames(tmp_path):
    """A copy of the frames, which may be harmed."""
    shutil.copytree(FRAMES, tmp_path / "frames")
    return tmp_path / "frames"


def decoded(folder):
    return {item.name: item for item in check_decoders(SHIPPED, folder)}


def test_a_decoder_that_makes_another_picture_fails_with_the_number_of_samples(frames):
    answer = frames / next(f["answer"] for f in load_frames() if f["syntax"] == f"{JPEG}81")
    samples = np.frombuffer(answer.read_bytes(), "<u2").copy()
    samples[[3, 70]] += np.array([2, 7], "u2")
    answer.write_bytes(samples.tobytes())
    items = decoded(frames)
    item = items.pop("decoder JPEG-LS, near")
    assert item.status is Status.FAIL
    assert item.found.startswith("2 of 256 samples are wrong, by up to 7")
    assert "imagecodecs" in item.todo
    assert {one.status for one in items.values()} == {Status.OK}


def test_a_picture_that_breaks_off_fails_by_name(frames):
    path = frames / "2.4.90.dcm"
    path.write_bytes(path.read_bytes().replace(b"\xff\xd9", b"\0\0"))
    item = decoded(frames)["decoder JPEG 2000 lossless"]
    assert item.status is Status.FAIL
    assert f"{JPEG}90" in item.found


def test_a_frame_in_another_syntax_than_listed_fails(frames):
    shutil.copy(frames / "2.4.91.dcm", frames / "2.4.90.dcm")
    item = decoded(frames)["decoder JPEG 2000 lossless"]
    assert f"the file is in transfer syntax {JPEG}91" in item.found


def test_the_answers_are_those_of_the_formula(tmp_path):
    doctor_frames.main(tmp_path)
    for path in (*FRAMES.glob("*.raw"), FRAMES / "frames.toml"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    y, x = np.mgrid[:16, :16]
    truth = (97 * x + 41 * y**2) % 4096 - 1024
    raw = np.frombuffer((FRAMES / "answer-1.raw").read_bytes(), "<i2")
    assert np.array_equal(raw.reshape(16, 16), truth)


OTHERS = {
    **dict.fromkeys(NATIVE),
    "1.2.840.10008.1.2.5": "pylibjpeg",
    f"{JPEG}50": "pillow",
    f"{JPEG}57": "gdcm",
    f"{JPEG}70": "gdcm",
    f"{JPEG}80": "gdcm",
    f"{JPEG}81": "gdcm",
    f"{JPEG}90": "pylibjpeg",
    f"{JPEG}91": "pylibjpeg",
    f"{JPEG}201": "pylibjpeg",
    f"{JPEG}202": "pylibjpeg",
    f"{JPEG}203": "pylibjpeg",
}


@pytest.mark.parametrize("syntax", OTHERS)
def test_another_program_decodes_the_same_frame_to_the_same_answer(syntax):
    (frame,) = [f for f in load_frames() if f["syntax"] == syntax]
    dataset = pydicom.dcmread(FRAMES / frame["file"])
    plugin = OTHERS[syntax] or ""
    values = pixel_array(dataset, decoding_plugin=plugin)
    kind = values.dtype.newbyteorder("<")
    answer = np.frombuffer((FRAMES / frame["answer"]).read_bytes(), kind)
    assert np.array_equal(values.reshape(-1), answer)


# ---- machine, packages ---------------------------------------------------------------------------


def test_a_temporary_folder_that_takes_no_file_fails(tmp_path, monkeypatch):
    assert check_temporary(str(tmp_path)).status is Status.OK
    gone = tmp_path / "gone"
    item = check_temporary(str(gone))
    assert item.status is Status.FAIL
    assert item.told(private=True)[1] == f"{gone} takes no file: No such file or directory"
    assert item.told(private=False)[1] == "<folder> takes no file: No such file or directory"
    monkeypatch.setenv("TMPDIR", str(gone))
    item = check_temporary()
    assert item.status is Status.FAIL
    assert f"TMPDIR names {gone}" in item.told(private=True)[1]
    monkeypatch.delenv("TMPDIR")
    assert check_temporary().status is Status.OK


def test_cores_and_memory_are_those_that_this_process_may_use():
    item = check_cores()
    needs = load_toml("configs", "doctor.toml")["machine"]
    said = re.match(r"(\d+) of \d+ cores, ([\d.]+) GB", item.found)
    cores, memory_gb = int(said[1]), float(said[2])
    short = cores < needs["cores"] or memory_gb < needs["memory_gb"]
    assert (item.status is Status.NOTE) == short


def test_a_package_that_is_missing_or_of_another_version_fails_with_the_command():
    assert check_needs(["numpy>=2.0,<3"]).status is Status.OK
    item = check_needs(["numpy>=2.0,<3", "no-such-package>=1", "pydicom<2", "h5py ; extra == 'x'"])
    assert item.status is Status.FAIL
    installed = pydicom.__version__
    assert item.found == f"no-such-package is missing; pydicom is {installed}, needed is <2"
    assert item.todo.endswith('pip install "no-such-package>=1" "pydicom<2"')


def test_machine_code_that_does_not_load_fails_with_the_reason(tmp_path, monkeypatch):
    text = "raise ImportError('libgomp.so.1: cannot open shared object file')\n"
    (tmp_path / "broken_codec.py").write_text(text, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check_native({"numpy": "numpy"}).status is Status.OK
    item = check_native({"numpy": "numpy", "broken_codec": "broken-codec"})
    assert item.status is Status.FAIL
    assert item.todo.endswith("pip install --force-reinstall broken-codec")
    said = item.told(private=True)[1]
    assert said.startswith("broken_codec cannot be loaded: ImportError: libgomp.so.1")
    assert item.told(private=False)[1] == "broken_codec cannot be loaded: <reason>"


def test_a_package_that_ends_its_process_is_named_and_the_others_are_tried(tmp_path, monkeypatch):
    (tmp_path / "fatal_codec.py").write_text("import os\nos.kill(os.getpid(), 11)\n", "utf-8")
    (tmp_path / "broken_codec.py").write_text("raise OSError('half a file')\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    item = check_native({"fatal_codec": "a", "json": "json", "broken_codec": "b"})
    assert item.status is Status.FAIL
    assert item.told(private=True)[1] == (
        "fatal_codec, broken_codec cannot be loaded: it ends its process (-11); "
        "OSError: half a file"
    )
    assert item.todo.endswith("--force-reinstall a b")


def test_a_processor_is_said_with_the_features_that_count():
    new = check_processor(
        "model name : Fast 1\nflags : fpu avx2 avx512f amx_bf16\n\nflags : none\n"
    )
    assert (new.status, new.found) == (Status.OK, "Fast 1: AVX2, AVX-512, AMX bfloat16")
    arm = check_processor("processor : 0\nFeatures : fp asimd bf16\n")
    assert arm.status is Status.OK
    assert arm.found.endswith("NEON, bfloat16")
    old = check_processor("model name : Old 1\nflags : fpu sse2\n")
    assert (old.status, old.found[:14]) == (Status.NOTE, "Old 1: no AVX2")
    assert check_processor("").found.endswith("features not said")


@pytest.mark.slow
@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_where_a_package_is_gone_that_is_said_and_the_rest_is_looked_at(tmp_path, package):
    gone = f"raise ModuleNotFoundError('import of {package} halted', name={package!r})\n"
    (tmp_path / f"{package}.py").write_text(gone, "utf-8")
    code = f"import os, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += f"os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
    code += "from netimg.cli.app import call; sys.exit(call(['doctor', '--json']))"
    done = child.run([sys.executable, "-c", code])
    tree = json.loads(done.said[done.said.index("{\n") :])  # behind what other packages warn
    assert done.status == 1
    rows = {row["item"]: row for row in tree["items"]}
    failed = {name for name, row in rows.items() if row["status"] == "fail"}
    assert failed == {"native code", {"numpy": "decoders", "torch": "machine"}[package]}
    assert f"import of {package} halted" in rows["native code"]["found"]
    for name in ("criteria", "temporary folder", "settings", "model net-liver-ct"):
        assert rows[name]["status"] == "ok"


def test_versions_other_than_the_locked_are_named():
    text = (
        f"numpy=={np.__version__} ; python_full_version < '4' \\\n    --hash=sha256:00\n"
        "pydicom==0.1 \\\n    --hash=sha256:00\n"
        "colorama==1 ; sys_platform == 'no such system' \\\n    --hash=sha256:00\n"
        "no-such-package==2 \\\n    --hash=sha256:00\n"
    )
    item = check_lock(text)
    assert item.status is Status.NOTE
    assert item.found == (
        f"1 of 3 as in requirements.lock; other versions: pydicom {pydicom.__version__} "
        "(locked 0.1); not installed: no-such-package"
    )


# ---- settings, bug report ------------------------------------------------------------------------


def test_settings_are_said_with_their_layer(capsys, tmp_path, monkeypatch):
    file = tmp_path / "mine.toml"
    file.write_text("[segmentation]\nprecision = 'float32'\n", "utf-8")
    monkeypatch.setenv("NETIMG_BATCH__JOBS", "3")
    words = ("--settings", "--config", str(file), "--set", "segmentation.device=cpu")
    status, rows, tree = doctor(capsys, *words)
    said = {row["key"]: (row["value"], row["layer"]) for row in tree["settings"]}
    assert status == 0
    assert said["segmentation.precision"] == ("float32", str(file))
    assert said["batch.jobs"] == (3, "environment")
    assert said["segmentation.device"] == ("cpu", "--set")
    assert said["reporting.lang"] == ("en", "configs/run.toml")
    assert set(said) == set(SHIPPED.values)
    names = "batch.jobs, segmentation.device, segmentation.precision"
    assert sorted(rows["settings"]["found"].partition(": ")[2].split(", ")) == names.split(", ")
    assert rows["settings"]["found"].startswith(f"3 of {len(said)} not as shipped")


def test_a_bug_report_holds_no_path_and_no_name(capsys, tmp_path, monkeypatch, models):
    folder = tmp_path / "dr-who"
    folder.mkdir()
    file = folder / "mine.toml"
    file.write_text("[criteria]\nprofiles = ['CYTO-70', 'Ward of Dr Who']\n", "utf-8")
    card = models / "net-liver-ct" / "card.toml"
    monkeypatch.setenv("TMPDIR", str(folder))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    words = ["--config", str(file), *with_models(models), "--bug-report"]
    assert call(["doctor", *words]) == 0
    text = capsys.readouterr().out
    assert card.is_file()
    for secret in ("who", "Who", str(tmp_path), str(Path.home()), str(shipped("configs").parent)):
        assert secret not in text
    assert "(settings file)" in text
    assert 'segmentation.model_folders = ["<text>"]  (--set)' in text
    assert "ok    model <model>" in text
    assert "<folder> can be written to" in text


def test_a_word_that_the_schema_lists_may_be_shown_in_a_bug_report():
    settings = SHIPPED.with_values(
        {"segmentation.device": "cuda:1", "segmentation.model": "dr-who", "batch.jobs": 2},
        layer="/home/who/config.toml",
    )
    rows = {row["key"]: row for row in settings_rows(settings, private=False)}
    assert rows["segmentation.device"]["value"] == "cuda:1"
    assert rows["segmentation.model"]["value"] == "<text>"
    assert rows["batch.jobs"]["value"] == 2
    assert {row["layer"] for row in rows.values() if "who" in row["layer"]} == set()


def test_a_settings_file_that_is_broken_is_a_failure_not_the_end(capsys, tmp_path, monkeypatch):
    file = tmp_path / "mine.toml"
    file.write_text("[segmentation]\ndevise = 'cpu'\n", "utf-8")
    status, rows, _ = doctor(capsys, "--config", str(file))
    row = rows["settings"]
    assert (status, row["status"]) == (1, "fail")
    assert row["found"].startswith("CFG-002: there is no setting 'segmentation.devise'")
    assert row["todo"] == "Did you mean segmentation.device?"
    monkeypatch.setenv("NETIMG_BATHC__JOBS", "3")
    status, rows, _ = doctor(capsys)
    assert (status, rows["settings"]["found"][:7]) == (1, "CFG-004")
    monkeypatch.delenv("NETIMG_BATHC__JOBS")
    assert call(["doctor", "--set", "segmentation.devise=cpu"]) == 2


# ---- the commit ----------------------------------------------------------------------------------


def git(folder, *words):
    line = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    done = child.run(line)
    assert done.status == 0, done.said
    return done.said.strip()


def test_the_commit_of_a_checkout_is_said_and_whether_it_was_changed(tmp_path):
    assert checkout_commit(tmp_path) == ""
    (tmp_path / "netimg").mkdir()
    code = tmp_path / "netimg" / "a.py"
    code.write_text("a = 1\n", "utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "netimg")
    git(tmp_path, "commit", "-q", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD").splitlines()[-1]
    assert checkout_commit(tmp_path) == commit
    code.write_text("a = 2\n", "utf-8")
    assert checkout_commit(tmp_path) == f"{commit}+changes"
    # an installation inside somebody's repository is no checkout of netimg
    assert checkout_commit(tmp_path / "netimg") == ""


def test_the_commit_of_this_code_is_a_hash_or_not_known():
    assert re.fullmatch(r"([0-9a-f]{40}(\+changes)?)?", source_commit())


def test_all_items_come_one_by_one_as_they_are_found():
    items = examine(SHIPPED)
    began = time.monotonic()
    assert next(items).name == "netimg"
    assert time.monotonic() - began < 60
