"""The content of `results.json`: several models side by side."""

from pathlib import Path
from typing import Any, Literal

from trimformer.records.evaluation import Interval
from trimformer.records.frozen import Frozen, read_record


class DiceSummary(Frozen):
    """Mean Dice over patients and classes, per class, and the 95 % interval over patients."""

    mean: float | None
    by_class: dict[str, float | None]
    ci95: Interval | None
    ci95_by_class: dict[str, Interval | None]
    absent: int
    missed: int
    false_alarm: int
    mean_last_epoch: float | None = None


class SurfaceSummary(Frozen):
    """Mean surface scores over patients (and seeds), then over classes: HD95 in mm, and surface Dice at a tolerance."""

    tolerance_mm: float
    hd95_mm: float | None
    hd95_mm_by_class: dict[str, float | None]
    surface_dice: float | None
    surface_dice_by_class: dict[str, float | None]


class PaperFigures(Frozen):
    """What the paper prints for this row: Dice, and % change and % saved where the row is a compressed model."""

    table: int
    mean: float
    by_class: dict[str, float]
    dice_change_percent: float | None
    parameters_saved_percent: float | None
    parameters: int


class PairedTest(Frozen):
    """One model against its reference on the same patients; Holm-adjusted over the models with that reference.

    The p-value is None where fewer than 6 pairs are there.
    """

    mean_difference: float
    ci95: Interval | None
    p_value: float | None
    pairs: int
    verdict: Literal["not inferior", "inferior", "undecided", "too few patients"]
    power: float | None = None
    """How likely as many patients and seeds show a model as good as its reference to be not inferior; 0.8 is usual."""
    patients_needed: int | None = None
    """How many patients would give that power of 0.8, the seeds being as they are; None where no number would."""


class ModelRow(Frozen):
    """One model of a comparison, trained with one seed or several. What only a network has is None for a baseline."""

    name: str
    role: str
    """What the row is there for: `reference`, `chosen depth`, `paper's depth`, `zero blocks`, `plain U-Net`, ..."""
    run: str | None
    """The run folder, relative to results.json; of several seeds the first."""
    runs: tuple[str, ...] = ()
    """The run folders of all seeds."""
    exports: tuple[str, ...] = ()
    """The files of all seeds, relative to results.json, where the model is an export; it then has no run folder."""
    unscored: str = ""
    """Why the model has no Dice, in words; empty where it has one."""
    seeds: tuple[int, ...] = ()
    reference: str | None = None
    """The row that changes and savings are counted against; None for the first row."""
    size: str | None
    num_blocks: int | None
    decoder: str | None
    weights: str | None
    parameters: int | None
    parameters_transformer: int | None
    parameters_saved_percent: float | None
    parameters_saved_by_blocks_percent: float | None
    dice: DiceSummary
    surface: SurfaceSummary | None = None
    dice_change_percent: float | None
    versus_reference: PairedTest | None
    milliseconds_per_slice: float | None = None
    """Median time of one slice by itself on this machine, the models in turn in one process."""
    milliseconds_per_slice_p95: float | None = None
    """The time that 95 of 100 single slices stay under."""
    slices_per_second: float | None = None
    """In batches of 8 slices."""
    multiply_accumulates: int | None = None
    """Of one slice, counted by call: what each layer is asked to do."""
    multiply_accumulates_by_kernel: int | None = None
    """The same counted by the kernels that ran."""
    peak_memory_mb: float | None = None
    """The most that tensors held at once while a batch of 8 slices was segmented, weights included."""
    resident_mb: float | None = None
    """By how much a process of its own grew with the model and such a batch, as the operating system counts it."""
    file_size_mb: float | None = None
    """Of the file that the weights are in, in megabytes of 10^6 bytes."""
    paper: PaperFigures | None = None


class PatientCounts(Frozen):
    """How many patients were trained on (with those that selected the epoch) and how many were reported."""

    train: int
    validation: int


class Results(Frozen):
    """Models side by side. Each row names the row that it is compared with; the first is compared with none."""

    dataset: str
    dataset_note: str
    patients: PatientCounts
    models: tuple[ModelRow, ...]
    depth: dict[str, Any] | None
    margin: float
    """The non-inferiority margin, in Dice."""
    seconds: dict[str, float]
    provenance: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read a comparison.

        Raises:
            UserError: The file is missing or is not a comparison.
        """
        return read_record(cls, path, "a comparison", "Give a folder that a demo or a comparison made.")
