"""What the depths of a sweep really scored, as one array."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from trimformer.depth.judgement.sweep import Sweep
from trimformer.evaluation.refusals import refuse_evaluation_on_seen, refuse_unlike
from trimformer.evaluation.scores import patient_shares
from trimformer.metrics.crossed import MeanEstimate
from trimformer.records.evaluation import Evaluation
from trimformer.records.judgement import Estimated


@dataclass(frozen=True)
class Scores:
    """Dice on the reported patients; every patient has a number at every depth with every seed."""

    depths: tuple[int, ...]
    """Rising; the last is the full one."""
    seeds: tuple[int, ...]
    dice: Float[np.ndarray, "depths patients seeds"]

    @property
    def patients(self) -> int:
        """How many."""
        return int(self.dice.shape[1])

    @property
    def full(self) -> Float[np.ndarray, "patients seeds"]:
        """Dice at full depth."""
        full: np.ndarray = self.dice[-1]
        return full

    @property
    def best(self) -> int:
        """The depth with the best mean over patients and seeds; of equal ones the smallest."""
        return self.depths[int(self.dice.mean(axis=(1, 2)).argmax())]

    def at(self, depth: int) -> Float[np.ndarray, "patients seeds"]:
        """Dice at one depth."""
        found: np.ndarray = self.dice[self.depths.index(depth)]
        return found

    def kept(self, depths: Mapping[int, int]) -> Float[np.ndarray, "patients seeds"]:
        """Dice where every seed has a depth of its own."""
        return np.stack([self.at(depths[seed])[:, column] for column, seed in enumerate(self.seeds)], axis=1)


def scores_of(sweep: Sweep, seeds: tuple[int, ...]) -> Scores:
    """Read the evaluations of the best weights.

    A patient's number is its share of the mean over classes, as in every table; one who has none in some run (all
    classes absent) is left out of all.

    Raises:
        UserError: An evaluation is missing or damaged, two are of different patients or grids, or one is of patients
            that its run has seen.
    """
    runs = [sweep.run(depth, seed) for depth in sweep.depths for seed in seeds]
    evaluations = [Evaluation.load(run.evaluation_file) for run in runs]
    refuse_unlike(runs, evaluations)
    for run, evaluation in zip(runs, evaluations, strict=True):
        refuse_evaluation_on_seen(run, evaluation)
    shares = [patient_shares(evaluation.patients) for evaluation in evaluations]
    table = np.array([[of_run[key] for key in sorted(of_run)] for of_run in shares], dtype=np.float64)
    dice = table[:, np.isfinite(table).all(axis=0)].reshape(len(sweep.depths), len(seeds), -1)
    return Scores(sweep.depths, seeds, dice.transpose(0, 2, 1))


def estimated(estimate: MeanEstimate) -> Estimated:
    """A mean with its interval, as it is written down."""
    return Estimated(mean=estimate.mean, ci95=estimate.ci95)
