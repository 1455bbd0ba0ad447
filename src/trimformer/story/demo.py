"""The demo: train, look, choose, cut, train again, compare with the controls, report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from trimformer.attention.run_measures import measure_run
from trimformer.attention.showing.explorer_data import explorer_of_run
from trimformer.compression.compress import compressed_experiment
from trimformer.data.brain.cohort import make_brain_patient
from trimformer.data.catalogue import load_dataset
from trimformer.depth.choose_run import choose_run
from trimformer.evaluation.compare import compare
from trimformer.evaluation.evaluate import evaluate
from trimformer.evaluation.rows import Candidate
from trimformer.inference.intensity import intensity_predictor
from trimformer.records.depth import DepthChoice
from trimformer.records.experiment import Experiment, read_experiment
from trimformer.records.progress import Progress, silent
from trimformer.records.results import Results
from trimformer.records.run_folder import RunFolder
from trimformer.report import write_report
from trimformer.report.explorer import write_explorer
from trimformer.training import train

PAPERS_DEPTH = 3
"""What the paper keeps; trained where no smaller depth is chosen, or none at all, which is trained as a control."""

FIELD_SLICES = 1
"""Slices of each patient whose receptive field is measured."""

EXPLORER_SLICES = 2

FAST: dict[str, Any] = {
    "name": "unetr-6",
    "model": {"num_blocks": 6},
    "data": {"num_patients": 10, "selection_patients": 1, "image_size": 48},
    "training": {"epochs": 1},
}
"""The same path in a minute: too few blocks, patients, pixels and steps for its figures to mean anything."""


def run_demo(folder: Path, *, fast: bool = False, progress: Progress = silent) -> Results:
    """Tell the whole story into `folder`, ending in report.html and results.json; run again, it goes on.

    Raises:
        UserError: The folder holds other runs, or cannot be written.
    """
    clock = _Clock()
    full = _demo_experiment(fast)
    with clock.measuring("data"):
        dataset = load_dataset(full.data, progress)
    reference = _train(full, folder, clock, progress)
    with clock.measuring("attention"):
        measure_run(reference, field_slices=FIELD_SLICES, progress=progress).save(reference)
        choice = choose_run(reference, progress=progress)
    runs = [Candidate(reference, "reference")]
    for experiment, role in _others(reference, choice):
        runs.append(Candidate(_train(experiment, folder, clock, progress), role))
    with clock.measuring("evaluation"):
        by_intensity = intensity_predictor(make_brain_patient)
        baselines = {"intensity": evaluate(by_intensity, dataset.validation, dataset.labels)}
        results = compare(runs, folder, baselines=baselines, depth=choice, progress=progress)
    with clock.measuring("explorer"):
        write_explorer(reference.explorer_file, explorer_of_run(reference, EXPLORER_SLICES, progress))
    results = results.model_copy(update={"seconds": clock.seconds | {"total": clock.total()}})
    results.save(folder / "results.json")
    write_report(folder)
    return results


def _demo_experiment(fast: bool) -> Experiment:
    with as_file(files("trimformer.story") / "demo.toml") as path:
        experiment = read_experiment(path)
    return experiment.with_changes(**FAST) if fast else experiment


def _others(reference: RunFolder, choice: DepthChoice) -> list[tuple[Experiment, str]]:
    """The smaller model and the controls, all under the reference's protocol, all from scratch."""
    full = reference.experiment()
    chosen = choice.num_blocks or 0
    shallower = 0 < chosen < (full.model.num_blocks or 0)
    depth = chosen if shallower else PAPERS_DEPTH
    smaller = compressed_experiment(reference, depth, "full", "scratch")
    nothing = compressed_experiment(reference, 0, "full", "scratch")
    unet = full.with_changes(name="unet", model={"name": "unet", "size": "small"})  # 1.6 M parameters
    return [
        (smaller.with_changes(name=f"unetr-{depth}"), "chosen depth" if shallower else "paper's depth"),
        (nothing.with_changes(name="unetr-0"), "zero blocks"),
        (unet, "plain U-Net"),
    ]


def _train(experiment: Experiment, folder: Path, clock: "_Clock", progress: Progress) -> RunFolder:
    with clock.measuring(f"training {experiment.name}"):
        return train(experiment, folder / "runs" / experiment.name, progress)


class _Clock:
    """Wall seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()

    @contextmanager
    def measuring(self, what: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[what] = round(time.perf_counter() - begin, 1)

    def total(self) -> float:
        return round(time.perf_counter() - self._begin, 1)
