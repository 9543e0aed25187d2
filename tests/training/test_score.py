"""Summaries are what the rows say."""

import pytest

from netimg.training.score import COLUMNS, PROTOCOL, summary


def row(**values: object) -> dict[str, object]:
    return dict.fromkeys(COLUMNS, "") | {"protocol": PROTOCOL, "patient": "A"} | values


ROWS = [
    row(
        patient="A", liver_dice="0.9500", lesion_ref_ml="10.0", lesion_pred_ml="12.0",
        lesion_both_ml="9.0", n_10mm="2", found_10mm="1", n_20mm="1", found_20mm="1", n_ref="3",
        found="2", n_pred="4", false="1", false_above_1ml="1", burden_ref_pct="1.0",
        burden_pred_pct="1.4",
    ),
    row(
        patient="B", liver_dice="0.9100", lesion_ref_ml="0.0", lesion_pred_ml="0.5",
        lesion_both_ml="0.0", n_10mm="0", found_10mm="0", n_20mm="0", found_20mm="0", n_ref="0",
        found="0", n_pred="1", false="1", false_above_1ml="0", burden_ref_pct="0.0",
        burden_pred_pct="0.2",
    ),
    row(patient="B", liver_dice="0.9300"),
]  # fmt: skip


def test_liver_figures_are_over_all_cts_and_say_what_the_base_may_have_seen() -> None:
    scores = summary(ROWS)
    assert scores["n_scans"] == 3
    assert scores["n_patients"] == 2
    assert scores["liver_dice_mean"] == pytest.approx(0.93)
    assert scores["liver_dice_worst"] == 0.91
    assert scores["liver_dice_range"][0] == 0.91
    assert "may have seen these patients" in scores["protocol"]


def test_lesion_figures_are_pooled_over_the_cts_that_have_labels() -> None:
    scores = summary(ROWS)
    assert scores["lesion_dice_global"] == pytest.approx(2 * 9.0 / 22.0, abs=1e-4)
    assert scores["protocol"].endswith("lesion_dice_global over the 1 CT with lesions")
    assert (scores["sens_10mm"], scores["sens_10mm_n"]) == (0.5, 2)
    assert (scores["sens_20mm"], scores["sens_20mm_n"]) == (1.0, 1)
    assert scores["false_per_scan"] == 0.5
    assert scores["burden_mae_points"] == pytest.approx(0.3)
    assert (scores["precision"], scores["precision_n"]) == (0.6, 5)
    assert (scores["spec_patient"], scores["spec_patient_n"]) == (0.0, 1)


def test_without_lesions_of_a_size_there_is_no_rate_for_it() -> None:
    scores = summary([row(liver_dice="0.9")])
    assert "sens_10mm" not in scores
    assert "lesion_dice_global" not in scores
