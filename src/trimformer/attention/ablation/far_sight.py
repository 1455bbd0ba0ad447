"""Which blocks have to look far: each in turn is made near-sighted, and the Dice that remains is measured."""

from collections.abc import Iterable, Mapping

from torch import nn

from trimformer.attention.ablation.causal_radius import default_radii
from trimformer.attention.ablation.limited import limited_attention
from trimformer.attention.ablation.remaining_dice import (
    Condition,
    ablated_patients,
    dice_under_conditions,
    transformer_of,
    untouched,
)
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.errors import UserError
from trimformer.records.far_sight import FarSight
from trimformer.records.progress import Progress, silent, under_name
from trimformer.records.run_folder import RunFolder

BATCH_SIZE = 8

SLICES = 8
"""Of each patient, spread over those with labels: each is seen once more than the model has blocks."""


def far_sight(
    model: nn.Module,
    patients: Iterable[PatientSlices],
    labels: Mapping[int, str],
    *,
    slices: int | None = SLICES,
    batch_size: int = BATCH_SIZE,
    progress: Progress = silent,
) -> FarSight:
    """Dice with each block near-sighted in turn.

    A near-sighted block attends no further than to the next tokens: the distance of two of them along the longest side
    of a token, among axes and patients. For L blocks each slice is seen L + 1 times, one batch at a time.

    Args:
        model: A segmentation network with one sequence of transformer blocks; its mode is kept.
        patients: With labels; those that chose the best epoch or were trained on, never those that are reported.
        labels: The classes that count, without background.
        slices: Of each patient, spread evenly over those with labels; None: all.
        batch_size: Slices a forward pass.
        progress: Told after every condition of every patient.

    Raises:
        UserError: No patient, no labels, a single token, or a model whose attention cannot be limited.
    """
    patients = tuple(patients)
    with evaluating(model):
        transformer = transformer_of(model, patients)
        radius = _next_token(transformer, patients)

        def near_sighted(block: int) -> Condition:
            return lambda patient: limited_attention(model, transformer, radius, [block], patient.spacing_mm)

        dice = dice_under_conditions(
            model,
            patients,
            labels,
            [untouched, *map(near_sighted, range(len(transformer.blocks)))],
            task="making blocks near-sighted",
            slices=slices,
            batch_size=batch_size,
            progress=progress,
        )
    return FarSight(
        tuple(patient.patient_id for patient in patients),
        transformer.names,
        radius,
        transformer.grid.num_prefix_tokens,
        unlimited=dice[:, 0],
        near_sighted=dice[:, 1:],
    )


def far_sight_of_run(run: RunFolder, progress: Progress = silent) -> FarSight:
    """The far sight of a run's best weights on `ablated_patients`, written into its folder.

    Raises:
        UserError: The run has no weights yet, no patient with labels, or its model has no block.
    """
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(run.experiment().data)
    told = under_name(progress, run.name)
    record = far_sight(model, ablated_patients(dataset), dataset.labels, progress=told)
    record.save(run.far_sight_file)
    return record


def _next_token(transformer: Transformer, patients: tuple[PatientSlices, ...]) -> float:
    radii = default_radii(transformer.grid, patients)
    if len(radii) < 2:
        raise UserError(
            "A block is near-sighted among tokens of which some are further than the next",
            f"{transformer.grid.grid_size} tokens",
            "Give a larger image, or a smaller patch.",
        )
    return radii[1]
