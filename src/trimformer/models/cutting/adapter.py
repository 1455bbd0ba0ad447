"""A word from the user on a network whose blocks cannot be found by themselves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class BlockAdapter:
    """Where the blocks of a network are, and what stands for one that is removed.

    Give it to `trimformer.keep_blocks`, or let the network have it as its attribute `block_adapter`: then it also
    holds where an experiment says `model.kept_blocks`.

    Example:
        >>> import torch, trimformer as tf
        >>> def layers() -> nn.ModuleList:
        ...     return nn.ModuleList(nn.TransformerEncoderLayer(8, 2, batch_first=True) for _ in range(3))
        >>> two = nn.ModuleDict({"fine": layers(), "coarse": layers()})
        >>> smaller = tf.keep_blocks(two, [0], adapter=tf.BlockAdapter("coarse"))
        >>> sum(1 for _ in smaller["coarse"].parameters()), sum(1 for _ in smaller["fine"].parameters())
        (12, 36)
    """

    blocks: str | Callable[[nn.Module], Iterable[nn.Module]] | None = None
    """The path of the sequence, as in `encoder.layers`; or a function from the network to its blocks in their order.
    None: found by themselves."""
    returns: Callable[..., Any] | None = None
    """Called with what a block is called with, gives what a removed block returns. None: found by trying a block on a
    few random tokens."""
