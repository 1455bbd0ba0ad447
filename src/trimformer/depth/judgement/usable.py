"""Which seeds of a sweep can be judged: those whose runs are all done and had settled."""

from dataclasses import dataclass

from trimformer.depth.judgement.sweep import Sweep
from trimformer.depth.judgement.undertrained import undertrained
from trimformer.records.errors import UserError
from trimformer.records.judgement import ExcludedRun
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Usable:
    """The seeds of a sweep that are judged, why the others are not, and what must be known of the runs that are."""

    seeds: tuple[int, ...]
    excluded: tuple[ExcludedRun, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Cell:
    """One run of the grid: why it is not there, why it counts as undertrained, and what its epochs do not tell."""

    run: str
    seed: int
    missing: str | None = None
    rising: str | None = None
    untold: str | None = None


def usable(sweep: Sweep, keep_undertrained: bool = False) -> Usable:
    """Tell the seeds that count from those that do not.

    Scores are paired by seed, so a run that is missing or undertrained takes its seed away at all depths.

    Args:
        sweep: What was planned.
        keep_undertrained: Undertrained runs are noted and judged all the same.
    """
    cells = [_cell(sweep, depth, seed) for depth in sweep.depths for seed in sweep.seeds]
    lost = [cell for cell in cells if cell.missing or (cell.rising and not keep_undertrained)]
    noted = [(cell.run, told) for cell in cells if cell not in lost for told in (cell.rising, cell.untold) if told]
    without = {cell.seed for cell in lost}
    return Usable(
        tuple(seed for seed in sweep.seeds if seed not in without),
        tuple(ExcludedRun(run=cell.run, reason=cell.missing or cell.rising or "") for cell in lost),
        tuple(f"{run}: {told}" for run, told in noted),
    )


def _cell(sweep: Sweep, depth: int, seed: int) -> _Cell:
    job = sweep.grid[depth].get(seed)
    if job is None:
        return _Cell(f"{depth} blocks, seed {seed}", seed, missing="not in the study")
    if not job.is_done:
        return _Cell(job.name, seed, missing=f"not done ({job.state})")
    try:
        rising, untold = undertrained(RunFolder(job.folder))
    except UserError as error:
        return _Cell(job.name, seed, missing=str(error))
    return _Cell(job.name, seed, None, rising, untold)
