"""How fast cut models recover, from the histories of a study: `python benchmarks/recovery.py DIR [--figure FILE.png]`.

DIR is what `trimformer study studies/recovery.toml --out DIR` made. Prints, for every seed, the first epoch in which
each model's Dice on the selection patients is at least that of the model from scratch after its last epoch, and draws
the curves. Ends with 1 where no inherited or distilled model gets there in a third of the epochs with every seed.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder

Curves = Mapping[str, Mapping[int, np.ndarray]]
"""Dice after each epoch, by what a run is called without its seed, then by seed."""

FULL, SCRATCH = "full", "scratch-3"
COLOURS = {FULL: "#5c6775", SCRATCH: "#b34a05", "inherited-3": "#0b5fa5", "distilled-3": "#00735a"}
SHARE = 1 / 3
"""Of the epochs from scratch, within which a recovered model is to be as good."""


def read_curves(folder: Path) -> Curves:
    """Dice of the selection patients after each epoch of every run of a study."""
    curves: dict[str, dict[int, np.ndarray]] = {}
    for file in sorted(folder.glob("runs/*/history.csv")):
        experiment = RunFolder(file.parent).experiment()
        name = experiment.name.removesuffix(f"-seed{experiment.seed}")
        curves.setdefault(name, {})[experiment.seed] = read_history(file)["selection_dice"]
    return curves


def epochs_to_reach(dice: np.ndarray, goal: float) -> int | None:
    """The first epoch, counted from 1, whose Dice is at least the goal; None if there is none."""
    reached = np.flatnonzero(dice >= goal)
    return int(reached[0]) + 1 if reached.size else None


def report(curves: Curves) -> bool:
    """Print the table; whether one way of recovery is fast enough with every seed."""
    scratch = curves[SCRATCH]
    fast: dict[str, list[bool]] = {}
    for seed, reference in scratch.items():
        goal, best, epochs = float(reference[-1]), float(reference.max()), len(reference)
        print(f"seed {seed}: from scratch {goal:.3f} after epoch {epochs}, {best:.3f} in its best")
        for name in (name for name in curves if name != SCRATCH and seed in curves[name]):
            dice = curves[name][seed]
            first, above = epochs_to_reach(dice, goal), epochs_to_reach(dice, best)
            print(f"  {name:<12} {dice[0]:.3f} after epoch 1, {dice[-1]:.3f} after epoch {len(dice)};", end=" ")
            print(f"last Dice from scratch reached in epoch {first or 'none'}, best in epoch {above or 'none'}")
            if name != FULL:
                fast.setdefault(name, []).append(first is not None and first <= SHARE * epochs)
    for name, reached in fast.items():
        print(f"{name}: in at most a third of the epochs with {sum(reached)} of {len(scratch)} seeds")
    return any(all(reached) and len(reached) == len(scratch) for reached in fast.values())


def draw(curves: Curves, file: Path) -> None:
    """One panel: every run as a thin line, the mean over seeds as a thick one."""
    figure = Figure(figsize=(6.4, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for name, colour in COLOURS.items():
        if name in curves:
            _draw_model(axes, name, colour, [curves[name][seed] for seed in sorted(curves[name])])
    goal = float(np.mean([dice[-1] for dice in curves[SCRATCH].values()]))
    epochs = max(len(dice) for dice in curves[SCRATCH].values())
    axes.axhline(goal, color=COLOURS[SCRATCH], linewidth=0.8, linestyle="--")
    axes.axvline(SHARE * epochs, color="#5c6775", linewidth=0.8, linestyle=":")
    axes.annotate("a third of the epochs", (SHARE * epochs, 0.02), (4, 0), ("data", "axes fraction"), "offset points")
    axes.set(xlabel="epoch", ylabel="Dice of the selection patients", xlim=(0.8, epochs + 0.2))
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _draw_model(axes: Axes, name: str, colour: str, runs: list[np.ndarray]) -> None:
    epochs = np.arange(1, 1 + min(map(len, runs)))
    for dice in runs:
        axes.plot(np.arange(1, 1 + len(dice)), dice, color=colour, linewidth=0.7, alpha=0.45)
    mean = np.mean([dice[: len(epochs)] for dice in runs], axis=0)
    axes.plot(epochs, mean, color=colour, linewidth=2.2, marker="o", markersize=3.5, label=name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figure", type=Path, help="where the curves are drawn; by default DIR/recovery.png")
    arguments = parser.parse_args()
    read = read_curves(arguments.folder)
    if SCRATCH not in read:
        sys.exit(f"No run called {SCRATCH} in {arguments.folder}/runs. Run the study first.")
    draw(read, arguments.figure or arguments.folder / "recovery.png")
    sys.exit(0 if report(read) else 1)
