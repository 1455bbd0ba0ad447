"""The one grid on which all blocks of a network were seen to have their tokens."""

from collections.abc import Sequence

from torch import nn

from trimformer.attention.calls.follow import Event
from trimformer.attention.calls.token_places import alike_in_all_images, traced_places
from trimformer.attention.transformer.naming import one_shape
from trimformer.attention.transformer.token_grid import TokenGrid, find_token_grid
from trimformer.records.errors import UserError


def common_grid(model: nn.Module, attentions: Sequence[Event], images: tuple[int, ...]) -> TokenGrid | None:
    """Where the tokens of every block lie, if they are patches that fill the image, row by row; else None.

    Places that were followed from the image are believed; only where none are known it is the grid that fits.

    Args:
        model: The network.
        attentions: Those of one forward pass.
        images: The shape of its images, (batch, channels, *size).
    """
    try:
        rows, _, num_tokens, _ = one_shape(attentions)
    except UserError:
        return None
    if rows != images[0]:  # windows
        return None
    places = [event.ends and traced_places(*event.ends, batch=images[0]) for event in attentions]
    if any(not alike_in_all_images(end, images[0]) for event in attentions for end in event.ends or ()):
        return None
    if None in places:
        return find_token_grid(model, num_tokens, images[2:])
    grids = {each.as_grid(images[2:]) for each in places if each}
    return grids.pop() if len(grids) == 1 else None


def fitting_grid(grid: TokenGrid | None, attentions: Sequence[Event], images: tuple[int, ...]) -> TokenGrid:
    """The grid, if it holds the tokens that were seen.

    Raises:
        UserError: There is none, blocks differ, or it holds another number of tokens.
    """
    rows, _, num_tokens, _ = one_shape(attentions)
    if grid is None or rows != images[0] or grid.num_prefix_tokens + grid.num_patches != num_tokens:
        told = f", for a grid of {grid.grid_size} with {grid.num_prefix_tokens} in front" if grid else ""
        raise UserError(
            "A block's tokens are the patches of the whole image, row by row, with at most 8 tokens in front",
            f"attention among {num_tokens} tokens of {images[2:]} pixels, {rows // images[0]} times an image{told}",
            "Give images whose sides the patch divides, or the grid itself; attention in windows is recorded only.",
        )
    return grid
