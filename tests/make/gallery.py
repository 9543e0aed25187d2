"""Pictures and figures of the two real CTs of liver metastases: ``make gallery``.

For each case the model's outlines on 12 axial and 4 coronal slices, and two figures that need no
reference mask: how little the liver changes when the first and the last slice of the CT are taken
away, and whether what was outlined has the density of a liver. README's picture, the first screen
of the phantom patient's report, is photographed where Chromium is installed. What a person saw
stands in ``docs/gallery/seen.toml``; everything else in that folder is written by this command.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import netimg
from netimg.measurement.evaluate.overlap import dice
from netimg.reporting.pictures import axial_montage, coronal_montage
from netimg.segmentation.cards import load_card
from netimg.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SLICES = {"axial": 12, "coronal": 4}
LARGEST_BYTES = 600_000
SCREEN = (1280, 800)
PHANTOM = ROOT / "sample_data" / "net-phantom"
"""The patient of README's picture: CT, two PETs and clinical facts, and nobody's."""


@dataclass(frozen=True)
class Case:
    """What was measured on one CT."""

    name: str
    ct: str
    liver_ml: float
    lesions: int
    tumour_ml: float
    same_dice: float
    hu_mean: float
    hu_sd: float
    seconds: float
    flags: tuple[str, ...]


def main(argv=None):
    """Write ``docs/gallery`` and print its table."""
    options = _options(argv)
    settings = Settings.load()
    if options.model:
        settings = settings.with_values({"segmentation.model": options.model}, layer="--model")
    folders = sorted(path for path in options.data.iterdir() if path.is_dir())
    if not folders:
        sys.exit(f"no case in {options.data}")
    options.out.mkdir(parents=True, exist_ok=True)
    cases = []
    for folder in folders:
        study, body, case = look_at(folder, settings)
        draw(study.ct.load(), body, folder.name, options.out)
        cases.append(case)
        print(line_of(case), flush=True)
    page = page_of(cases, settings, options)
    (options.out / "README.md").write_text(page, encoding="utf-8")
    photograph(settings, options.out / "report.png")
    print(f"\n{options.out / 'README.md'}")


def _options(argv):
    parser = argparse.ArgumentParser(prog="python -m tests.make.gallery", description=__doc__)
    parser.add_argument("--model", help="id of a model card; default: as configured")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "crlm_ct")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gallery")
    return parser.parse_args(argv)


def look_at(folder, settings):
    """Study, its anatomy, and what is said about them."""
    began = time.monotonic()
    study = netimg.open_study(folder, settings=settings)
    ct = study.ct.load()
    body = _segmented(ct, study, settings)
    seconds = time.monotonic() - began
    last = ct.grid.shape[0] - 1
    inner = ct.grid.crop((1, 0, 0), (last, *ct.grid.shape[1:]))
    shorter = replace(ct, values=ct.values[1:last], grid=inner)
    again = _segmented(shorter, study, settings)
    tissue = ct.values[body.liver.voxels & (body.lesion_labels.labels == 0)].astype(np.float64)
    z, y, x = ct.grid.shape
    case = Case(
        name=folder.name,
        ct=f"{z} slices {ct.grid.spacing_mm[0]:g} mm apart, {y} x {x}, {study.ct.phase.value}",
        liver_ml=body.liver.volume_ml,
        lesions=len(body.lesions),
        tumour_ml=np.count_nonzero(body.lesion_labels.labels) * ct.grid.voxel_ml,
        same_dice=dice(body.liver.voxels[1:last], again.liver.voxels),
        hu_mean=float(tissue.mean()),
        hu_sd=float(tissue.std()),
        seconds=seconds,
        flags=tuple(flag.sentence for flag in body.flags),
    )
    return study, body, case


def _segmented(ct, study, settings):
    return netimg.segment(
        ct,
        context=study.context(),
        model=settings["segmentation.model"],
        device=settings["segmentation.device"],
        settings=settings,
    )


def draw(ct, body, name, out):
    """Both montages as JPEG, as good as their largest size allows."""
    for kind, montage in (("axial", axial_montage), ("coronal", coronal_montage)):
        picture = montage(ct, body, count=SLICES[kind])
        for quality in range(90, 20, -5):
            data = picture.jpeg(quality)
            if len(data) < LARGEST_BYTES:
                break
        (out / f"{name}-{kind}.jpg").write_bytes(data)


def photograph(settings, target):
    """First screen of the report of the bundled phantom, if Chromium is there to show it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is not installed: no picture of the report", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch:
        facts = netimg.Facts.load(PHANTOM / "facts.toml")
        result = netimg.analyse(PHANTOM, facts=facts, settings=settings)
        out = Path(scratch) / "result"
        netimg.write_report(result, out, outputs=("html",), settings=settings)
        shot = Path(scratch) / "report.png"
        command = [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={scratch}/profile", f"--window-size={SCREEN[0]},{SCREEN[1]}",
            f"--screenshot={shot}", (out / "report.html").as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, timeout=120)
        if not shot.is_file():
            print(f"Chromium drew nothing (exit {done.returncode})", file=sys.stderr)
            return
        shutil.copyfile(shot, target)


