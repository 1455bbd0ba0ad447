from pathlib import Path

import numpy as np
import pytest

from trimformer.records.errors import UserError
from trimformer.records.files import write_text
from trimformer.records.history import COLUMNS, LateChange, change_over_last_third, read_history, write_history


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    values = (3.0, 0.1234567890123, 0.2, 0.5, 1e-4, 1.5)
    row = dict(zip(COLUMNS, values, strict=True))
    write_history(tmp_path / "h.csv", [row, {**row, "epoch": 4.0}])
    assert (tmp_path / "h.csv").read_text().splitlines()[2].startswith("4,0.1234567890123,")
    assert {name: values.tolist() for name, values in read_history(tmp_path / "h.csv").items()} == {
        name: [value, 4 if name == "epoch" else value] for name, value in row.items()
    }


def test_a_history_is_read_by_column_and_a_gap_is_nan(tmp_path: Path) -> None:
    write_text(
        tmp_path / "h.csv", "epoch,train_loss,selection_loss,selection_dice,seconds\n1,0.9,,0.5,3\n2,0.8,0.7,0.6,3\n"
    )
    history = read_history(tmp_path / "h.csv")
    assert history["selection_dice"].tolist() == [0.5, 0.6]
    np.testing.assert_array_equal(history["selection_loss"], [np.nan, 0.7])
    assert np.isnan(history["learning_rate"]).all()  # an older version wrote this file


@pytest.mark.parametrize(
    "text", ["epoch,train_loss\n1,0.9\n", "epoch,train_loss,selection_loss,selection_dice,seconds\n1,x,1,1,1\n"]
)
def test_a_damaged_history_is_a_users_mistake(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "h.csv", text)
    with pytest.raises(UserError, match=r"columns epoch, train_loss"):
        read_history(tmp_path / "h.csv")


def test_the_change_over_the_last_third_is_the_slope_of_its_line() -> None:
    rising = np.array([0.1, 0.5, 0.7, 0.8, 0.8, 0.80, 0.81, 0.82, 0.83])
    change = change_over_last_third(rising)
    assert change is not None
    assert change.mean == pytest.approx(3 * 0.01)
    assert change.ci95 == pytest.approx((0.03, 0.03)), "the epochs lie on a line"
    noisy = change_over_last_third(np.array([0.1, 0.5, 0.7, 0.8, 0.8, 0.80, 0.83, 0.77, 0.80]))
    assert noisy is not None
    assert noisy.mean == pytest.approx(3 * (-1.5 * 0.80 - 0.5 * 0.83 + 0.5 * 0.77 + 1.5 * 0.80) / 5)
    rest = 0.03**2 * 2 - 0.018**2 * 5 / 9  # squares about the line: of the Dice, less slope² times those of the epochs
    half = 4.30265 * 3 * np.sqrt(rest / 2 / 5)  # Student's t of two degrees of freedom
    assert noisy.ci95 == pytest.approx((noisy.mean - half, noisy.mean + half), abs=1e-5)
    assert change_over_last_third(rising[:7]) is not None, "a third of seven epochs is three"
    assert change_over_last_third(rising[:6]) is None
    assert change_over_last_third(np.array([0.5] * 8 + [np.nan])) is None


def test_a_run_has_settled_whose_dice_neither_rises_nor_falls_by_half_a_point() -> None:
    changes = (-0.005, -0.0049, 0.0, 0.0049, 0.005)
    settled = [LateChange(change, (change, change)).has_settled for change in changes]
    assert settled == [False, True, True, True, False]
    intervals = ((0.001, 0.019), (-0.019, -0.001), (-0.001, 0.021))
    assert [LateChange(0.01, interval).is_shown for interval in intervals] == [True, True, False]
