"""What training some depths costs, in steps and in multiply-accumulates, and what a whole sweep would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimformer.compression.compress import compressed_experiment, own_blocks
from trimformer.data.dataset import Dataset
from trimformer.records.run_folder import RunFolder
from trimformer.study.costs import DataCost, cost_of_model
from trimformer.study.estimate import PASSES

SWEEP = (0, 1, 2, 3, 4, 6, 12)
"""The depths that somebody would train to their end who had no better way, as far as the model has them."""


@dataclass(frozen=True)
class Cost:
    """Training steps, and multiply-accumulates of all forward and backward passes."""

    steps: int
    multiply_accumulates: int

    def as_share_of(self, other: "Cost") -> float:
        """The larger of both shares: a race is within its budget by either count."""
        return max(self.steps / other.steps, self.multiply_accumulates / other.multiply_accumulates)

    def document(self, sweep: "Cost") -> dict[str, Any]:
        """Both counts beside those of the sweep."""
        return {
            "steps": self.steps,
            "multiply_accumulates": self.multiply_accumulates,
            "sweep_steps": sweep.steps,
            "sweep_multiply_accumulates": sweep.multiply_accumulates,
            "share": self.as_share_of(sweep),
        }


@dataclass(frozen=True)
class EpochCosts:
    """What one epoch costs at each depth.

    An epoch is 3 passes of every training slice (forward, gradients of features and of weights) and 1 of every slice of
    the selection patients; a round of the race adds 1 more of these, in which it is judged.
    """

    full: int
    """The depth of the run."""
    epochs: int
    """Of the run, and so of every depth of the sweep."""
    steps: int
    training_slices: int
    selection_slices: int
    of_a_slice: Mapping[int, int]
    """Multiply-accumulates of one slice's forward pass, by depth."""

    @property
    def swept(self) -> tuple[int, ...]:
        """The depths of the sweep; the full one is always among them."""
        return tuple(sorted({*(depth for depth in SWEEP if depth < self.full), self.full}))

    def sweep(self) -> Cost:
        """Every depth of the sweep, trained for as many epochs as the run."""
        operations = sum(self.epochs * self._epoch(depth) for depth in self.swept)
        return Cost(self.epochs * self.steps * len(self.swept), operations)

    def race(self, rounds: Iterable[tuple[int, Iterable[int]]]) -> Cost:
        """Rounds, each of so many epochs of these depths."""
        steps = operations = 0
        for epochs, depths in rounds:
            for depth in depths:
                steps += epochs * self.steps
                operations += epochs * self._epoch(depth) + self.of_a_slice[depth] * self.selection_slices
        return Cost(steps, operations)

    def _epoch(self, depth: int) -> int:
        return self.of_a_slice[depth] * (PASSES * self.training_slices + self.selection_slices)


def epoch_costs(run: RunFolder, dataset: Dataset, depths: Iterable[int]) -> EpochCosts:
    """Count the operations of the run's model at these depths and those of the sweep; no weight is read.

    Raises:
        UserError: The run's model has no blocks, or they cannot be found.
    """
    settings, full = run.experiment().training, len(own_blocks(run))
    slices = sum(len(patient.images) for patient in dataset.training)
    steps = max(1, slices // settings.batch_size)
    wanted = sorted({*depths, full, *(depth for depth in SWEEP if depth < full)})
    return EpochCosts(
        full=full,
        epochs=settings.epochs,
        steps=steps,
        training_slices=min(slices, steps * settings.batch_size),
        selection_slices=sum(len(patient.images) for patient in dataset.selection),
        of_a_slice={depth: _of_a_slice(run, dataset, depth) for depth in wanted},
    )


def _of_a_slice(run: RunFolder, dataset: Dataset, depth: int) -> int:
    data = DataCost(1 + max(dataset.labels), dataset.num_channels)
    model = cost_of_model(compressed_experiment(run, depth), data)
    assert model is not None, "the classes are known"
    return model.multiply_accumulates
