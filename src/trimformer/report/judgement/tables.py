"""A judgement as CSV: a line for each criterion of a sweep, for each depth, and for each fitted threshold."""

from collections.abc import Iterable, Mapping
from typing import Any

from trimformer.records.judgement import Estimated, JudgedCriterion, JudgedDepth, JudgedSweep, LeftOut
from trimformer.report.tables.flat import write_csv


def criteria_csv(sweeps: Iterable[JudgedSweep]) -> str:
    """What each criterion answered and what that costs in Dice."""
    return write_csv([_about(sweep) | _criterion(each) for sweep in sweeps for each in sweep.criteria])


def depths_csv(sweeps: Iterable[JudgedSweep]) -> str:
    """What each depth scored."""
    return write_csv([_about(sweep) | _depth(each) for sweep in sweeps for each in sweep.depths])


def thresholds_csv(rows: Iterable[LeftOut]) -> str:
    """Thresholds fitted on the other sweeps."""
    return write_csv([row.model_dump() for row in rows])


def answers_in_words(answers: Mapping[int, int | None]) -> str:
    """The answers seed by seed, `-` where one is inconclusive.

    Example:
        >>> answers_in_words({0: 3, 1: None})
        '3 -'
    """
    return " ".join("-" if answer is None else str(answer) for answer in answers.values())


def _about(sweep: JudgedSweep) -> dict[str, Any]:
    seeds = " ".join(map(str, sweep.seeds))
    told = sweep.model_dump(include={"task", "model", "patients", "best_depth", "smallest_enough", "needed"})
    return {"sweep": sweep.name, "seeds": seeds, **told}


def _criterion(each: JudgedCriterion) -> dict[str, Any]:
    plain = each.model_dump(exclude={"answers", "kept", "regret", "minus_full", "minus_default", "by_threshold"})
    told = {"answers": answers_in_words(each.answers), "kept": answers_in_words(each.kept)}
    means = [("regret", each.regret), ("minus_full", each.minus_full), ("minus_default", each.minus_default)]
    return plain | told | _columns(means)


def _depth(each: JudgedDepth) -> dict[str, Any]:
    plain = each.model_dump(include={"depth", "verdict", "chance_enough", "chance_smallest"})
    plain |= {f"enough_at_{margin}": share for margin, share in each.enough_at.items()}
    seeds = {f"dice_seed{seed}": dice for seed, dice in each.dice_by_seed.items()}
    return plain | _columns([("dice", each.dice), ("minus_full", each.minus_full)]) | seeds


def _columns(means: Iterable[tuple[str, Estimated]]) -> dict[str, float | None]:
    columns: dict[str, float | None] = {}
    for name, estimate in means:
        low, high = estimate.ci95 or (None, None)
        columns |= {name: estimate.mean, f"{name}_low": low, f"{name}_high": high}
    return columns
