"""What every criterion of depth costs over several judged sweeps, and thresholds tried on what they were not fitted on.

    python examples/judgements_together.py FOLDER... --criteria criteria.csv --thresholds thresholds.csv
        --regrets regrets.csv --figure regrets.png

Each FOLDER was judged by `trimformer study STUDY.toml --judge`. First it is told how many blocks each criterion
answers over all their sweeps, and its regret. Then, for every task and every model in them, each criterion's
threshold is fitted on the sweeps of all other tasks, or models: the fewest blocks at a regret of 0.01 at most on any
of them. What it costs is told on those left out. `--regrets` and `--figure` tell and draw what each criterion answers
and loses over all sweeps at each of its thresholds.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.blocks_and_regret import blocks_and_regret
from trimformer.depth.judgement.thresholds import TOLERATED, fitted_without
from trimformer.records.errors import UserError
from trimformer.records.files import write_text
from trimformer.records.judgement import JudgedCriterion, JudgedSweep, Judgement, LeftOut
from trimformer.report.judgement.tables import thresholds_csv
from trimformer.report.judgement.write import write_regrets
from trimformer.report.tables.flat import write_csv


def main(arguments: list[str]) -> int:
    """Read, tell, write; 2 where a folder was not judged, or a table cannot be written."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--criteria", type=Path, help="write the first table there as CSV")
    parser.add_argument("--thresholds", type=Path, help="write the second table there as CSV")
    parser.add_argument("--regrets", type=Path, help="write blocks and regret at every threshold there as CSV")
    parser.add_argument("--figure", type=Path, help="draw these as PNG, SVG or PDF")
    given = parser.parse_args(arguments)
    try:
        judgements = [Judgement.load(folder / "judgement.json") for folder in given.folders]
        sweeps = [sweep for judgement in judgements for sweep in judgement.sweeps if sweep.criteria]
        criteria, rows, points = over_sweeps(sweeps), fitted_without(sweeps), blocks_and_regret(sweeps)
        sys.stdout.write(criteria)
        sys.stdout.write("".join(map(_told, rows)) or "One task and one model: there is nothing to leave out.\n")
        tables = [
            (given.criteria, criteria),
            (given.thresholds, thresholds_csv(rows)),
            (given.regrets, write_csv([point.model_dump() for point in points])),
        ]
        for file, table in tables:
            if file is not None:
                write_text(file, table)
        if given.figure is not None:
            write_regrets(given.figure, points, TOLERATED)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def over_sweeps(sweeps: Sequence[JudgedSweep]) -> str:
    """A line for each criterion, as CSV; a sweep counts as much as another.

    `answer` is the mean of its answers, `kept` of the depths that were trained and stand for them: a regret is of
    those. `blocks_off` is the mean distance of the answers from the smallest depth that is enough, `worst_regret` the
    largest of any sweep, `tolerated` in how many it is 0.01 at most.
    """
    found = {
        name: [(sweep, each) for sweep in sweeps for each in sweep.criteria if each.criterion == name]
        for name in CRITERIA
    }
    return write_csv([{"criterion": name, **_figures(judged)} for name, judged in found.items() if judged])


def _figures(found: Sequence[tuple[JudgedSweep, JudgedCriterion]]) -> dict[str, Any]:
    regrets = [each.regret.mean for _, each in found]
    answers = [_mean_answer(sweep, each) for sweep, each in found]
    kept = [np.mean(list(each.kept.values())) for _, each in found]
    off = [each.blocks_off for _, each in found if each.blocks_off is not None]
    worst = int(np.argmax(regrets))
    return {
        "sweeps": len(found),
        "answer": float(np.mean(answers)),
        "kept": float(np.mean(kept)),
        "blocks_off": float(np.mean(off)) if off else None,
        "regret": float(np.mean(regrets)),
        "worst_regret": regrets[worst],
        "worst_task": found[worst][0].task,
        "worst_model": found[worst][0].model,
        "tolerated": sum(regret <= TOLERATED for regret in regrets),
    }


def _mean_answer(sweep: JudgedSweep, each: JudgedCriterion) -> float:
    """Inconclusive counts as the full depth."""
    return float(np.mean([sweep.depths[-1].depth if answer is None else answer for answer in each.answers.values()]))


def _told(row: LeftOut) -> str:
    return (
        f"without {row.left_out} ({row.kind}): {row.criterion} at {row.threshold}, {row.blocks:.1f} blocks and "
        f"regret {row.regret:.3f} there, worst regret {row.worst_of_others:.3f} elsewhere; "
        f"at the catalogue's threshold {row.blocks_of_default:.1f} and {row.regret_of_default:.3f} there\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
