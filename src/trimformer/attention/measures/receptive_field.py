"""How far the effective receptive field reaches, at every depth and for every patient: a gate of the rule."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trimformer.attention.measures.geometry import Region
from trimformer.attention.measures.measure_sums import Arrays, MeasureSums, known_of
from trimformer.attention.measures.region_measures import FAR_QUERY, Values
from trimformer.attention.measures.regions import regions_of
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.measures.token_gradients import Fields, sample_field, token_fields
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.passes import batches_with_transformer, without_weight_gradients
from trimformer.data.batch import Batch
from trimformer.records.patient_measures import PatientMeasures

NOTHING = 1e-5
"""A share of the field below this is rounding: nothing arrives from there, and its far-field ratio is 0."""

MEASURES = ("far_field_ratio", "far_query_share", "outside_share")
"""F of the field; the share of queries with F_i >= 0.25; the mass outside the query's own patch."""


def measure_receptive_field(
    model: nn.Module,
    batches: Iterable[Batch | Tensor],
    *,
    tokens_per_slice: int = 4,
    num_projections: int = 1,
    seed: int = 0,
) -> PatientMeasures:
    """The far-field ratio of the effective receptive field before the first block (the trunk alone) and after each.

    A slice counts by its number of tokens in the region, as in the attention profile. Memory does not grow with the
    number of slices; time does, at about tokens_per_slice x num_projections x (blocks + 2) backward passes through
    the blocks for each slice. Some slices a patient are enough: give few.

    Args:
        model: Any network with one sequence of transformer blocks, in which slices do not see each other.
        batches: Batches, or plain image tensors, which count as one patient.
        tokens_per_slice: Queries drawn from the foreground patches of each slice, and as many from all patches.
        num_projections: Random directions of each query's state; more make each field less noisy.
        seed: Of the draws.

    Returns:
        `"{region}/{measure}"` (patients, depths), depth 0 what enters the first block; region `foreground` or `all`.
        `"{region}/centred"` (depths, 2 rows - 1, columns alike, and a volume's third axis) is a picture: the mean
        field by place relative to the query.

    Raises:
        UserError: There is no batch, no block, or no gradient from the tokens back to the pixels.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> field = measure_receptive_field(model, [torch.zeros(1, 1, 32, 32)])
        >>> field.measures["all/far_field_ratio"].shape, field.measures["all/outside_share"][0, 0]
        ((1, 3), np.float64(0.0))
    """
    settings = {"tokens_per_slice": tokens_per_slice, "num_projections": num_projections, "seed": seed}
    return receptive_field_sums(model, batches, **settings).measures()


def receptive_field_sums(
    model: nn.Module,
    batches: Iterable[Batch | Tensor],
    *,
    tokens_per_slice: int = 4,
    num_projections: int = 1,
    seed: int = 0,
) -> MeasureSums:
    """What `measure_receptive_field` sums, to be merged with what other machines have summed.

    Raises:
        UserError: As for `measure_receptive_field`.
    """
    transformer, told = batches_with_transformer(model, batches)
    settings = {"tokens_per_slice": tokens_per_slice, "num_projections": num_projections, "seed": seed}
    sums = MeasureSums(_finish, known_of(model, transformer) | settings)
    with evaluating(model), without_weight_gradients(model):
        for batch in told:
            _add(sums.means, model, transformer, batch, **settings)
    return sums


def _finish(patient_ids: tuple[str, ...], means: Arrays, about: Mapping[str, Any]) -> PatientMeasures:
    measures = {name: array for name, array in means.items() if not name.endswith("/centred")}
    pictures = {name: _over_patients(array) for name, array in means.items() if name.endswith("/centred")}
    return PatientMeasures(patient_ids, measures, pictures, about)


def _add(
    means: PatientMeans,
    model: nn.Module,
    transformer: Transformer,
    batch: Batch,
    *,
    tokens_per_slice: int,
    num_projections: int,
    seed: int,
) -> None:
    """Add one batch's fields."""
    regions = {name: measure.region for name, measure in regions_of(batch, transformer.grid).items()}
    marked = {name: region for name, region in regions.items() if region.tokens.any()} or regions
    sample = sample_field(
        batch.images,
        [region.tokens for region in marked.values()],
        tokens_per_slice=tokens_per_slice,
        num_projections=num_projections,
        width=transformer.blocks[0].projection.weight.shape[0],
        seed=seed,
    )
    fields = token_fields(model, transformer, batch.images, sample)
    parts = fields.split(tokens_per_slice, dim=2), sample.queries.split(tokens_per_slice, dim=1)
    drawn = dict(zip(marked, zip(*parts, strict=True), strict=True))
    for name, region in regions.items():
        asked = drawn.get(name, (fields[:, :, :0], sample.queries[:, :0]))
        values = field_values(*asked, region) | {"centred": centred(*asked, region, transformer.grid.grid_size)}
        named = {f"{name}/{key}": value for key, value in values.items()}
        means.add(batch.patient_ids, named, region.num_tokens)


def field_values(fields: Fields, queries: Int[Tensor, "batch sampled"], region: Region) -> Values:
    """The measures of the sampled rows on the region's keys, each (batch, depths); NaN for a slice without a token."""
    chosen = torch.arange(len(queries), device=queries.device)[:, None], queries
    far, others = region.far[chosen], region.others[chosen]  # batch, sampled, keys
    uniform = far.sum(dim=-1) / others.sum(dim=-1)
    mass = (fields * others).sum(dim=-1)
    ratio = torch.where(mass < NOTHING, 0, (fields * far).sum(dim=-1) / mass) / uniform
    outside = 1 - fields.gather(-1, queries[None, ..., None].expand(len(fields), -1, -1, 1))[..., 0]
    values = {
        "far_field_ratio": ratio,
        "far_query_share": (ratio >= FAR_QUERY).to(ratio.dtype),
        "outside_share": outside,
    }
    return {name: value.where(~uniform.isnan(), torch.nan).mean(dim=-1).T for name, value in values.items()}


def centred(
    fields: Fields, queries: Int[Tensor, "batch sampled"], region: Region, grid_size: tuple[int, ...]
) -> Float[Tensor, "batch depths *places"]:
    """The mean field by place relative to the query, 2 n - 1 places along an axis of n; NaN where no query has one."""
    found = fields.unflatten(-1, grid_size).movedim(0, 2)  # batch, sampled, depths, rows, columns
    sums = found.new_zeros(len(queries), found.shape[2], *(2 * size - 1 for size in grid_size))
    counts = torch.zeros_like(sums)
    for index, slice_queries in enumerate(queries.tolist()):
        for sampled, query in enumerate(slice_queries):
            if region.tokens[index, query]:
                places = (slice(None), *_around(query, grid_size))
                sums[index][places] += found[index, sampled]
                counts[index][places] += 1
    return sums / counts


def _around(query: int, grid_size: tuple[int, ...]) -> list[slice]:
    """Where the grid lies, along every axis, when the query is put in the middle."""
    starts = [size - 1 - int(at) for size, at in zip(grid_size, np.unravel_index(query, grid_size), strict=True)]
    return [slice(start, start + size) for start, size in zip(starts, grid_size, strict=True)]


def _over_patients(array: np.ndarray) -> np.ndarray:
    """The mean over those patients that have a value."""
    counts = (~np.isnan(array)).sum(axis=0)
    return np.divide(np.nansum(array, axis=0), counts, out=np.full(array.shape[1:], np.nan), where=counts > 0)
