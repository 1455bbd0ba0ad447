"""How long the paper's study takes, here and on graphics cards: `python benchmarks/cost.py`.

The cost model: a run takes epochs x (batches + a third of those of the selection slices) x the seconds of one step. A
step is measured here, on the model itself; elsewhere it is its operations over a share of the machine's bfloat16 peak.
Operations of a step are 2 x multiply-accumulates of a slice x 3 passes (forwards, and backwards for features and for
weights) x slices of a batch.

Prints a line for every run of studies/paper.toml, and holds the cost model against the clock: three small runs are
estimated as `trimformer study --dry-run` does it and then trained. Ends with 1 where one takes more than 1.2 times
as long as estimated, or less than 1 / 1.2. Wants two idle cores and a quarter of an hour.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data import Figure
from training import PASSES, PRODUCTS, product_rate

from trimformer.models.anatomy.operations import count_operations
from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.records.progress import silent
from trimformer.records.study import read_study
from trimformer.study.costs import PUBLISHED_CLASSES, DataCost, model_without_data
from trimformer.study.estimate import estimate_study
from trimformer.study.plan import plan_study
from trimformer.study.step import StepTimes
from trimformer.training import train

PAPER = Path(__file__).parents[1] / "studies" / "paper.toml"
SLICES = {"ibsr18": 1280, "emidec": 558, "synapse": 2211}
"""Training slices, as the paper counts them."""
H100_PEAK, H100_SHARE, NUM_CARDS = 989e12, 0.35, 64
"""Operations a second in dense bfloat16 as the maker states them, and a share of it that is assumed, not measured."""
HOUR = 3600

CHECK = """
name = "check"
[data]
dataset = "brain"
image_size = 224
num_patients = {patients}
selection_patients = 1
[model]
size = "{size}"
weights = "none"
[training]
epochs = 2
[[run]]
model.name = "unetr"
[[run]]
model.name = "transunet"
[[run]]
model.name = "cats"
model.trunk_weights = "none"
"""


@dataclass(frozen=True)
class Cost:
    """One run of the paper's study."""

    name: str
    operations: float
    """Of a step."""
    step: float
    """Its seconds here."""
    steps: int
    """Of the whole training."""

    @property
    def card_hours(self) -> float:
        """On one H100, at the assumed share."""
        return self.steps * self.operations / (H100_PEAK * H100_SHARE) / HOUR


def main() -> None:
    """Measure, print the table, and check."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", default="*", help="a pattern of the names of the paper's runs: ibsr18-*")
    arguments.add_argument("--size", default="tiny", choices=("base", "small", "tiny"), help="of the runs of the check")
    arguments.add_argument("--patients", type=int, default=8, help="simulated brains of the check")
    given = arguments.parse_args()
    print_table(list(paper_costs(given.only)))
    figures = list(checked(given.size, given.patients))
    print(*figures, sep="\n")
    sys.exit(not all(figure.holds for figure in figures))


def paper_costs(only: str) -> Iterator[Cost]:
    """The runs of the paper's study; models that are alike are timed once."""
    times = StepTimes()
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_study(read_study(PAPER), Path(folder), only=only)
    for job in plan.to_execute:
        experiment, dataset = job.experiment, job.experiment.data.dataset
        data = DataCost(1 + PUBLISHED_CLASSES[dataset])
        batches = SLICES[dataset] // experiment.training.batch_size
        yield Cost(
            name=job.name,
            operations=operations_of_a_step(experiment, data),
            step=times.seconds(experiment, data),
            steps=experiment.training.epochs * batches,
        )


def operations_of_a_step(experiment: Experiment, data: DataCost) -> float:
    """A multiplication and an addition are two."""
    model = model_without_data(experiment, data)
    assert model is not None
    counted = count_operations(model, model.image_size, data.in_channels)
    return 2.0 * PASSES * experiment.training.batch_size * counted.by_kernel


def print_table(costs: list[Cost]) -> None:
    """A line a run, all of them, and what was assumed."""
    peak = max(map(product_rate, PRODUCTS))
    print(f"bfloat16 peak of a matrix product here: {peak / 1e12:.2f} T operations a second")
    print("run                    T operations  s a step  of the peak  steps  hours here  hours on one H100 (assumed)")
    for cost in costs:
        share = cost.operations / cost.step / peak
        print(
            f"{cost.name:<22} {cost.operations / 1e12:12.2f} {cost.step:9.2f} {share:12.0%} {cost.steps:6}"
            f" {cost.steps * cost.step / HOUR:11.1f} {cost.card_hours:18.2f}"
        )
    here, cards = sum(cost.steps * cost.step for cost in costs) / HOUR, [cost.card_hours for cost in costs]
    print(f"all: {here:.0f} hours here, {sum(cards):.1f} on one H100 at {H100_SHARE:.0%} of its peak (assumed);")
    print(f"on {NUM_CARDS} of them, a run a card, {max(*cards, sum(cards) / NUM_CARDS):.2f}: those of the longest run")


def checked(size: str, patients: int) -> Iterator[Figure]:
    """The time of small runs by the clock, over the estimate of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "check.toml"
        file.write_text(CHECK.format(size=size, patients=patients))
        plan = plan_study(read_study(file), Path(folder))
        estimate = estimate_study(plan, silent)
        for job, estimated in zip(plan.to_execute, estimate.runs, strict=True):
            run = train(job.experiment, job.folder)
            clock = float(read_history(run.history_file)["seconds"].sum())
            assert estimated.seconds is not None
            ratio = clock / estimated.seconds
            yield Figure(f"{job.name}: time by the clock, in times of the estimate", ratio, 1.2, is_floor=False)
            yield Figure(f"{job.name}: the estimate, in times of the clock", 1 / ratio, 1.2, is_floor=False)


if __name__ == "__main__":
    main()
