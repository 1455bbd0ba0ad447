"""Which runs make one row of a comparison, and which row each is compared with."""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Candidate:
    """A trained run with what it is there for."""

    run: RunFolder
    role: str

    @classmethod
    def of(cls, run: RunFolder, *, is_reference: bool) -> "Candidate":
        """A run whose role is what its experiment says."""
        model = run.experiment().model
        if is_reference:
            return cls(run, "reference")
        blocks = model.blocks_left
        if blocks is None:
            return cls(run, "plain U-Net" if model.name == "unet" else str(model.name or model.target))
        return cls(run, "zero blocks" if blocks == 0 else f"{blocks} block{'' if blocks == 1 else 's'}")

    @cached_property
    def experiment(self) -> Experiment:
        """What the run was trained as."""
        return self.run.experiment()

    def evaluation(self, progress: Progress) -> Evaluation:
        """Its scores, made now where they are not there yet."""
        if not self.run.evaluation_file.exists() or not self.run.last_evaluation_file.exists():
            return evaluate_run(self.run, progress)
        return Evaluation.load(self.run.evaluation_file)


@dataclass(frozen=True)
class Row:
    """Runs of one model that differ in their seed only, in the order of their seeds."""

    candidates: tuple[Candidate, ...]
    name: str

    @property
    def first(self) -> Candidate:
        """The run with the smallest seed: what does not depend on the seed is read from it."""
        return self.candidates[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every run's seed."""
        return tuple(candidate.experiment.seed for candidate in self.candidates)

    def paths(self, folder: Path) -> tuple[str, ...]:
        """Every run's folder as it is named from `folder`."""
        return tuple(_path(candidate, folder) for candidate in self.candidates)


def rows_of(candidates: Sequence[Candidate], folder: Path) -> list[Row]:
    """The rows that these runs make, in the order in which their first runs are given.

    Runs make one row when their experiments differ in name and seed only; a run folder that weights or a teacher come
    from counts as the experiment that it holds, since each seed has its own. Names are the runs' own without a seed at
    the end, and paths relative to `folder` where two rows would have the same.

    Raises:
        UserError: A run is given twice, or two of one row have the same seed.
    """
    alike: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        alike.setdefault(_all_but_seed(candidate.experiment), []).append(candidate)
    rows = [
        Row(in_order, _common_name(in_order))
        for group in alike.values()
        for in_order in [tuple(sorted(group, key=lambda candidate: candidate.experiment.seed))]
    ]
    for row in rows:
        _check_seeds(row)
    counts = Counter(row.name for row in rows)
    return [row if counts[row.name] == 1 else Row(row.candidates, _path(row.first, folder)) for row in rows]


def references(rows: Sequence[Row]) -> list[int | None]:
    """For each row the index of the one that it is compared with; None for the first row.

    That is the first row of the same family: the same network, trunk, size and patches, so that what differs is what
    was cut and how it was recovered. The first row of a family is compared with the first row of all.
    """
    families = [_family(row.first.experiment) for row in rows]
    own_first = [families.index(family) for family in families]
    return [None, *(first if first != index else 0 for index, first in enumerate(own_first) if index)]


def _family(experiment: Experiment) -> tuple[Any, ...]:
    model = experiment.model
    return model.target or model.name, model.trunk, model.size, model.patch_size


def _all_but_seed(experiment: Experiment) -> str:
    """What two runs of one row share; data are left out, since a comparison holds one dataset anyway."""
    document = experiment.model_dump(mode="json", exclude={"name", "seed", "data", "tracking"})
    document["model"]["weights"] = _source(experiment.model.weights)
    if experiment.distillation is not None:
        document["distillation"]["teacher"] = _source(experiment.distillation.teacher)
    return json.dumps(document, sort_keys=True)


def _source(name: str) -> str:
    run = RunFolder(Path(name))
    return _all_but_seed(run.experiment()) if run.experiment_file.is_file() else name


def _common_name(candidates: Sequence[Candidate]) -> str:
    """The runs' name without the seed at its end, where that leaves one name."""
    names = [candidate.run.name for candidate in candidates]
    if len(names) == 1:
        return names[0]
    seeds = [candidate.experiment.seed for candidate in candidates]
    bare = {re.sub(rf"[-_.]*(seed|s)?[-_.=]*{seed}$", "", name) for name, seed in zip(names, seeds, strict=True)}
    return bare.pop() if len(bare) == 1 and all(bare) else names[0]


def _check_seeds(row: Row) -> None:
    for one, other in zip(row.candidates, row.candidates[1:], strict=False):
        if one.experiment.seed == other.experiment.seed:
            raise UserError(
                "A comparison holds every seed of a model once",
                f"{one.run.path} and {other.run.path} are both seed {one.experiment.seed} of one experiment",
                "Leave one of them out, or train it with another seed.",
            )


def _path(candidate: Candidate, folder: Path) -> str:
    return Path(os.path.relpath(candidate.run.path, folder)).as_posix()
