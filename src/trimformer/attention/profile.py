"""One streaming pass over the patients: the attention profile of a model."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.attention.geometry import Region, covering_tokens, token_distances
from trimformer.attention.measures import RegionMeasures, Values, named
from trimformer.attention.record import AttentionCall, block_names, observe_attention
from trimformer.attention.rollout import half_residual, norm_weighted
from trimformer.attention.sums import PatientMeans
from trimformer.attention.twin import permuted_twin
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.profile import Arrays, AttentionProfile


def profile_attention(model: nn.Module, batches: Iterable[Batch | Tensor], *, seed: int = 0) -> AttentionProfile:
    """Measure what every block and head looks at, per patient, in one pass and constant memory.

    A slice counts by its number of queries. Where no foreground is told, the region "foreground" is empty (NaN).

    Args:
        model: A hybrid with at least one block; its mode (training or not) is kept.
        batches: Batches, or plain image tensors (batch, channels, rows, columns), which count as one patient.
        seed: Of the permuted twin.

    Raises:
        UserError: The model has no block, or there is no batch.
    """
    names = block_names(model)
    own, twin, uniform = PatientMeans(), PatientMeans(), PatientMeans()
    twin_model = permuted_twin(model, seed)
    example = _Example()
    with _evaluating(model), _evaluating(twin_model), torch.inference_mode():
        for batch in map(_as_batch, batches):
            regions = _regions(batch, model.transformer)
            watcher = _watch(model, batch, regions)
            example.consider(batch, watcher)
            _add(own, batch, regions, watcher.values())
            _add(twin, batch, regions, _watch(twin_model, batch, regions).values())
            _add(uniform, batch, regions, _uniform_values(regions))
    if not own.patient_ids:
        raise UserError("A profile needs at least one batch", "none", "Give batches of images.")
    return AttentionProfile(
        patient_ids=own.patient_ids,
        block_names=names,
        num_heads=watcher.num_heads,
        grid_size=tuple(model.transformer.grid_size),  # type: ignore[union-attr, arg-type]
        model=own.means(),
        twin=twin.means(),
        uniform=uniform.means(),
        example=example.arrays,
    )


Regions = dict[str, RegionMeasures]


class _AllBlocksSeenError(Exception):
    """Ends a forward pass whose rest (the decoder) nobody reads."""


class _Watcher:
    """Measures every block of one forward pass on every region."""

    def __init__(self, num_blocks: int, regions: Regions) -> None:
        self.mean_maps: list[Tensor] = []
        self.num_heads = 0
        self._num_blocks = num_blocks
        self._regions = regions
        self._rollouts: dict[str, Tensor] = {}
        self._blocks: list[Values] = []

    def __call__(self, call: AttentionCall) -> None:
        maps = call.maps()
        self.num_heads = maps.shape[1]
        self.mean_maps.append(maps.mean(dim=1))
        steps = {"norm_weighted": norm_weighted(call, maps), "half_residual": half_residual(maps)}
        for name, step in steps.items():
            self._rollouts[name] = step @ self._rollouts[name] if name in self._rollouts else step
        self._blocks.append(_measure(maps, self._rollouts | {"per_block": self.mean_maps[-1]}, self._regions))
        if call.index == self._num_blocks - 1:
            raise _AllBlocksSeenError

    def values(self) -> Values:
        """Every measure as (batch, blocks, heads), every field's as (batch, blocks)."""
        return {name: torch.stack([block[name] for block in self._blocks], dim=1) for name in self._blocks[0]}


def _watch(model: nn.Module, batch: Batch, regions: Regions) -> _Watcher:
    watcher = _Watcher(len(block_names(model)), regions)
    try:
        with observe_attention(model, watcher):
            model(batch.images)
    except _AllBlocksSeenError:
        return watcher
    raise UserError(
        "Every block must run its attention while it is profiled",
        f"{len(watcher.mean_maps)} of {len(block_names(model))} blocks seen",
        "Profile the model before torch.compile.",
    )


def _measure(maps: Tensor, fields: dict[str, Tensor], regions: Regions) -> Values:
    values: Values = {}
    for region, measure in regions.items():
        values |= named(region, measure(maps))
        for name, field in fields.items():
            values |= named(f"{region}/{name}", measure.field(field))
    return values


def _uniform_values(regions: Regions) -> Values:
    """Every measure of uniform attention: (batch,)."""
    values: Values = {}
    for region, measure in regions.items():
        tokens = measure.region.tokens
        maps = torch.full((len(tokens), 1, tokens.shape[1], tokens.shape[1]), 1 / tokens.shape[1], device=tokens.device)
        values |= {name: value[:, 0] for name, value in named(region, measure(maps)).items()}
    return values


def _regions(batch: Batch, transformer: Any) -> Regions:
    patch = transformer.patch_size
    row_mm, column_mm = batch.spacing_mm
    device = batch.images.device
    pixels = token_distances(transformer.grid_size, (float(patch), float(patch))).to(device, torch.float32)
    millimetres = token_distances(transformer.grid_size, (patch * row_mm, patch * column_mm)).to(device, torch.float32)
    foreground = covering_tokens(_foreground(batch), patch)
    tokens = {"foreground": foreground, "all": torch.ones_like(foreground)}
    return {name: RegionMeasures(Region.of(mask, pixels, millimetres)) for name, mask in tokens.items()}


def _foreground(batch: Batch) -> Tensor:
    return torch.zeros_like(batch.images[:, 0], dtype=torch.bool) if batch.foreground is None else batch.foreground


def _add(means: PatientMeans, batch: Batch, regions: Regions, values: Values) -> None:
    patient_ids = batch.patient_ids or ("unnamed",) * len(batch.images)
    for region, measure in regions.items():
        chosen = {name: value for name, value in values.items() if name.startswith(f"{region}/")}
        means.add(patient_ids, chosen, measure.region.num_tokens)


class _Example:
    """The slice with the most foreground so far, with its head-mean maps, to be looked at."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self._most = -1

    def consider(self, batch: Batch, watcher: _Watcher) -> None:
        foreground = _foreground(batch)
        counts = foreground.flatten(1).sum(dim=1)
        best = int(counts.argmax())
        if int(counts[best]) > self._most:
            self._most = int(counts[best])
            maps = torch.stack([maps[best] for maps in watcher.mean_maps])
            self.arrays = {
                "image": batch.images[best, 0].float().cpu().numpy(),
                "foreground": foreground[best].cpu().numpy(),
                "maps": maps.half().cpu().numpy(),
            }


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, and afterwards every module in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _as_batch(batch: Batch | Tensor) -> Batch:
    return batch if isinstance(batch, Batch) else Batch(images=batch)
