"""What a person would do with a file, and what must be true whatever the file is."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import numpy as np
import pydicom

from netimg.assessment.catalogue import check_files
from netimg.assessment.facts import facts_from_tree
from netimg.errors import NetimgError
from netimg.reading.facts_file import read_facts
from netimg.reading.masks import read_mask
from netimg.reading.studies import find_studies, survey_study
from netimg.study import Series, Study
from netimg.volume import Quantity
from tests.make.masks import GRID

LONGEST_PARAGRAPH = 6000


def examine(kind: str, folder: Path, file: Path) -> str:
    """Read a mutant as its kind is read; what became of it in a word or a code.

    Raises
    ------
    AssertionError
        If a promise is broken. Anything else that is raised is broken too.
    """
    if kind == "images":
        return _read(folder, files=_names(folder), bent=file)
    if kind == "archive":
        return _read(folder)
    if kind == "index":
        return _read(file)
    if kind == "mask":
        return _mask(file)
    return _facts(file) if kind == "facts" else _rules(file)


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def _read(root: Path, files: set[str] | None = None, bent: Path | None = None) -> str:
    """Every study below a path, every series of it loaded."""
    try:
        found = find_studies(root)
    except NetimgError as error:
        return _paragraph(error)
    words, seen = [], set()
    for one in found:
        try:
            study = survey_study(root, study=one.uid)
        except NetimgError as error:
            words.append(_paragraph(error))
            continue
        seen |= {name for name, _ in study.files}
        words += [_series(series, bent) for series in study.series]
        words += _codes(study)
    if files is not None and found and not any(word == "IDX-020" for word in words):
        assert files <= seen, f"neither in a series nor set aside: {sorted(files - seen)}"
    return " ".join(sorted(set(words))) or "nothing"


def _codes(study: Study) -> list[str]:
    for aside in study.set_aside:
        assert aside.code, aside
        _sentence(aside.sentence)
    return [aside.code for aside in study.set_aside]


def _series(series: Series, bent: Path | None) -> str:
    grid = series.grid
    assert all(math.isfinite(v) and v > 0 for v in grid.spacing_mm), grid
    assert all(math.isfinite(v) for v in grid.origin_lps_mm), grid
    turned = np.array(grid.directions)[:, ::-1]
    assert abs(np.linalg.det(turned) - 1) < 1e-3, grid
    if series.suv is not None:
        if series.suv.possible:
            assert all(math.isfinite(f) and f > 0 for f in series.suv.factors), series.suv
        else:
            assert series.suv.code, series.suv
            _sentence(series.suv.sentence)
    for flag in series.flags:
        _sentence(flag.sentence)
    try:
        volume = series.load()
    except NetimgError as error:
        return _paragraph(error)
    assert volume.values.shape == grid.shape
    assert np.isfinite(volume.values).all(), "values that are no numbers"
    if bent is not None and volume.quantity is Quantity.HU:
        _as_pydicom(series, volume.values, bent)
    return "read"


def _as_pydicom(series: Series, voxels: np.ndarray, bent: Path) -> None:
    """The bent slice holds what pydicom reads from it, where both read it."""
    slices = [i for i in series.instances if i.path == bent and i.member is None]
    if len(slices) != 1:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(bent, force=True)
            if dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.BitsStored != 16:
                return
            stored = dataset.pixel_array.astype(np.float64)
            hu = stored * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        except Exception:  # noqa: BLE001  # what pydicom refuses cannot be compared
            return
    ours = voxels[slices[0].z_index]
    if hu.shape == ours.shape:
        seen = ours != -1024
        assert np.array_equal(ours[seen], hu.astype(np.float32)[seen]), "other pixels than pydicom"


def _mask(file: Path) -> str:
    words = []
    for want in ("liver", "lesion"):
        try:
            found = read_mask(file, GRID, want=want)
        except NetimgError as error:
            words.append(_paragraph(error))
        else:
            assert found.grid.shape == GRID.shape
            words.append("read")
    return " ".join(sorted(set(words)))


def _facts(file: Path) -> str:
    try:
        facts_from_tree(read_facts(file), with_image=False)
    except NetimgError as error:
        return _paragraph(error)
    return "read"


def _rules(file: Path) -> str:
    try:
        found, _ = check_files([file])
    except NetimgError as error:
        return _paragraph(error)
    return "wanting" if found else "read"


def _paragraph(error: NetimgError) -> str:
    text = str(error)
    _sentence(text)
    assert error.what.strip(), repr(error)
    return error.code.id


def _sentence(text: str) -> None:
    """One paragraph a terminal can show."""
    assert text.strip(), "no words"
    assert len(text) < LONGEST_PARAGRAPH, f"{len(text)} characters"
    assert text.isprintable() or not any(ord(c) < 32 or ord(c) == 127 for c in text), repr(text)
    os.fsencode(text) if text.isascii() else text.encode("utf-8", "strict")
