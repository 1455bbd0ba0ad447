"""Thresholds of the criteria of depth, fitted on some judged sweeps and tried on those left out.

    python examples/judgements_together.py FOLDER... --out thresholds.csv

Each FOLDER is one that `trimformer study STUDY.toml --judge` has judged. For every task and every model in them, each
criterion's threshold is fitted on the sweeps of all other tasks, or models: the fewest blocks at a regret of 0.01 at
most on any of them. What it costs is told on those left out.
"""

import argparse
import sys
from pathlib import Path

from trimformer.depth.judgement.thresholds import fitted_without
from trimformer.records.errors import UserError
from trimformer.records.files import write_text
from trimformer.records.judgement import Judgement
from trimformer.report.judgement.tables import thresholds_csv


def main(arguments: list[str]) -> int:
    """Read, fit, print, write; 2 where a folder was not judged."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, help="write the table there as CSV")
    given = parser.parse_args(arguments)
    try:
        judgements = [Judgement.load(folder / "judgement.json") for folder in given.folders]
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    rows = fitted_without([sweep for judgement in judgements for sweep in judgement.sweeps])
    if not rows:
        sys.stdout.write("One task and one model: there is nothing to leave out.\n")
        return 0
    for row in rows:
        sys.stdout.write(
            f"without {row.left_out} ({row.kind}): {row.criterion} at {row.threshold}, {row.blocks:.1f} blocks and "
            f"regret {row.regret:.3f} there, worst regret {row.worst_of_others:.3f} elsewhere; "
            f"at the catalogue's threshold {row.blocks_of_default:.1f} and {row.regret_of_default:.3f} there\n"
        )
    if given.out is not None:
        write_text(given.out, thresholds_csv(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
