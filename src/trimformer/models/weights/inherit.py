"""Weights that a model takes over from a deeper one of its kind."""

from collections.abc import Sequence

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.fit import fit_weights
from trimformer.models.weights.layouts import OWN
from trimformer.models.weights.report import WeightsReport
from trimformer.models.weights.translate import Entry, Translation
from trimformer.records.errors import UserError

BLOCKS = "transformer.blocks."


def inherit_weights(
    target: SegmentationModel, source: SegmentationModel, block_indices: Sequence[int]
) -> WeightsReport:
    """Copy into `target` every weight of `source` that means the same there; `source` is left as it is.

    Block i of the target gets block `block_indices[i]`; decoder and head are copied where both models have the same
    kind of decoder, everything else always.

    Args:
        target: A hybrid with as many blocks as there are indices; changed in place.
        source: A hybrid that differs in `num_blocks`, `decoder` and `image_size` at most.
        block_indices: Blocks of the source to keep, counted from 0, in the order in which the target has them.

    Raises:
        UserError: The models are of different kinds, or the indices do not fit their blocks.
    """
    _check_indices(target.settings["num_blocks"], source.settings["num_blocks"], block_indices)
    kept = {
        new: Entry((name,), tensor)
        for name, tensor in source.state_dict().items()
        if (new := name_in_target(name, block_indices))
    }
    fitted = fit_weights(target, Translation("the model to inherit from", OWN, kept, unused=()))
    return WeightsReport(
        "a model",
        copied=fitted.copied,
        resampled=fitted.resampled,
        initialised=fitted.initialised,
        unused=fitted.unused,
    )


def name_in_target(name: str, block_indices: Sequence[int]) -> str | None:
    """The name in the target; None for a block that is not kept."""
    if not name.startswith(BLOCKS):
        return name
    index, _, rest = name.removeprefix(BLOCKS).partition(".")
    return f"{BLOCKS}{block_indices.index(int(index))}.{rest}" if int(index) in block_indices else None


def _check_indices(num_target: int | None, num_source: int | None, block_indices: Sequence[int]) -> None:
    if num_source is None or num_target is None:
        raise UserError(
            "Blocks are inherited by a hybrid from a hybrid",
            "a network without",
            "Give a transunet, cats or unetr model.",
        )
    outside = [index for index in block_indices if not 0 <= index < num_source]
    if outside:
        rule = f"Blocks to keep are counted from 0 to {num_source - 1}" if num_source else "There are no blocks to keep"
        raise UserError(rule, list(block_indices), "Change the list of blocks.")
    if len(block_indices) != num_target:
        raise UserError(
            "The new model must have one block for each that is kept",
            f"{num_target} blocks for the list {list(block_indices)}",
            f"Create it with num_blocks = {len(block_indices)}.",
        )
