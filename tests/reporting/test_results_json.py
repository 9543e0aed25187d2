import json
from dataclasses import fields, replace

import jsonschema
import numpy as np
import pytest

from netimg.errors import InputError, OutputError
from netimg.finding import Finding, Findings
from netimg.reporting import write_report
from netimg.reporting.json_text import json_text
from netimg.reporting.results_json import load_result, result_document, to_json
from netimg.resources import shipped
from netimg.treatment import Plans
from netimg.verdict import Option
from tests.make import result as make


def strict(node):
    """The schema that refuses keys it does not name."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: strict(value) for key, value in node.items()}
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


def vars_of(noun):
    """Fields of a noun that does not compare by value."""
    return {field.name: getattr(noun, field.name) for field in fields(noun)}


def validator(name):
    schema = json.loads(shipped("configs", "schemas", f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(strict(schema))


def with_options(result):
    option = Option(option="resection", profile="NELM-2020", status="open", deciding=("FLR-STD",))
    return replace(result, assessment=replace(result.assessment, options=(option,)))


CASES = {
    "full": make.result,
    "no PET, no lesions": lambda: make.result(pet=False, lesions=False, segments=False),
    "PET without SUV": lambda: make.result(possible=False),
    "PET only": make.pet_only,
    "PET with masks": lambda: make.pet_only(masks=True),
    "with options": lambda: with_options(make.result()),
}


@pytest.mark.parametrize("case", CASES)
def test_documents_follow_their_schemas_and_come_back_the_same(tmp_path, case):
    out = write_report(CASES[case](), tmp_path / "out", outputs=["csv", "nifti"])
    document = json.loads((out / "results.json").read_text("utf-8"))
    validator("results-1").validate(document)
    validator("manifest-1").validate(json.loads((out / "manifest.json").read_text("utf-8")))
    again = result_document(load_result(out), document["files"])
    assert json_text(again) == (out / "results.json").read_text("utf-8")


def test_every_key_of_the_first_level_can_be_removed_only_where_the_schema_allows(document):
    optional = {"anatomy", "territories"}
    check = validator("results-1")
    for key in document:
        without = {k: v for k, v in document.items() if k != key}
        assert check.is_valid(without) is (key in optional), key


def test_an_unknown_key_and_a_missing_reason_break_the_strict_schema(document):
    check = validator("results-1")
    assert not check.is_valid(document | {"surprise": 1})
    silent = dict(document["findings"][0], value=None)
    assert not check.is_valid(document | {"findings": [silent]})
    assert check.is_valid(document | {"findings": [silent | {"reason": "missing_input:liver"}]})


def test_the_schema_knows_keys_that_no_room_fills_yet():
    schema = json.loads(shipped("configs", "schemas", "results-1.json").read_text("utf-8"))
    assert {"search", "territories", "change"} <= set(schema["properties"])


def test_numbers_keep_their_full_precision(shown, document):
    burden = next(f for f in document["findings"] if f["name"] == "burden_pct")
    assert burden["value"] == shown.findings["burden_pct"].value
    assert burden["ucum"] == "%"


def test_masks_come_back_voxel_for_voxel(folder, shown):
    back = load_result(folder).anatomy
    assert back.liver.same_as(shown.anatomy.liver, tol_mm=0.0)
    assert back.lesion_labels.same_as(shown.anatomy.lesion_labels, tol_mm=0.0)
    assert np.array_equal(back.segments.labels, shown.anatomy.segments.labels)
    assert back.origins == shown.anatomy.origins
    assert back.lesions == shown.anatomy.lesions


def test_files_flags_and_manifest_come_back(folder, shown):
    back = load_result(folder)
    assert back.study.files == shown.study.files
    assert back.flags == shown.flags
    assert vars_of(back.manifest) == vars_of(shown.manifest)
    assert back.assessment.verdicts == shown.assessment.verdicts
    assert back.plans == shown.plans
    assert back.findings.items == shown.findings.items


def test_a_loaded_study_says_that_its_images_are_elsewhere(folder):
    with pytest.raises(InputError, match="open_study"):
        load_result(folder).study.ct.load()


def test_facts_come_back_through_the_reader_that_is_given(folder, shown):
    assert load_result(folder).facts is None
    back = load_result(folder, read_facts=lambda tree: replace(shown.facts, entered=tree))
    assert back.facts.entered == shown.facts.entered


@pytest.mark.parametrize(
    "content", [None, "not json", "[]", '{"schema": "netimg.results/9"}', '{"a": NaN']
)
def test_a_folder_that_is_no_result_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
        (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(OutputError, match="OUT-006"):
        load_result(tmp_path)


def test_a_number_that_is_not_finite_cannot_be_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"value": float("nan")})


def test_plan_findings_stay_with_their_plan_and_text_needs_no_folder(shown):
    bare = replace(
        shown,
        anatomy=None,
        plans=Plans(),
        findings=Findings(
            items=(Finding(name="burden_pct", value=None, unit="%", reason="missing_input:liver"),)
        ),
    )
    document = json.loads(to_json(bare))
    validator("results-1").validate(document)
    assert document["lesions"] == []
    assert "anatomy" not in document


def test_the_box_of_a_lesion_is_given_in_the_order_i_j_k(shown, document):
    first = document["lesions"][0]
    assert "number" not in first
    labels = shown.anatomy.lesion_labels.labels == 1
    for axis, (low, high) in zip((2, 1, 0), first["bbox"], strict=True):
        others = tuple(k for k in range(3) if k != axis)
        there = labels.any(axis=others).nonzero()[0]
        assert (low, high) == (there[0], there[-1] + 1)
