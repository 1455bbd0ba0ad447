"""How often every criterion of depth named the depth that a riddle takes, and whether the default did better.

    python examples/answers_counted.py docs/evidence/answers.csv --out counted.csv

Each FILE is one that `examples/answers_together.py` wrote; the phantom's runs in them are counted, since of those the
needed depth is known. Models of one seed share what they began with, so intervals and tests are over seeds: the share
of seeds whose models were all named right (Clopper and Pearson 1934, 95 %), and the two-sided sign test of the seeds in
which the default named more models right than the criterion against those in which it named fewer.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from trimformer.data.phantom.board import needed_blocks
from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT
from trimformer.records.errors import UserError
from trimformer.records.files import read_text, write_text

COLUMNS = (
    *("criterion", "models", "right", "within_one", "too_few", "too_many"),
    *("seeds", "seeds_right", "seeds_right_low", "seeds_right_high", "default_better", "default_worse", "p_value"),
)
NEXT_STEP = "Write it with examples/answers_together.py."


@dataclass(frozen=True)
class Asked:
    """What every criterion answered for one model of the phantom; an inconclusive answer counts as its full depth."""

    run: str
    seed: int
    needed: int
    answers: dict[str, int]

    def off(self, criterion: str) -> int:
        """How many blocks more than needed the criterion asks for."""
        return self.answers[criterion] - self.needed


def main(arguments: list[str]) -> int:
    """Read, count, print, write; 2 where a file is damaged, a run is told twice, or none is of a phantom."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, help="write the table there as CSV")
    given = parser.parse_args(arguments)
    try:
        models = _models_of(given.files)
        table = "".join(",".join(row) + "\n" for row in (COLUMNS, *(_counted(name, models) for name in CRITERIA)))
        if given.out is not None:
            write_text(given.out, table)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(table)
    return 0


def _models_of(files: Sequence[Path]) -> list[Asked]:
    models = [model for file in files for model in _phantoms(file)]
    if not models:
        raise UserError("One file at least must hold runs of the phantom", " ".join(map(str, files)), NEXT_STEP)
    names = [model.run for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError("Every run is counted once", f"{twice[0]} is there twice", "Name each file once.")
    return models


def _phantoms(file: Path) -> Iterator[Asked]:
    try:
        for row in csv.DictReader(read_text(file, NEXT_STEP).splitlines()):
            if row["hops"].isdigit():
                answers = {name: int(row["blocks"] if row[name] == "-" else row[name]) for name in CRITERIA}
                yield Asked(row["run"], int(row["seed"]), needed_blocks(int(row["hops"])), answers)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError("The table must hold every criterion's answer", f"{error} in {file}", NEXT_STEP) from error


def _counted(criterion: str, models: Sequence[Asked]) -> tuple[str, ...]:
    off = [model.off(criterion) for model in models]
    right, of_default = _right_by_seed(criterion, models), _right_by_seed(DEFAULT, models)
    asked = Counter(model.seed for model in models)
    seeds_right = sum(right[seed] == count for seed, count in asked.items())
    share = binomtest(seeds_right, len(asked)).proportion_ci(0.95, method="exact")
    better = sum(of_default[seed] > right[seed] for seed in asked)
    worse = sum(of_default[seed] < right[seed] for seed in asked)
    p_value = binomtest(better, better + worse).pvalue if better + worse else 1.0
    too_few, too_many = sum(each < 0 for each in off), sum(each > 0 for each in off)
    of_models = (len(models), off.count(0), sum(abs(each) <= 1 for each in off), too_few, too_many)
    of_seeds = (len(asked), seeds_right, f"{share.low:.3f}", f"{share.high:.3f}", better, worse, f"{p_value:.4f}")
    return (criterion, *map(str, (*of_models, *of_seeds)))


def _right_by_seed(criterion: str, models: Sequence[Asked]) -> Counter[int]:
    return Counter(model.seed for model in models if model.off(criterion) == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
