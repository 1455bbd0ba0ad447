"""Relevance of the patches of one slice for every class that the model draws on it."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.measures.relevance import class_relevance
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.records.attention_example import ClassRelevance, covering_patches


def relevance_of_classes(
    model: nn.Module, image: Float[Tensor, "1 channels rows columns"], labels: Mapping[int, str]
) -> dict[str, ClassRelevance]:
    """Relevance of the patches for every class that a segmentation model draws on a slice, where it draws it.

    Args:
        model: From images to logits (batch, classes, rows, columns).
        image: The slice.
        labels: The classes' names.
    """
    images = image.to(next(model.parameters()).device)
    with evaluating(model), torch.inference_mode():
        drawn = model(images).argmax(dim=1)
        grid_size = find_transformer(model, images).grid.rows_and_columns
    found = {}
    for value, name in labels.items():
        mask = drawn == value
        if mask.any():
            after = class_relevance(model, images, value, mask).after_blocks[:, 0].float().cpu().numpy()
            found[name] = _on_patches(after, mask[0].cpu().numpy(), grid_size)
    return found


def _on_patches(after: np.ndarray, mask: np.ndarray, grid_size: tuple[int, int]) -> ClassRelevance:
    """The mean over the mask's patches of R - I, so that being there counts nothing."""
    prefix = after.shape[-1] - grid_size[0] * grid_size[1]
    rows = (after - np.eye(after.shape[-1]))[:, prefix:, prefix:]
    return ClassRelevance(mask, rows[:, covering_patches(mask, grid_size)].mean(axis=1))
