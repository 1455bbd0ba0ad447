"""How much a model computes for one slice, counted in two ways that know nothing of each other."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from trimformer.models.anatomy.dry_run import dry_run


@dataclass(frozen=True)
class Operations:
    """Multiply-accumulates of one forward pass, counted twice."""

    by_kernel: int
    """From the kernels that torch dispatched to: what it computes in the end."""
    by_call: int
    """From the functions that the model called, out of the shapes of arguments and results."""

    @property
    def agree(self) -> bool:
        """Whether both counts are the same; where they are not, neither is to be trusted unseen."""
        return self.by_kernel == self.by_call


def count_operations(model: nn.Module, image_size: int, in_channels: int = 1) -> Operations:
    """Count the multiply-accumulates of one slice's forward pass; the model is left as it is.

    Convolutions, transposed convolutions, linear layers and the two products of attention count, once for each weight
    or pair that is multiplied. Biases, normalisations, activations, the softmax, pooling and interpolation do not:
    they are memory traffic rather than arithmetic. A padded border counts like any other position.

    Args:
        model: Any network for images (batch, in_channels, image_size, image_size).
        image_size: Rows = columns of the slice, in pixels.
        in_channels: Channels of the slice.

    Example:
        >>> count_operations(nn.Conv2d(1, 8, 3, padding=1), image_size=4)
        Operations(by_kernel=1152, by_call=1152)
    """
    return dry_run(model, image_size, in_channels, _count)


def _count(model: nn.Module, image: Tensor) -> Operations:
    kernels, calls = FlopCounterMode(display=False), _CallCounter()
    with kernels, calls:
        model(image)
    # torch counts a multiplication and an addition as two.
    return Operations(by_kernel=kernels.get_total_flops() // 2, by_call=calls.total)


class _CallCounter(TorchFunctionMode):
    """Sees every function that the model calls; what such a function calls inside is not seen again."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if function in _RULES:
            self.total += _RULES[function](_Call(result, args, kwargs))
        return result


@dataclass(frozen=True)
class _Call:
    """A function's result and what it was given."""

    result: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, in their order, those in lists too."""
        return [value for value in tree_leaves((self.args, self.kwargs)) if isinstance(value, Tensor)]


def _convolution(call: _Call) -> int:
    """Every output sees its group's channels under the kernel."""
    return call.result.numel() * prod(call.tensors[1].shape[1:])


def _transposed_convolution(call: _Call) -> int:
    """Every input is spread over its group's channels under the kernel."""
    return call.tensors[0].numel() * prod(call.tensors[1].shape[1:])


def _product(call: _Call) -> int:
    return call.result.numel() * call.tensors[0].shape[-1]


def _later_product(call: _Call) -> int:
    """The first tensor is added to the product, or stands on the right of it."""
    return call.result.numel() * call.tensors[1].shape[-1]


def _attention(call: _Call) -> int:
    """Query times key, and the maps times the values: both for every pair of positions and every head."""
    query, key, *_ = call.tensors
    return prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + call.result.shape[-1])


def _multi_head_attention(call: _Call) -> int:
    """Four projections and the two products; tensors are (positions, batch, width) or (positions, width)."""
    given = signature(F.multi_head_attention_forward).bind(*call.args, **call.kwargs).arguments
    query, key, value, width = (given[name] for name in ("query", "key", "value", "embed_dim_to_check"))
    batch = query.shape[1] if query.ndim == 3 else 1
    num_keys = len(key) + (given["bias_k"] is not None) + given["add_zero_attn"]
    projections = width * (2 * query.numel() + key.numel() + value.numel())
    return projections + 2 * batch * width * len(query) * num_keys


def _einsum(call: _Call) -> int:
    """Every combination of the indices of two operands, without those that one operand sums alone.

    Three operands or more have no count of their own, since it depends on the order: the two counts then disagree.
    """
    if len(call.tensors) != 2:
        return 0
    names, _, output = call.args[0].replace(" ", "").replace("...", "").partition("->")
    first, second = names.split(",")
    sizes: dict[str, int] = {}
    for indices, operand in zip((first, second), call.tensors, strict=True):
        # What an ellipsis stands for comes first in `shape`, and is counted with the result.
        sizes |= dict(zip(reversed(indices), reversed(operand.shape), strict=False))
    return call.result.numel() * prod(sizes[name] for name in set(first) & set(second) if name not in output)


_COUNTED: tuple[tuple[Callable[[_Call], int], tuple[Any, ...]], ...] = (
    (_convolution, (torch.conv1d, torch.conv2d, torch.conv3d)),
    (_transposed_convolution, (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)),
    (_product, (F.linear, torch.matmul, torch.mm, torch.bmm)),
    (_product, (Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.bmm)),
    (_later_product, (torch.addmm, torch.baddbmm, Tensor.addmm, Tensor.baddbmm, Tensor.__rmatmul__)),
    (_attention, (F.scaled_dot_product_attention,)),
    (_multi_head_attention, (F.multi_head_attention_forward,)),
    (_einsum, (torch.einsum,)),
)
_RULES = {function: rule for rule, functions in _COUNTED for function in functions}
