"""What `trimformer study --judge` prints."""

from typing import TYPE_CHECKING

from trimformer.cli.terminal import print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trimformer.records.judgement import Estimated, JudgedCriterion, JudgedDepth, JudgedSweep, Judgement

DEPTHS = ("blocks", "Dice", "against full", "verdict", "enough", "smallest")
MOST_NAMED = 3

CRITERIA = ("criterion", "answers", "regret", "off by", "within 1", "cost")


def print_judgement(judgement: "Judgement") -> None:
    """Two tables and a verdict for each sweep; then what is in none."""
    for sweep in judgement.sweeps:
        _print_sweep(sweep)
    for run in judgement.left_out:
        say(f"In no sweep: {run.run}: {run.reason}")
    if judgement.thresholds:
        _print_thresholds(judgement)


def _print_sweep(sweep: "JudgedSweep") -> None:
    if sweep.criteria:
        seeds = f"{len(sweep.seeds)} seed{'' if len(sweep.seeds) == 1 else 's'}"
        title = f"{sweep.name} ({sweep.task}, {sweep.model}): {sweep.patients} patients, {seeds}"
        print_table(f"{title}: every depth", DEPTHS, map(_depth, sweep.depths))
        print_table(f"{title}: every criterion; - is inconclusive", CRITERIA, map(_criterion, sweep.criteria))
    for run in sweep.excluded:
        say(f"Not judged: {run.run}: {run.reason}")
    for line in _notes(sweep.notes):
        say(f"Note: {line}")
    say(f"{sweep.name}: {sweep.verdict}")


def _notes(notes: "Sequence[str]") -> "Iterator[str]":
    """What is noted of many runs alike is told once; the file names each."""
    runs: dict[str, list[str]] = {}
    for note in notes:
        run, _, text = note.partition(": ")
        runs.setdefault(text, []).append(run)
    for text, of in runs.items():
        yield f"{f'{len(of)} runs' if len(of) > MOST_NAMED else ', '.join(of)}: {text}"


def _depth(each: "JudgedDepth") -> list[str]:
    chances = (each.chance_enough, each.chance_smallest)
    return [str(each.depth), _number(each.dice), _number(each.minus_full), each.verdict, *map(_share, chances)]


def _criterion(each: "JudgedCriterion") -> list[str]:
    from trimformer.report.judgement.tables import answers_in_words

    off = "-" if each.blocks_off is None else f"{each.blocks_off:.1f}"
    cost = "-" if each.cost is None else f"{100 * each.cost:.1f} %"
    return [each.criterion, answers_in_words(each.answers), _number(each.regret), off, _share(each.within_one), cost]


def _print_thresholds(judgement: "Judgement") -> None:
    rows = [
        [row.left_out, row.criterion, row.threshold, *(f"{value:.3f}" for value in (row.regret, row.regret_of_default))]
        for row in judgement.thresholds
    ]
    columns = ("left out", "criterion", "threshold", "regret", "of the default")
    print_table("Thresholds fitted on the other sweeps, and the regret on the one left out", columns, rows)


def _number(estimate: "Estimated") -> str:
    bounds = "" if estimate.ci95 is None else f"\n{estimate.ci95[0]:.3f} to {estimate.ci95[1]:.3f}"
    return f"{estimate.mean:.3f}{bounds}".replace("-", "−")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
