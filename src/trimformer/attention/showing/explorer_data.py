"""A few slices of a run with all their attention, for the explorer page."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trimformer.attention.measures.rollout import norm_weighted
from trimformer.attention.transformer.blocks import Transformer, find_transformer
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.upright import upright, way_to_ras
from trimformer.inference.device import default_device
from trimformer.inference.predict import predict_scores
from trimformer.models import load_model
from trimformer.records.errors import UserError
from trimformer.records.explorer import Explorer, ExplorerSlice
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

MOST_PATIENTS = 2


def explorer_of_run(run: RunFolder, num_slices: int = 4, progress: Progress = silent) -> Explorer:
    """Record some slices of at most two patients with a run's best weights.

    The patients are those that chose the best epoch, then those trained on, never those that are reported; their
    slices are spread over the part with the most labels.

    Args:
        run: A run of a hybrid.
        num_slices: How many slices in all.
        progress: Told after every slice.

    Raises:
        UserError: No slice is asked for, the run has no weights yet, or its model has no block.
    """
    if num_slices < 1:
        raise UserError("The explorer shows at least one slice", num_slices, "Ask for one slice or more.")
    experiment = run.experiment()
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(experiment.data)
    patients = (*dataset.selection, *dataset.training)[: min(MOST_PATIENTS, num_slices)]
    shown = []
    for place, patient in enumerate(patients):
        for index in spread_slices(patient, (num_slices + len(patients) - 1 - place) // len(patients)):
            shown.append(record_slice(model, patient, index))
            progress("recording slices", len(shown), num_slices)
    return Explorer(experiment.name, dataset.note, dict(dataset.labels), tuple(shown), _profiled_distance(run))


def spread_slices(patient: PatientSlices, count: int) -> list[int]:
    """Indices of so many slices, evenly over those with at least half as much foreground as the slice with most."""
    amounts = np.ones(len(patient.images)) if patient.labels is None else np.count_nonzero(patient.labels, axis=(1, 2))
    full = np.flatnonzero(2 * amounts >= amounts.max())
    places = (np.arange(count) + 0.5) * len(full) / count
    return sorted({int(full[int(place)]) for place in places})


def record_slice(model: nn.Module, patient: PatientSlices, index: int) -> ExplorerSlice:
    """One slice with the attention of every block and head, and the prediction at every depth.

    Args:
        model: A hybrid.
        patient: Whose slice.
        index: Which slice, counted from 0.

    Raises:
        UserError: The model has no block.
    """
    images = patient.image_tensor(slice(index, index + 1))
    maps, rollout, grid_size = record_maps(model, images)
    order = on_page(np.arange(grid_size[0] * grid_size[1]).reshape(grid_size), patient.grid)
    tokens = order.ravel()
    (row, column), _, swap = way_to_ras(patient.grid)
    row_mm, column_mm = patient.spacing_mm
    return ExplorerSlice(
        patient_id=patient.patient_id,
        slice_index=index,
        num_slices=len(patient.images),
        image=on_page(images[0, 0].numpy(), patient.grid),
        labels=None if patient.labels is None else on_page(np.array(patient.labels[index]), patient.grid),
        predictions=np.stack([on_page(labels, patient.grid) for labels in predict_each_depth(model, images)]),
        maps=maps[..., tokens[:, None], tokens[None]],
        rollout=rollout[..., tokens[:, None], tokens[None]],
        grid_size=(order.shape[0], order.shape[1]),
        spacing_mm=(row_mm, column_mm) if swap else (column_mm, row_mm),
        left=column if swap else row,
        top=row if swap else column,
    )


def on_page(plane: np.ndarray, grid: NativeGrid) -> np.ndarray:
    """A plane (rows, columns) of slices as the page shows it: right, or anterior, at its left edge, radiologically."""
    return np.ascontiguousarray(upright(plane, grid).T[::-1, ::-1])


@torch.inference_mode()
def record_maps(
    model: nn.Module, images: Float[Tensor, "1 channels rows columns"]
) -> tuple[Float[np.ndarray, "blocks heads queries keys"], Float[np.ndarray, "blocks queries keys"], tuple[int, int]]:
    """Attention among the patches of one slice, the norm-weighted rollout after each block, and the token grid."""
    model.eval()
    images = images.to(next(model.parameters()).device)
    transformer = find_transformer(model, images)
    collected = _Collector(transformer)
    with observe_attention(transformer.blocks, collected):
        model(images)
    return np.stack(collected.maps), np.stack(collected.rollouts), transformer.grid.grid_size


class _Collector:
    """Keeps the maps of one slice and follows its rollout."""

    def __init__(self, transformer: Transformer) -> None:
        self.maps: list[np.ndarray] = []
        self.rollouts: list[np.ndarray] = []
        self._grid = transformer.grid
        self._rollout: Tensor | None = None

    def __call__(self, call: AttentionCall) -> None:
        maps = call.maps()
        step = norm_weighted(call, maps)
        self._rollout = step if self._rollout is None else step @ self._rollout
        self.maps.append(self._grid.of_patches(maps)[0].cpu().numpy())
        self.rollouts.append(self._grid.of_patches(self._rollout)[0].cpu().numpy())


def predict_each_depth(
    model: nn.Module, images: Float[Tensor, "1 channels rows columns"]
) -> Sequence[UInt8[np.ndarray, "rows columns"]]:
    """The label map with the blocks after 0, 1, ... of them replaced by the identity; the last is the model's own.

    Nothing is trained again and the decoder reads where it always did; `model` stays as it is.
    """
    cut = copy.deepcopy(model)
    blocks = find_transformer(cut, images.to(next(cut.parameters()).device)).blocks
    predictions = [_predict(cut, images)]
    for block in reversed(blocks):
        _replace(cut, block.module)
        predictions.append(_predict(cut, images))
    return predictions[::-1]


def _predict(model: nn.Module, images: Tensor) -> np.ndarray:
    labels: np.ndarray = predict_scores(model, images).argmax(dim=1)[0].numpy().astype(np.uint8)
    return labels


def _replace(model: nn.Module, block: nn.Module) -> None:
    """Put the identity in the place of one block."""
    name = next(name for name, module in model.named_modules() if module is block)
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, nn.Identity())


def _profiled_distance(run: RunFolder) -> np.ndarray | None:
    """Mean over patients (blocks, heads) in mm of the run's profile; None where there is none."""
    if not run.profile_file.is_file() or not run.profile_arrays.is_file():
        return None
    distance = AttentionProfile.load(run.profile_file, run.profile_arrays).model["foreground/distance_mm"]
    told = ~np.isnan(distance).any(axis=(1, 2))
    return distance[told].mean(axis=0) if told.any() else None
