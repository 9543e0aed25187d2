"""Every document that ``--json`` prints names a schema, and fits it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from netimg.cli.app import call
from netimg.resources import shipped
from tests.e2e.conftest import PHANTOM
from tests.make import dicom as make

LESIONS = str(PHANTOM / "truth_lesions.nii.gz")


def _fits(document: dict[str, Any]) -> None:
    """Refuse a document that does not fit the schema it names."""
    name, version = document["schema"].removeprefix("netimg.").split("/")
    schema = json.loads(shipped("configs", "schemas", f"{name}-{version}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("words", "status", "name"),
    [
        (["inspect", str(PHANTOM)], 0, "inspect"),
        (["inspect", str(PHANTOM), "--files", "--show-patient"], 0, "inspect"),
        (["inspect", "no such folder"], 3, "error"),
        (["run", "x", "-o", "y", "--device", "gpu"], 2, "error"),
        (["run", str(PHANTOM), "--explain-plan"], 0, "plan"),
        (["evaluate", LESIONS, LESIONS], 0, "evaluate"),
        (["evaluate", LESIONS, LESIONS, "--labels", "lesion=1"], 0, "evaluate"),
        (["models", "list"], 0, "models"),
        (["models", "info", "net-liver-ct"], 0, "models"),
        pytest.param(["models", "verify"], 0, "models-verify", marks=pytest.mark.slow),
        (["criteria", "list"], 0, "rules"),
        (["criteria", "show", "PROMID"], 0, "rules"),
        (["criteria", "check"], 0, "criteria-check"),
        (["phantom", "--list"], 0, "phantom"),
        (["doctor", "--settings"], 0, "doctor"),
        (["doctor", "--set", "segmentation.model=none-such"], 1, "doctor"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_what_a_command_prints_fits_the_schema_it_names(
    words: list[str], status: int, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([*words, "--json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == f"netimg.{name}/1"
    _fits(document)


def test_a_batch_and_its_studies_fit_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make.pet_series(tmp_path / "in" / "a", study="a", patient="a")
    (tmp_path / "in" / "b").mkdir()
    out = tmp_path / "out"
    line = ["batch", str(tmp_path / "in"), "-o", str(out), "-j", "1", "--outputs", "csv", "-q"]
    assert call([*line, "--json"]) == 5
    _fits(json.loads(capsys.readouterr().out))
    kept = [json.loads(path.read_text("utf-8")) for path in (out / "status").iterdir()]
    assert sorted(one["state"] for one in kept) == ["done", "failed"]
    for document in kept:
        _fits(document)


@pytest.mark.slow
def test_a_phantom_that_was_written_fits_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["phantom", "-o", str(tmp_path / "ph"), "--preset", "spheres"]
    assert call([*words, "--spacing-mm", "8,6,6", "--json", "-q"]) == 0
    _fits(json.loads(capsys.readouterr().out))


def test_a_result_and_its_manifest_fit_theirs(phantom_out: Path) -> None:
    for name in ("results.json", "manifest.json"):
        _fits(json.loads((phantom_out / name).read_text("utf-8")))


def test_every_schema_of_a_document_says_which() -> None:
    for path in shipped("configs", "schemas").glob("*-1.json"):
        schema = json.loads(path.read_text("utf-8"))
        assert schema["$id"] == f"urn:netimg:schema:{path.stem.removesuffix('-1')}:1"
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
