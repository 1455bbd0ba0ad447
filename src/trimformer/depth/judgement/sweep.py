"""Which runs of a study make a sweep of depths."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimformer.data.phantom.cohort import hops_of
from trimformer.records.experiment import Experiment
from trimformer.records.judgement import ExcludedRun
from trimformer.records.run_folder import RunFolder
from trimformer.study.plan import Job

Grid = Mapping[int, Mapping[int, Job]]
"""Depth, seed, run."""


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in `model.num_blocks` and seed only, done or not."""

    name: str
    grid: Grid

    @property
    def depths(self) -> tuple[int, ...]:
        """Rising; the last one is the full depth."""
        return tuple(sorted(self.grid))

    @property
    def seeds(self) -> tuple[int, ...]:
        """All that any depth has."""
        return tuple(sorted({seed for of_depth in self.grid.values() for seed in of_depth}))

    @property
    def experiment(self) -> Experiment:
        """Of a run at full depth: what all runs share can be read from it."""
        return next(iter(self.grid[self.depths[-1]].values())).experiment

    def run(self, depth: int, seed: int) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.grid[depth][seed].folder)

    @property
    def task(self) -> str:
        """The dataset; of the phantom with its hops, since each number of them is a task of its own."""
        dataset = self.experiment.data.dataset
        return dataset if self.hops is None else f"{dataset}, hops {self.hops}"

    @property
    def hops(self) -> int | None:
        """Of the phantom's riddles; None of other data."""
        return _hops(self.experiment)

    @property
    def model(self) -> str:
        """The network's name."""
        return str(self.experiment.model.name or self.experiment.model.target)


def sweeps_of(jobs: Sequence[Job]) -> tuple[list[Sweep], list[ExcludedRun]]:
    """The sweeps that these runs make, in the order of the study, and the runs that are in none, with the reason.

    A run that begins from a run of another depth, or learns from one, is a control: its question is how it began. So
    is one without blocks. What is alike in everything but depth and seed is one sweep, if it has two depths; runs that
    begin each from one of their own depth and seed are alike.
    """
    by_name = {job.name: job for job in jobs}
    groups: dict[str, list[Job]] = {}
    left_out = []
    for job in jobs:
        needs = [by_name[name] for name in job.needs if name in by_name]
        if (reason := _no_part_of_a_sweep(job, needs)) is not None:
            left_out.append(ExcludedRun(run=job.name, reason=reason))
        else:
            groups.setdefault(_all_but_depth_and_seed(job.experiment, needs), []).append(job)
    sweeps = []
    for runs in groups.values():
        group, again = _once(runs)
        left_out += again
        grid = _grid(group)
        if len(grid) < 2:
            left_out += [ExcludedRun(run=job.name, reason="one depth is no sweep") for job in group]
        else:
            sweeps.append(Sweep(_common_name(group), grid))
    return sweeps, left_out


def _once(jobs: Sequence[Job]) -> tuple[list[Job], list[ExcludedRun]]:
    """The first run of every depth and seed, and those that repeat one."""
    firsts: dict[tuple[int | None, int], Job] = {}
    again = []
    for job in jobs:
        first = firsts.setdefault(_depth_and_seed(job), job)
        if first is not job:
            again.append(ExcludedRun(run=job.name, reason=f"the same settings as {first.name}"))
    return list(firsts.values()), again


def _no_part_of_a_sweep(job: Job, needs: Sequence[Job]) -> str | None:
    own = _depth_and_seed(job)
    if len(needs) < len(job.needs) or any(_depth_and_seed(other) != own for other in needs):
        return f"a control: it begins from or learns from {', '.join(job.needs)}"
    return "a control: no depth is set" if job.experiment.model.num_blocks is None else None


def _depth_and_seed(job: Job) -> tuple[int | None, int]:
    return job.experiment.model.num_blocks, job.experiment.seed


def _all_but_depth_and_seed(experiment: Experiment, needs: Sequence[Job]) -> str:
    """As one text, in which the run that it begins from goes by its name without depth and seed too."""
    document = experiment.model_dump(mode="json", exclude={"name", "seed", "tracking"})
    document["data"]["hops"] = _hops(experiment)
    model = document["model"]
    del model["num_blocks"]
    begins = {str(other.folder.absolute()): _common_name([other]) for other in needs}
    model["weights"] = begins.get(model["weights"], model["weights"])
    return json.dumps(document, sort_keys=True)


def _hops(experiment: Experiment) -> int | None:
    return hops_of(experiment.data) if experiment.data.dataset == "phantom" else None


def _grid(jobs: Iterable[Job]) -> Grid:
    grid: dict[int, dict[int, Job]] = {}
    for job in jobs:
        depth = job.experiment.model.num_blocks
        assert depth is not None, "those without were left out"
        grid.setdefault(depth, {})[job.experiment.seed] = job
    return grid


def _common_name(jobs: Sequence[Job]) -> str:
    """The runs' name without their seed and depth, where that leaves one name."""
    names = {_without(_without(job.name, f"seed{job.experiment.seed}"), _depth(job)) for job in jobs}
    return names.pop() if len(names) == 1 else jobs[0].name


def _depth(job: Job) -> str:
    return str(job.experiment.model.num_blocks)


def _without(name: str, part: str) -> str:
    """The name without the last of its parts that is this one."""
    return re.sub(rf"-{part}(?=-|$)(?!.*-{part}(?:-|$))", "", name)
