"""Attention followed through the blocks: from which input tokens does a token's state come?"""

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.transformer.observe import AttentionCall

Field = Float[Tensor, "batch queries keys"]


def half_residual(maps: Float[Tensor, "batch heads queries keys"]) -> Field:
    """One block's step A/2 + I/2, A the head mean (Abnar and Zuidema 2020, equation 1). Rows sum to 1."""
    return half_identity(maps.mean(dim=1))


def half_identity(mean: Field) -> Field:
    """The same step from the head mean."""
    return (mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)) / 2


def norm_weighted(call: AttentionCall, maps: Float[Tensor, "batch heads queries keys"]) -> Field:
    """One block's step from the norms of what is really added up. Rows sum to 1.

    Entry (i, j) is the norm of sum_h a_ij^h W_O^h v_j^h, plus the residual x_i where i = j (Kobayashi et al. 2021,
    equation 5 without the layer norm), divided by the row's sum. A norm is a quadratic form in the heads' attention
    with the Gram matrix of token j's head outputs (and its residual), so no vector per pair is ever made. The images
    come one after the other, so that what is between stays in the processor's cache.
    """
    _, num_heads, _, depth = call.value.shape
    weight = call.output_weight().detach().view(-1, num_heads, depth).permute(1, 2, 0).contiguous()
    value, inputs = call.value.to(weight.dtype), call.block_input.to(weight.dtype)
    norms = torch.stack([_norms(*image, weight) for image in zip(maps, value, inputs, strict=True)])
    return norms / norms.sum(dim=-1, keepdim=True)


def _norms(
    maps: Float[Tensor, "heads queries keys"],
    value: Float[Tensor, "heads keys depth"],
    inputs: Float[Tensor, "keys width"],
    weight: Float[Tensor, "heads depth width"],
) -> Float[Tensor, "queries keys"]:
    """Of what each query adds up from each key, the residual of the query itself included."""
    num_heads = len(maps)
    added = torch.cat([value @ weight, inputs[None]]).to(maps.dtype).transpose(0, 1)  # keys, heads and residual, width
    gram = added @ added.transpose(1, 2)
    by_key = maps.permute(2, 1, 0).contiguous()  # keys, queries, heads
    squares = ((by_key @ gram[:, :num_heads, :num_heads]) * by_key).sum(dim=-1).T
    diagonal = maps.diagonal(dim1=-2, dim2=-1).T
    own = torch.cat([diagonal, torch.ones_like(diagonal[:, :1])], dim=1)  # the residual is added once
    own_squares = ((own[:, None] @ gram)[:, 0] * own).sum(dim=-1)
    return squares.diagonal_scatter(own_squares).clamp(min=0).sqrt()
