"""The identity of an input: its files, and of multi-frame files the frames that were used."""

from dataclasses import replace
from pathlib import Path

from netimg.pipeline.provenance import manifest_of
from netimg.pipeline.request import MaskFile, Masks, Request
from netimg.settings import Settings
from tests.make import result as make


def fingerprint(tmp_path, study):
    mask = tmp_path / "liver.nii.gz"
    mask.write_bytes(b"a mask")
    request = Request(input=Path("in"), output=Path("out"), masks=Masks(liver=MaskFile(path=mask)))
    return manifest_of(study, request, None, Settings.shipped()).input_fingerprint


def on_frames(numbers):
    study = make.study(make.result().study.ct)
    ct = study.ct
    instances = tuple(
        replace(i, sop_instance_uid="1.2.3", frame_number=n)
        for i, n in zip(ct.instances, numbers, strict=True)
    )
    return replace(study, ct=replace(ct, instances=instances))


def test_other_frames_of_one_file_are_another_input(tmp_path):
    first = fingerprint(tmp_path, on_frames(range(1, 21)))
    assert fingerprint(tmp_path, on_frames(range(20, 0, -1))) == first
    assert fingerprint(tmp_path, on_frames(range(21, 41))) != first
