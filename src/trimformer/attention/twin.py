"""The permuted twin: the same network after everything it learnt about position in its weights is shuffled away."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.records.errors import UserError


def permuted_twin(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of the model in which the entries of every weight tensor are shuffled.

    Every tensor keeps its values, so scales and norms stay as training made them; what is lost is the arrangement.
    The original is untouched, and the same seed gives the same twin.

    Raises:
        UserError: The model cannot be copied.
    """
    generator = torch.Generator().manual_seed(seed)
    orders: dict[int, Tensor] = {}  # to draw one takes longest: tensors of one size share it, each from its own start
    shuffled: dict[int, Any] = {}
    for parameter in model.parameters():
        count = parameter.numel()
        if count not in orders:
            orders[count] = torch.randperm(count, generator=generator).to(parameter.device)
        start = int(torch.randint(count, (), generator=generator))
        shuffled[id(parameter)] = _shuffled(parameter, orders[count], start)
    return _copy(model, shuffled)


@torch.no_grad()
def _shuffled(parameter: nn.Parameter, order: Tensor, start: int) -> nn.Parameter:
    """Its entries in that order, from `start` on and round to it again."""
    flat, entries = parameter.flatten(), torch.empty_like(parameter, memory_format=torch.contiguous_format)
    torch.take(flat, order[: len(order) - start], out=entries.view(-1)[start:])  # faster than flat[order]
    torch.take(flat, order[len(order) - start :], out=entries.view(-1)[:start])
    return nn.Parameter(entries, requires_grad=parameter.requires_grad)


def _copy(model: nn.Module, parameters: dict[int, Any]) -> nn.Module:
    """A deep copy that holds other parameters, told by the `id` of those in their place."""
    try:
        return copy.deepcopy(model, parameters)
    except Exception as error:  # whatever a network of somebody else holds
        raise UserError(
            "A model is measured beside a copy of it, made by copy.deepcopy",
            f"{type(error).__name__}: {error}",
            "Take what cannot be copied (an open file, a tensor with gradients) out of the network.",
        ) from error
