"""A worker that dies or takes too long costs its study only."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from netimg.batch import workers
from netimg.settings import Settings
from tests.batch.conftest import batch, cohort, document, states
from tests.make import dicom as make

DRAWN = {"reporting__outputs": ["html"]}


class Killer(threading.Thread):
    """Ends with SIGKILL the worker that is writing, each time it is told to."""

    def __init__(self, studies):
        super().__init__(daemon=True)
        self.studies, self.armed, self.killed = studies, threading.Event(), []

    def run(self):
        """Look for a part folder of a living worker; its name holds the process id."""
        while True:
            self.armed.wait()
            for part in self.studies.glob(".netimg-part-*"):
                pid = int(part.name.split("-")[-2])
                if pid not in self.killed:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(pid)
                    self.armed.clear()
            time.sleep(0.001)


def test_a_killed_worker_costs_its_study_only_after_one_more_try(tmp_path):
    root, out = cohort(tmp_path / "in", "a", "c"), tmp_path / "out"
    noise = np.random.default_rng(1).integers(0, 3000, (60, 150, 150))
    make.pet_series(root / "b", noise, study="b", patient="b")
    killer = Killer(out / "studies")
    killer.start()

    def tell(outcome):
        """One worker takes a, then b (killed), then c, then b once more (killed again)."""
        if outcome.label[0] in "ac":
            killer.armed.set()

    result = batch(root, out, tell=tell, **DRAWN)
    assert states(result) == {"a": ("done", ""), "b": ("failed", "RUN-001"), "c": ("done", "")}
    failed = result.outcomes[1]
    assert failed.attempts == 2
    assert "SIGKILL during report" in failed.what
    assert len(killer.killed) == 2
    assert not list(out.rglob(".netimg-part-*"))
    assert not (out / "studies" / failed.label).exists()
    assert '"stage": "assess"' in (out / failed.log).read_text("utf-8")  # of the last attempt
    assert document(out / "status" / f"{failed.label}.json")["code"] == "RUN-001"
    assert result.exit_code == 5


def test_a_study_that_takes_too_long_is_ended_and_not_tried_again(tmp_path):
    root, out = cohort(tmp_path / "in", "a"), tmp_path / "out"
    result = batch(root, out, resources__timeout_batch_s=0.05)
    assert states(result) == {"a": ("failed", "RUN-002")}
    assert result.outcomes[0].attempts == 1
    assert "0.05 s" in result.outcomes[0].what
    assert "--timeout-s" in result.outcomes[0].todo
    assert result.exit_code == 4


@pytest.mark.parametrize(
    ("studies", "changes", "jobs"),
    [
        (100, {"batch.jobs": 3}, 3),
        (2, {"batch.jobs": 3}, 2),
        (0, {"batch.jobs": 3}, 1),
        (1, {}, 1),
        (100, {"batch.memory_per_study_gb": 1e6}, 1),
    ],
)
def test_the_number_of_workers_follows_what_is_asked_and_what_fits(studies, changes, jobs):
    settings = Settings.shipped().with_values(changes, layer="test")
    assert workers.jobs_for(studies, settings) == jobs
