import numpy as np
import pytest

from trimformer.attention.measures.first_sight import first_sights, sight_table
from trimformer.records.errors import UserError
from trimformer.records.patient_measures import PatientMeasures

PATIENTS, BLOCKS, HEADS = 4, 3, 2


def organs(over: np.ndarray) -> PatientMeasures:
    ids = tuple("abcdefgh"[: len(over)])
    return PatientMeasures(ids, {"over_uniform": over}, about={"organs": ["liver", "pancreas"]})


def around(mean: float, spread: float) -> np.ndarray:
    """One value a patient whose 95 % half interval is 3.182 / 2 times its deviation."""
    return np.asarray(mean + spread * np.sqrt(3 / 4) * np.array([-1.0, 1.0, -1.0, 1.0]))


def test_the_first_block_whose_lower_bound_is_above_one_is_named_for_every_pair() -> None:
    over = np.ones((PATIENTS, BLOCKS, HEADS, 2, 2))
    over[:, 1, :, 1, 0] = around(1.2, 0.13)[:, None]  # half interval 0.207: just below 1
    over[:, 2, :, 1, 0] = around(1.2, 0.12)[:, None]  # half interval 0.191: just above 1
    over[:, 0, :, 0, 0] = 3.0
    over[:, 0, 0, 0, 1], over[:, 0, 1, 0, 1] = 1.8, 0.1  # one head sees it, their mean does not
    found = first_sights(organs(over))
    assert sight_table(found) == {"liver": {"liver": 1, "pancreas": None}, "pancreas": {"liver": 3, "pancreas": None}}
    words = {(sight.query_organ, sight.key_organ): str(sight) for sight in found}
    assert "Block 3 is the first that lets the pancreas see the liver: 1.20 times" in words["pancreas", "liver"]
    assert words["liver", "pancreas"].startswith("No block lets the liver see the pancreas")


def test_patients_without_both_organs_do_not_count_and_one_alone_does_not_tell() -> None:
    over = np.full((PATIENTS, BLOCKS, HEADS, 2, 2), np.nan)
    over[0] = 5.0
    over[1, ..., 0, 1] = 5.0
    found = {(sight.query_organ, sight.key_organ): sight for sight in first_sights(organs(over))}
    assert (found["liver", "pancreas"].block, found["liver", "pancreas"].num_patients) == (1, 2)
    assert (found["pancreas", "liver"].block, found["pancreas", "liver"].num_patients) == (None, 1)
    assert "too few to tell" in str(found["pancreas", "liver"])


def test_other_measures_are_refused() -> None:
    with pytest.raises(UserError, match="measure_organs"):
        first_sights(PatientMeasures(("a",), {"all/cka": np.ones((1, 2, 2))}))
