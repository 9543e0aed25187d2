"""The picture decides the phase and turns the choice of the CT round before it is segmented."""

import pytest

from netimg.anatomy import Anatomy
from netimg.pipeline.clock import Clock
from netimg.pipeline.picture import looked_at, with_liver_drawn, with_masks_read
from netimg.pipeline.river import judge
from netimg.progress import silent
from netimg.reading import open_study
from netimg.segmentation.given import anatomy_from_masks
from netimg.settings import Settings
from netimg.study import Coverage, Phase
from netimg.volume import LabelMap, Mask
from tests.make import arrays, segmenter, trunk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A model that takes what is brighter than muscle for liver."""
    folder = tmp_path_factory.mktemp("models")
    stage = segmenter.stage_tree(normalise="window(44, 70)")
    segmenter.write_model(folder, stages=[stage], networks=[segmenter.bright_network()])
    changes = {
        "segmentation.model": "bright-net",
        "segmentation.model_folders": [str(folder)],
        "segmentation.device": "cpu",
        "segmentation.precision": "float32",
        "resources.threads": 1,
    }
    return Settings.shipped().with_values(changes, layer="test")


def write(folder, number, phase, words, **common):
    common = {"SeriesDescription": words, "SeriesNumber": str(number)} | common
    trunk.write(folder / str(number), phase, name=f"ct {number}", common=common)


def said(series):
    return {flag.code: flag.sentence for flag in series.flags}


def test_words_that_the_picture_contradicts_are_overruled_and_both_are_said(tmp_path, settings):
    write(tmp_path, 1, "arterial", "portal venous", ContrastBolusAgent=None)
    study = open_study(tmp_path)
    assert (study.ct.phase, said(study.ct).get("SEL-003")) == (Phase.PORTAL, None)
    again = looked_at(study, settings=settings)
    assert again.ct.phase is Phase.ARTERIAL
    assert 'words say portal ("portal venous")' in said(again.ct)["SEL-003"]
    assert "the picture says arterial (aorta 3" in said(again.ct)["SEL-003"]
    assert "lesion numbers are untested" in said(again.ct)["phase_conflict"]
    assert again.context().phase is Phase.ARTERIAL
    assert len(dict.fromkeys(again.ct.flags)) == len(again.ct.flags)  # as they are gathered


def test_words_that_the_picture_confirms_stay_without_a_doubt(tmp_path, settings):
    write(tmp_path, 1, "portal", "portal venous")
    again = looked_at(open_study(tmp_path), settings=settings)
    assert again.ct.phase is Phase.PORTAL
    assert {"SEL-003", "phase_conflict"}.isdisjoint(said(again.ct))
    assert any("picture: aorta 1" in why for why in again.ct.why)


def test_where_words_leave_the_choice_open_every_candidate_is_looked_at(tmp_path, settings):
    """Two unnamed CTs; the unenhanced one has the lower number and would be taken."""
    write(tmp_path, 1, "unenhanced", "abdomen", ContrastBolusAgent=None)
    write(tmp_path, 2, "portal", "abdomen", ContrastBolusAgent=None)
    study = open_study(tmp_path)
    assert study.ct.number == 1
    again = looked_at(study, settings=settings)
    assert again.ct.number == 2
    assert [s.phase for s in again.cts] == [Phase.UNENHANCED, Phase.CONTRAST]
    assert "for its contrast phase" in again.ct.why[0]


def test_a_named_portal_phase_leaves_the_others_alone(tmp_path, settings):
    write(tmp_path, 1, "portal", "portal venous")
    write(tmp_path, 2, "unenhanced", "abdomen", ContrastBolusAgent=None)
    again = looked_at(open_study(tmp_path), settings=settings)
    assert again.ct.number == 1
    other = again.cts[1]
    assert not any("liver" in item.says for item in other.phase_evidence)


def test_a_typed_phase_needs_no_look(tmp_path, settings):
    write(tmp_path, 1, "arterial", "portal venous")
    study = open_study(tmp_path, overrides={"phase": "delayed"})
    assert looked_at(study, settings=settings) is study


def test_given_masks_say_the_phase_of_their_ct(tmp_path):
    """Aorta and liver outlined by a person; the portal vein is not, so portal stays unnamed."""
    write(tmp_path, 1, "portal", "abdomen", ContrastBolusAgent=None)
    study = open_study(tmp_path)
    on = study.ct.grid
    organs = arrays.np.zeros(on.shape, dtype="uint16")
    organs[arrays.ellipsoid(on, (8, 38, 150), (11, 11, 900))] = 24
    liver = Mask(voxels=arrays.ellipsoid(on, (-60, -10, 165), (78, 60, 75)), grid=on)
    body = Anatomy.from_masks(liver, None, organs=LabelMap(labels=organs, grid=on))
    again = with_masks_read(study, body)
    assert again.ct.phase is Phase.CONTRAST
    assert any("aorta 150 HU" in why or "aorta 149 HU" in why for why in again.ct.why)


def test_a_cut_liver_is_said_once_by_the_mask_that_was_drawn(tmp_path):
    """The guess goes, whether the mask confirms it or not; ``liver_cut_fov`` says what is drawn."""
    for number, slices in ((1, slice(0, 40)), (2, slice(0, 38))):
        common = {"SeriesDescription": "portal", "SeriesNumber": str(number)}
        trunk.write(tmp_path / str(number), name=str(number), slices=slices, common=common)
    study = open_study(tmp_path)
    assert study.ct.coverage is Coverage.CUT
    assert "seems to cut off the liver at the top" in said(study.ct)["SEL-005"]
    on, shipped = study.ct.grid, Settings.shipped()
    whole = arrays.ellipsoid(on, (-60, -10, 165), (78, 60, 75))

    def told(voxels):
        body = anatomy_from_masks(on, liver=Mask(voxels=voxels, grid=on), no_lesions=True)
        clock = Clock(silent)
        drawn = with_liver_drawn(study, body)
        found = judge(drawn, body, (), facts=None, settings=shipped, clock=clock).findings.flags
        return [(f.code, f.value) for f in found if f.code in ("SEL-005", "liver_cut_fov")]

    cut_cm2 = whole[-1].sum() * on.spacing_mm[1] * on.spacing_mm[2] / 100
    assert cut_cm2 > 100
    assert told(whole) == [("liver_cut_fov", pytest.approx(cut_cm2))]
    inside = whole.copy()
    inside[-1] = False
    assert told(inside) == []
    assert with_liver_drawn(study, None) is study
