from pathlib import Path

import pytest

from trimformer.depth.still_learning import still_learning
from trimformer.records.history import COLUMNS, write_history
from trimformer.records.run_folder import RunFolder


@pytest.mark.parametrize(
    ("dice", "words"),
    [
        ([0.8] * 9, ""),
        ([0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.801, 0.802, 0.804], ""),
        ([0.1 * epoch for epoch in range(9)], "was still learning: its selection Dice changes by +0.300 (95 % +"),
        (
            [0.8] * 5 + [0.79, 0.82, 0.78, 0.82],
            "may have been still learning: its selection Dice changes by +0.015",
        ),
        (
            [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.79, 0.78, 0.77],
            "was still learning: its selection Dice changes by −0.030",
        ),
        ([0.8] * 6, "cannot be told from 6 epochs."),
        ([0.8], "cannot be told from 1 epoch."),
        ([0.8] * 8 + [float("nan")], "cannot be told from 9 epochs, not all of which have a Dice."),
    ],
)
def test_a_model_that_may_not_have_learned_to_the_end_is_said_to_be(
    dice: list[float], words: str, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    write_history(run.history_file, [dict.fromkeys(COLUMNS, 0.0) | {"selection_dice": one} for one in dice])
    told = still_learning(run)
    assert (words in told) if words else (told == "")


def test_without_a_history_nothing_is_said(tmp_path: Path) -> None:
    assert still_learning(RunFolder(tmp_path)) == ""
