from pathlib import Path

import numpy as np
import pytest

from trimformer.records.errors import UserError
from trimformer.records.files import write_text
from trimformer.records.history import COLUMNS, read_history, write_history


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
