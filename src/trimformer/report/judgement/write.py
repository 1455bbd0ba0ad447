"""Everything that a judgement leaves in the folder of its study."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib

from trimformer.records.files import write_text
from trimformer.records.judgement import BlocksAndRegret, Judgement
from trimformer.report.judgement.figure import judgement_figure
from trimformer.report.judgement.regret_figure import regret_figure
from trimformer.report.judgement.tables import criteria_csv, depths_csv, thresholds_csv
from trimformer.report.saving import save_figure
from trimformer.report.themes import STYLE, WIDE_POINTS

DOTS_PER_INCH = 200


def write_judgement(folder: Path, judgement: Judgement) -> dict[str, Path]:
    """Write `judgement.json`, its tables as CSV and its figure as PNG and SVG; the files by what they hold.

    There is no figure where no sweep could be judged, and no table of thresholds from one task and one model.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written.
    """
    files = {"judgement": folder / "judgement.json"}
    judgement.save(files["judgement"])
    tables = {
        "criteria": ("judgement.csv", criteria_csv(judgement.sweeps)),
        "depths": ("judgement-depths.csv", depths_csv(judgement.sweeps)),
    }
    if judgement.thresholds:
        tables["thresholds"] = ("judgement-thresholds.csv", thresholds_csv(judgement.thresholds))
    for name, (file, text) in tables.items():
        files[name] = folder / file
        write_text(files[name], text)
    judged = [sweep for sweep in judgement.sweeps if sweep.criteria]
    if judged:
        with _style():
            figure = judgement_figure(judged, judgement.margin)
            for suffix in ("png", "svg"):
                files[suffix] = folder / f"judgement.{suffix}"
                save_figure(figure, files[suffix], DOTS_PER_INCH)
    return files


def write_regrets(path: Path, points: Sequence[BlocksAndRegret], tolerated: float) -> None:
    """Draw blocks against the worst regret as PNG, SVG or PDF, by the suffix.

    Raises:
        UserError: The suffix is none of png, svg and pdf, or the file cannot be written.
    """
    with _style():
        save_figure(regret_figure(points, tolerated), path, DOTS_PER_INCH)


def _style() -> AbstractContextManager[None]:
    return matplotlib.rc_context({**STYLE, "font.size": WIDE_POINTS})
