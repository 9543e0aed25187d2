"""The locks, the wheel, the first second of the command, and the Makefile."""

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^[A-Za-z0-9].*?(?=^[A-Za-z0-9#]|\Z)", re.MULTILINE | re.DOTALL)
HEAVY = ("torch", "monai", "pydicom", "numpy", "pandas", "scipy", "matplotlib", "SimpleITK")


def output_of(*command: str | Path, cwd: Path = ROOT) -> str:
    """Stdout of a program that must end with 0; its stderr is shown if it does not."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pins(lock: str) -> list[str]:
    """Return each pin of a lock with its hashes and notes."""
    return PIN.findall((ROOT / lock).read_text("utf-8"))


def versions(lock: str) -> set[str]:
    """Return what a lock pins, ``name==version ; marker``."""
    return {pin.splitlines()[0].rstrip(" \\") for pin in pins(lock)}


# ---- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_chooses_a_build_of_torch(lock):
    assert not [pin for pin in versions(lock) if re.match(r"torch|nvidia|cuda|triton", pin)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_has_a_hash(lock):
    assert len(pins(lock)) > 50
    assert [pin for pin in pins(lock) if "==" not in pin or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_registry_or_a_folder_of_a_machine(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert re.findall(r"\w+://|--index-url|--find-links|(?<![\w.])/\w+/", text) == []


def test_the_tests_run_on_the_versions_of_the_demo():
    assert versions("requirements.lock") - versions("requirements-dev.lock") == set()


def test_the_needs_of_the_installed_torch_are_those_that_the_locks_pin():
    lines = (ROOT / "requirements/torch-needs.in").read_text("utf-8").splitlines()
    named = {canonicalize_name(Requirement(line).name) for line in lines if line and line[0] != "#"}
    asked = [Requirement(text) for text in metadata.requires("torch") or []]
    here = {
        canonicalize_name(need.name)
        for need in asked
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    # a CUDA build asks for its own libraries as well; pip brings them with torch
    assert named == {name for name in here if not re.match(r"nvidia|cuda|triton", name)}


def test_the_installed_packages_fit_what_netimg_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for text in project["dependencies"]:
        need = Requirement(text)
        assert need.specifier.contains(metadata.version(need.name), prereleases=True), text


# ---- the first second ----------------------------------------------------------------------------

MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
"""


def modules_after(code: str) -> set[str]:
    """Names in ``sys.modules`` when a fresh interpreter that ran ``code`` ends."""
    return set(json.loads(output_of(sys.executable, "-c", f"{MODULES}\n{code}").splitlines()[-1]))


def test_importing_netimg_imports_no_other_package():
    brought = modules_after("import netimg") - modules_after("")
    packages = {name.partition(".")[0] for name in brought} - sys.stdlib_module_names
    assert packages == {"netimg"}


def test_help_of_the_command_imports_nothing_heavy():
    brought = modules_after(
        "sys.argv = ['netimg', '--help']\nfrom netimg.cli.app import main\nmain()"
    )
    assert "typer" in brought
    assert brought.isdisjoint(HEAVY)


# ---- the wheel -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory) -> Path:
    """Python of a fresh environment that holds the wheel, with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    output_of(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (wheel,) = folder.glob("netimg-*.whl")
    output_of(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    # one folder more on the path: its own .pth files, the editable netimg among them, are not read
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    offline = ("install", "--quiet", "--no-index", "--no-deps", wheel)
    output_of(sys.executable, "-m", "pip", "--python", python, *offline)
    return python


@pytest.mark.slow
@pytest.mark.xdist_group("wheel")
def test_the_wheel_carries_the_code_the_configs_and_the_models_and_nothing_else(wheel_python):
    code = "import netimg; print(netimg.__path__[0])"
    package = Path(output_of(wheel_python, "-c", code, cwd=wheel_python.parent).strip())
    assert wheel_python.parent.parent in package.parents
    for name in ("configs", "models"):
        here = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*") if path.is_file()}
        there = (package / "_shipped" / name).rglob("*")
        carried = {path.relative_to(package / "_shipped") for path in there if path.is_file()}
        assert carried
        assert carried == here
    there = {path.name for path in (package / "_shipped").iterdir()}
    assert there - {"commit.txt"} == {"configs", "models", "requirements.lock"}
    tops = {path.name for path in package.parent.iterdir()}
    assert tops.isdisjoint({"tests", "sample_data", "configs", "models", "docs"})


@pytest.mark.slow
@pytest.mark.xdist_group("wheel")
def test_an_installed_wheel_finds_and_verifies_its_models(wheel_python):
    command = (wheel_python, "-m", "netimg", "models", "verify", "--json")
    rows = json.loads(output_of(*command, cwd=wheel_python.parent))["models"]
    assert {row["status"] for row in rows} == {"ok"}
    cards = (ROOT / "models").glob("*/card.toml")
    assert {row["model"] for row in rows} == {card.parent.name for card in cards}


@pytest.mark.slow
@pytest.mark.xdist_group("wheel")
def test_an_installed_wheel_knows_its_commit_and_finds_the_lock_and_the_test_frames(wheel_python):
    command = (wheel_python, "-m", "netimg", "doctor", "--json")
    rows = json.loads(output_of(*command, cwd=wheel_python.parent))["items"]
    found = {row["item"]: row for row in rows}
    assert {row["status"] for row in rows if row["item"].startswith("decoder ")} == {"ok"}
    assert re.search(r"as in requirements\.lock", found["lock"]["found"])
    if (ROOT / ".git").exists():
        commit = output_of("git", "rev-parse", "HEAD").strip()
        assert commit in found["netimg"]["found"]


# ---- the Makefile --------------------------------------------------------------------------------


def test_make_alone_names_every_target():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    named = [line.split()[0] for line in output_of("make", "--no-print-directory").splitlines()]
    assert named == targets.split()
