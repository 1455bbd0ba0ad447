"""Attention followed through the blocks: from which input tokens does a token's state come?"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.transformer.observe import AttentionCall

Field = Float[Tensor, "batch queries keys"]
HeadProducts = Float[Tensor, "heads_times_depth heads_times_depth"]

ROOM = 300_000
"""Numbers that are worked on at once: they stay in a core's cache."""


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
    added = Added.of(call, head_products(call) if products is None else products)
    return torch.stack([added.step(image, of_image) for image, of_image in enumerate(maps)])


def head_products(call: AttentionCall) -> HeadProducts:
    """W_O^T W_O: the products between what any two entries of the heads add. They depend on the weights alone."""
    weight = call.output_weight().detach()
    return weight.T @ weight


@dataclass(frozen=True)
class Added:
    """What the heads and the residual add of each key, by the products of these vectors with each other."""

    gram: Float[Tensor, "batch keys heads heads"]
    towards: Float[Tensor, "batch keys heads"]
    """x_j W_O^h v_j^h."""
    residual: Float[Tensor, "batch keys"]
    """x_j x_j."""

    @classmethod
    def of(cls, call: AttentionCall, products: HeadProducts) -> "Added":
        """What a block adds, whose `head_products` are at hand."""
        weight = call.output_weight().detach()
        heads = call.value.transpose(1, 2).to(weight.dtype)  # batch, keys, heads, depth
        inputs = call.block_input.to(weight.dtype)
        towards = (inputs @ weight).view_as(heads).mul_(heads).sum(dim=-1)
        return cls(_gram(heads, products), towards, inputs.square().sum(dim=-1))

    def step(self, image: int, maps: Float[Tensor, "heads queries keys"]) -> Float[Tensor, "queries keys"]:
        """The `norm_weighted` step of one image; one at a time, its maps stay in the processor's cache."""
        squares = _quadratic_forms(maps, self.gram[image].to(maps.dtype))
        own = maps.diagonal(dim1=-2, dim2=-1).T  # keys, heads
        residual = 2 * (own * self.towards[image]).sum(dim=-1) + self.residual[image]  # which is added once
        squares.diagonal().add_(residual)
        norms = squares.clamp_(min=0).sqrt_()
        return norms / norms.sum(dim=-1, keepdim=True)


def _gram(heads: Float[Tensor, "batch keys heads depth"], products: HeadProducts) -> Tensor:
    """The products of what every two heads add of each key: (batch, keys, heads, heads), each pair computed once."""
    *leading, num_heads, depth = heads.shape
    flat = heads.reshape(-1, num_heads, depth)
    gram = flat.new_empty(len(flat), num_heads, num_heads)
    some = max(1, ROOM // (num_heads * depth))
    room = flat.new_empty(flat[:some].numel())  # for each product in turn: new memory costs as much as they do
    for keys, of_keys in zip(flat.split(some), gram.split(some), strict=True):
        for head in range(num_heads):
            begin = head * depth
            added = room[: len(keys) * (num_heads - head) * depth].view(len(keys), -1)
            torch.mm(keys[:, head], products[begin : begin + depth, begin:], out=added)
            row = added.view(len(keys), -1, depth).mul_(keys[:, head:]).sum(dim=-1)
            of_keys[:, head, head:], of_keys[:, head:, head] = row, row
    return gram.view(*leading, num_heads, num_heads)


def _quadratic_forms(maps: Float[Tensor, "heads queries keys"], gram: Tensor) -> Float[Tensor, "queries keys"]:
    """a^T G_j a for the heads' attention a to key j."""
    by_key = maps.transpose(1, 2).contiguous().transpose(0, 1)  # keys, heads, queries
    return (gram @ by_key).mul_(by_key).sum(dim=1).T
