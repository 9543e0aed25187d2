"""Score a model on the patients held out: one row per CT, and the summary of its card.

``python -m netimg.training.score net-liver-ct`` runs the shipped model as a user would
(`netimg.segmentation.segment`) on fold 1, keeps the masks in ``runs/<id>-scores/`` for the pictures
and writes ``models/<id>/scores.csv``.

A model that began from the public weights may have seen these patients: every row and the summary
say so (`PROTOCOL`). Uncertain voxels of the lesion labels are taken out of both masks, cyst-like
ones count as liver.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.training.items import IGNORE, LESION, load_folds, load_item
from netimg.training.start import DATA, RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.anatomy import Anatomy
    from netimg.settings import Settings
    from netimg.training.items import Item

AIR_HU = -1000.0
PROTOCOL = "fold 1 held out; base may have seen these patients"
COLUMNS = (
    *("case", "patient", "protocol", "phase", "spacing_mm", "lesion_labels"),
    *("liver_dice", "liver_ref_ml", "liver_pred_ml", "volume_error_pct"),
    *("lesion_ref_ml", "lesion_pred_ml", "lesion_both_ml", "lesion_dice"),
    *("n_10mm", "found_10mm", "n_20mm", "found_20mm", "n_ref", "found", "n_pred"),
    *("false", "false_above_1ml", "burden_ref_pct", "burden_pred_pct", "seconds", "flags"),
)


def predict(item: Item, model: str, *, settings: Settings | None = None) -> tuple[Anatomy, float]:
    """What the model draws on a labelled CT, as a user would run it, and the seconds it took.

    A source that was stored behind a window has no air left; what lies at its lower end is given
    back as air, or the CT would rightly be refused (SEG-102).
    """
    import numpy as np

    from netimg.geometry import Grid
    from netimg.segmentation import segment
    from netimg.volume import Quantity, Volume

    grid = Grid(shape=item.liver.shape, spacing_mm=item.spacing_mm, origin_lps_mm=(0.0, 0.0, 0.0))
    low = item.source.window_hu[0]
    behind_window = float(item.ct.min()) >= low
    values = np.where(item.ct <= low, np.float32(AIR_HU), item.ct) if behind_window else item.ct
    ct = Volume(values=values, grid=grid, quantity=Quantity.HU)
    begun = time.monotonic()
    found = segment(ct, model=model, settings=settings)
    return found, time.monotonic() - begun


def score_item(item: Item, found: Anatomy, *, patient: str, seconds: float) -> dict[str, Any]:
    """One row of `COLUMNS`: what was drawn against the labels, on the CT's own grid."""
    import numpy as np

    from netimg.measurement.evaluate import dice, lesion_detection

    grid = found.liver.grid
    liver = found.liver.voxels
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    reference_ml, predicted_ml = (float(m.sum()) * grid.voxel_ml for m in (item.liver, liver))
    row |= {
        "case": item.name,
        "patient": patient,
        "protocol": PROTOCOL,
        "phase": "portal",
        "spacing_mm": "x".join(f"{s:g}" for s in item.spacing_mm),
        "lesion_labels": _whose(item),
        "liver_dice": dice(liver, item.liver),
        "liver_ref_ml": reference_ml,
        "liver_pred_ml": predicted_ml,
        "volume_error_pct": 100.0 * (predicted_ml - reference_ml) / reference_ml,
        "seconds": seconds,
        "flags": " ".join(sorted({flag.code for flag in found.flags})),
    }
    if not item.has_lesion_labels:
        return row
    silent = item.lesions == IGNORE
    truth = item.lesions == LESION
    drawn = found.lesion_labels.labels > 0
    seen = lesion_detection(drawn, truth, grid, ignore=silent, size_classes_mm=(10.0, 20.0))
    known = drawn & ~silent
    sizes = {k: float(m.sum()) * grid.voxel_ml for k, m in (("ref", truth), ("pred", known))}
    both = float(np.count_nonzero(known & truth)) * grid.voxel_ml
    above = {low: [c for c in seen.by_size if c.from_mm >= low] for low in (10, 20)}
    return row | {
        "lesion_ref_ml": sizes["ref"],
        "lesion_pred_ml": sizes["pred"],
        "lesion_both_ml": both,
        "lesion_dice": 2 * both / (sizes["ref"] + sizes["pred"]) if sizes["ref"] else "",
        "n_10mm": sum(c.n_ref for c in above[10]),
        "found_10mm": sum(c.found for c in above[10]),
        "n_20mm": sum(c.n_ref for c in above[20]),
        "found_20mm": sum(c.found for c in above[20]),
        "n_ref": seen.n_ref,
        "found": seen.found,
        "n_pred": seen.n_pred,
        "false": seen.false,
        "false_above_1ml": seen.false_by_ml[2],
        "burden_ref_pct": 100.0 * sizes["ref"] / reference_ml,
        "burden_pred_pct": 100.0 * sizes["pred"] / max(predicted_ml, 1e-9),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Table ``[scores]`` of a card from the rows of ``scores.csv``.

    Liver Dice is the mean over CTs and the worst CT; lesion figures are pooled over all lesions of
    the CTs that have lesion labels, ``lesion_dice_global`` over those that bear lesions, whose
    number the protocol names. So few patients carry no interval: the range of the CTs stands there.
    """
    livers = [float(row["liver_dice"]) for row in rows]
    labelled = [row for row in rows if row["n_ref"] != ""]

    def total(key: str) -> float:
        return sum(float(row[key]) for row in labelled)

    scores: dict[str, Any] = {
        "protocol": str(rows[0]["protocol"]),
        "n_patients": len({row["patient"] for row in rows}),
        "n_scans": len(rows),
        "liver_dice_mean": sum(livers) / len(livers),
        "liver_dice_worst": min(livers),
        "liver_dice_range": [round(min(livers), 4), round(max(livers), 4)],
        "false_per_scan": total("false_above_1ml") / max(1, len(labelled)),
        "burden_mae_points": sum(
            abs(float(row["burden_pred_pct"]) - float(row["burden_ref_pct"])) for row in labelled
        )
        / max(1, len(labelled)),
        "external": {"looks": 0},
    }
    bearing = [row for row in labelled if float(row["lesion_ref_ml"]) > 0]
    volume = sum(float(r["lesion_ref_ml"]) + float(r["lesion_pred_ml"]) for r in bearing)
    if volume:
        shared = sum(float(r["lesion_both_ml"]) for r in bearing)
        scores["lesion_dice_global"] = 2.0 * shared / volume
        cts = "1 CT" if len(bearing) == 1 else f"{len(bearing)} CTs"
        scores["protocol"] += f"; lesion_dice_global over the {cts} with lesions"
    for name, key in (("sens_10mm", "10mm"), ("sens_20mm", "20mm")):
        if total(f"n_{key}"):
            scores[name] = total(f"found_{key}") / total(f"n_{key}")
            scores[f"{name}_n"] = int(total(f"n_{key}"))
    if total("n_pred"):
        scores["precision"] = 1.0 - total("false") / total("n_pred")
        scores["precision_n"] = int(total("n_pred"))
    free = [row for row in labelled if float(row["lesion_ref_ml"]) == 0]
    if free:
        scores["spec_patient"] = sum(int(row["n_pred"]) == 0 for row in free) / len(free)
        scores["spec_patient_n"] = len(free)
    return {
        key: round(value, 4) if isinstance(value, float) else value for key, value in scores.items()
    }


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``scores.csv``, four digits."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


def _whose(item: Item) -> str:
    if item.name in item.source.lesions_in_labels:
        return "readers"
    return "project" if item.has_lesion_labels else "none"


def _main(model: str, fold: int = 1) -> None:
    import numpy as np

    folds = load_folds()
    kept = RUNS / f"{model}-scores"
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in folds.held_out[fold]:
        item = load_item(DATA, name)
        found, seconds = predict(item, model)
        np.savez_compressed(
            kept / f"{name}.npz", liver=found.liver.voxels, lesions=found.lesion_labels.labels
        )
        row = score_item(item, found, patient=folds.patient(name), seconds=seconds)
        rows.append(row)
        words = " ".join(
            f"{key}={row[key]:.3f}" if isinstance(row[key], float) else f"{key}={row[key]}"
            for key in ("case", "liver_dice", "lesion_dice", "found", "n_ref", "false", "seconds")
        )
        print(words, flush=True)  # noqa: T201  # what the command says
    write_rows(Path("models") / model / "scores.csv", rows)
    for key, value in summary(rows).items():
        print(f"{key} = {value}")  # noqa: T201


if __name__ == "__main__":
    _main(sys.argv[1])
