"""From a trained run to a smaller one, trained again."""

from pathlib import Path

from trimformer.records.choices import Decoder, Recovery
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.training import train


def compressed_experiment(run: RunFolder, num_blocks: int, decoder: Decoder, weights: Recovery) -> Experiment:
    """The run's experiment with fewer blocks; everything else, the recipe included, stays.

    Raises:
        UserError: The run's model has no blocks to remove, or fewer than asked for.
    """
    experiment = run.experiment()
    available = experiment.model.num_blocks
    if available is None:
        raise UserError("A model to compress has transformer blocks", f"none in {run.path}", "Give a hybrid's run.")
    if experiment.model.target and weights == "inherited":
        raise UserError(
            "Trained blocks are inherited by the hybrids",
            f"{experiment.model.target} in {run.path}",
            "Give --weights scratch, which trains the user's own network with fewer blocks anew.",
        )
    if num_blocks > available:
        raise UserError(
            "A compressed model keeps at most the blocks its run has",
            f"{num_blocks} of {available} in {run.path}",
            "Give fewer --blocks.",
        )
    return experiment.with_changes(
        name=f"{experiment.name}-keep{num_blocks}-{decoder}-{weights}",
        model={
            "num_blocks": num_blocks,
            "decoder": decoder,
            "weights": str(run.path.resolve()) if weights == "inherited" else "none",
            "trunk_weights": None,
        },
    )


def compress(
    run: RunFolder,
    num_blocks: int,
    folder: Path,
    decoder: Decoder = "full",
    weights: Recovery = "inherited",
    progress: Progress = silent,
) -> RunFolder:
    """Train the smaller model under the run's own protocol, into `folder`.

    Raises:
        UserError: As `compressed_experiment` and `trimformer.training.train`.
    """
    return train(compressed_experiment(run, num_blocks, decoder, weights), folder, progress)
