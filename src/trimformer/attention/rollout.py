"""Attention followed through the blocks: from which input tokens does a token's state come?"""

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.observe import AttentionCall

Field = Float[Tensor, "batch queries keys"]


def half_residual(maps: Float[Tensor, "batch heads queries keys"]) -> Field:
    """One block's step A/2 + I/2, A the head mean (Abnar and Zuidema 2020, equation 1). Rows sum to 1."""
    mean = maps.mean(dim=1)
    return (mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)) / 2


def norm_weighted(call: AttentionCall, maps: Float[Tensor, "batch heads queries keys"]) -> Field:
    """One block's step from the norms of what is really added up. Rows sum to 1.

    Entry (i, j) is the norm of sum_h a_ij^h W_O^h v_j^h, plus the residual x_i where i = j (Kobayashi et al. 2021,
    equation 5 without the layer norm), divided by the row's sum. The norm off the diagonal is a quadratic form in
    the heads' attention with the Gram matrix of token j's head outputs, so no vector per pair is ever made.
    """
    outputs = _head_outputs(call).to(maps.dtype)
    gram = torch.einsum("bhjw,bkjw->bjhk", outputs, outputs)
    by_key = maps.permute(0, 3, 2, 1)  # batch, keys, queries, heads
    squares = ((by_key @ gram) * by_key).sum(dim=-1).transpose(1, 2)
    norms = squares.clamp(min=0).sqrt()
    own = torch.einsum("bhi,bhiw->biw", maps.diagonal(dim1=-2, dim2=-1), outputs) + call.block_input.to(maps.dtype)
    norms.diagonal(dim1=-2, dim2=-1).copy_(own.norm(dim=-1))
    return norms / norms.sum(dim=-1, keepdim=True)


def _head_outputs(call: AttentionCall) -> Float[Tensor, "batch heads tokens width"]:
    """W_O^h v_j^h for every head and token."""
    _, num_heads, _, depth = call.value.shape
    weight = call.output_weight().view(-1, num_heads, depth)  # width, heads, depth
    return torch.einsum("bhjd,whd->bhjw", call.value.to(weight.dtype), weight)
