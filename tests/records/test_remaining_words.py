import json
from pathlib import Path

import numpy as np
import pytest

from trimformer.records.causal_radius import CausalRadius
from trimformer.records.errors import UserError
from trimformer.records.intervals import change_in_words
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks


def remaining(only: list[list[float]], prefix: int = 0) -> CausalRadius:
    """Two patients alike, radii 16, 0 and 8 mm, whole Dice 0.8; what remains, radius by radius, for each block."""
    dice = np.array([only, only])
    ids, names = ("a", "b"), tuple(f"blocks.{number}" for number in range(dice.shape[2]))
    return CausalRadius(ids, (16.0, 0.0, 8.0), names, prefix, np.array([0.8, 0.8]), dice, dice)


def test_the_largest_radius_that_costs_half_of_the_dice_is_told() -> None:
    # Block 1 loses half at 8 mm and at 0, a little at 16; block 2 a little at 0 alone; block 3 nothing anywhere.
    record = remaining([[0.7, 0.8, 0.8], [0.1, 0.75, 0.8], [0.4, 0.795, 0.81]])
    first, second, third, together = record.words()
    assert first == (
        "Half or more of the Dice is lost when block 1 sees no further than 8 mm "
        "(change −0.400, 95 % interval −0.400 to −0.400, 2 patients)."
    )
    assert second.startswith("0.05 Dice is lost when block 2 sees only the patch itself (change −0.050")
    assert third.startswith("No loss of Dice is seen when block 3 sees only the patch itself (change +0.000")
    assert third.endswith("which may be chance, 2 patients).")
    assert together.startswith("No loss of Dice is seen when all 3 blocks see only the patch itself")


def test_prefix_tokens_are_told_and_one_block_is_not_counted_twice() -> None:
    words = remaining([[0.8], [0.8], [0.8]], prefix=1).words()
    assert len(words) == 2
    assert words[1].startswith("Class and register tokens were not limited")


@pytest.mark.parametrize(
    ("dice", "words"),
    [
        ([0.2, 0.79, 0.6, 0.8], "No block can be skipped without training again: without the last of 3, change −0.200"),
        ([0.2, 0.6, 0.795, 0.8], "Without training again, the first 2 of 3 blocks must run: change −0.005"),
        ([0.9, 0.8, 0.8, 0.8], "Without training again, none of 3 blocks must run: change +0.100"),
    ],
)
def test_how_many_blocks_must_run(dice: list[float], words: str) -> None:
    assert SkippedBlocks(("a", "b"), ("x", "y", "z"), np.array([dice, dice])).words().startswith(words)


def test_chance_is_named_and_a_single_patient_has_no_interval() -> None:
    assert change_in_words(np.array([0.1, -0.1])).endswith("which may be chance")
    assert "chance" not in change_in_words(np.array([0.1, 0.11, 0.1]))
    assert change_in_words(np.array([-0.25])) == "change −0.250"


def test_a_run_holds_what_was_measured_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert MeasuredRun.of(run) == MeasuredRun()
    record = remaining([[0.8], [0.8], [0.8]])
    record.save(run.causal_radius_file)
    PatientMeasures(("a",), {"share": np.ones((1, 2))}).save(*run.measure_files("organs"))
    found = MeasuredRun.of(run)
    assert found.causal_radius is not None
    assert found.organs is not None
    assert (found.similarity, found.receptive_field, found.skipped_blocks) == (None, None, None)
    np.testing.assert_array_equal(found.causal_radius.only, record.only)
    assert json.loads(run.causal_radius_file.read_text())["words"] == record.words()
    run.causal_radius_file.write_text("{}")
    with pytest.raises(UserError):
        MeasuredRun.of(run)
