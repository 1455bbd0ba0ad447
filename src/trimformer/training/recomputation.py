"""Memory saved in training: what happens inside the transformer's blocks is computed again on the way back."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from trimformer.models import SegmentationModel
from trimformer.records.errors import UserError


def recompute_blocks(model: SegmentationModel) -> None:
    """Let every block of a hybrid keep nothing but its input until the way back (Chen et al. 2016, arXiv:1604.06174).

    Names, weights and numbers stay as they are; dropout draws the same masks again.

    Raises:
        UserError: The model is no hybrid.
    """
    if not hasattr(model, "transformer"):
        raise UserError(
            "checkpoint_blocks is for models that have a transformer of ours",
            f"{model.settings.get('name') or model.settings.get('target')} without transformer.blocks",
            "Set training.checkpoint_blocks=false, or training.accumulate with a smaller batch_size to save memory.",
        )
    for block in model.transformer.blocks:
        _forget_activations(block)


def _forget_activations(block: nn.Module) -> None:
    # An attribute of this one object, so that the weights' names stay those of the model.
    block.forward = partial(_recomputed, block.forward)


def _recomputed(forward: Callable[[Tensor], Tensor], tokens: Tensor) -> Tensor:
    result: Tensor = checkpoint(forward, tokens, use_reentrant=False)
    return result
