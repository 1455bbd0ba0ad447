"""Attention that cannot look beyond a radius while a model runs; the model itself is not changed."""

import inspect
import math
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from trimformer.attention.calls.follow import in_this_pass
from trimformer.attention.measures.geometry import token_distances
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError

ROUNDING_MM = 1e-6
"""A key that lies beyond the radius by less is on it."""

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@contextmanager
def limited_attention(
    model: nn.Module,
    transformer: Transformer,
    radius_mm: float,
    blocks: Collection[int],
    spacing_mm: tuple[float, ...],
) -> Iterator[None]:
    """While the model runs inside the `with`, the keys beyond a radius get minus infinity before the softmax.

    A token always sees itself, so that radius 0 is attention to itself alone. Class and register tokens see all and
    are seen by all: what they carry across the image is not limited. A mask that the model has of its own stays.
    The model is left as it was, exception or not.

    Args:
        model: A network in evaluation mode that attends by `F.scaled_dot_product_attention`, `nn.MultiheadAttention`
            or a softmax over its scores, on images of the size that `transformer` was found with.
        transformer: Its blocks and token grid, from `find_transformer`.
        radius_mm: Between the centres of two tokens, in mm; a key on it is seen.
        blocks: Which blocks are limited, counted from 0.
        spacing_mm: Of the images along each of their two or three axes, in mm.

    Raises:
        UserError: The radius is negative, there is no such block, a limited block did not run, or attends among other
            tokens than those of the grid.

    Example:
        >>> import trimformer as tf
        >>> from trimformer.attention.transformer.blocks import find_transformer
        >>> model = tf.create_model("unetr", num_classes=4, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> images = torch.zeros(1, 1, 32, 32)
        >>> with limited_attention(model.eval(), find_transformer(model, images), 16.0, [0, 1], (1.0, 1.0)):
        ...     model(images).shape
        torch.Size([1, 4, 32, 32])
    """
    _check(transformer, radius_mm, blocks)
    limit = _Limit(beyond_radius(transformer.grid, radius_mm, spacing_mm))
    chosen = {index: transformer.blocks[index] for index in blocks}
    with ExitStack() as stack:
        for index, block in chosen.items():
            stack.callback(block.module.register_forward_pre_hook(partial(limit.entering, index)).remove)
            stack.callback(block.module.register_forward_hook(limit.leaving, always_call=True).remove)
        stack.enter_context(as_written())
        stack.enter_context(limit)
        yield
    if missing := [block.name for index, block in chosen.items() if index not in limit.limited]:
        raise UserError(
            "Every block whose attention is limited runs its attention inside the `with`, where torch can be followed",
            f"nothing from {', '.join(missing)} of {type(model).__name__}",
            "Call the model inside the `with`; give a network that attends by F.scaled_dot_product_attention.",
        )


def beyond_radius(grid: TokenGrid, radius_mm: float, spacing_mm: tuple[float, ...]) -> Bool[Tensor, "tokens tokens"]:
    """Which keys (columns) each query (row) may not see; prefix tokens come first and are free."""
    distances = token_distances(grid.grid_size, token_sides_mm(grid, spacing_mm))
    prefix = grid.num_prefix_tokens
    return F.pad(distances > radius_mm + ROUNDING_MM, (prefix, 0, prefix, 0), value=False)


