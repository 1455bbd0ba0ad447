"""One slice through a model with everything kept: maps of all heads, rollouts, states of the patches."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trimformer.attention.measures.rollout import half_residual, norm_weighted
from trimformer.attention.showing.drawn_classes import relevance_of_classes
from trimformer.attention.showing.features import principal_components
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.states import observe_states
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.upright import upright, way_to_ras
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.attention_example import AttentionExample, ClassRelevance, covering_patches
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

MIN_COUNTED = 8
"""With fewer foreground patches, the principal components are those of all patches."""


def record_example(
    model: nn.Module,
    image: Float[Tensor, "channels rows columns"],
    foreground: Bool[Tensor, "rows columns"] | None = None,
    *,
    spacing_mm: tuple[float, float] | None = None,
    patient_id: str = "",
    slice_index: int | None = None,
) -> AttentionExample:
    """Keep all that a model's attention does with one slice.

    Args:
        model: Any network that `profile_attention` takes; its mode is kept.
        image: The slice; its first channel is shown in figures.
        foreground: The pixels that count.
        spacing_mm: (row, column) of the slice as the model sees it.
        patient_id: Whose slice it is.
        slice_index: Which of the patient's slices, counted from 0.

    Raises:
        UserError: The attention of that network cannot be seen.
    """
    images = image[None].to(next(model.parameters()).device)
    foreground = torch.zeros_like(image[0], dtype=torch.bool) if foreground is None else foreground
    with evaluating(model), torch.inference_mode():
        transformer = find_transformer(model, images)
        keeper = _Keeper(transformer.grid)
        with observe_states(transformer.blocks, keeper.keep_state), observe_attention(transformer.blocks, keeper):
            model(images)
    mask = foreground.cpu().numpy()
    covered = covering_patches(mask, transformer.grid.rows_and_columns)
    counted = covered if covered.sum() >= MIN_COUNTED else np.ones_like(covered)
    components, explained = principal_components(np.stack(keeper.states), counted)
    return AttentionExample(
        image=image[0].float().cpu().numpy(),
        foreground=mask,
        grid_size=transformer.grid.rows_and_columns,
        maps=np.stack(keeper.maps),
        fields={name: np.stack(steps) for name, steps in keeper.fields.items()},
        components=components,
        explained=explained,
        spacing_mm=spacing_mm,
        patient_id=patient_id,
        slice_index=slice_index,
    )


class _Keeper:
    """Keeps the maps of every block, and rolls them out on the way."""

    def __init__(self, grid: TokenGrid) -> None:
        self.maps: list[np.ndarray] = []
        self.states: list[np.ndarray] = []
        self.fields: dict[str, list[np.ndarray]] = {"norm_weighted": [], "half_residual": []}
        self._grid = grid
        self._rollouts: dict[str, Tensor] = {}

    def __call__(self, call: AttentionCall) -> None:
        maps = call.maps()
        self.maps.append(self._grid.of_patches(maps)[0].float().cpu().numpy())
        for name, step in (("norm_weighted", norm_weighted(call, maps)), ("half_residual", half_residual(maps))):
            self._rollouts[name] = step @ self._rollouts[name] if name in self._rollouts else step
            self.fields[name].append(self._grid.of_patches(self._rollouts[name])[0].float().cpu().numpy())

    def keep_state(self, _depth: int, states: Tensor) -> None:
        """Keep what enters a block or leaves it, prefix tokens left out."""
        self.states.append(states[0, self._grid.num_prefix_tokens :].double().cpu().numpy())


def example_of_run(run: RunFolder, patient_id: str | None = None, slice_index: int | None = None) -> AttentionExample:
    """A slice of a training patient as a run's best weights see it: by default the first patient's most labelled one.

    It is turned upright, whatever the orientation of the patient's file.

    Args:
        run: A trained run.
        patient_id: One of its training patients.
        slice_index: Which of that patient's slices, counted from 0.

    Raises:
        UserError: The run has no weights or no block, or there is no such patient or slice.
    """
    experiment = run.experiment()
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(experiment.data)
    patient = _patient((*dataset.training, *dataset.selection), patient_id)
    index = _slice_index(patient, slice_index)
    labels = patient.label_tensor(slice(index, index + 1))
    example = record_example(
        model,
        patient.image_tensor(slice(index, index + 1))[0],
        None if labels is None else labels[0] > 0,
        spacing_mm=patient.spacing_mm,
        patient_id=patient.patient_id,
        slice_index=index,
    )
    image = patient.image_tensor(slice(index, index + 1))
    example = replace(example, relevance=relevance_of_classes(model, image, dataset.labels))
    return turned_upright(example, patient.grid)


def examples_of_runs(
    runs: Mapping[str, RunFolder], patient_id: str | None = None, slice_index: int | None = None
) -> dict[str, AttentionExample]:
    """The same slice as several runs see it, by the runs' names; which one, the first run says unless it is named.

    Raises:
        UserError: As for `example_of_run`.
    """
    examples: dict[str, AttentionExample] = {}
    for name, run in runs.items():
        examples[name] = example_of_run(run, patient_id, slice_index)
        patient_id, slice_index = examples[name].patient_id, examples[name].slice_index
    return examples


def turned_upright(example: AttentionExample, grid: NativeGrid) -> AttentionExample:
    """The same slice and all that was kept of it, both axes growing towards right, anterior or up."""
    tokens = upright(np.arange(example.maps.shape[-1]).reshape(example.grid_size), grid)
    order = tokens.ravel()
    towards, _, swap = way_to_ras(grid)
    spacing = example.spacing_mm
    return replace(
        example,
        image=upright(example.image, grid),
        foreground=upright(example.foreground, grid),
        grid_size=(tokens.shape[0], tokens.shape[1]),
        maps=example.maps[..., order[:, None], order],
        fields={name: field[..., order[:, None], order] for name, field in example.fields.items()},
        components=example.components[:, order],
        relevance={
            name: ClassRelevance(upright(each.mask, grid), each.patches[:, order])
            for name, each in example.relevance.items()
        },
        spacing_mm=(spacing[1], spacing[0]) if spacing and swap else spacing,
        towards=(towards[1], towards[0]) if swap else towards,
    )


def _patient(patients: Sequence[PatientSlices], patient_id: str | None) -> PatientSlices:
    named = {patient.patient_id: patient for patient in patients}
    if patient_id is None:
        return patients[0]
    if patient_id not in named:
        raise UserError(
            "Attention is looked at on a training patient",
            f"{patient_id}, not among {', '.join(sorted(named))}",
            "Name one of these; runs that are compared are trained on the same patients.",
        )
    return named[patient_id]


def _slice_index(patient: PatientSlices, wanted: int | None) -> int:
    if wanted is not None:
        if not 0 <= wanted < len(patient.images):
            raise UserError(
                f"{patient.patient_id} has slices 0 to {len(patient.images) - 1}", wanted, "Choose one of them."
            )
        return wanted
    if patient.labels is None:
        return len(patient.images) // 2
    return int(np.count_nonzero(patient.labels, axis=(1, 2)).argmax())
