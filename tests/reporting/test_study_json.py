"""What reading found out about a series goes through ``results.json`` and comes back."""

import json
from dataclasses import fields, replace

import jsonschema
import pytest

from netimg.flag import Flag, Severity
from netimg.reporting import write_report
from netimg.reporting.results_json import load_result
from netimg.study import Coverage, Instance, PhaseEvidence, Registration
from tests.make import result as make
from tests.reporting.test_results_json import validator

EVIDENCE = (
    PhaseEvidence(says='"PV" in the description', phase="portal", weight=3, source="words"),
    PhaseEvidence(says="aorta 152 HU", phase="not_arterial", weight=2, source="picture"),
)
REGISTERED = Registration(
    matrix=((1.0, 0.0, 0.0, 4.5), (0.0, 0.8, -0.6, 0.1), (0.0, 0.6, 0.8, -7.25), (0, 0, 0, 1)),
    rotation_deg=2.5,
    translation_mm=11.25,
    similarity_before=0.21,
    similarity_after=0.63,
    liver_gap_mm=3.1,
    accepted=True,
)
REGRIDDED = Flag(
    code="GEO-018",
    severity=Severity.MEDIUM,
    sentence="Series 1 was straightened (--regrid); numbers carry the interpolation.",
    touches=("liver_volume_ml", "lesion"),
)


def told():
    """A straightened CT of one multi-frame file, its second part, a PET laid over it."""
    result = make.result()
    ct, pet = result.study.ct, result.study.pets[0]
    frames = tuple(
        replace(i, sop_instance_uid="1.2.3", frame_number=i.z_index + 1) for i in ct.instances
    )
    ct = replace(
        ct,
        instances=frames,
        phase_evidence=EVIDENCE,
        coverage=Coverage.NEARLY,
        low_dose=True,
        flags=(REGRIDDED,),
    )
    part = replace(
        ct,
        number=3,
        description="abdomen portal venous (part 2 of 2)",
        instances=frames[:10],
        grid=replace(ct.grid, shape=(10, *ct.grid.shape[1:])),
        coverage=Coverage.CUT,
        low_dose=False,
        phase_evidence=(),
        why=("part 2 of 2 of its series: another time",),
        flags=(),
    )
    pet = replace(pet, registration=REGISTERED)
    study = replace(result.study, ct=ct, pets=(pet,), series=(ct, pet, part), register=True)
    return replace(result, study=study, flags=(REGRIDDED, *result.flags))


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    return write_report(told(), tmp_path_factory.mktemp("told") / "out", outputs=["csv", "nifti"])


@pytest.fixture(scope="module")
def document(there):
    return json.loads((there / "results.json").read_text("utf-8"))


def without_files(series):
    """Every field of a series but its pixels and where they lie."""
    own = {f.name: getattr(series, f.name) for f in fields(series) if f.name != "opener"}
    pictures = [replace(i, path=None, size_bytes=0, member=None) for i in own.pop("instances")]
    return own | {"instances": pictures}


def test_every_field_of_every_series_comes_back(there):
    study, back = told().study, load_result(there).study
    assert len(back.series) == 3
    for before, after in zip(study.series, back.series, strict=True):
        own, read = without_files(before), without_files(after)
        assert own.pop("grid").same_as(read.pop("grid"), tol_mm=0.0)
        assert own == read
    assert (back.ct.number, back.pets[0].number, back.register) == (1, 2, True)
    assert back.ct.phase_source == "picture"


def test_parts_of_a_split_series_share_its_uid_and_keep_their_own_pictures(document):
    first, _, second = document["series"]
    assert first["uid"] == second["uid"]
    assert (first["n"], second["n"]) == (20, 10)
    assert second["instances"]["frame_number"] == list(range(1, 11))
    assert "part 2 of 2" in second["why"][0]


def test_what_is_said_of_a_ct_stands_in_its_document_and_not_in_that_of_a_pet(document):
    validator("results-1").validate(document)
    ct, pet, part = document["series"]
    assert ct["phase_evidence"][1] == {
        "says": "aorta 152 HU", "phase": "not_arterial", "weight": 2, "source": "picture",
    }  # fmt: skip
    assert (ct["coverage"], ct["low_dose"]) == ("nearly complete", True)
    assert (part["coverage"], part["low_dose"]) == ("cut", False)
    assert not {"phase_evidence", "coverage", "low_dose"} & set(pet)
    assert pet["registration"]["matrix_lps_mm"][2] == [0.0, 0.6, 0.8, -7.25]
    assert pet["registration"]["liver_gap_mm"] == 3.1


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("coverage", "half"),
        ("low_dose", "no"),
        ("phase_evidence", [{"says": "x", "phase": "late", "weight": 1, "source": "words"}]),
        ("phase_evidence", [{"says": "x", "phase": "portal", "weight": 1}]),
    ],
)
def test_the_schema_refuses_other_values(document, key, wrong):
    check = validator("results-1")
    bent = json.loads(json.dumps(document))
    bent["series"][0][key] = wrong
    with pytest.raises(jsonschema.ValidationError):
        check.validate(bent)


def test_a_result_of_before_these_keys_is_still_read(there, tmp_path, document):
    old = json.loads(json.dumps(document))
    for series in old["series"]:
        for key in ("phase_evidence", "coverage", "low_dose", "registration"):
            series.pop(key, None)
        series["instances"].pop("frame_number", None)
    old["study"].pop("register")
    for path in there.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(there)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (tmp_path / "results.json").write_text(json.dumps(old), "utf-8")
    back = load_result(tmp_path).study
    assert (back.ct.coverage, back.ct.low_dose) == (Coverage.UNKNOWN, False)
    assert back.pets[0].registration is None
    assert isinstance(back.ct.instances[0], Instance)


def test_words_that_a_phase_rests_on_are_not_told_in_privacy_mode(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    out = write_report(told(), tmp_path / "out", outputs=["csv"], privacy=True)
    document = json.loads((out / "results.json").read_text("utf-8"))
    evidence = document["series"][0]["phase_evidence"]
    assert [item["says"] for item in evidence] == ["", "aorta 152 HU"]
    assert [item["phase"] for item in evidence] == ["portal", "not_arterial"]
