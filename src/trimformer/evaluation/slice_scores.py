"""Dice slice by slice, as some papers print it: beside the scores by volume, never in place of them."""

from collections.abc import Mapping

import numpy as np

from trimformer.data.preparation.slices import PatientSlices
from trimformer.evaluation.scores import TRANSUNET_EMPTY, LabelMap, true_labels
from trimformer.metrics.dice import empty_mask_case
from trimformer.records.evaluation import Empty, Score


def score_slices(
    prediction: LabelMap, patient: PatientSlices, labels: Mapping[int, str], empty: Empty = "left_out"
) -> dict[str, Score]:
    """Score every foreground label of one patient as the mean over slices of the Dice of each slice.

    Slices are those that the model sees, on the patient's own grid. A slice that lacks the class in both masks is left
    out, and one that lacks it in one of them scores 0; `empty = "transunet"` gives 0 to the former and 1 to the latter
    where it is the truth that lacks it. `case` is that of the volume; there are no surface scores.
    """
    drawn, true = (patient.grid.slices_of(volume) for volume in (prediction, true_labels(patient)))
    return {name: _score(drawn == value, true == value, empty) for value, name in labels.items()}


def _score(prediction: np.ndarray, truth: np.ndarray, empty: Empty) -> Score:
    both, drawn, true = (np.count_nonzero(mask, axis=(1, 2)) for mask in (prediction & truth, prediction, truth))
    total = drawn + true
    values = np.divide(2 * both, total, out=np.full(total.shape, np.nan), where=total > 0)
    if empty == "transunet":
        values[total == 0] = TRANSUNET_EMPTY["absent"]
        values[(drawn > 0) & (true == 0)] = TRANSUNET_EMPTY["false_alarm"]
    counted = values[np.isfinite(values)]
    case = empty_mask_case(prediction, truth)
    return Score(dice=float(counted.mean()) if counted.size else None, hd95_mm=None, surface_dice=None, case=case)
