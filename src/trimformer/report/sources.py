"""What a page is made from: the comparison and whatever its runs have written down."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.files import read_arrays
from trimformer.records.history import read_history
from trimformer.records.profile import AttentionProfile
from trimformer.records.results import ModelRow, Results
from trimformer.records.run_folder import RunFolder

EXAMPLE_ARRAYS = ("patient_ids", "images", "truth", "prediction", "slice_index")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class ModelSources:
    """One row of the comparison with the files of its run; what was not written is None or empty."""

    row: ModelRow
    evaluation: Evaluation | None = None
    examples: Arrays | None = None
    history: Arrays | None = None
    manifest: dict[str, Any] | None = None
    experiment: Experiment | None = None


@dataclass(frozen=True)
class Sources:
    """Everything the page shows: `profile` and `explorer` of the model named `profiled`, `depth` of `chosen_for`."""

    results: Results
    models: tuple[ModelSources, ...]
    profile: AttentionProfile | None
    depth: DepthChoice | None
    profiled: str | None = None
    chosen_for: str | None = None
    explorer: str | None = None
    """Where its page lies, seen from the folder of the comparison."""


def read_sources(folder: Path) -> Sources:
    """Read `results.json` and the run folders it names.

    Raises:
        UserError: `results.json` is missing, or a file that is there is damaged.
    """
    results = Results.load(folder / "results.json")
    runs = [RunFolder(folder / row.run) if row.run else None for row in results.models]
    models = tuple(_read_model(row, run) for row, run in zip(results.models, runs, strict=True))
    profiles = (
        (AttentionProfile.load(run.profile_file, run.profile_arrays), row.name, _explorer(run, folder))
        for row, run in zip(results.models, runs, strict=True)
        if run and run.profile_file.is_file() and run.profile_arrays.is_file()
    )
    profile, profiled, explorer = next(profiles, (None, None, None))
    depth, chosen_for = _choice(results, runs, profiled)
    return Sources(results, models, profile, depth, profiled, chosen_for, explorer)


def _choice(
    results: Results, runs: Sequence[RunFolder | None], profiled: str | None
) -> tuple[DepthChoice | None, str | None]:
    """That of the profiled model, so that it stands beside what it was made from, or else the first; and its model."""
    chosen = {
        row.name: run.depth_file
        for row, run in zip(results.models, runs, strict=True)
        if run and run.depth_file.is_file()
    }
    if not chosen:
        return None, None
    name = profiled if profiled in chosen else next(iter(chosen))
    return DepthChoice.load(chosen[name]), name


def read_figures(folder: Path) -> Sources:
    """Read `results.json` and how its runs were trained: enough for every table, without pictures and profiles.

    Raises:
        UserError: `results.json` is missing, or an experiment that is there is damaged.
    """
    results = Results.load(folder / "results.json")
    models = tuple(
        ModelSources(row, experiment=_experiment(RunFolder(folder / row.run)) if row.run else None)
        for row in results.models
    )
    return Sources(results, models, None, None)


def _experiment(run: RunFolder) -> Experiment | None:
    return run.experiment() if run.experiment_file.is_file() else None


def _explorer(run: RunFolder, folder: Path) -> str | None:
    if not run.explorer_file.is_file():
        return None
    return quote(Path(os.path.relpath(run.explorer_file, folder)).as_posix())


def _read_model(row: ModelRow, run: RunFolder | None) -> ModelSources:
    if run is None:
        return ModelSources(row)
    return ModelSources(
        row,
        Evaluation.load(run.evaluation_file) if run.evaluation_file.is_file() else None,
        _read_examples(run.examples_file) if run.examples_file.is_file() else None,
        read_history(run.history_file) if run.history_file.is_file() else None,
        run.manifest() if run.manifest_file.is_file() else None,
        _experiment(run),
    )


def _read_examples(path: Path) -> Arrays:
    next_step = "Run trimformer evaluate on that run."
    arrays = read_arrays(path, next_step)
    missing = [name for name in EXAMPLE_ARRAYS if name not in arrays]
    if missing:
        raise UserError(f"Examples hold {', '.join(EXAMPLE_ARRAYS)}", f"{path} without {missing}", next_step)
    return arrays
