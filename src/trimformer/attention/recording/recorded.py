"""What was recorded of the attention of a network."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.token_places import TokenPlaces, places_on_grid
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError


@dataclass
class Recording:
    """The attention seen so far; each forward pass appends its images along the batch.

    Blocks with windows have all windows of an image one after another along the batch.
    """

    grid_size: tuple[int, ...] | None = None
    """Rows and columns of patches (of a volume, three), where all blocks have the same; before the first pass of a
    network that is not ours, and where no grid fits, None."""
    patch_size: int | tuple[int, ...] | None = None
    """Pixels along one side of a patch; along each, where they differ."""
    num_prefix_tokens: int = 0
    """Class, distillation and register tokens, which are the first queries and keys of every map."""
    maps: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """After the softmax, by block name, in the order in which the blocks ran."""
    scores: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """Before the softmax, by block name; empty unless asked for."""
    outputs: dict[str, Float[Tensor, "batch heads queries depth"]] = field(default_factory=dict)
    """What each head hands to W_O, by block name: its maps times its values; empty unless asked for."""
    grids: dict[str, TokenPlaces] = field(default_factory=dict)
    """Where the tokens of a block lie, by block name; blocks whose places could not be found are missing."""

    def lay(self, grid: TokenGrid, told: bool = False) -> None:
        """Say that every block's tokens are the patches of one grid.

        Args:
            grid: Where they lie.
            told: Whether somebody said so, which is believed before what was seen.

        Raises:
            UserError: No block has as many tokens as a grid that was told.
        """
        self.grid_size = grid.grid_size
        self.patch_size = grid.patch_sizes[0] if len(set(grid.patch_sizes)) == 1 else grid.patch_sizes
        self.num_prefix_tokens = grid.num_prefix_tokens
        places = places_on_grid(grid)
        num_tokens = places.query_px.shape[1]
        fitting = [name for name, maps in self.maps.items() if maps.shape[-2] == maps.shape[-1] == num_tokens]
        if told and not fitting:
            raise UserError(
                "A grid holds the tokens of the blocks",
                f"{num_tokens} of {grid}, maps of { ({tuple(maps.shape[-2:]) for maps in self.maps.values()}) }",
                "Count the patches along each axis, and the tokens in front of them.",
            )
        self.grids |= {name: places for name in fitting if told or name not in self.grids}


@dataclass(frozen=True)
class Wanted:
    """What is kept beside the maps."""

    scores: bool = False
    heads: bool = False

    def of(self, heads: Heads) -> dict[str, Tensor]:
        """What is kept of one call of attention, by the name that `Recording` has for it."""
        kept = {"maps": heads.maps()}
        if self.scores:
            kept["scores"] = heads.scores()
        if self.heads:
            kept["outputs"] = kept["maps"] @ heads.value.to(kept["maps"].dtype)
        return kept


def append(recording: Recording, name: str, kept: dict[str, Tensor]) -> None:
    """Add what one block did to what is recorded of it.

    Raises:
        UserError: It was recorded with another number of tokens before.
    """
    for kind, new in kept.items():
        store: dict[str, Tensor] = getattr(recording, kind)
        if name in store and store[name].shape[1:] != new.shape[1:]:
            raise UserError(
                "Images of one recording have one size",
                f"{kind} of {tuple(new.shape[1:])} after {tuple(store[name].shape[1:])} in {name}",
                "Record images of another size in a `with` of their own.",
            )
        store[name] = torch.cat([store[name], new.detach()]) if name in store else new.detach()
