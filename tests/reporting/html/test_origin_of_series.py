"""A reader sees where a series came from: frames, part of another, resampled, laid over."""

from dataclasses import replace

import pytest

from netimg.finding import Finding, Findings, Scope
from netimg.flag import Flag, Severity
from netimg.reporting.html import criteria, first_screen
from netimg.reporting.html.marks import Marks
from netimg.reporting.pictures.planes import Turned
from netimg.reporting.places import instance_number, is_multiframe
from netimg.reporting.words.sentences import slice_corners
from netimg.verdict import Assessment, Comparison, Status, Verdict
from tests.make import result as make
from tests.reporting.test_study_json import REGISTERED, told

LAID_OVER = Flag(
    code="SEL-010",
    severity=Severity.MEDIUM,
    sentence="At your request the PET was turned by 2.5 degrees and shifted by 11 mm onto the CT.",
    touches=("pet",),
)


@pytest.fixture(scope="module")
def shown():
    """The straightened CT of a multi-frame file, and the PET that was laid over it."""
    result = told()
    return replace(result, flags=(LAID_OVER, *result.flags))


def lines_of(result, label):
    (block,) = [b for b in first_screen.used(result) if b["label"] == label]
    return block["groups"][0]


def test_the_ct_names_its_frames_its_parts_and_that_it_was_resampled(shown):
    assert lines_of(shown, "CT")[3:] == [
        "20 frames of one multi-frame file",
        "one of 2 volumes of its series: abdomen portal venous",
        "resampled at your request (--regrid): numbers carry the interpolation",
    ]
    assert len(lines_of(make.result(), "CT")) == 3


def test_a_registered_pet_says_how_far_it_was_moved_and_a_refused_one_does_not(shown):
    moved = "laid over the CT at your request: turned by 2.5°, shifted by 11 mm"
    assert lines_of(shown, "PET")[-1] == moved
    refused = replace(REGISTERED, accepted=False, refusal="the shift is 80 mm")
    pets = tuple(replace(pet, registration=refused) for pet in shown.study.pets)
    apart = replace(shown, study=replace(shown.study, pets=pets))
    assert moved not in lines_of(apart, "PET")


def test_frames_of_several_files_are_counted_with_their_files(shown):
    ct = shown.study.ct
    halves = tuple(replace(i, sop_instance_uid=f"1.2.{1 + i.z_index // 10}") for i in ct.instances)
    split = replace(shown.study, ct=replace(ct, instances=halves))
    assert "20 frames of 2 multi-frame files" in lines_of(replace(shown, study=split), "CT")


def test_what_was_done_to_a_series_is_framed_on_the_first_screen(shown):
    said = [p["sentence"] for p in first_screen.problems(shown, Marks.of(shown))]
    assert LAID_OVER.sentence in said
    assert any("straightened (--regrid)" in sentence for sentence in said)


def test_a_doubt_about_the_pet_stands_beside_its_numbers_and_not_beside_those_of_the_ct(shown):
    marks = Marks.of(shown)
    own = {f.name: f for f in shown.findings.of(Scope.LESION, "L1")}

    def sentences(finding):
        return [mark.sentence for mark in marks.on(finding)]

    assert LAID_OVER.sentence in sentences(own["sstr_suv_max"])
    assert LAID_OVER.sentence in sentences(own["sstr_krenning"])
    assert LAID_OVER.sentence not in sentences(own["volume_ml"])
    tile = first_screen.numbers(shown, marks)[5]
    assert LAID_OVER.sentence in [mark.sentence for mark in tile["marks"]]


def test_pictures_of_a_multi_frame_file_count_frames(shown):
    ct = shown.study.ct
    turned = Turned(ct.grid)
    number = instance_number(ct, 9)
    frames = slice_corners(turned, 0, turned.array_index(0, 9), number, of_frames=True)
    assert frames[0].endswith("frame 10")
    assert "instance" not in frames[0]
    files = slice_corners(turned, 0, turned.array_index(0, 9), number)
    assert files[0].endswith("instance 10")
    assert is_multiframe(ct)
    assert not is_multiframe(make.result().study.ct)


def test_a_score_names_the_norm_of_its_suvmax_where_another_was_asked_for():
    compared = Comparison(
        fact="lesion.krenning", op=">=", value=4.0, threshold=3.0, unit="1", distance=1.0,
        status=Status.MET,
    )  # fmt: skip
    score = Verdict(
        id="MKRENNING", profile="pet", kind="class", scope="L1", status=Status.MET,
        question="Score?", value="4", comparisons=(compared,),
    )  # fmt: skip
    mean = Finding(
        name="sstr_suv_mean", value=5.0, unit="g/mL", scope=Scope.REGION, id="liver_reference"
    )
    plain = make.result()
    plain = replace(
        plain,
        findings=Findings(items=(*plain.findings.items, mean)),
        assessment=Assessment(verdicts=(score,)),
    )
    (row,) = criteria.criteria(plain)["rows"]
    assert row["lines"][0]["name"] == "4: SUVmax"
    (row,) = criteria.criteria(make.in_norm(plain, "bsa", 0.25))["rows"]
    assert (row["lines"][0]["name"], row["lines"][0]["value"]) == (
        "4: SUVmax by body weight",
        "20.0",
    )
