"""Weights that a model takes over from a deeper one of its kind."""

from collections.abc import Sequence

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.report import WeightsReport
from trimformer.records.errors import UserError

MUST_AGREE = ("name", "size", "patch_size", "image_size", "num_classes", "trunk")
"""Settings in which two models may not differ if one is to inherit from the other."""

BLOCKS = "transformer.blocks."


def inherit_weights(
    target: SegmentationModel, source: SegmentationModel, block_indices: Sequence[int]
) -> WeightsReport:
    """Copy into `target` every weight of `source` that means the same there; `source` is left as it is.

    Patch embedding, positions, norm and trunk always do, block i of the target gets block `block_indices[i]`,
    and decoder and head are copied where both models have the same kind of decoder.

    Args:
        target: A hybrid with as many blocks as there are indices; changed in place.
        source: A hybrid that differs in `num_blocks` and `decoder` at most.
        block_indices: Blocks of the source to keep, counted from 0, in the order in which the target has them.

    Raises:
        UserError: The models are of different kinds, or the indices do not fit their blocks.
    """
    _check_kinds(target, source)
    _check_indices(target.settings["num_blocks"], source.settings["num_blocks"], block_indices)
    available = source.state_dict()
    same_decoder = _decoder_shapes(target) == _decoder_shapes(source)
    copied = {
        name: available[_name_in_source(name, block_indices)]
        for name in target.state_dict()
        if same_decoder or not name.startswith(("decoder.", "head."))
    }
    incompatible = target.load_state_dict(copied, strict=False)
    return WeightsReport("a model", copied=tuple(copied), initialised=tuple(incompatible.missing_keys))


def _name_in_source(name: str, block_indices: Sequence[int]) -> str:
    if not name.startswith(BLOCKS):
        return name
    index, _, rest = name.removeprefix(BLOCKS).partition(".")
    return f"{BLOCKS}{block_indices[int(index)]}.{rest}"


def _decoder_shapes(model: SegmentationModel) -> dict[str, tuple[int, ...]]:
    """Two decoders are of the same kind where all names and shapes are the same."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name.startswith("decoder.")}


def _check_kinds(target: SegmentationModel, source: SegmentationModel) -> None:
    if source.settings["num_blocks"] is None:
        raise UserError(
            "Blocks are inherited from a hybrid", source.settings["name"], "Give a transunet, cats or unetr model."
        )
    for key in MUST_AGREE:
        wanted, found = target.settings[key], source.settings[key]
        if wanted != found:
            raise UserError(
                f"Weights are inherited between models of the same {key}",
                f"{wanted!r} in the new model and {found!r} in the one it inherits from",
                f"Create the new model with {key} = {found!r}.",
            )


def _check_indices(num_target: int, num_source: int, block_indices: Sequence[int]) -> None:
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
