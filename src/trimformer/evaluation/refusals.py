"""What no comparison may do, each refused by name."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.run_folder import RunFolder

GRID_SETTINGS = ("image_size", "slice_axis", "orientation", "spacing_from", "spacing_mm", "crop")
"""What decides which pixels a model sees and how large a voxel is said to be."""

Reading = Callable[[dict[str, Any], Evaluation], Any]

RULES: tuple[tuple[str, Reading, str], ...] = (
    ("are trained on one dataset", lambda data, _: data["dataset"], "Compare runs of one dataset."),
    (
        "have the same labels",
        lambda data, own: {"trained": data["labels"], "scored": own.labels},
        "Train both on the same label map.",
    ),
    (
        "see the same image grid",
        lambda data, _: {name: (data.get("preprocessing") or {}).get(name) for name in GRID_SETTINGS},
        "Train both with the same grid in [data].",
    ),
    ("are scored on the same grid", lambda _, own: own.grid, "Run trimformer evaluate on both."),
    (
        "are split alike",
        lambda data, _: {side: sorted(data[side]) for side in ("training", "selection", "validation")},
        "Train both on the same split.",
    ),
    (
        "read the same files in the same way",
        lambda data, _: data["fingerprint"],
        "Train both on the same files, with the same [data] section.",
    ),
    (
        "are evaluated on the same patients",
        lambda _, own: sorted(own.patients),
        "Run trimformer evaluate on both.",
    ),
    (
        "are scored by the same rules",
        lambda _, own: [own.unit, own.empty, own.surface_tolerance_mm],
        "Run trimformer evaluate on both.",
    ),
)
"""What all runs of one comparison share, what that is read from, and what to do where it differs."""


def refuse_unlike(runs: Sequence[RunFolder], evaluations: Sequence[Evaluation]) -> None:
    """Check that all runs can stand in one table with the first.

    Scores are on each patient's own grid, so that slices of 112 and of 224 pixels could be compared; but then a
    difference would be the grid's as much as the model's, and it is refused.

    Raises:
        UserError: Names the first rule of `RULES` that two runs break, and both values.
    """
    data = [run.manifest_of_data() for run in runs]
    for name, read, next_step in RULES:
        first = read(data[0], evaluations[0])
        for run, of_run, evaluation in zip(runs, data, evaluations, strict=True):
            own = read(of_run, evaluation)
            if own != first:
                found = f"{runs[0].path} and {run.path} differ: {_difference(first, own)}"
                raise UserError(f"Runs in one comparison {name}", found, next_step)


def _difference(first: Any, own: Any) -> str:
    """Both values; of a table the first entry that differs, of a list what only one of them has."""
    if isinstance(first, dict) and isinstance(own, dict):
        key = next(key for key in first | own if first.get(key) != own.get(key))
        return f"{key}: {_difference(first.get(key), own.get(key))}"
    if isinstance(first, list) and isinstance(own, list) and all(isinstance(entry, str) for entry in first + own):
        alone = sorted(set(first) ^ set(own))
        return f"{', '.join(alone[:5])}{' and more' if len(alone) > 5 else ''} only in one of them"
    return f"{first} and {own}"


def refuse_evaluation_on_seen(run: RunFolder, evaluation: Evaluation) -> None:
    """Check that an evaluation is of patients that neither trained nor selected the run, nor any that it came from.

    Raises:
        UserError: The evaluation is of another side than validation, or one of its patients was seen.
    """
    if evaluation.split != "validation":
        raise UserError(
            "Only patients that chose nothing are compared",
            f"{run.evaluation_file}: split = {evaluation.split!r}",
            "Run trimformer evaluate on that run.",
        )
    refuse_seen_patients(evaluation.patients, run)


def refuse_seen_patients(patient_ids: Iterable[str], run: RunFolder) -> None:
    """Check that a run, the run whose weights it began with, and its teacher have seen none of these patients.

    Raises:
        UserError: Names the patients, the run that saw them, and whether they trained it or selected its epoch.
    """
    patient_ids = set(patient_ids)
    dataset = run.manifest_of_data()["dataset"]
    for seeing in with_ancestors(run):
        data = seeing.manifest_of_data()
        if data["dataset"] != dataset:
            continue
        for side, verb in (("training", "trained"), ("selection", "selected the epoch of")):
            seen = sorted(patient_ids & set(data[side]))
            if seen:
                raise UserError(
                    "A model is judged on patients that it has not seen, and that did not select its epoch",
                    f"{', '.join(seen)} {verb} {seeing.path}",
                    f"Judge {run.path} on its own validation patients: restore the data or the split it was made with.",
                )


def with_ancestors(run: RunFolder) -> Iterator[RunFolder]:
    """The run, and those that its weights or its teacher come from, as far as their folders are still there."""
    met: set[Path] = set()
    waiting = [run]
    while waiting:
        one = waiting.pop(0)
        path = one.path.resolve()
        if path in met or not one.experiment_file.is_file() or not one.manifest_file.is_file():
            continue
        met.add(path)
        yield one
        experiment = one.experiment()
        teacher = experiment.distillation.teacher if experiment.distillation else None
        waiting += [RunFolder(Path(source)) for source in (experiment.model.weights, teacher) if source]
