"""The front door: `write_report`, a StudyResult as a complete folder."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import netimg
from netimg.errors import USE_001, UsageError
from netimg.reporting.batch_tables import label_of
from netimg.reporting.layout import check_space, check_target, part_folder, write_file
from netimg.result import Manifest, StudyResult
from netimg.settings import Settings

OUTPUTS = ("html", "csv", "nifti", "seg")
"""What can be asked for beside ``results.json`` and ``manifest.json``."""

Content = bytes | str | Callable[[Path], object]
"""Bytes, text, or a function that writes the file it is given."""

_HIDDEN_TIME = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
"""What DICOM objects say in privacy mode, where a date has to stand."""

_KINDS = {
    "results.json": "results", "facts.json": "facts", "report.html": "report", "masks/": "mask",
    "dicom/": "dicom", "pictures/": "picture", ".csv": "table",
}  # fmt: skip


def write_report(
    result: StudyResult,
    out: str | Path,
    *,
    outputs: Sequence[str] = (),
    overwrite: bool = False,
    privacy: bool = False,
    settings: Settings | None = None,
) -> Path:
    """Write everything about one study into a folder that is complete or absent.

    Parameters
    ----------
    out
        Absent or empty; with ``overwrite`` a netimg result that is replaced.
    outputs
        Of ``html, csv, nifti, seg``; empty = ``reporting.outputs`` of the settings.
        ``results.json`` and ``manifest.json`` always.
    privacy
        Take the identity out of every output (also on by ``reporting.privacy``).
    settings
        None = as shipped.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        USE-001 for an output that netimg does not write.
    OutputError
        OUT-001 not writable, OUT-002 holds something else, OUT-003 disk full, OUT-005 inside the
        input. Nothing is left behind.
    """
    settings = settings or Settings.shipped()
    wanted = wanted_outputs(outputs, settings)
    target = check_target(Path(out), overwrite=overwrite, source=result.study.source)
    check_space(target, _expected_bytes(result, wanted))
    hidden = privacy or bool(settings["reporting.privacy"])
    shown = _stamped(result)
    if hidden:
        from netimg.reporting.privacy import without_identity

        shown = without_identity(shown)
    with part_folder(target) as root:
        _fill(root, _Order(shown, result, wanted, settings, hidden))
    return target


def wanted_outputs(outputs: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The outputs asked for, or the default list, in fixed order.

    Raises
    ------
    UsageError
        USE-001 with the list of what there is.
    """
    asked = tuple(outputs) or tuple(settings["reporting.outputs"])
    for name in asked:
        if name not in OUTPUTS:
            raise UsageError(
                USE_001,
                what=f"there is no output {name!r}.",
                where="--outputs",
                todo=f"Choose among {', '.join(OUTPUTS)}; results.json and manifest.json are "
                "always written.",
            )
    return tuple(name for name in OUTPUTS if name in asked)


def _stamped(result: StudyResult) -> StudyResult:
    """The result with a manifest, whoever made it."""
    manifest = result.manifest or Manifest(version=netimg.__version__)
    if not manifest.version:
        manifest = replace(manifest, version=netimg.__version__)
    return replace(result, manifest=manifest)


def recorded_at(manifest: Manifest | None) -> dt.datetime:
    """Time that DICOM objects carry: SOURCE_DATE_EPOCH, else the end of the run, else now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return dt.datetime.fromtimestamp(int(epoch), tz=dt.UTC)
    said = manifest and (manifest.finished_at or manifest.started_at)
    return dt.datetime.fromisoformat(said) if said else dt.datetime.now(dt.UTC)


def _expected_bytes(result: StudyResult, wanted: tuple[str, ...]) -> int:
    """A generous estimate of what will be written."""
    voxels = result.anatomy.grid.n_voxels if result.anatomy is not None else 0
    return 20_000_000 + (voxels // 2 if {"nifti", "seg"} & set(wanted) else 0)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be written: ``shown`` is the result without identity where ``privacy`` is on."""

    shown: StudyResult
    original: StudyResult
    wanted: tuple[str, ...]
    settings: Settings
    privacy: bool

    @property
    def label(self) -> str:
        """Label of the study in tables: from the name of its input, or the alias."""
        patient = self.shown.study.patient
        return patient.id or "" if self.privacy else label_of(self.original.study)


