"""The race: the proposed depth, its neighbours, none and all are trained again from the run, and the Dice decides."""

from collections.abc import Mapping, Sequence

from trimformer.compression.compress import compressed_experiment
from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.depth.criteria.catalogue import DEFAULT, criterion_named
from trimformer.depth.race.answer import answer, too_few
from trimformer.depth.race.cost import epoch_costs
from trimformer.depth.race.plan import WITHOUT_A_PROPOSAL, RacePlan, candidates, plan_race
from trimformer.depth.race.standing import Round, Standing, standings_of
from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.depth.still_learning import still_learning
from trimformer.evaluation.compare import MARGIN, refuse_margin
from trimformer.metrics.paired import MIN_PAIRS
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.training import train


def race(
    run: RunFolder,
    criterion: str = DEFAULT,
    *,
    margin: float = MARGIN,
    epochs: int | None = None,
    progress: Progress = silent,
) -> DepthChoice:
    """Race the depth that a criterion proposes against its neighbours, no block and all, and write the choice.

    Every depth inherits the run's weights. After half of the epochs the depths that are inferior to the full one are
    dropped; the rest go on. The answer is the smallest depth that is not inferior at the end. Only the selection
    patients judge, never those that are reported. The trainings lie in the run's folder, and a race that was killed
    goes on with them. Where those patients are too few to judge, nothing is raced and nothing written.

    Args:
        run: A trained run; `rule`, `distance` and `entropy` propose from what `inspect` has measured.
        criterion: Who proposes; one block is raced where it is inconclusive.
        margin: What counts as no worse, in Dice.
        epochs: Of every depth; None: as many as cost at most 15 % of a sweep.
        progress: Told while depths are trained and judged.

    Raises:
        UserError: The criterion cannot read what it needs, the run has no block or finds nothing, the margin is not
            between 0 and 1, or a folder of the race holds other trainings.
    """
    refuse_margin(margin)
    measures, proposing = MeasuresOfRun(run, progress), criterion_named(criterion)
    full = measures.num_blocks
    _refuse_unlearned(run)
    proposal = proposing.choose(measures)
    dataset = load_dataset(run.experiment().data, progress)
    if len(dataset.selection) < MIN_PAIRS:
        return too_few(proposal, len(dataset.selection), margin)
    proposed = WITHOUT_A_PROPOSAL if proposal.num_blocks is None else proposal.num_blocks
    wanted = candidates(proposed, full)
    costs = epoch_costs(run, dataset, wanted)
    plan = plan_race(wanted, costs, epochs)
    rounds = run_rounds(run, plan, dataset, margin, progress)
    choice = answer(proposal, rounds, costs, margin, still_learning(run))
    choice.save(run.depth_file)
    return choice


def run_rounds(
    run: RunFolder, plan: RacePlan, dataset: Dataset, margin: float, progress: Progress = silent
) -> list[Round]:
    """Train round after round; what is inferior after one is not in the next, and all of one begin where it ended."""
    full, remaining = max(plan.depths), plan.depths
    sources: Mapping[int, RunFolder] = dict.fromkeys(remaining, run)
    rounds: list[Round] = []
    for number, epochs in enumerate(plan.rounds, start=1):
        folder = run.race / f"of-{plan.epochs}-epochs" / f"round-{number}"
        runs = {}
        for depth in remaining:
            name = f"{run.experiment().name}-race{number}-keep{depth}"
            experiment = _experiment(sources[depth], depth, name, epochs)
            runs[depth] = train(experiment, folder / f"keep{depth}", progress)
        rounds.append(Round(epochs, tuple(standings_of(runs, full, dataset, progress))))
        remaining, sources = _left(rounds[-1].standings, full, margin), runs
        if remaining == (full,):
            break
    return rounds


def _left(standings: Sequence[Standing], full: int, margin: float) -> tuple[int, ...]:
    return tuple(
        standing.num_blocks
        for standing in standings
        if standing.num_blocks == full or standing.verdict(margin) != "inferior"
    )


def _experiment(source: RunFolder, depth: int, name: str, epochs: int) -> Experiment:
    """The run's recipe for a few epochs, from the weights of the source; nobody else is told of it."""
    smaller = compressed_experiment(source, depth)
    warmup = min(smaller.training.warmup_epochs, epochs - 1)
    changes = {"epochs": epochs, "warmup_epochs": warmup, "patience": None}
    return smaller.with_changes(name=name, training=changes).without_tracking()


def _refuse_unlearned(run: RunFolder) -> None:
    """All depths of a model that finds nothing are alike, and none would be inferior."""
    if run.history_file.is_file() and not (read_history(run.history_file)["selection_dice"] > 0).any():
        raise UserError(
            "A race begins from a model that has learnt something",
            f"{run.path}: no Dice above 0 of the selection patients after any epoch",
            "Train it longer, or at another learning rate.",
        )
