"""One streaming pass over the patients: the attention profile of a model."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from trimformer.attention.beside import BesideOf
from trimformer.attention.fingerprint import fingerprint
from trimformer.attention.measures.region_measures import Values
from trimformer.attention.measures.regions import foreground_of
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.profile_windows import StagedSubject, StagedWatcher, staged_subject
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.passes import on_device
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.attention.twin import permuted_twin
from trimformer.attention.twin_sample import TwinMeans
from trimformer.attention.watch import SequenceSubject, Watcher
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.profile import REGIONS, Arrays, AttentionProfile


def profile_attention(
    model: nn.Module, batches: Iterable[Batch | Tensor], *, seed: int = 0, grid: TokenGrid | None = None
) -> AttentionProfile:
    """Measure what every block and head looks at, per patient, in one pass and constant memory.

    A slice counts by its number of queries. Where no foreground is told, the region "foreground" is empty (NaN). The
    model sees every slice. Its permuted twin, whose attention hardly depends on the slice, sees one in thirty-two,
    and of every patient at least one; the profile says how many. Which ones depends on the slices alone, so that
    profiles of parts of the data merge to the profile of the whole (`trimformer.merge_profiles`).

    Args:
        model: Any network whose attention `record_attention` sees; its mode (training or not) is kept. The network of
            somebody else is first shown one image or two, to find its blocks and where their tokens lie. Class and
            register tokens take part in the rollouts and are left out of what is measured. Networks with windows,
            stages or reduced keys have no rollouts: the profile says so, see `AttentionProfile`.
        batches: Batches of slices or volumes, or plain image tensors (batch, channels, *size), which count as one
            patient with pixels of 1 mm.
        seed: Of the permuted twin.
        grid: Where the tokens lie, if that cannot be found.

    Raises:
        UserError: The model has no block, there is no batch, or the model cannot be copied.

    Example:
        >>> import timm
        >>> vit = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2)
        >>> profile = profile_attention(vit, [Batch(torch.randn(2, 3, 64, 64), spacing_mm=(0.9, 0.9))])
        >>> profile.grid_size, profile.model["all/distance_mm"].shape, profile.fields
        ((4, 4), (1, 2, 3), ('norm_weighted', 'half_residual', 'per_block'))
    """
    return profile_beside(model, batches, None, seed=seed, grid=grid)


def profile_beside(
    model: nn.Module,
    batches: Iterable[Batch | Tensor],
    beside: BesideOf | None,
    *,
    seed: int = 0,
    grid: TokenGrid | None = None,
) -> AttentionProfile:
    """The same, and something else measured in the same forward passes; networks with windows or stages do without it.

    Raises:
        UserError: As for `profile_attention`.
    """
    told = (_told(batch, model) for batch in batches)
    first = next(told, None)
    if first is None:
        raise UserError("A profile needs at least one batch", "none", "Give batches of images.")
    own, uniform = PatientMeans(), PatientMeans()
    twin_model, example = permuted_twin(model, seed), _Example()
    with evaluating(model), evaluating(twin_model), torch.inference_mode():
        subject = _subject(model, first.images, grid)
        twin = TwinMeans(subject.on(twin_model).watch)
        for batch in chain([first], told):
            watched = _watch(subject, batch, beside)
            example.consider(batch, watched.example_maps())
            _add(own, batch, watched.values(), watched.weights())
            _add(uniform, batch, watched.uniform(), watched.weights())
            twin.consider(batch, watched.weights())
        twin.see()
    groups = {"model": own, "twin": twin.means, "uniform": uniform}
    weights = {f"{name}/{key}": array for name, means in groups.items() for key, array in means.weights().items()}
    return AttentionProfile(
        patient_ids=own.patient_ids,
        block_names=subject.names,
        num_heads=watched.num_heads,
        grid_size=subject.grid_size,
        model=own.means(),
        twin=twin.means.means(),
        uniform=uniform.means(),
        example=example.arrays,
        twin_slices=twin.num_slices(),
        weights=weights,
        twin_draws=twin.lowest_draws(),
        **subject.about,
        seed=seed,
        fingerprint=fingerprint(model),
    )


def _subject(model: nn.Module, images: Tensor, grid: TokenGrid | None) -> SequenceSubject | StagedSubject:
    """The network as one sequence of blocks, or else as blocks with windows, stages or reduced keys."""
    try:
        return SequenceSubject(model, find_transformer(model, images, grid))
    except UserError as error:
        if grid is not None:
            raise
        return staged_subject(model, images, error)


def _watch(subject: SequenceSubject | StagedSubject, batch: Batch, beside: BesideOf | None) -> Watcher | StagedWatcher:
    return subject.watch(batch) if isinstance(subject, StagedSubject) else subject.watch(batch, beside)


def _add(means: PatientMeans, batch: Batch, values: Values, weights: Mapping[str, Tensor]) -> None:
    for region in REGIONS:
        chosen = {name: value for name, value in values.items() if name.startswith(f"{region}/")}
        means.add(batch.patient_ids, chosen, weights[region])


class _Example:
    """The slice with the most foreground so far, with its head-mean maps, to be looked at."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self._most = -1

    def consider(self, batch: Batch, mean_maps: list[Tensor]) -> None:
        foreground = foreground_of(batch)
        counts = foreground.flatten(1).sum(dim=1)
        best = int(counts.argmax())
        if mean_maps and int(counts[best]) > self._most:
            self._most = int(counts[best])
            maps = torch.stack([maps[best] for maps in mean_maps])
            self.arrays = {
                "image": batch.images[best, 0].float().cpu().numpy(),
                "foreground": foreground[best].cpu().numpy(),
                "maps": maps.half().cpu().numpy(),
            }


def _told(batch: Batch | Tensor, model: nn.Module) -> Batch:
    """The batch where the model is, with a foreground, which is empty where nobody tells one."""
    batch = on_device(batch, model)
    return replace(batch, foreground=foreground_of(batch))
