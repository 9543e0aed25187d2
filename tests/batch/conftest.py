"""Cohorts of small PET-only studies: they need no model, so a study takes a tenth of a second."""

import csv
import json
from pathlib import Path

import pytest

from netimg.batch import run_batch
from netimg.settings import Settings
from tests.make import dicom as make

FAST = {"reporting.outputs": ["csv"], "batch.jobs": 1}
"""Only tables: what these tests are about is how a study ends, not what is drawn."""


def batch(inputs, out, *, tell=lambda _: None, retry_failed=False, **changes):
    """Call `run_batch` with one worker and no pictures."""
    settings = Settings.shipped().with_values(
        FAST | {key.replace("__", "."): value for key, value in changes.items()}, layer="test"
    )
    paths = [inputs] if isinstance(inputs, Path) else inputs
    return run_batch(paths, out, settings=settings, tell=tell, retry_failed=retry_failed)


def states(result):
    """Last word of each study by the patient's folder."""
    return {o.label.rsplit("-", 1)[0]: (o.state.value, o.code) for o in result.outcomes}


def table(path):
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def document(path):
    """A JSON document."""
    return json.loads(path.read_text("utf-8"))


def cohort(root, *names):
    """One PET study per name below a folder."""
    for name in names:
        make.pet_series(root / name, study=name, patient=name)
    return root


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Two good patients, one with the files of two people, a folder of letters, an empty one."""
    root = cohort(tmp_path_factory.mktemp("cohort"), "anna", "bert", "mixed-up")
    make.bend(root / "mixed-up" / "IM0001.dcm", PatientID="somebody")
    (root / "letters").mkdir()
    (root / "letters" / "referral.txt").write_text("Dear colleague", "utf-8")
    (root / "nobody").mkdir()
    return root
