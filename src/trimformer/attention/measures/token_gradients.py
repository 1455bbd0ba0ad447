"""Which pixels can change a token's state, before the first block and after each: gradients of sampled tokens.

Where attention tells what a block mixes, this tells what arrives: trunk, values, MLP and residual stream included.
The price is a backward pass for every sampled token and depth.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.states import run_blocks
from trimformer.records.errors import UserError

Directions = Float[Tensor, "batch sampled projections width"]
Fields = Float[Tensor, "depths batch sampled tokens"]


@dataclass(frozen=True)
class FieldSample:
    """Which tokens of a batch are asked, and along which directions of their state."""

    queries: Int[Tensor, "batch sampled"]
    """Indices of patches, row by row; prefix tokens are not counted."""
    directions: Directions


def sample_field(
    images: Float[Tensor, "batch channels *size"],
    regions: Iterable[Tensor],
    *,
    tokens_per_slice: int,
    num_projections: int,
    width: int,
    seed: int = 0,
) -> FieldSample:
    """For every slice and region a systematic sample of its tokens, row by row, and normal random directions.

    The draws follow from the seed and the slice's own pixels, so that halves of the data, measured apart, give what
    the whole gives.

    Args:
        images: The slices, or volumes.
        regions: Tokens that may be drawn, each (batch, tokens); a slice without one gets token 0, which its reader
            leaves out.
        tokens_per_slice: Tokens drawn from each region.
        num_projections: Directions for each token.
        width: Entries of a token's state.
        seed: Of the draws.
    """
    masks = torch.stack(list(regions)).cpu()
    queries, directions = [], []
    for index, image in enumerate(images.detach().float().cpu()):
        generator = torch.Generator().manual_seed(seed + zlib.crc32(image.contiguous().numpy().tobytes()))
        queries.append(torch.cat([_systematic(mask[index], tokens_per_slice, generator) for mask in masks]))
        directions.append(torch.randn(len(queries[-1]), num_projections, width, generator=generator))
    return FieldSample(torch.stack(queries).to(images.device), torch.stack(directions).to(images.device))


def _systematic(tokens: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the marked tokens, one from each of as many equal stretches of their list."""
    marked = tokens.nonzero()[:, 0]
    if len(marked) == 0:
        return torch.zeros(count, dtype=torch.long)
    places = (torch.arange(count) + torch.rand(1, generator=generator)) / count * len(marked)
    return marked[places.long().clamp(max=len(marked) - 1)]


@torch.enable_grad()
def token_fields(model: nn.Module, transformer: Transformer, images: Tensor, sample: FieldSample) -> Fields:
    """How much each patch of pixels can change each sampled token, at every depth; rows sum to 1.

    For a token with state x_l in `width` entries, a pixel counts by the norm of d x_l / d pixel (Luo et al. 2016,
    section 3, for one output unit). Along a normal random direction v the size of d (v x_l) / d pixel is that norm
    times a number whose mean is the same for every pixel, so a few directions estimate the field without bias before
    it is normalised; the unit vectors as directions give it exactly. Pixels are summed over each patch.

    One backward pass is run for each sampled token, direction and depth, for all slices of the batch at once: with d
    blocks about d / 2 + 1 times the cost of a backward pass through all blocks, for each token and direction.

    Args:
        model: A network in evaluation mode, in which slices do not see each other.
        transformer: Its blocks; depth 0 is what enters the first.
        images: (batch, channels, rows, columns), or volumes with three axes.
        sample: The tokens and directions.

    Raises:
        UserError: No gradient leads from a token back to the pixels.
    """
    images = images.detach().clone().requires_grad_(True)
    states: list[Tensor] = []
    run_blocks(model, transformer, images, lambda _, tokens: states.append(tokens.clone()))
    slices = torch.arange(len(images), device=images.device)
    prefix, fields = transformer.grid.num_prefix_tokens, []
    for state in states:
        asked = [state[slices, prefix + tokens] for tokens in sample.queries.unbind(dim=1)]
        towards = sample.directions.to(state.dtype).unbind(dim=1)
        rows = [_pixel_norms(*each, images) for each in zip(asked, towards, strict=True)]
        fields.append(_per_patch(torch.stack(rows, dim=1), transformer.grid.patch_sizes))
    return torch.stack(fields)


def _pixel_norms(asked: Tensor, directions: Tensor, images: Tensor) -> Float[Tensor, "batch *size"]:
    """Norm over the directions of the gradient at every pixel, summed over the image's channels."""
    squares = torch.zeros_like(images, dtype=torch.promote_types(images.dtype, torch.float32))
    for direction in directions.unbind(dim=1):
        squares += _gradient((asked * direction).sum(), images).square()
    return squares.sqrt().sum(dim=1)


def _gradient(target: Tensor, images: Tensor) -> Tensor:
    """The target's gradient at the pixels, as wide as a sum of squares needs."""
    found: Tensor | None = None
    if target.requires_grad:
        (found,) = torch.autograd.grad(target, images, retain_graph=True, allow_unused=True)
    if found is None:
        raise UserError(
            "A token's state depends on the pixels by operations that have a gradient",
            "a state that does not",
            "Take torch.no_grad() and detach() out of the network's way from the image to its blocks.",
        )
    return found.to(torch.promote_types(found.dtype, torch.float32))


def _per_patch(pixels: Float[Tensor, "batch sampled *size"], patch_sizes: tuple[int, ...]) -> Tensor:
    """Sums over every patch, rows normalised: (batch, sampled, tokens)."""
    mean = F.avg_pool2d if len(patch_sizes) == 2 else F.avg_pool3d
    sums = mean(pixels, patch_sizes).flatten(2)
    return sums / sums.sum(dim=-1, keepdim=True)
