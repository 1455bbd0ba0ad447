"""Whether the distance that attention looks at is used: the Dice that remains when it is masked."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from torch import nn

from trimformer.attention.ablation.limited import limited_attention, token_sides_mm
from trimformer.attention.ablation.remaining_dice import (
    Condition,
    ablated_patients,
    dice_under_conditions,
    transformer_of,
    untouched,
)
from trimformer.attention.measures.geometry import token_distances
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.causal_radius import CausalRadius
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent, under_name
from trimformer.records.run_folder import RunFolder

BATCH_SIZE = 8


def causal_radius(
    model: nn.Module,
    patients: Iterable[PatientSlices],
    labels: Mapping[int, str],
    radii_mm: Sequence[float] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress = silent,
) -> CausalRadius:
    """Dice for every radius and block, when attention beyond it is masked in that block, or in all blocks up to it.

    Attention distance says where a block looks; this says whether the model loses anything when it cannot. For L blocks
    and R radii each slice is seen R (2 L - 1) + 1 times, one batch at a time.

    Args:
        model: A segmentation network with one sequence of transformer blocks; its mode is kept.
        patients: With labels; those that chose the best epoch or were trained on, never those that are reported.
        labels: The classes that count, without background.
        radii_mm: In mm; None: `default_radii` of these patients.
        batch_size: Slices a forward pass.
        progress: Told after every radius and block of every patient.

    Raises:
        UserError: No patient, no labels, no radius, or a model whose attention cannot be limited.
    """
    patients = tuple(patients)
    with evaluating(model):
        transformer = transformer_of(model, patients)
        radii = tuple(default_radii(transformer.grid, patients) if radii_mm is None else radii_mm)
        if not radii:
            raise UserError("Attention is limited to at least one radius", "none", "Give distances in mm.")
        chosen = _choices(radii, len(transformer.blocks))
        limits = [_limit(model, transformer, radius, blocks) for radius, blocks in chosen]
        conditions: list[Condition] = [untouched, *limits]
        dice = dice_under_conditions(
            model, patients, labels, conditions, task="limiting attention", batch_size=batch_size, progress=progress
        )
    column = {choice: index for index, choice in enumerate(chosen, start=1)}
    depths = range(len(transformer.blocks))
    only = [[column[radius, (block,)] for block in depths] for radius in radii]
    up_to = [[column[radius, tuple(range(block + 1))] for block in depths] for radius in radii]
    return CausalRadius(
        tuple(patient.patient_id for patient in patients),
        radii,
        transformer.names,
        transformer.grid.num_prefix_tokens,
        unlimited=dice[:, 0],
        only=dice[:, only],
        up_to=dice[:, up_to],
    )


def default_radii(grid: TokenGrid, patients: Iterable[PatientSlices]) -> tuple[float, ...]:
    """0, then 1, 2, 4, 8, ... token sides in mm, as long as they are below the image's diagonal.

    The side is the longest among axes and patients, so that every token sees its neighbours within one.
    """
    sides = [token_sides_mm(grid, patient.spacing_mm) for patient in patients]
    side = max(max(sizes) for sizes in sides)
    diagonal = max(float(token_distances(grid.grid_size, sizes)[0, -1]) for sizes in sides)
    return (0.0, *(side * 2**power for power in range(32) if side * 2**power < diagonal))


def causal_radius_of_run(
    run: RunFolder, radii_mm: Sequence[float] | None = None, progress: Progress = silent
) -> CausalRadius:
    """The causal radius of a run's best weights on `ablated_patients`, written into its folder.

    Raises:
        UserError: The run has no weights yet, no selection patient, or its model has no block.
    """
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(run.experiment().data)
    told = under_name(progress, f"limiting attention of {run.name}")
    record = causal_radius(model, ablated_patients(dataset), dataset.labels, radii_mm, progress=told)
    record.save(run.causal_radius_file)
    return record


def _choices(radii: Sequence[float], num_blocks: int) -> list[tuple[float, tuple[int, ...]]]:
    """Every radius with every set of blocks once: the first block alone is all blocks up to it."""
    alone = [(block,) for block in range(num_blocks)]
    together = [tuple(range(block + 1)) for block in range(1, num_blocks)]
    return [(radius, blocks) for radius in dict.fromkeys(radii) for blocks in (*alone, *together)]


def _limit(model: nn.Module, transformer: Transformer, radius_mm: float, blocks: tuple[int, ...]) -> Condition:
    limit = partial(limited_attention, model, transformer, radius_mm, blocks)
    return lambda patient: limit(patient.spacing_mm)
