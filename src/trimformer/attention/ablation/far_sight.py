"""How many blocks have to look far: one after another is made near-sighted, and the Dice that remains is measured."""

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
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
"""Of each patient, spread over those with labels: each is seen twice as often as the model has blocks."""


def far_sight(
    model: nn.Module,
    patients: Iterable[PatientSlices],
    labels: Mapping[int, str],
    *,
    slices: int | None = SLICES,
    batch_size: int = BATCH_SIZE,
    progress: Progress = silent,
) -> FarSight:
    """Dice with one block near-sighted, then with more and more of them, the one that costs the least alone first.

    A near-sighted block attends no further than to the next tokens: the distance of two of them along the longest side
    of a token, among axes and patients. For L blocks each slice is seen 2 L + 1 times, one batch at a time.

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
        radius, blocks = _next_token(transformer, patients), range(len(transformer.blocks))
        dice = partial(
            dice_under_conditions,
            model,
            patients,
            labels,
            task="making blocks near-sighted",
            slices=slices,
            batch_size=batch_size,
            progress=progress,
        )

        def near_sighted(chosen: Iterable[int]) -> Condition:
            limit = partial(limited_attention, model, transformer, radius, tuple(chosen))
            return lambda patient: limit(patient.spacing_mm)

        first = dice([untouched, *(near_sighted([block]) for block in blocks)])
        unlimited, alone = first[:, 0], first[:, 1:]
        order = _cheapest_first(alone - unlimited[:, None])
        together = dice([near_sighted(order[: count + 1]) for count in blocks])
    return FarSight(
        tuple(patient.patient_id for patient in patients),
        transformer.names,
        radius,
        transformer.grid.num_prefix_tokens,
        order,
        unlimited,
        alone,
        together,
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


def _cheapest_first(change: np.ndarray) -> tuple[int, ...]:
    """Blocks by their mean change of Dice, the smallest loss first; of equals the later one."""
    counted = change[np.isfinite(change).all(axis=1)]
    means = counted.mean(axis=0) if len(counted) else np.zeros(change.shape[1])
    return tuple(sorted(range(len(means)), key=lambda block: (-means[block], -block)))
