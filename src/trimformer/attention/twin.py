"""The permuted twin: the same network after everything it learnt about position in its weights is shuffled away."""

import copy

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
    twin = _copy(model)
    generator = torch.Generator().manual_seed(seed)
    orders: dict[int, Tensor] = {}  # to draw one takes longest: tensors of one size share it, each from its own start
    with torch.no_grad():
        for parameter in twin.parameters():
            count = parameter.numel()
            if count not in orders:
                orders[count] = torch.randperm(count, generator=generator).to(parameter.device)
            start = int(torch.randint(count, (), generator=generator))
            shuffled = parameter.flatten().index_select(0, orders[count].roll(start))  # thrice as fast as [order]
            parameter.copy_(shuffled.view_as(parameter))
    return twin


def _copy(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever a network of somebody else holds
        raise UserError(
            "A model is measured beside a copy of it, made by copy.deepcopy",
            f"{type(error).__name__}: {error}",
            "Take what cannot be copied (an open file, a tensor with gradients) out of the network.",
        ) from error
