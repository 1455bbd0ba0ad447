"""What every pass over the patients needs: batches on the model's device, and a model left as it was."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from trimformer.attention.transformer.blocks import Transformer, find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError

UNNAMED = "unnamed"
"""The patient of slices whose patient nobody names."""


def batches_with_transformer(
    model: nn.Module, batches: Iterable[Batch | Tensor]
) -> tuple[Transformer, Iterator[Batch]]:
    """The model's transformer, found on the first batch, and all batches on the model's device.

    Raises:
        UserError: There is no batch, or no transformer that can be followed.
    """
    told = (on_device(batch, model) for batch in batches)
    first = next(told, None)
    if first is None:
        raise UserError("A measure over patients needs at least one batch", "none", "Give batches of images.")
    with evaluating(model), torch.no_grad():
        transformer = find_transformer(model, first.images)
    return transformer, chain([first], told)


def on_device(batch: Batch | Tensor, model: nn.Module) -> Batch:
    """The batch where the model is; a plain tensor becomes one of slices whose patient nobody names."""
    batch = batch if isinstance(batch, Batch) else Batch(images=batch)
    device = next(model.parameters()).device
    labels, foreground = (mask if mask is None else mask.to(device) for mask in (batch.labels, batch.foreground))
    named = batch.patient_ids or (UNNAMED,) * len(batch.images)
    return replace(batch, images=batch.images.to(device), labels=labels, foreground=foreground, patient_ids=named)


@contextmanager
def without_weight_gradients(model: nn.Module) -> Iterator[None]:
    """No weight asks for a gradient meanwhile, so that a graph from the images keeps half as much; then as before."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        for weight in weights:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
