"""Other blocks of a file than the first ones."""

from collections.abc import Sequence
from dataclasses import replace

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.checks import block_index, depth_of
from trimformer.models.weights.inherit import name_in_target
from trimformer.models.weights.translate import Translation
from trimformer.records.errors import UserError


def refuse_source_blocks(source_blocks: Sequence[int], weights: str | None, model: SegmentationModel) -> None:
    """Refuse blocks where there are none to choose from, or not one for each block of the model.

    Raises:
        UserError: The model is no hybrid, begins at random, or has another number of blocks.
    """
    if not hasattr(model, "transformer") or weights in (None, "none"):
        raise UserError(
            "source_blocks says which blocks of its weights a hybrid takes",
            f"source_blocks = {list(source_blocks)} for a model that takes none",
            "Leave source_blocks out; blocks of other networks are chosen by kept_blocks.",
        )
    num_blocks = model.settings["num_blocks"]
    if len(source_blocks) != num_blocks:
        raise UserError(
            "source_blocks has one number for each block of the model",
            f"{list(source_blocks)} for num_blocks = {num_blocks}",
            f"Set num_blocks = {len(source_blocks)}, or change the list.",
        )


def with_source_blocks(translation: Translation, source_blocks: Sequence[int]) -> Translation:
    """The translation in which block `source_blocks[i]` is block i, and the blocks that are not named are unused.

    Raises:
        UserError: The file has no such block.
    """
    available = depth_of(translation.entries)
    for block in source_blocks:
        if not 0 <= block < available:
            raise UserError(
                f"source_blocks are numbers from 0 to {available - 1}, the blocks of {translation.origin}",
                f"block {block} in {list(source_blocks)}",
                "Name blocks that are there.",
            )
    entries = translation.entries
    kept = {new: entry for name, entry in entries.items() if (new := name_in_target(name, source_blocks))}
    left = [name for name in entries if block_index(name) not in (None, *source_blocks)]
    unused = tuple(key for name in left for key in entries[name].keys)
    return replace(translation, entries=kept, unused=translation.unused + unused, source_blocks=tuple(source_blocks))
