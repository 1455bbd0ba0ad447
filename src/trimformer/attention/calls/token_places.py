"""Where the queries and keys of one block lie on the image, windows and shifts included."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.calls.product_places import Coordinates
from trimformer.attention.transformer.token_grid import TokenGrid


@dataclass(frozen=True)
class TokenPlaces:
    """The places of a block's tokens, the same for every image.

    Maps (batch, heads, queries, keys) of a block with windows hold all windows of the first image, then those of the
    second, and so on: `maps.unflatten(0, (-1, places.num_windows))`.
    """

    grid_size: tuple[int, ...]
    """Rows and columns of tokens; of a volume, tokens along each of its three axes."""
    patch_size: tuple[float, ...]
    """Pixels that a token stands for, along each axis."""
    query_px: Float[Tensor, "windows queries axes"]
    """The middle of each query's patch, in pixels from the image's corner; NaN for class tokens and padding."""
    key_px: Float[Tensor, "windows keys axes"]
    """The same of each key."""

    @property
    def num_windows(self) -> int:
        """Windows an image; 1 where all tokens see each other."""
        return len(self.query_px)

    @property
    def num_prefix_tokens(self) -> int:
        """Tokens in front of the patches that stand for no place: class, distillation and register tokens."""
        nowhere = self.query_px.isnan().any(dim=-1)
        return int(nowhere.cumprod(dim=1).sum(dim=1).min()) if self.num_windows == 1 else 0

    def as_grid(self, image_size: tuple[int, ...]) -> TokenGrid | None:
        """The grid whose patches, row by row, these are, and fill the image; None where there is none.

        Convolutions that pad one side more than the other may have moved all of them by less than half a patch.
        """
        patch_sizes = tuple(map(round, self.patch_size))
        filled = tuple(count * patch for count, patch in zip(self.grid_size, patch_sizes, strict=True))
        grid = TokenGrid(self.grid_size, patch_sizes, self.num_prefix_tokens)
        if filled != image_size:
            return None
        expected = places_on_grid(grid).query_px
        return (
            grid if all(_are_moved(places, expected, patch_sizes) for places in (self.query_px, self.key_px)) else None
        )

    def distances(self, spacing: tuple[float, ...] | None = None) -> Float[Tensor, "windows queries keys"]:
        """Euclidean distance from each query to each key, in pixels, or in the unit of a pixel's sides.

        Args:
            spacing: Side of a pixel along each axis, in mm; 1 without it.
        """
        side = torch.tensor(spacing or (1.0,) * len(self.grid_size), dtype=torch.float64)
        difference = self.query_px.double()[:, :, None] - self.key_px.double()[:, None]
        return (difference * side).norm(dim=-1)


def places_on_grid(grid: TokenGrid) -> TokenPlaces:
    """The places of all patches of a grid, row by row, after those tokens that have none."""
    sides = zip(grid.grid_size, grid.patch_sizes, strict=True)
    patches = torch.cartesian_prod(*[(torch.arange(size) + 0.5) * patch for size, patch in sides])
    tokens = torch.cat([patches.new_full((grid.num_prefix_tokens, len(grid.grid_size)), torch.nan), patches])[None]
    return TokenPlaces(grid.grid_size, tuple(map(float, grid.patch_sizes)), tokens, tokens)


def _are_moved(places: Tensor, expected: Tensor, patch_sizes: tuple[int, ...]) -> bool:
    """Whether places are those expected, moved by less than half a patch, and all alike but for the image's border."""
    if places.shape != expected.shape or not torch.equal(places.isnan(), expected.isnan()):
        return False
    moved = (places - expected)[:, ~expected[0].isnan().any(dim=-1)]
    sides = torch.tensor(patch_sizes)
    return bool((moved.abs() < sides / 2).all() and (moved.amax(dim=1) - moved.amin(dim=1) < sides / 8).all())


def traced_places(queries: Coordinates, keys: Coordinates, batch: int) -> TokenPlaces | None:
    """The places of one block from the coordinates of its queries and keys, (batch * windows, tokens) each.

    None where no token has a place, windows do not stand image by image, or images differ.
    """
    image, windows = queries[0], len(queries[0]) // batch
    expected = torch.arange(1, batch + 1, device=image.device).repeat_interleave(windows)[:, None]
    if len(image) != batch * windows or not ((image == 0) | (image == expected)).all():
        return None
    if not (alike_in_all_images(queries, batch) and alike_in_all_images(keys, batch)):
        return None
    query_px, key_px = (_first_image(coordinates, windows) for coordinates in (queries, keys))
    finer = query_px if query_px.shape[1] >= key_px.shape[1] else key_px
    if finer.isnan().all() or query_px.isnan().all() or key_px.isnan().all():
        return None
    grid_size, patch_size = zip(*[_regular(finer[..., axis]) for axis in range(finer.shape[-1])], strict=True)
    return TokenPlaces(grid_size, patch_size, query_px, key_px)


def alike_in_all_images(coordinates: Coordinates, batch: int) -> bool:
    """Whether tokens stand in the same places in every image; not where each keeps some of its own, as by chance."""
    images = [axis.unflatten(0, (batch, -1)) for axis in coordinates[1:] if len(axis) % batch == 0]
    return all(bool((axis == axis[:1]).all()) for axis in images)


def _first_image(coordinates: Coordinates, windows: int) -> Float[Tensor, "windows tokens axes"]:
    places = torch.stack([axis[:windows] for axis in coordinates[1:]], dim=-1)
    return places.masked_fill((places == 0).any(dim=-1, keepdim=True), torch.nan).cpu()


def _regular(coordinates: Float[Tensor, "windows tokens"]) -> tuple[int, float]:
    """How many different coordinates there are, and how far apart; of a single one, twice its distance to the edge."""
    known = coordinates[~coordinates.isnan()]
    different = (known * 16).round().unique() / 16
    steps = different.diff()
    return len(different), float(steps.median()) if len(steps) else 2 * float(different[0])
