"""How the raced depths stand after a round: every depth beside the full one, patient by patient."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimformer.attention.ablation.remaining_dice import dice_under_conditions
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.data.dataset import Dataset
from trimformer.inference.device import default_device
from trimformer.metrics.paired import PairedDifference, Verdict, paired_difference, power, verdict
from trimformer.models import load_model
from trimformer.records.intervals import mean_interval
from trimformer.records.progress import Progress, under_name
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Standing:
    """One depth after its last round."""

    num_blocks: int
    dice: float
    """Mean over the selection patients, on the model's grid; NaN where none has a class."""
    against_full: PairedDifference

    def verdict(self, margin: float) -> Verdict:
        """Whether it is worse than the full depth by more than the margin."""
        return verdict(self.against_full, margin)

    def as_json(self, margin: float) -> dict[str, Any]:
        """Its numbers and the word on them."""
        estimate = self.against_full.estimate
        low, high = estimate.ci95 or (None, None)
        return {
            "num_blocks": self.num_blocks,
            "dice": None if np.isnan(self.dice) else self.dice,
            "difference": {"mean": None if np.isnan(estimate.mean) else estimate.mean, "low": low, "high": high},
            "verdict": self.verdict(margin),
            "power": power(self.against_full, margin),
        }


@dataclass(frozen=True)
class Round:
    """So many epochs of some depths, and how those stood after them."""

    epochs: int
    standings: tuple[Standing, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """What was trained in it."""
        return tuple(standing.num_blocks for standing in self.standings)


def standings_of(runs: Mapping[int, RunFolder], full: int, dataset: Dataset, progress: Progress) -> list[Standing]:
    """Compare the runs of a round, the full depth among them, on the selection patients."""
    dice = {depth: selection_dice(run, dataset, progress) for depth, run in runs.items()}
    return [Standing(depth, mean_interval(own)[0], paired_difference(own, dice[full])) for depth, own in dice.items()]


def selection_dice(run: RunFolder, dataset: Dataset, progress: Progress) -> np.ndarray:
    """The Dice of a run's best weights on each selection patient, on the model's grid: (patients,)."""
    model = load_model(run.path).to(default_device())
    told = under_name(progress, f"judging {run.experiment().name}")
    with evaluating(model):
        dice = dice_under_conditions(
            model, dataset.selection, dataset.labels, [lambda _: nullcontext()], task="judging", progress=told
        )
    return dice[:, 0]