def token_sides_mm(grid: TokenGrid, spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Of a patch, along each axis.

    Raises:
        UserError: The spacing has not as many axes as the grid.
    """
    if len(spacing_mm) != len(grid.patch_sizes):
        raise UserError(
            f"Tokens on a grid of {grid.grid_size} lie {len(grid.grid_size)} spacings apart",
            f"{spacing_mm} mm",
            "Give the spacing of the images along each axis of the grid.",
        )
    return tuple(patch * mm for patch, mm in zip(grid.patch_sizes, spacing_mm, strict=True))


def as_written() -> AbstractContextManager[object]:
    """Compiled code runs as it was written meanwhile, so that what happens inside it can be changed."""
    # Without the compiler nothing is compiled, and loading it takes seconds.
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def _check(transformer: Transformer, radius_mm: float, blocks: Collection[int]) -> None:
    if math.isnan(radius_mm) or radius_mm < 0:
        raise UserError("A radius of attention is 0 mm or more", radius_mm, "Give a distance in mm.")
    count = len(transformer.blocks)
    if wrong := [index for index in blocks if not 0 <= index < count]:
        raise UserError(f"The blocks are counted from 0 to {count - 1}", wrong, "Choose among these.")


class _Limit(TorchFunctionMode):
    """Puts the mask into every attention that runs while a chosen block does."""

    def __init__(self, beyond: Bool[Tensor, "tokens tokens"]) -> None:
        super().__init__()
        self.limited: set[int] = set()
        self._beyond = beyond
        self._running: list[int] = []
        self._is_ours = in_this_pass()

    def entering(self, index: int, *_: object) -> None:
        if self._is_ours():
            self._running.append(index)

    def leaving(self, *_: object) -> None:
        if self._is_ours():
            self._running.pop()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._running and (limit := self._how(function, args, kwargs)):
            args, kwargs = limit(self._beyond_on, *args, **kwargs)
            self.limited.add(self._running[-1])
        return function(*args, **kwargs)

    def _how(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[..., Arguments] | None:
        if function in (F.softmax, torch.softmax, Tensor.softmax):
            scores = args[0] if args else kwargs["input"]
            return _limit_softmax if scores.shape[-2:] == self._beyond.shape else None
        return {
            F.scaled_dot_product_attention: _limit_scaled_dot_product,
            F.multi_head_attention_forward: _limit_multi_head,
        }.get(function)

    def _beyond_on(self, tensor: Tensor, num_queries: int, num_keys: int) -> Tensor:
        """The mask on the device of a tensor."""
        if self._beyond.shape != (num_queries, num_keys):
            raise UserError(
                f"Attention that is limited runs among the {len(self._beyond)} tokens of the grid",
                f"{num_queries} queries and {num_keys} keys",
                "Give images of the size that the transformer was found with.",
            )
        self._beyond = self._beyond.to(tensor.device)
        return self._beyond


def _limit_scaled_dot_product(  # the arguments of torch's function
    beyond_on: Callable[[Tensor, int, int], Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **rest: Any,
) -> Arguments:
    beyond = beyond_on(query, query.shape[-2], key.shape[-2])
    if attn_mask is None:
        seen = ~beyond
        attn_mask = seen.tril() if is_causal else seen
    elif attn_mask.dtype == torch.bool:
        attn_mask = attn_mask & ~beyond
    else:
        attn_mask = attn_mask.masked_fill(beyond, -torch.inf)
    return (query, key, value, attn_mask, dropout_p), rest


_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)


def _limit_multi_head(beyond_on: Callable[[Tensor, int, int], Tensor], *args: Any, **kwargs: Any) -> Arguments:
    bound = _MULTI_HEAD.bind(*args, **kwargs)
    given = bound.arguments
    query = given["query"]
    beyond = beyond_on(query, len(query), len(given["key"]))
    # torch wants both masks of one kind, and its own causal shortcut would pass over this one.
    for name in ("attn_mask", "key_padding_mask"):
        if (mask := given.get(name)) is not None and mask.dtype == torch.bool:
            given[name] = torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill(mask, -torch.inf)
    mask = given.get("attn_mask")
    mask = torch.zeros(beyond.shape, dtype=query.dtype, device=query.device) if mask is None else mask
    given |= {"attn_mask": mask.masked_fill(beyond, -torch.inf), "is_causal": False}
    return bound.args, bound.kwargs


def _limit_softmax(beyond_on: Callable[[Tensor, int, int], Tensor], *args: Any, **kwargs: Any) -> Arguments:
    scores = args[0] if args else kwargs.pop("input")
    beyond = beyond_on(scores, scores.shape[-2], scores.shape[-1])
    return (scores.masked_fill(beyond, -torch.inf), *args[1:]), kwargs
