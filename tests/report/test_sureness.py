import numpy as np
import pytest
from made_comparison import make_results, make_row

from trimformer.report.sureness import sureness, unchecked_gates, undertrained

CHOSEN = {"status": "chosen", "num_blocks": 3, "reason": "block 3 is the first that looks globally"}


CONTROLS = make_row("zero blocks", "unetr-0", 0), make_row("plain U-Net", "unet", None)


def test_sureness_names_seed_patients_data_and_unchecked_gates() -> None:
    gates = [{"name": "receptive field", "passed": None}, {"name": "sinks", "passed": True}]
    told = sureness(make_results(make_row(), *CONTROLS, depth={**CHOSEN, "evidence": {"gates": gates}}))
    assert told[0].startswith("Each model was trained once, with seed 0. The intervals are over 6 unseen patients")
    assert told[1] == "Of the gates of the choice, not checked: receptive field."
    assert told[2].startswith("The anatomy is one averaged brain")
    assert len(told) == 3


def test_several_trainings_are_not_called_one() -> None:
    seeds = (0, 1, 2)
    rows = make_row(seeds=seeds), make_row("3 blocks", "unetr-3", 3, seeds=seeds)
    told = sureness(make_results(*rows))[0]
    assert told.startswith("Each model was trained 3 times, with seeds 0, 1 and 2. The intervals are over 6 unseen")
    assert told.endswith("crossed with the seeds, so they hold the variation from one training to the next.")


def test_a_model_trained_once_among_others_is_named() -> None:
    rows = make_row(seeds=(0, 1)), make_row("3 blocks", "unetr-3", 3, seeds=(0,))
    told = sureness(make_results(*rows))[0]
    assert told.startswith("The models were trained 1 to 2 times.")
    assert told.endswith("Trained once, so without any variation of their own: unetr-3.")


def test_different_single_seeds_are_not_called_one_seed() -> None:
    rows = make_row(seeds=(0,)), make_row("3 blocks", "unetr-3", 3, seeds=(1,))
    assert sureness(make_results(*rows))[0].startswith("Each model was trained once. ")


def test_few_patients_are_said_to_be_few() -> None:
    assert "With fewer than 6 patients no difference is tested." in sureness(make_results(validation=5))
    assert unchecked_gates({}) == []


@pytest.mark.parametrize(
    ("dice", "told"),
    [
        ([0.1, 0.5, 0.8, 0.86, 0.87, 0.872, 0.873, 0.874, 0.8745], ""),
        ([0.1, 0.5, 0.8, 0.81, 0.82, 0.83, 0.85, 0.86, 0.87], "+0.039"),
        ([0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.89, 0.88, 0.87], "−0.030"),
        ([0.1, 0.5, 0.8, 0.8, 0.8, 0.8], "too few epochs"),
    ],
)
def test_a_dice_that_still_moves_is_undertrained(dice: list[float], told: str) -> None:
    warning = undertrained(np.array(dice))
    assert told in warning
    assert bool(warning) == bool(told)
