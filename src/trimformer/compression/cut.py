"""Keep some blocks of a model and drop the rest."""

from collections.abc import Sequence

from trimformer.models import SegmentationModel, create_model, inherit_weights
from trimformer.records.errors import UserError


def keep_blocks(model: SegmentationModel, blocks: Sequence[int]) -> SegmentationModel:
    """A new model with only these blocks, and all other weights, of `model`, which stays untouched.

    The decoder stays of the same kind; its taps move as the model's description says for so many blocks.
    Keeping all blocks gives identical outputs.

    Args:
        model: A hybrid made by `create_model` or `load_model`.
        blocks: Which blocks to keep, counted from 0, rising.

    Raises:
        UserError: The model is no hybrid, or the blocks are not among its own in rising order.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, size="tiny", image_size=112, patch_size=8)
        >>> len(tf.keep_blocks(model, [0, 1, 2]).transformer.blocks)
        3
    """
    if not hasattr(model, "transformer"):
        found = model.settings["name"] or model.settings["target"]
        raise UserError("Blocks are kept of a hybrid", found, "Give a transunet, cats or unetr model.")
    available = model.settings["num_blocks"]
    if sorted(set(blocks)) != list(blocks) or not all(0 <= index < available for index in blocks):
        raise UserError(
            f"Blocks to keep are rising numbers from 0 to {available - 1}", list(blocks), "Name each block once."
        )
    smaller = create_model(**{**model.settings, "num_blocks": len(blocks)})
    inherit_weights(smaller, model, blocks)
    return smaller.train(model.training)
