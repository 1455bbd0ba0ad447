"""The permuted twin: the same network after everything it learnt about position in its weights is shuffled away."""

import copy

import torch
from torch import nn


def permuted_twin(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of the model in which the entries of every weight tensor are shuffled.

    Every tensor keeps its values, so scales and norms stay as training made them; what is lost is the arrangement.
    The original is untouched, and the same seed gives the same twin.
    """
    twin = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in twin.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return twin
