import numpy as np
import pytest

from trimformer.metrics.dice import dice, empty_mask_case

EMPTY, FULL = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)


def test_dice_of_masks_worked_by_hand() -> None:
    prediction = np.array([[True, True], [True, False]])
    truth = np.array([[True, False], [True, True]])
    assert dice(prediction, truth) == pytest.approx(2 * 2 / (3 + 3))


@pytest.mark.parametrize(
    ("prediction", "truth", "case"),
    [(FULL, FULL, "both"), (EMPTY, EMPTY, "absent"), (EMPTY, FULL, "missed"), (FULL, EMPTY, "false_alarm")],
)
def test_every_case_of_empty_masks(prediction: np.ndarray, truth: np.ndarray, case: str) -> None:
    assert empty_mask_case(prediction, truth) == case
