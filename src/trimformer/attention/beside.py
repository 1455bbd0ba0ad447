"""What else is measured while a batch is profiled, in the same forward pass."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from trimformer.attention.measures.regions import Regions
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.states import StateObserver
from trimformer.data.batch import Batch


@dataclass(frozen=True)
class Beside:
    """Whom to tell what happens in the forward pass of one batch."""

    attention: Callable[[int, Tensor], None]
    """The maps (heads, queries, keys) of each image, counted in the batch, block after block."""
    states: StateObserver
    """The tokens before the first block and after each."""
    ended: Callable[[], None]
    """That all blocks have run."""


BesideOf = Callable[[Batch, Transformer, Regions], Beside]
"""Makes it for a batch and its regions, of a network with one sequence of blocks."""
