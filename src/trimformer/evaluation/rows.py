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
from trimformer.evaluation.exports import Export, evaluate_export
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Candidate:
    """A trained run with what it is there for, or an export of that run."""

    run: RunFolder
    role: str
    export: Export | None = None

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

    @property
    def path(self) -> Path:
        """The run folder, or the file of the export."""
        return self.run.path if self.export is None else self.export.file

    @cached_property
    def experiment(self) -> Experiment:
        """What the run was trained as."""
        return self.run.experiment()

    def evaluation(self, progress: Progress) -> Evaluation:
        """Its scores, made now where they are not there yet."""
        if self.export is not None:
            return evaluate_export(self.export, self.run, progress)
        if not self.run.evaluation_file.exists() or not self.run.last_evaluation_file.exists():
            return evaluate_run(self.run, progress)
        return Evaluation.load(self.run.evaluation_file)


@dataclass(frozen=True)
class Row:
    """Runs of one model that differ in their seed only, or exports of one kind of such runs, in the order of seeds."""

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
        """Every run's folder, or export's file, as it is named from `folder`."""
        return tuple(path_from(folder, candidate.path) for candidate in self.candidates)


def rows_of(candidates: Sequence[Candidate], folder: Path) -> list[Row]:
    """The rows that these runs make, in the order in which their first runs are given.

    Runs make one row when their experiments differ in name and seed only; a run folder that weights or a teacher come
    from counts as the experiment that it holds, since each seed has its own. Names are the runs' own without a seed at
    the end, and paths relative to `folder` where two rows would have the same.

    An export is called as its file is, and stands in a row with others of its kind only.

    Raises:
        UserError: A run is given twice, or two of one row have the same seed.
    """
    alike: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        kind = "" if candidate.export is None else candidate.export.kind
        alike.setdefault((_all_but_seed(candidate.experiment), kind), []).append(candidate)
    rows = [
        Row(in_order, _common_name(in_order))
        for group in alike.values()
        for in_order in [tuple(sorted(group, key=lambda candidate: candidate.experiment.seed))]
    ]
    for row in rows:
        _check_seeds(row)
    counts = Counter(row.name for row in rows)
    return [row if counts[row.name] == 1 else Row(row.candidates, path_from(folder, row.first.path)) for row in rows]


def references(rows: Sequence[Row]) -> list[int | None]:
    """For each row the index of the one that it is compared with; None for the first row.

    That is the first row of the same family: the same network, trunk, size and patches, so that what differs is what
    was cut and how it was recovered. The first row of a family is compared with the first row of all. An export is
    compared with the row of the run that it was made of, where that is there.
    """
    families = [_family(row.first.experiment) for row in rows]
    runs = {_all_but_seed(row.first.experiment): index for index, row in enumerate(rows) if row.first.export is None}

    def reference(index: int, row: Row) -> int:
        if row.first.export is not None and (own := runs.get(_all_but_seed(row.first.experiment))) is not None:
            return own
        first = families.index(families[index])
        return first if first != index else 0

    return [reference(index, row) if index else None for index, row in enumerate(rows)]


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
    """The runs' name without the seed at its end, where that leaves one name; an export's with its ending."""
    export = candidates[0].export
    ending = "" if export is None else export.file.suffix
    names = [one.run.name if one.export is None else one.export.file.stem for one in candidates]
    if len(names) == 1:
        return f"{names[0]}{ending}"
    seeds = [candidate.experiment.seed for candidate in candidates]
    bare = {re.sub(rf"[-_.]*(seed|s)?[-_.=]*{seed}$", "", name) for name, seed in zip(names, seeds, strict=True)}
    return f"{bare.pop() if len(bare) == 1 and all(bare) else names[0]}{ending}"


def _check_seeds(row: Row) -> None:
    for one, other in zip(row.candidates, row.candidates[1:], strict=False):
        if one.experiment.seed == other.experiment.seed:
            raise UserError(
                "A comparison holds every seed of a model once",
                f"{one.path} and {other.path} are both seed {one.experiment.seed} of one experiment",
                "Leave one of them out, or train it with another seed.",
            )


def path_from(folder: Path, path: Path) -> str:
    """How `path` is named from `folder`."""
    return Path(os.path.relpath(path, folder)).as_posix()
