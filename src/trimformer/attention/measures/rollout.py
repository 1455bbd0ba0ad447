"""Attention followed through the blocks: from which input tokens does a token's state come?"""

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.transformer.observe import AttentionCall

Field = Float[Tensor, "batch queries keys"]
HeadProducts = Float[Tensor, "heads_times_depth heads_times_depth"]


def half_residual(maps: Float[Tensor, "batch heads queries keys"]) -> Field:
    """One block's step A/2 + I/2, A the head mean (Abnar and Zuidema 2020, equation 1). Rows sum to 1."""
    return half_identity(maps.mean(dim=1))


def half_identity(mean: Field) -> Field:
    """The same step from the head mean."""
    return (mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)) / 2


def norm_weighted(
    call: AttentionCall, maps: Float[Tensor, "batch heads queries keys"], products: HeadProducts | None = None
) -> Field:
    """One block's step from the norms of what is really added up. Rows sum to 1.

    Entry (i, j) is the norm of sum_h a_ij^h W_O^h v_j^h, plus the residual x_i where i = j (Kobayashi et al. 2021,
    equation 5 without the layer norm), divided by the row's sum. A norm is a quadratic form in the heads' attention
    with the Gram matrix of what token j's heads add, so no vector per pair is ever made.

    Args:
        call: What the block gave to its attention.
        maps: Its attention after the softmax.
        products: `head_products` of the block, where they are at hand from an earlier batch.
    """
    weight = call.output_weight().detach()
    products = head_products(call) if products is None else products
    heads = call.value.transpose(1, 2).to(weight.dtype)  # batch, keys, heads, depth
    gram = _gram(heads, products).to(maps.dtype)
    inputs = call.block_input.to(weight.dtype)
    towards = ((inputs @ weight).view_as(heads) * heads).sum(dim=-1)  # batch, keys, heads: x_j W_O^h v_j^h
    diagonal = maps.diagonal(dim1=-2, dim2=-1).transpose(1, 2)
    residual = 2 * (diagonal * towards).sum(dim=-1) + inputs.square().sum(dim=-1)  # the residual is added once
    squares = _quadratic_forms(maps, gram)
    squares.diagonal(dim1=-2, dim2=-1).add_(residual)
    norms = squares.clamp(min=0).sqrt()
    return norms / norms.sum(dim=-1, keepdim=True)


def head_products(call: AttentionCall) -> HeadProducts:
    """W_O^T W_O: the products between what any two entries of the heads add. They depend on the weights alone."""
    weight = call.output_weight().detach()
    return weight.T @ weight


def _gram(heads: Float[Tensor, "batch keys heads depth"], products: HeadProducts) -> Tensor:
    """The products of what every two heads add of each key: (batch, keys, heads, heads), each pair computed once."""
    *leading, num_heads, depth = heads.shape
    flat = heads.reshape(-1, num_heads, depth)
    gram = flat.new_empty(len(flat), num_heads, num_heads)
    for head in range(num_heads):
        begin = head * depth
        added = flat[:, head] @ products[begin : begin + depth, begin:]
        row = (added.view(len(flat), -1, depth) * flat[:, head:]).sum(dim=-1)
        gram[:, head, head:], gram[:, head:, head] = row, row
    return gram.view(*leading, num_heads, num_heads)


def _quadratic_forms(maps: Float[Tensor, "batch heads queries keys"], gram: Tensor) -> Field:
    """a^T G_j a for the heads' attention a to key j; image by image, so that it stays in the processor's cache."""
    num_heads, num_queries, num_keys = maps.shape[1:]
    forms = []
    for image, of_keys in zip(maps, gram, strict=True):
        by_key = image.flatten(0, 1).t().contiguous().view(num_keys, num_heads, num_queries)
        forms.append((of_keys @ by_key).mul_(by_key).sum(dim=1).T)
    return torch.stack(forms)
