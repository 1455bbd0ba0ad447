"""A forward pass that computes nothing: only the shapes go through the model."""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

Result = TypeVar("Result")


def dry_run(model: nn.Module, image_size: int, in_channels: int, run: Callable[[nn.Module, Tensor], Result]) -> Result:
    """What `run(copy of the model, one image)` returns; the model itself is left as it is.

    Copy and image are on the meta device, so that the widest model costs no time and no memory. A model that must see
    numbers (it holds a tensor that is neither parameter nor buffer, or asks for a value) runs again on black pixels.

    Args:
        model: Any network for images (1, in_channels, image_size, image_size).
        image_size: Rows = columns of the image, in pixels.
        in_channels: Channels of the image.
        run: What is done with both, in eval mode, without gradients and with the attention in its plain products.
    """
    shape = (1, in_channels, image_size, image_size)
    reference = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        try:
            return run(without_data(model), torch.empty(shape, dtype=reference.dtype, device="meta"))
        except RuntimeError:  # also torch's NotImplementedError, where an operation has no meta kernel
            image = torch.zeros(shape, dtype=reference.dtype, device=reference.device)
            return run(deepcopy(model).eval(), image)


def without_data(model: nn.Module) -> nn.Module:
    """A copy of the model in eval mode whose parameters and buffers have shapes alone."""
    # deepcopy takes what its memo holds for a tensor, and so never copies the data.
    memo = {id(tensor): _shape_of(tensor) for tensor in chain(model.parameters(), model.buffers())}
    return deepcopy(model, memo).eval()


def _shape_of(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