def _fill(root: Path, order: _Order) -> None:
    """Every file of the result into the part folder, ``manifest.json`` last."""
    from netimg.reporting.json_text import json_text
    from netimg.reporting.manifest import manifest_document
    from netimg.reporting.results_json import result_document

    shown = order.shown
    written = []
    for path, content in _files(order):
        write_file(root, path, content)
        written.append(path)
    written = sorted([*written, "results.json"])
    listed = [{"path": path, "kind": _kind(path)} for path in written]
    document = result_document(shown, listed, privacy=order.privacy)
    write_file(root, "results.json", json_text(document))
    manifest = shown.manifest or Manifest(version=netimg.__version__)
    log = () if shown.anatomy is None else shown.anatomy.log
    write_file(root, "manifest.json", json_text(manifest_document(manifest, root, written, log)))


def _kind(path: str) -> str:
    return next(
        (kind for mark, kind in _KINDS.items() if path.startswith(mark) or path.endswith(mark)),
        "other",
    )


def _files(order: _Order) -> list[tuple[str, Content]]:
    """Path and content of every file but ``results.json`` and ``manifest.json``."""
    shown, wanted = order.shown, order.wanted
    files: list[tuple[str, Content]] = []
    if shown.facts is not None and not order.privacy:
        from netimg.reporting.json_text import json_text, plain

        files.append(("facts.json", json_text(plain(shown.facts.entered))))
    if "csv" in wanted:
        files += _tables(shown, order.label)
    if "nifti" in wanted and shown.anatomy is not None:
        files += _masks(shown)
    if "seg" in wanted and shown.anatomy is not None:
        from netimg.reporting.dicom.seg import seg_files

        when = _HIDDEN_TIME if order.privacy else recorded_at(shown.manifest)
        hidden = shown if order.privacy else None
        files += seg_files(order.original, when, order.settings, hidden=hidden).items()
    if "html" in wanted:
        files += _report(shown, order.settings, privacy=order.privacy)
    return files


def _tables(result: StudyResult, label: str) -> list[tuple[str, Content]]:
    from netimg.reporting.tables import criteria_csv, findings_csv, input_csv, lesions_csv

    return [
        ("lesions.csv", lesions_csv(result, label)),
        ("findings.csv", findings_csv(result, label)),
        ("criteria.csv", criteria_csv(result, label)),
        ("input.csv", input_csv(result)),
    ]


def _masks(result: StudyResult) -> list[tuple[str, Content]]:
    from netimg.reporting.json_text import json_text
    from netimg.reporting.masks_nifti import labels_document, mask_files

    if result.anatomy is None:
        return []
    version = result.manifest.version if result.manifest else netimg.__version__
    files: list[tuple[str, Content]] = list(mask_files(result.anatomy, version).items())
    return [*files, ("masks/labels.json", json_text(labels_document(result.anatomy)))]


def _report(result: StudyResult, settings: Settings, *, privacy: bool) -> list[tuple[str, Content]]:
    from netimg.reporting.html.page import report_html
    from netimg.reporting.json_text import json_text
    from netimg.reporting.pictures import index_document, study_pictures

    pictures = study_pictures(result)
    files: list[tuple[str, Content]] = [(f"pictures/{p.name}.png", p.png()) for p in pictures]
    if pictures:
        files.append(("pictures/index.json", json_text(index_document(pictures))))
    limit_mb = float(settings["reporting.max_html_mb"])
    files.append(("report.html", report_html(result, pictures, limit_mb=limit_mb, privacy=privacy)))
    return files
