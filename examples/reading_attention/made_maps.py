"""Attention maps whose truth is known, on 14 x 14 patches of 16 pixels, and what the library measures of them."""

import torch
from torch import Tensor

from trimformer.attention.measures.geometry import Region, token_distances
from trimformer.attention.measures.region_measures import RegionMeasures
from trimformer.attention.measures.rollout import half_identity

GRID = (14, 14)
NUM_PATCHES = 196
DISTANCE_PX = token_distances(GRID, (16.0, 16.0))
ROWS, COLUMNS = torch.arange(NUM_PATCHES) // 14, torch.arange(NUM_PATCHES) % 14
CORNER, CENTRE = 0, 7 * 14 + 7
LESION = ((ROWS - 3).abs() <= 1) & ((COLUMNS - 10).abs() <= 1)
DISC = (ROWS - 6.5) ** 2 + (COLUMNS - 6.5) ** 2 <= 3.2**2

EVERY = RegionMeasures(Region.of(torch.ones(1, NUM_PATCHES, dtype=torch.bool), DISTANCE_PX, DISTANCE_PX))


def local(sigma: float) -> Tensor:
    """Attention (queries, keys) that falls off as a Gaussian, sigma in tokens; the query itself included."""
    return torch.softmax(-((DISTANCE_PX / 16 / sigma) ** 2) / 2, dim=-1)


def looking_at(keys: Tensor) -> Tensor:
    """Attention of every query to its one key."""
    return torch.eye(NUM_PATCHES, dtype=torch.float64)[keys]


def made_maps() -> dict[str, Tensor]:
    """Maps (queries, keys) whose truth is known."""
    own = torch.arange(NUM_PATCHES)
    corner = looking_at(torch.full((NUM_PATCHES,), CORNER))
    return {
        "uniform": torch.full((NUM_PATCHES, NUM_PATCHES), 1 / NUM_PATCHES, dtype=torch.float64),
        "itself only": looking_at(own),
        "next patch": looking_at(torch.where(COLUMNS < 13, own + 1, own - 1)),
        "local, sigma 1": local(1),
        "four to the side": looking_at(torch.where(COLUMNS < 7, own + 4, own - 4)),
        "mirror image": looking_at(own.flip(0)),
        "corner sink 70 %": 0.7 * corner + 0.3 * local(1),
        "lesion 70 %": 0.7 * (LESION / LESION.sum()).expand(NUM_PATCHES, -1) + 0.3 * local(1),
    }


def measures_of(maps: Tensor, measure: RegionMeasures = EVERY) -> dict[str, float]:
    """Every measure of one map."""
    return {name: float(value) for name, value in measure(maps[None, None]).items()}


def without_sinks(maps: Tensor) -> tuple[float, float]:
    """The far-field ratio of one map, and that with its sink columns removed."""
    field = EVERY.field(maps[None])
    return float(field["far_field_ratio"]), float(field["far_field_ratio_without_sinks"])


def rolled_out(maps: Tensor, num_blocks: int = 12) -> list[float]:
    """The far-field ratio of the half-residual rollout after 1, 2, ... blocks that all have this map."""
    step, field = half_identity(maps[None]), torch.eye(NUM_PATCHES, dtype=torch.float64)[None]
    ratios = []
    for _ in range(num_blocks):
        field = step @ field
        ratios.append(float(EVERY.field(field)["far_field_ratio"]))
    return ratios


def background_map() -> Tensor:
    """Patches in the disc attend to their neighbours, those around it to everything."""
    return torch.where(DISC[:, None], local(0.7), 1 / NUM_PATCHES)


def foreground_and_all() -> tuple[float, float]:
    """The far-field ratio of that map on the disc's queries and keys, and on all patches."""
    disc = RegionMeasures(Region.of(DISC[None], DISTANCE_PX, DISTANCE_PX))
    on_disc, on_all = (measures_of(background_map(), each)["far_field_ratio"] for each in (disc, EVERY))
    return on_disc, on_all
