"""Which of the axes in front of an attention's tokens holds its heads, told from where its queries lie."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.product_places import Coordinates


@dataclass(frozen=True)
class HeadAxis:
    """Heads that stand elsewhere than right in front of the tokens: before the windows, or counted with the batch.

    In the list of all that stands in front of the tokens, `num_heads` parts of `num_inner` entries each come one after
    another, and then again.
    """

    num_heads: int
    num_inner: int

    def relaid(self, tensor: Tensor) -> Tensor:
        """(batch, slots, ...) as (batch * windows, heads, ...)."""
        apart = tensor.flatten(0, 1).unflatten(0, (-1, self.num_heads, self.num_inner))
        return apart.transpose(1, 2).flatten(0, 1)

    def of(self, heads: Heads) -> Heads:
        """What one attention mixes, with its heads where they belong."""
        query, key, value = map(self.relaid, (heads.query, heads.key, heads.value))
        mask = heads.mask
        if mask is not None and math.prod(mask.shape[:-2]) > 1:
            mask = self.relaid(mask.expand(*heads.query.shape[:2], *mask.shape[-2:]))
        return replace(heads, query=query, key=key, value=value, mask=mask)


def find_head_axis(queries: Coordinates) -> HeadAxis | None:
    """Where the heads stand, if elsewhere than in the second axis: they alone have all their tokens in the same places.

    None where they do stand there, or where it cannot be told.

    Args:
        queries: The coordinates of the queries, (batch, slots, tokens) each.
    """
    slots = queries[0].shape[1]
    if slots > 1 and stand_alike(queries):
        return None
    rows = torch.stack([axis.flatten(0, 1) for axis in queries], dim=-1)  # entries, tokens, axes
    alike = (rows == rows[0]).flatten(1).all(dim=1).nonzero()[:, 0].tolist()
    if not rows[0, :, 0].any() or (slots == 1 and len(alike) == 1):  # tokens that stand nowhere; a single head
        return None
    num_inner = alike[1] if len(alike) > 1 else 1
    num_heads = next((count for count, at in enumerate(alike) if at != count * num_inner), len(alike))
    axis = HeadAxis(num_heads, num_inner)
    if len(rows) % (num_heads * num_inner):
        return None
    return axis if stand_alike(tuple(map(axis.relaid, queries))) else None


def stand_alike(coordinates: Coordinates, along: int = 1) -> bool:
    """Whether places (batch, heads, tokens) are the same in every head, or along another axis."""
    return all(axis.stride(along) == 0 or bool((axis == axis.narrow(along, 0, 1)).all()) for axis in coordinates)
