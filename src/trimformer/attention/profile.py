"""One streaming pass over the patients: the attention profile of a model."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from trimformer.attention.blocks import find_transformer
from trimformer.attention.measures import Values
from trimformer.attention.sums import PatientMeans
from trimformer.attention.twin import permuted_twin
from trimformer.attention.watch import Regions, Watcher, foreground_of, regions_of, uniform_values, watch
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.profile import Arrays, AttentionProfile


def profile_attention(model: nn.Module, batches: Iterable[Batch | Tensor], *, seed: int = 0) -> AttentionProfile:
    """Measure what every block and head looks at, per patient, in one pass and constant memory.

    A slice counts by its number of queries. Where no foreground is told, the region "foreground" is empty (NaN).

    Args:
        model: Any network with one sequence of transformer blocks, as for `record_attention`; its mode (training or
            not) is kept. The network of somebody else is first shown one image, to find its blocks and token grid.
            Class and register tokens take part in the rollouts and are left out of what is measured.
        batches: Batches, or plain image tensors (batch, channels, rows, columns), which count as one patient.
        seed: Of the permuted twin.

    Raises:
        UserError: The model has no block, there is no batch, or the model cannot be copied.
    """
    on_device = (_on_device(batch, model) for batch in batches)
    first = next(on_device, None)
    if first is None:
        raise UserError("A profile needs at least one batch", "none", "Give batches of images.")
    own, twin, uniform = PatientMeans(), PatientMeans(), PatientMeans()
    twin_model = permuted_twin(model, seed)
    example = _Example()
    with _evaluating(model), _evaluating(twin_model), torch.inference_mode():
        transformer, twin_transformer = (find_transformer(each, first.images) for each in (model, twin_model))
        for batch in chain([first], on_device):
            regions = regions_of(batch, transformer.grid)
            watcher = watch(model, transformer, batch, regions)
            example.consider(batch, watcher)
            _add(own, batch, regions, watcher.values())
            _add(twin, batch, regions, watch(twin_model, twin_transformer, batch, regions).values())
            _add(uniform, batch, regions, uniform_values(regions))
    return AttentionProfile(
        patient_ids=own.patient_ids,
        block_names=transformer.names,
        num_heads=watcher.num_heads,
        grid_size=transformer.grid.grid_size,
        model=own.means(),
        twin=twin.means(),
        uniform=uniform.means(),
        example=example.arrays,
    )


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


def _on_device(batch: Batch | Tensor, model: nn.Module) -> Batch:
    """The batch where the model is; a plain tensor becomes one."""
    batch = batch if isinstance(batch, Batch) else Batch(images=batch)
    device = next(model.parameters()).device
    foreground = foreground_of(batch).to(device)
    return replace(batch, images=batch.images.to(device), labels=None, foreground=foreground)
