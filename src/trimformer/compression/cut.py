"""Keep some blocks of a model and drop the rest."""

from collections.abc import Sequence
from typing import Any, TypeVar

from torch import nn

from trimformer.models import BlockAdapter, SegmentationModel, create_model, inherit_weights
from trimformer.models.cutting import check_blocks, copied, keep_in_place
from trimformer.models.foreign import ForeignNetwork
from trimformer.records.choices import Decoder
from trimformer.records.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


def keep_blocks(
    model: Network, blocks: Sequence[int], *, decoder: Decoder | None = None, adapter: BlockAdapter | None = None
) -> Network:
    """A new model with only these blocks, and all other weights, of `model`, which stays untouched.

    Keeping all blocks gives identical outputs; with none, the embedded patches go straight on.

    - Of our hybrids, the kept blocks become blocks 0, 1, ... of a smaller model, whose taps move as its description
      says for so many blocks. Where `decoder` is another kind than the model has, decoder and head of UNETR and CATS
      begin anew, at random; TransUNet has one decoder for both, which stays.
    - Of any other network, the removed blocks become identities without parameters, in their places: all names and all
      taps keep their indices. Blocks are found in the structure: members of one `nn.ModuleList` or `nn.Sequential`,
      alike, with attention inside. A removed one returns what a block was seen to return for a few random tokens. A
      network that was compiled is cut as it was written; compile the result again.

    Args:
        model: A hybrid made by `create_model` or `load_model`, or any network in two or three dimensions.
        blocks: Which blocks to keep, counted from 0, rising; none is allowed.
        decoder: `full` or `compressed`, for our hybrids alone; None keeps what the model has.
        adapter: For a network whose blocks are not found, or too many are.

    Raises:
        UserError: The blocks cannot be found, one is not there, or a decoder is asked of a network that is not ours.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, size="tiny", image_size=112, patch_size=8)
        >>> len(tf.keep_blocks(model, [0, 1, 2]).transformer.blocks)
        3
        >>> import timm
        >>> vit = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=4)
        >>> [type(block).__name__ for block in tf.keep_blocks(vit, [0, 3]).blocks]
        ['Block', 'RemovedBlock', 'RemovedBlock', 'Block']
    """
    original: Any = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if isinstance(original, SegmentationModel) and hasattr(original, "transformer"):
        return _smaller_hybrid(original, blocks, decoder)
    if decoder is not None:
        raise UserError(
            "A decoder can be chosen for transunet, cats and unetr",
            f"decoder = {decoder!r} for {_name_of(original)}",
            "Leave it out; a network of another kind keeps its own.",
        )
    smaller: Any = copied(original)
    if isinstance(smaller, ForeignNetwork):
        smaller.keep(blocks, adapter)
    else:
        keep_in_place(smaller, blocks, adapter)
    return smaller


def _smaller_hybrid(model: SegmentationModel, blocks: Sequence[int], decoder: Decoder | None) -> Any:
    kept = check_blocks(blocks, model.settings["num_blocks"])
    kind = model.settings["decoder"] if decoder is None else decoder
    smaller = create_model(**{**model.settings, "num_blocks": len(kept), "decoder": kind})
    inherit_weights(smaller, model, kept)
    like = next(model.parameters())
    return smaller.to(like.device, like.dtype).train(model.training)


def _name_of(model: nn.Module) -> str:
    settings = getattr(model, "settings", {})
    return settings.get("name") or settings.get("target") or type(model).__name__
