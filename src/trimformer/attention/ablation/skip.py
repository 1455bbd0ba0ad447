"""The first blocks of a trained model alone: those after them become the identity, without training again."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from trimformer.attention.ablation.limited import as_written
from trimformer.attention.ablation.remaining_dice import (
    Condition,
    ablated_patients,
    dice_under_conditions,
    transformer_of,
)
from trimformer.attention.calls.follow import first_tensor
from trimformer.attention.transformer.blocks import Transformer, own_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent, under_name
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks

BATCH_SIZE = 8


@contextmanager
def skipped_blocks(model: nn.Module, after: int, transformer: Transformer | None = None) -> Iterator[None]:
    """While the model runs inside the `with`, every block after the first `after` gives back what it was given.

    Each tap stays where it is, so one beyond the last block that runs reads what that block gave; the final norm stays
    too. The skipped blocks cost nothing. The model is left as it was, exception or not.

    Args:
        model: One of our hybrids, or any network.
        after: How many blocks run, from 0 to all.
        transformer: Of a network that is not ours, its blocks, from `find_transformer`. Each takes the tokens as its
            first tensor and returns tokens.

    Raises:
        UserError: There are fewer blocks, or the blocks of a network are not told.

    Example:
        >>> import torch, trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> with skipped_blocks(model.eval(), after=1):
        ...     model(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 4, 32, 32])
    """
    transformer = transformer or own_transformer(model)
    if transformer is None:
        raise UserError(
            "The blocks of a network that is not ours are found first",
            type(model).__name__,
            "Give transformer=find_transformer(model, images).",
        )
    count = len(transformer.blocks)
    if not 0 <= after <= count:
        raise UserError(f"From 0 to {count} blocks of this model can run", after, "Choose how many run.")
    with ExitStack() as stack:
        stack.enter_context(as_written())
        for block in transformer.blocks[after:]:
            stack.callback(_restore, block.module, vars(block.module).get("forward"))
            # The block stays in its place: what asks it for its weights or hooks into it still finds it.
            block.module.forward = _give_back
        yield


def dice_of_first_blocks(
    model: nn.Module,
    patients: Iterable[PatientSlices],
    labels: Mapping[int, str],
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress = silent,
) -> SkippedBlocks:
    """Dice per patient, on the model's grid, after every number of blocks: the identity ablation.

    Args:
        model: A segmentation network with one sequence of transformer blocks; its mode is kept.
        patients: With labels; those that chose the best epoch or were trained on, never those that are reported.
        labels: The classes that count, without background.
        batch_size: Slices a forward pass.
        progress: Told after every depth of every patient.

    Raises:
        UserError: No patient, no labels, or a model without blocks that can be found.
    """
    patients = tuple(patients)
    with evaluating(model):
        transformer = transformer_of(model, patients)

        def first(count: int) -> Condition:
            return lambda _: skipped_blocks(model, count, transformer)

        conditions = [first(count) for count in range(len(transformer.blocks) + 1)]
        dice = dice_under_conditions(
            model, patients, labels, conditions, task="skipping blocks", batch_size=batch_size, progress=progress
        )
    return SkippedBlocks(tuple(patient.patient_id for patient in patients), transformer.names, dice)


def skipped_blocks_of_run(run: RunFolder, progress: Progress = silent) -> SkippedBlocks:
    """The identity ablation of a run's best weights on `ablated_patients`, written into its folder.

    Raises:
        UserError: The run has no weights yet, no selection patient, or its model has no block.
    """
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(run.experiment().data)
    told = under_name(progress, f"skipping blocks of {run.name}")
    record = dice_of_first_blocks(model, ablated_patients(dataset), dataset.labels, progress=told)
    record.save(run.skipped_blocks_file)
    return record


def _give_back(*args: Any, **kwargs: Any) -> Tensor:
    tokens = first_tensor(args, kwargs)
    assert tokens is not None, "find_transformer takes blocks of tokens alone"
    return tokens


def _restore(module: nn.Module, forward: Any) -> None:
    """The `forward` of the module's class, or what stood in its place before."""
    if forward is None:
        del module.forward
    else:
        module.forward = forward
