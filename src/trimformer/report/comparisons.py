"""Charts of several models: what a smaller one costs, and how each was trained."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trimformer.records.results import ModelRow
from trimformer.report.themes import MODEL, MUTED, SERIES, TEXT, TWIN, new_figure, title

Arrays = dict[str, np.ndarray]


def plot_differences(rows: Sequence[ModelRow], margin: float) -> Callable[[bool], Figure]:
    """How to draw each model's paired difference in Dice with its 95 % interval, beside the margin."""
    labels = difference_labels(rows)

    def plot(narrow: bool) -> Figure:
        figure = new_figure(narrow, 0.9 + 0.42 * len(rows), 1.0 + 0.55 * len(rows))
        axes = figure.add_subplot()
        title(axes, "Difference in Dice to the reference")
        for height, (row, label) in enumerate(zip(rows, labels, strict=True)):
            _draw_difference(axes, height, row, label if narrow else "")
        _draw_margin(axes, margin, len(rows))
        axes.set_yticks(range(len(rows)), ["" if narrow else label for label in labels], color=TEXT)
        axes.set_ylim(len(rows) - 0.45, -0.75)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("worse than the reference  |  better")
        return figure

    return plot


def difference_labels(rows: Sequence[ModelRow]) -> list[str]:
    """The models' names, with what each is compared with where that is not one and the same."""
    if len({row.reference for row in rows}) < 2:
        return [row.name for row in rows]
    return [f"{row.name} – {row.reference}" for row in rows]


def _draw_difference(axes: Axes, height: int, row: ModelRow, label: str) -> None:
    test = row.versus_reference
    assert test is not None
    if test.ci95 is not None:
        axes.plot(test.ci95, [height, height], color=MODEL, linewidth=2, solid_capstyle="butt")
    axes.plot([test.mean_difference], [height], "o", color=MODEL, markersize=6)
    if label:
        axes.annotate(label, (0, height - 0.3), xycoords=("axes fraction", "data"), va="center", fontsize="small")


def _draw_margin(axes: Axes, margin: float, rows: int) -> None:
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -1.4 * margin), max(high, 0.7 * margin))
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.axvline(-margin, color=TWIN, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.axvspan(axes.get_xlim()[0], -margin, color=TWIN, alpha=0.08, linewidth=0)
    axes.annotate(
        f"margin −{margin:g}", (-margin, rows - 0.5), (3, 2), textcoords="offset points", color=TWIN, fontsize="small"
    )


def plot_training(histories: dict[str, Arrays]) -> Callable[[bool], Figure]:
    """How to draw the losses and the Dice on the selection patients, epoch by epoch, of each model."""

    def plot(narrow: bool) -> Figure:
        figure = new_figure(narrow, 3.5, 6.2)
        losses, dice = figure.subplots(*((2, 1) if narrow else (1, 2)))
        title(losses, "Loss")
        title(dice, "Dice on the selection patients")
        for index, (name, history) in enumerate(histories.items()):
            colour = SERIES[index % len(SERIES)]
            losses.plot(history["epoch"], history["train_loss"], color=colour, linewidth=1, linestyle=(0, (2, 1.5)))
            losses.plot(history["epoch"], history["selection_loss"], color=colour, linewidth=1.6)
            dice.plot(history["epoch"], history["selection_dice"], color=colour, linewidth=1.6, label=name)
        for axes in (losses, dice):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=1 if narrow else 4, fontsize="small")
        return figure

    return plot
