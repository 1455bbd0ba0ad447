import math
from typing import Any

import pytest
import torch

from trimformer.records.errors import UserError
from trimformer.records.experiment import parse_experiment
from trimformer.records.settings import TrainingSettings
from trimformer.training.schedules import learning_rate_schedule, needs_schedule

RATE = 1e-3


def rates(steps: range, state: dict[str, Any] | None = None, **settings: Any) -> tuple[list[float], dict[str, Any]]:
    """The learning rate of each step of a training of 8, and what its checkpoint would hold."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    chosen = TrainingSettings(epochs=4, learning_rate=RATE, **settings)
    schedule = learning_rate_schedule(optimizer, chosen, total_steps=8)
    if state is not None:
        schedule.load_state_dict(state["schedule"])
        optimizer.load_state_dict(state["optimizer"])
    found = []
    for _ in steps:
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found, {"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()}


def test_a_constant_rate_needs_no_schedule_but_its_warmup_does() -> None:
    assert not needs_schedule(TrainingSettings())
    assert needs_schedule(TrainingSettings(warmup_epochs=1))
    found, _ = rates(range(8), warmup_epochs=2)
    assert found == pytest.approx([RATE * share for share in (1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1, 1, 1)])


def test_cosine_and_polynomial_fall_to_nothing_after_the_last_step() -> None:
    cosine, _ = rates(range(9), schedule="cosine")
    assert cosine == pytest.approx([RATE * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(9)])
    polynomial, _ = rates(range(9), schedule="polynomial")
    assert polynomial == pytest.approx([RATE * (1 - step / 8) ** 0.9 for step in range(9)])


def test_what_follows_a_warmup_has_the_steps_that_are_left() -> None:
    found, _ = rates(range(8), schedule="cosine", warmup_epochs=1)
    left = [RATE * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    assert found == pytest.approx([RATE / 3, RATE * 2 / 3, *left])


def test_one_cycle_rises_and_falls_once_and_peaks_at_the_rate() -> None:
    found, _ = rates(range(8), schedule="one_cycle")
    peak = found.index(max(found))
    assert found[:peak] == sorted(found[:peak])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert max(found) == pytest.approx(RATE, rel=0.05)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "polynomial", "constant"])
def test_a_resumed_training_has_the_same_rates(schedule: str) -> None:
    settings: dict[str, Any] = {"schedule": schedule, "warmup_epochs": 0 if schedule == "one_cycle" else 1}
    whole, _ = rates(range(8), **settings)
    before, state = rates(range(3), **settings)
    after, _ = rates(range(3, 8), state, **settings)
    assert before + after == whole


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"schedule": "one_cycle", "warmup_epochs": 1}, "one_cycle has a rise of its own and takes no warmup_epochs"),
        ({"epochs": 3, "warmup_epochs": 3}, "warmup_epochs are fewer than epochs"),
        ({"schedule": "linear"}, "training.schedule: input should be 'constant'"),
        ({"schedule": "one_cycle", "muon_learning_rate": 1e-3}, "one_cycle knows one learning rate; take cosine"),
        ({"muon_learning_rate": 0}, "training.muon_learning_rate: input should be greater than 0"),
        ({"patience": 0}, "training.patience: input should be greater than or equal to 1"),
        ({"accumulate": 0}, "training.accumulate: input should be greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_schedule_are_refused(training: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_experiment({"training": training}, source="the tests")
