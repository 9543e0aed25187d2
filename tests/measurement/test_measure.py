"""The front door: what comes in, what goes out, in which order."""

import datetime as dt
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import MEASURES, PATIENT
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays as make

SCENE = make.anatomy()
PET_GRID = make.grid((34, 40, 40), (3.27, 3.65, 3.65), (-15.0, -5.0, -5.0))
PET = make.anatomy(PET_GRID, quantity=Quantity.SUV_BW).volume
STUDY = make.study(make.series(SCENE.volume), make.sstr(PET), make.fdg(PET))


@pytest.fixture(scope="module")
def found():
    return netimg.measure(STUDY, SCENE.anatomy)


def test_every_finding_is_in_the_catalogue_with_a_source_and_a_finite_value(found):
    for finding in found:
        assert finding.name in MEASURES[finding.scope], finding.key
        assert finding.unit == MEASURES[finding.scope][finding.name].unit
        assert finding.source.on.startswith("series "), finding.key
        assert (finding.value is None) <= bool(finding.reason), finding.key
        if isinstance(finding.value, float):
            assert math.isfinite(finding.value), finding.key


def test_every_interval_holds_its_value(found):
    with_interval = [f for f in found if f.interval is not None]
    assert len(with_interval) > 30
    for finding in with_interval:
        assert finding.lo <= finding.value <= finding.hi, finding.key


def test_every_code_on_a_finding_has_its_flag(found):
    known = {flag.code for flag in found.flags}
    assert {code for finding in found for code in finding.flags} <= known


def test_each_number_of_a_ct_that_was_straightened_carries_that_doubt_and_no_other_does(found):
    flag = Flag(code="GEO-018", severity=Severity.MEDIUM, sentence="Straightened.", touches=("ct",))
    ct = replace(STUDY.ct, flags=(*STUDY.ct.flags, flag))
    study = replace(STUDY, ct=ct, series=(ct, *STUDY.series[1:]))
    marked = netimg.measure(study, SCENE.anatomy)
    assert flag in marked.flags
    here = f"series {ct.number}"
    for finding in marked:
        own = finding.source.on.startswith(here) and finding.value is not None
        assert ("GEO-018" in finding.flags) is own, finding.key
    assert not any("GEO-018" in finding.flags for finding in found)


def test_the_same_input_gives_the_same_findings(found):
    again = netimg.measure(STUDY, SCENE.anatomy)
    assert again.items == found.items
    assert again.flags == found.flags


def test_the_order_of_the_given_labels_changes_nothing(found):
    order = np.array([0, 3, 1, 2], dtype=np.uint16)
    shuffled = LabelMap(labels=order[SCENE.anatomy.lesion_labels.labels], grid=SCENE.anatomy.grid)
    anatomy = Anatomy.from_masks(SCENE.anatomy.liver, shuffled, segments=SCENE.anatomy.segments)
    assert netimg.measure(STUDY, anatomy).items == found.items


def test_moving_patient_and_images_together_moves_only_the_places(found):
    shift = np.array([12.5, -40.0, 100.0])

    def moved(grid):
        return replace(grid, origin_lps_mm=tuple(np.add(grid.origin_lps_mm, shift)))

    def volume(old):
        return Volume(values=old.values, grid=moved(old.grid), quantity=old.quantity)

    grid = moved(SCENE.anatomy.grid)
    anatomy = Anatomy.from_masks(
        Mask(voxels=SCENE.anatomy.liver.voxels, grid=grid),
        LabelMap(labels=SCENE.anatomy.lesion_labels.labels, grid=grid),
        segments=LabelMap(labels=SCENE.anatomy.segments.labels, grid=grid),
    )
    study = make.study(
        make.series(volume(SCENE.volume)), make.sstr(volume(PET)), make.fdg(volume(PET))
    )
    got = netimg.measure(study, anatomy)
    places = {"l": 0, "p": 1, "s": 2}
    for finding in found:
        other = got.get(finding.name, finding.scope, finding.id)
        axis = finding.name.split("_")[-2] if finding.name.endswith("_mm") else ""
        if isinstance(finding.value, float):
            offset = shift[places[axis]] if axis in places else 0.0
            assert other.value == pytest.approx(finding.value + offset, abs=1e-6), finding.key
        else:
            assert other.value == finding.value, finding.key


def test_pets_are_measured_on_their_own_grid_and_say_so(found):
    sources = {f.source.on for f in found.of(Scope.LESION) if f.name.startswith("sstr_")}
    assert sources == {"series 2"}
    assert {f.source.on for f in found.of(Scope.PATIENT)} == {"series 1"}


def test_a_finding_carries_the_day_of_its_series():
    day = dt.datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - scanner clocks have no zone
    pet = make.sstr(PET, acquired_at=day)
    got = netimg.measure(make.study(make.series(SCENE.volume), pet), SCENE.anatomy)
    assert got.get("sstr_suv_max", Scope.PET, "sstr").source.date == day.date()
    assert got["burden_pct"].source.date is None


def test_without_an_anatomy_only_the_pets_speak():
    got = netimg.measure(STUDY, None)
    assert got.get("sstr_suv_max", Scope.PET, "sstr").value == pytest.approx(20.0)
    for name in PATIENT:
        assert (got[name].value, got[name].reason) == (None, "missing_input:liver")
    assert got.of(Scope.LESION) == got.of(Scope.SEGMENT) == ()


def test_without_a_pet_nothing_is_said_of_uptake():
    got = netimg.measure(make.study(make.series(SCENE.volume)), SCENE.anatomy)
    assert got.of(Scope.PET) == got.of(Scope.REGION) == ()
    assert not [f for f in got if "suv" in f.name]


def test_an_anatomy_off_every_grid_is_the_callers_mistake():
    elsewhere = make.anatomy(replace(make.LIVER_GRID, origin_lps_mm=(0.0, 8.0, 1.0))).anatomy
    with pytest.raises(ValueError, match="grid of no series"):
        netimg.measure(STUDY, elsewhere)


def test_progress_hears_of_every_lesion_and_pet():
    class Ear:
        def __init__(self):
            self.steps = []

        def stage(self, name):
            pass

        def step(self, done, total):
            self.steps.append((done, total))

    ear = Ear()
    netimg.measure(STUDY, SCENE.anatomy, progress=ear)
    assert ear.steps == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]


def test_the_room_imports_nothing_heavy_before_it_is_used():
    heavy = "('numpy', 'scipy', 'skimage')"
    code = f"import sys, netimg.measurement; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
