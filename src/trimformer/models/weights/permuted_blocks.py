"""A control: blocks of the scale of trained ones that know nothing of what those have learned."""

from dataclasses import replace

import torch
from torch import Tensor

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.checks import block_index
from trimformer.models.weights.translate import Translation
from trimformer.records.errors import UserError


def refuse_permuted_blocks(weights: str | None, model: SegmentationModel) -> None:
    """Refuse to shuffle where no block takes weights.

    Raises:
        UserError: The model is no hybrid, or begins at random.
    """
    if not hasattr(model, "transformer") or weights in (None, "none"):
        raise UserError(
            "permuted_blocks shuffles the weights that the blocks of a hybrid begin with",
            "a model that takes none",
            "Leave permuted_blocks out, or name weights.",
        )


def with_permuted_blocks(translation: Translation) -> Translation:
    """The translation in which the entries of every tensor of every block are shuffled, each tensor by itself.

    They are drawn from torch's own generator, as random weights are.
    """
    entries = {
        name: entry if block_index(name) is None else replace(entry, tensor=_shuffled(entry.tensor))
        for name, entry in translation.entries.items()
    }
    return replace(translation, entries=entries)


def _shuffled(tensor: Tensor) -> Tensor:
    return tensor.flatten()[torch.randperm(tensor.numel())].view(tensor.shape)
