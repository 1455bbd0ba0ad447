"""One streaming pass over the patients: the attention profile of a model."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from trimformer.attention.measures.region_measures import Values
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.attention.twin import permuted_twin
from trimformer.attention.watch import Regions, Watcher, foreground_of, regions_of, uniform_values, watch
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.profile import Arrays, AttentionProfile

TWIN_EVERY = 4
"""The permuted twin sees the first so many slices of every patient, then one of so many, which counts for as many."""


def profile_attention(
    model: nn.Module, batches: Iterable[Batch | Tensor], *, seed: int = 0, grid: TokenGrid | None = None
) -> AttentionProfile:
    """Measure what every block and head looks at, per patient, in one pass and constant memory.

    A slice counts by its number of queries. Where no foreground is told, the region "foreground" is empty (NaN). The
    model sees every slice. Its permuted twin, whose attention hardly depends on the slice, sees the first `TWIN_EVERY`
    of each patient and then every `TWIN_EVERY`th, which counts for as many; the profile says how many it saw.

    Args:
        model: Any network with one sequence of transformer blocks, as for `record_attention`; its mode (training or
            not) is kept. The network of somebody else is first shown one image, to find its blocks and token grid.
            Class and register tokens take part in the rollouts and are left out of what is measured.
        batches: Batches, or plain image tensors (batch, channels, rows, columns), which count as one patient.
        seed: Of the permuted twin.
        grid: Where the tokens lie, if that cannot be found.

    Raises:
        UserError: The model has no block, there is no batch, or the model cannot be copied.
    """
    on_device = (_on_device(batch, model) for batch in batches)
    first = next(on_device, None)
    if first is None:
        raise UserError("A profile needs at least one batch", "none", "Give batches of images.")
    own, twin, uniform = PatientMeans(), PatientMeans(), PatientMeans()
    twin_model = permuted_twin(model, seed)
    example, sample = _Example(), _TwinSample()
    with evaluating(model), evaluating(twin_model), torch.inference_mode():
        transformer, twin_transformer = (find_transformer(each, first.images, grid) for each in (model, twin_model))
        for batch in chain([first], on_device):
            regions = regions_of(batch, transformer.grid)
            watcher = watch(model, transformer, batch, regions)
            example.consider(batch, watcher)
            _add(own, batch, regions, watcher.values())
            if sampled := sample(batch):
                batch_seen, counts = sampled
                regions_seen = regions_of(batch_seen, transformer.grid)
                seen = watch(twin_model, twin_transformer, batch_seen, regions_seen)
                _add(twin, batch_seen, regions_seen, seen.values(), counts)
            _add(uniform, batch, regions, uniform_values(regions))
    return AttentionProfile(
        patient_ids=own.patient_ids,
        block_names=transformer.names,
        num_heads=watcher.num_heads,
        grid_size=transformer.grid.rows_and_columns,
        model=own.means(),
        twin=twin.means(),
        uniform=uniform.means(),
        example=example.arrays,
        twin_slices=sample.num_slices(),
    )


def _add(means: PatientMeans, batch: Batch, regions: Regions, values: Values, counts: Tensor | float = 1.0) -> None:
    for region, measure in regions.items():
        chosen = {name: value for name, value in values.items() if name.startswith(f"{region}/")}
        means.add(_patient_ids(batch), chosen, measure.region.num_tokens * counts)


def _patient_ids(batch: Batch) -> tuple[str, ...]:
    return batch.patient_ids or ("unnamed",) * len(batch.images)


class _TwinSample:
    """The slices that the twin sees, and for how many each counts; no need to know how many there will be."""

    def __init__(self) -> None:
        self._passed: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def __call__(self, batch: Batch) -> tuple[Batch, Tensor] | None:
        """Some of the batch and their counts (slices,), or None."""
        counts = torch.tensor([self._count(patient_id) for patient_id in _patient_ids(batch)])
        chosen = counts.nonzero()[:, 0]
        if len(chosen) == 0:
            return None
        patient_ids = tuple(batch.patient_ids[index] for index in chosen.tolist()) if batch.patient_ids else ()
        chosen = chosen.to(batch.images.device)
        foreground = foreground_of(batch)[chosen]
        some = replace(batch, images=batch.images[chosen], patient_ids=patient_ids, foreground=foreground)
        return some, counts.to(chosen.device)[chosen]

    def _count(self, patient_id: str) -> int:
        index = self._passed[patient_id]
        self._passed[patient_id] += 1
        if index >= TWIN_EVERY and index % TWIN_EVERY:
            return 0
        self._seen[patient_id] += 1
        return 1 if index < TWIN_EVERY else TWIN_EVERY

    def num_slices(self) -> tuple[int, ...]:
        """How many slices of each patient were seen."""
        return tuple(self._seen.values())


class _Example:
    """The slice with the most foreground so far, with its head-mean maps, to be looked at."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self._most = -1

    def consider(self, batch: Batch, watcher: Watcher) -> None:
        foreground = foreground_of(batch)
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


def _on_device(batch: Batch | Tensor, model: nn.Module) -> Batch:
    """The batch where the model is; a plain tensor becomes one."""
    batch = batch if isinstance(batch, Batch) else Batch(images=batch)
    device = next(model.parameters()).device
    foreground = foreground_of(batch).to(device)
    return replace(batch, images=batch.images.to(device), labels=None, foreground=foreground)
