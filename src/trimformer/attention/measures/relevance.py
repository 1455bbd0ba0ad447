"""Which patches spoke for a class: attention weighted by what it does to the class's logits (Chefer et al. 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from trimformer.attention.measures.geometry import covering_tokens
from trimformer.attention.transformer.blocks import Transformer, find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.passes import without_weight_gradients
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError


@dataclass(frozen=True)
class Relevance:
    """What the blocks brought to the logits of one class on a mask."""

    patches: Float[Tensor, "batch patches"]
    """Relevance of every patch: the mean over the mask's patches of R - I, so that being there counts nothing; NaN
    for a slice whose mask is empty."""
    after_blocks: Float[Tensor, "blocks batch tokens tokens"]
    """R after each block, prefix tokens included."""

    @property
    def full(self) -> Float[Tensor, "batch tokens tokens"]:
        """R after the last block."""
        return self.after_blocks[-1]


def class_relevance(
    model: nn.Module,
    images: Float[Tensor, "batch channels *size"],
    class_index: int,
    mask: Bool[Tensor, "batch *mask_size"],
) -> Relevance:
    """Relevance of every patch for a class where a mask lies: its label, or the prediction.

    R begins as I; block by block R <- R + mean_h[(grad A * A)+] R (Chefer, Gur and Wolf 2021, equations 5 and 6), the
    gradient that of the class's logits summed over the mask. What skips around the transformer (the convolutions of a
    hybrid) is not seen. One forward and one backward pass; the model and its gradients are left as they were.

    Args:
        model: A network from images to logits (batch, classes, *size), with one sequence of blocks.
        images: The slices, or volumes.
        class_index: Which class's logits.
        mask: Where they count, on the logits' grid.

    Raises:
        UserError: The model gives no such logits, the mask is on another grid, or attention is out of sight.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> mask = torch.zeros(1, 32, 32, dtype=torch.bool)
        >>> mask[:, :8, :8] = True
        >>> class_relevance(model, torch.randn(1, 1, 32, 32), 1, mask).patches.shape
        torch.Size([1, 16])
    """
    with evaluating(model), without_weight_gradients(model):
        transformer = find_transformer(model, images)
        steps = _weighted_attention(model, transformer, images, lambda logits: _target(logits, class_index, mask))
    after = [torch.eye(steps[0].shape[-1], dtype=steps[0].dtype, device=steps[0].device).expand_as(steps[0])]
    for step in steps:
        after.append(after[-1] + step @ after[-1])
    return Relevance(_of_patches(after[-1], transformer.grid, mask), torch.stack(after[1:]))


def _target(logits: Any, class_index: int, mask: Tensor) -> Tensor:
    """The class's logits summed over the mask; slices add up, and do not see each other."""
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else ()
    fits = len(shape) == mask.ndim + 1 >= 4 and (shape[0], *shape[2:]) == tuple(mask.shape)
    if not fits or not 0 <= class_index < shape[1]:
        raise UserError(
            "The model gives logits (batch, classes, *size) on the grid of the mask",
            f"{shape or type(logits).__name__}, for class {class_index} on a mask {tuple(mask.shape)}",
            "Give a segmentation network, one of its classes, and the mask on the grid of its logits.",
        )
    return logits[:, class_index][mask.to(logits.device)].sum()


@torch.enable_grad()
def _weighted_attention(
    model: nn.Module, transformer: Transformer, images: Tensor, target: Callable[[Any], Tensor]
) -> list[Float[Tensor, "batch tokens tokens"]]:
    """mean_h[(grad A * A)+] of every block, in their order."""
    seen = _SeeAttended()
    with observe_attention(transformer.blocks, seen.expect), seen:
        logits = model(images.detach().clone().requires_grad_(True))
    if len(seen.attended) != len(transformer.blocks):
        raise UserError(
            "Relevance needs the attention of every block in a function of torch that has a gradient",
            f"{len(seen.attended)} of {len(transformer.blocks)} blocks seen",
            "Choose the fused attention, and take torch.no_grad() and detach() out of the network.",
        )
    outputs = [attended.output for attended in seen.attended]
    gradients = torch.autograd.grad(target(logits), outputs, materialize_grads=True)
    return [_step(attended, gradient) for attended, gradient in zip(seen.attended, gradients, strict=True)]


@dataclass(frozen=True)
class _Attended:
    """What the attention of one block took and gave."""

    call: AttentionCall
    output: Tensor
    projected: bool
    """Whether W_O has mixed the heads already, as `nn.MultiheadAttention` does."""


class _SeeAttended(TorchFunctionMode):
    """Keeps what the attention of every block gave, to take its gradient.

    The output of one head is A V, so the gradient at A is that at the output times V transposed: the network runs as
    it is, and no map is part of the graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attended: list[_Attended] = []
        self._expected: AttentionCall | None = None

    def expect(self, call: AttentionCall) -> None:
        """The function that runs now is this block's attention."""
        self._expected = call

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        call, self._expected = self._expected, None
        if call is not None:
            projected = function is F.multi_head_attention_forward
            mixed = output[0] if projected else output
            if mixed.requires_grad:
                self.attended.append(_Attended(call, mixed, projected))
        return output


def _step(attended: _Attended, gradient: Tensor) -> Float[Tensor, "batch tokens tokens"]:
    """mean_h[(grad A * A)+] of one block, from the gradient at the output of its attention."""
    call = attended.call
    maps, values = call.maps().detach(), call.value.detach()
    batch, heads, tokens, _ = maps.shape
    if attended.projected:  # (tokens, batch, width) after W_O; an only image may have no axis of its own
        merged = gradient.view(tokens, batch, -1) @ call.projection.weight
        gradient = merged.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)
    elif gradient.shape[-2:] != (tokens, values.shape[-1]):
        raise UserError(
            "Attention that the network writes out gives tokens, then the entries of a head",
            f"{tuple(gradient.shape)} of {heads} heads of {tokens} tokens",
            "Choose the fused attention.",
        )
    gradient = gradient.reshape(batch, heads, tokens, -1).to(maps.dtype)
    at_maps = gradient @ values.to(maps.dtype).transpose(-2, -1)
    return (at_maps * maps).clamp(min=0).mean(dim=1)


def _of_patches(full: Tensor, grid: TokenGrid, mask: Tensor) -> Float[Tensor, "batch patches"]:
    """The mean over the patches that the mask covers of their rows of R - I."""
    prefix = grid.num_prefix_tokens
    rows = (full - torch.eye(full.shape[-1], dtype=full.dtype, device=full.device))[:, prefix:, prefix:]
    covered = covering_tokens(mask.to(full.device), _patch_on(mask, grid)).to(full.dtype)
    return (covered[:, None] @ rows)[:, 0] / covered.sum(dim=1, keepdim=True)


def _patch_on(mask: Tensor, grid: TokenGrid) -> tuple[int, ...]:
    """The sides of a patch on the grid of the mask, which may be coarser than the image's."""
    size = tuple(mask.shape[1:])
    if any(pixels % tokens for pixels, tokens in zip(size, grid.grid_size, strict=True)):
        raise UserError(
            "Every patch covers as many pixels of the mask",
            f"a mask of {size} pixels on {grid.grid_size} patches",
            "Give images whose logits the patches divide.",
        )
    return tuple(pixels // tokens for pixels, tokens in zip(size, grid.grid_size, strict=True))