def line_of(case):
    """One case on the terminal."""
    return (
        f"{case.name}: liver {case.liver_ml:.0f} mL, {case.lesions} lesions ({case.tumour_ml:.1f} "
        f"mL), Dice without first and last slice {case.same_dice:.4f}, liver {case.hu_mean:.0f} "
        f"HU (SD {case.hu_sd:.0f}), {case.seconds:.0f} s"
    )


def page_of(cases, settings, options):
    """README.md of the gallery."""
    seen_file = options.out / "seen.toml"
    seen = tomllib.loads(seen_file.read_text("utf-8")) if seen_file.is_file() else {}
    card = load_card(
        settings["segmentation.model"],
        settings["segmentation.model_folders"],
        allow_test_only=settings["segmentation.allow_test_model"],
    )
    command = "make gallery"
    if options.model:
        command = f"python -m tests.make.gallery --model {options.model}"
    weights = "\n".join(f"- {stage.name}: weights `{stage.sha256}`" for stage in card.stages)
    rows = "\n".join(
        f"| {c.name} | {c.liver_ml:.0f} | {c.lesions} | {c.tumour_ml:.1f} | {c.same_dice:.4f} "
        f"| {c.hu_mean:.0f} | {c.hu_sd:.0f} |"
        for c in cases
    )
    parts = "\n".join(_part(case, seen.get(case.name)) for case in cases)
    return f"""<!-- Written by `{command}`; what was seen stands in seen.toml. -->
# Real CTs of liver metastases

Liver and lesions as the model outlines them on portal venous CTs of the CRLM-CT collection. No
mask was drawn or mended by hand, and there are no reference masks.

Model {card.id} {card.version}, card `{card.hash}`
{weights}

Made by `{command}` with netimg {netimg.__version__}.

| case | liver, mL | lesions | tumour, mL | Dice without first and last slice | liver, HU | SD, HU |
|---|---|---|---|---|---|---|
{rows}

*Dice without first and last slice*: the liver of the CT against the liver of the same CT without
these two slices, on the slices they share; expected: at least 0.97. *liver, HU*: inside the liver
and outside its lesions; expected: mean 60 to 180, SD below 40.

{parts}"""


def _part(case, sentence):
    """One case: its picture, what was seen, what netimg itself doubts."""
    doubts = "".join(f"- netimg says: {text}\n" for text in case.flags)
    said = f"**Seen:** {sentence}" if sentence else "**Seen:** nobody has looked at it yet."
    return f"""## {case.name}

{case.ct}.

{said}

{doubts}
![axial slices of {case.name} with the outlines]({case.name}-axial.jpg)

![coronal slices of {case.name} with the outlines]({case.name}-coronal.jpg)
"""


if __name__ == "__main__":
    main()
