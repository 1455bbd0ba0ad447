"""What a study will do: every run with its experiment, its folder and the runs that it needs."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trimformer.data.catalogue import refuse_unknown_dataset
from trimformer.models import canonical_name
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, apply_override, experiment_mistakes, parse_experiment
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import DataSettings
from trimformer.records.study import StudyFile
from trimformer.study.combine import StudyRun, combine
from trimformer.study.faults import Fault, noting
from trimformer.study.links import needed_runs, order_of_need, with_folders
from trimformer.training.train import claim, is_trained

FAILURE = "failure.txt"
"""Why a run failed, in its folder; gone once it has succeeded."""


@dataclass(frozen=True)
class Job:
    """One run of a study: what to train, where, and the names of the runs that come before it."""

    name: str
    experiment: Experiment
    folder: Path
    needs: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether it is trained and evaluated."""
        run = RunFolder(self.folder)
        return is_trained(run) and run.evaluation_file.exists() and run.last_evaluation_file.exists()

    @property
    def state(self) -> str:
        """In a word: done, failed, begun or new."""
        if self.is_done:
            return "done"
        if self.failure is not None:
            return "failed"
        return "begun" if RunFolder(self.folder).history_file.exists() else "new"

    @property
    def failure_file(self) -> Path:
        """Why it failed."""
        return self.folder / FAILURE

    @property
    def standing_file(self) -> Path:
        """How far it is, while a process runs it."""
        return self.folder / "standing.json"

    @property
    def log_file(self) -> Path:
        """What its processes printed, if anything."""
        return self.folder / "log.txt"

    @property
    def failure(self) -> str | None:
        """The first line of that file, None where there is none."""
        return self.failure_file.read_text().partition("\n")[0] if self.failure_file.exists() else None


@dataclass(frozen=True)
class Plan:
    """All runs of a study in the order of its file; `selected` are the names of those that are to be executed.

    `faults` are the mistakes in its settings; runs that have one are not among the jobs.
    """

    study: str
    folder: Path
    jobs: tuple[Job, ...]
    selected: tuple[str, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def to_execute(self) -> tuple[Job, ...]:
        """The selected runs, whatever they need before them."""
        by_name = {job.name: job for job in self.jobs}
        order = order_of_need({job.name: job.needs for job in self.jobs})
        return tuple(by_name[name] for name in order if name in self.selected)


def plan_study(
    study: StudyFile,
    folder: Path,
    *,
    overrides: Sequence[str] = (),
    roots: Mapping[str, str] | None = None,
    only: str | None = None,
) -> Plan:
    """Combine, change, link and check all runs of a study; nothing is written.

    Args:
        study: The file.
        folder: Where the runs are, or will be.
        overrides: `key=value` settings that every run gets.
        roots: The folder of each dataset.
        only: A pattern (`ibsr18-*`) of the names of the runs that are wanted; what they need comes with them.

    Where a setting or a link of a run breaks a rule, or its folder holds another experiment, the plan's faults say so:
    `trimformer.study.faults.refuse` tells all of them at once.

    Raises:
        UserError: Runs cannot be told apart or need each other, or an override, a root or the pattern fits none.
    """
    runs = _with_roots(_with_overrides(combine(study), overrides), roots or {})
    faults: list[Fault] = []
    jobs: list[Job] = []
    for run in runs:
        mistakes = experiment_mistakes(run.document, run.place)
        faults += [Fault(run.name, mistake) for mistake in mistakes]
        with noting(faults, run.name):
            jobs += [] if mistakes else [_job(run, runs, folder / "runs")]
    needs = {job.name: job.needs for job in jobs}
    with noting(faults, "the links between runs"):
        order_of_need(needs)
    names = tuple(run.name for run in runs)
    return Plan(study.name, folder, tuple(jobs), _selected(names, needs, only), tuple(faults))


def _job(run: StudyRun, runs: Sequence[StudyRun], folder: Path) -> Job:
    document = with_folders(run, runs, folder).document
    job = Job(run.name, parse_experiment(document, run.place), folder / run.name, needed_runs(run, runs))
    refuse_unknown_dataset(job.experiment.data)
    canonical_name(job.experiment.model.name, job.experiment.model.target)
    claim(job.experiment, job.folder)
    return job


def _with_overrides(runs: tuple[StudyRun, ...], overrides: Sequence[str]) -> tuple[StudyRun, ...]:
    for override in overrides:
        key = override.partition("=")[0]
        varying = next((run for run in runs if key in run.varied or key == "name"), None)
        if varying is not None:
            raise UserError(
                "--set gives all runs of a study one value, and leaves alone what tells them apart",
                f"{override}, and {key} differs between the runs of {varying.place}",
                "Choose among the runs with --only, or change the file.",
            )
    return tuple(replace(run, document=_overridden(run.document, overrides)) for run in runs)


def _overridden(document: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    changed = deepcopy(document)
    for override in overrides:
        apply_override(override, changed)
    return changed


def _with_roots(runs: tuple[StudyRun, ...], roots: Mapping[str, str]) -> tuple[StudyRun, ...]:
    datasets = {_dataset(run) for run in runs}
    unknown = [dataset for dataset in roots if dataset not in datasets]
    if unknown:
        raise UserError(
            "--root gives the folder of a dataset of the study", unknown[0], f"Datasets: {', '.join(sorted(datasets))}."
        )
    return tuple(
        replace(run, document=run.document | {"data": run.document.get("data", {}) | {"root": roots[_dataset(run)]}})
        if _dataset(run) in roots
        else run
        for run in runs
    )


def _dataset(run: StudyRun) -> str:
    section = run.document.get("data", {})
    return str(section.get("dataset", DataSettings().dataset)) if isinstance(section, dict) else ""


def _selected(names: Sequence[str], needs: Mapping[str, Sequence[str]], only: str | None) -> tuple[str, ...]:
    wanted = {name for name in names if only is None or fnmatchcase(name, only)}
    if not wanted:
        raise UserError("--only is the pattern of a run's name", repr(only), f"Runs: {', '.join(names)}.")
    wanted = _with_needs(wanted, needs)
    return tuple(name for name in names if name in wanted)


def _with_needs(names: set[str], needs: Mapping[str, Sequence[str]]) -> set[str]:
    more = {need for name in names for need in needs.get(name, ())} - names
    return _with_needs(names | more, needs) if more else names
