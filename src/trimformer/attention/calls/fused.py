"""The functions of torch through which a network attends, read alike: heads of queries, keys and values."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import reduce
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from trimformer.records.errors import UserError


@dataclass(frozen=True)
class Heads:
    """What one attention mixes: softmax(Q K^T * scale + mask) V, head by head.

    Of an attention that the network writes out, only the scores are known: they stand in the mask, and queries and
    keys have depth 0.
    """

    query: Float[Tensor, "batch heads queries depth"]
    key: Float[Tensor, "batch heads keys depth"]
    value: Float[Tensor, "batch heads keys value_depth"]
    scale: float
    mask: Float[Tensor, "..."] | None = None
    """What is added before the softmax, broadcast over the scores: a bias, or minus infinity."""

    def scores(self) -> Float[Tensor, "batch heads queries keys"]:
        """Q K^T / sqrt(d_k), and the mask where there is one, before the softmax, in float32 or wider."""
        scores = (_at_least_float32(self.query) * self.scale) @ _at_least_float32(self.key).transpose(-2, -1)
        return scores if self.mask is None else scores + self.mask

    def maps(self) -> Float[Tensor, "batch heads queries keys"]:
        """The attention after the softmax; rows sum to 1."""
        return self.scores().softmax(dim=-1)


def part_of(heads: Heads, images: slice, queries: slice = slice(None)) -> Heads:
    """Some images, or windows, of what an attention mixes, and some of their queries; nothing is copied."""
    mask = heads.mask
    if mask is not None:
        shape = (*heads.query.shape[:3], heads.key.shape[2])
        mask = mask.expand(shape)[images, :, queries]
    return Heads(heads.query[images, :, queries], heads.key[images], heads.value[images], heads.scale, mask)


See = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], None]
"""Is told a function of torch and its arguments."""

Saw = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any], object]
"""Is told a function of torch, its arguments and what it returned."""


@contextmanager
def see_functions(see: See, saw: Saw | None = None) -> Iterator[None]:
    """Tell every function of torch just before it runs, and if wanted just after.

    Meanwhile torch leaves the fast paths of `nn.MultiheadAttention` and `nn.TransformerEncoderLayer` by itself, so that
    their attention is a function too, and compiled code runs as it was written.
    """
    # Without the compiler nothing is compiled, and loading it takes seconds.
    compiled = "torch._dynamo" in sys.modules
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext(), _SeeFunctions(see, saw):
        yield


class _SeeFunctions(TorchFunctionMode):
    def __init__(self, see: See, saw: Saw | None) -> None:
        super().__init__()
        self.see, self.saw = see, saw

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        # What is computed here is no part of the network: whoever else sees functions is not told.
        with torch._C.DisableTorchFunction():
            self.see(function, args, kwargs)
        result = function(*args, **kwargs)
        if self.saw is not None:
            with torch._C.DisableTorchFunction():
                self.saw(function, args, kwargs, result)
        return result


def heads_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Heads | None:
    """The heads that a call mixes; None where the function is no attention.

    Raises:
        UserError: `nn.MultiheadAttention` adds keys of its own.
    """
    if function is F.scaled_dot_product_attention:
        return _from_scaled_dot_product(*args, **kwargs)
    if function is F.multi_head_attention_forward:
        with torch.no_grad():
            return _from_multi_head(*args, **kwargs)
    return None


def _from_scaled_dot_product(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 - the maps are those before the dropout
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,  # noqa: ARG001 - seen in the shapes
) -> Heads:
    leading = query.shape[:-3]
    query, key, value = (_with_heads(tensor) for tensor in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    if is_causal:
        attn_mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = _forbidding(~attn_mask)
    if attn_mask is not None and attn_mask.ndim == 3 and not leading:  # heads counted with the batch, as the tokens
        attn_mask = attn_mask.unsqueeze(1)
    if attn_mask is not None and attn_mask.ndim > 4:
        attn_mask = attn_mask.expand(*leading, *attn_mask.shape[-3:]).flatten(0, -4)
    return Heads(query, key, value, query.shape[-1] ** -0.5 if scale is None else scale, attn_mask)


def _with_heads(tensor: Tensor) -> Float[Tensor, "batch heads tokens depth"]:
    """Windows counted with the batch, and one head where there is no axis of heads."""
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.flatten(0, tensor.ndim - 4)


_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)


def _from_multi_head(*args: Any, **kwargs: Any) -> Heads:
    bound = _MULTI_HEAD.bind(*args, **kwargs)
    bound.apply_defaults()
    given = SimpleNamespace(**bound.arguments)
    if given.add_zero_attn or given.bias_k is not None or given.static_k is not None:
        raise UserError(
            "The keys of nn.MultiheadAttention are its tokens",
            "keys added to them",
            "Build it without add_zero_attn and add_bias_kv.",
        )
    separate = (given.q_proj_weight, given.k_proj_weight, given.v_proj_weight)
    weights = separate if given.use_separate_proj_weight else given.in_proj_weight.chunk(3)
    biases = (None, None, None) if given.in_proj_bias is None else given.in_proj_bias.chunk(3)
    query, key, value = (
        _split(F.linear(tokens, weight, bias), given.num_heads)
        for tokens, weight, bias in zip((given.query, given.key, given.value), weights, biases, strict=True)
    )
    return Heads(query, key, value, query.shape[-1] ** -0.5, _multi_head_mask(given, len(query)))


def _split(tokens: Float[Tensor, "tokens *batch width"], num_heads: int) -> Float[Tensor, "batch heads tokens depth"]:
    """The heads of tokens that come first along the axes, as `nn.MultiheadAttention` has them inside."""
    tokens = tokens.unsqueeze(1) if tokens.ndim == 2 else tokens
    return tokens.unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3)


def _multi_head_mask(given: SimpleNamespace, batch: int) -> Tensor | None:
    """Both masks of `nn.MultiheadAttention` as one; there, unlike elsewhere in torch, True is what is forbidden."""
    masks = []
    if given.attn_mask is not None:
        mask = _forbidding(given.attn_mask)
        masks.append(mask.unflatten(0, (batch, -1)) if mask.ndim == 3 else mask)
    if given.key_padding_mask is not None:
        masks.append(_forbidding(given.key_padding_mask).view(batch, 1, 1, -1))
    return reduce(torch.add, masks) if masks else None


def _forbidding(mask: Bool[Tensor, "..."] | Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Minus infinity where a mask of truth values is True; a mask of numbers is that already."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill(mask, -torch.inf)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
