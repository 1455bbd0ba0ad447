"""All runs of a study while they run: a live table on a terminal, elsewhere a line for each run that ends."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, get_args

from trimformer.cli.terminal import duration, error_console

if TYPE_CHECKING:
    from rich.table import Table

    from trimformer.study.execute import Executor, Outcome
    from trimformer.study.plan import Job, Plan
    from trimformer.study.watch import RunView, Watch

COLOURS = {"running": "cyan", "failed": "red", "waiting": "dim", "done": "green"}

LINES_AROUND = 8
"""Of a terminal that are left for the table's head and what stands above it."""


def shown(execute: "Executor", plan: "Plan") -> "Executor":
    """The same executor, whose runs are shown on standard error while they run."""
    from trimformer.study.watch import Watch

    def execute_and_show(jobs: "Sequence[Job]") -> "Generator[Outcome, None, None]":
        watch = Watch([job for job in plan.jobs if job.name in plan.selected])
        telling = _live_table(watch) if error_console().is_terminal else _lines()
        with telling as tell, closing(execute(jobs)) as outcomes:
            for outcome in outcomes:
                tell(watch.end(outcome))
                yield outcome

    return execute_and_show


def runs_table(views: "Sequence[RunView]", height: int) -> "Table":
    """One row a run in the order of the study; if there are more than lines, those that run or failed come first."""
    from rich.table import Table

    from trimformer.study.watch import State

    counts = Counter(view.state for view in views)
    table = Table(title=", ".join(f"{counts[state]} {state}" for state in get_args(State)), title_justify="left")
    for name in ("run", "state", "at", "epoch", "Dice", "time", "left"):
        table.add_column(name, justify="left" if name in ("run", "state", "at") else "right", no_wrap=name != "at")
    lines = max(1, height - LINES_AROUND)
    first = sorted(views, key=lambda view: get_args(State).index(view.state)) if len(views) > lines else views
    for view in first[:lines]:
        table.add_row(*_cells(view), style=COLOURS[view.state])
    return table


def _cells(view: "RunView") -> list[str]:
    return [
        view.name,
        view.state,
        view.task,
        f"{view.epoch} of {view.epochs}",
        "-" if view.selection_dice is None else f"{view.selection_dice:.3f}",
        "-" if view.seconds is None else duration(view.seconds),
        "-" if view.seconds_left is None else duration(view.seconds_left),
    ]


@contextmanager
def _live_table(watch: "Watch") -> "Iterator[Callable[[RunView], object]]":
    from rich.live import Live

    console = error_console()
    with Live(
        console=console, refresh_per_second=1, get_renderable=lambda: runs_table(watch.views(), console.height)
    ) as live:
        yield lambda _: live.refresh()


@contextmanager
def _lines() -> "Iterator[Callable[[RunView], object]]":
    yield lambda view: error_console().print(line(view), soft_wrap=True, highlight=False, markup=False)


def line(view: "RunView") -> str:
    """What has become of one run, in a line."""
    if view.state == "failed":
        return f"{view.name}: failed: {view.task}"
    _, state, _, epoch, dice, time, _ = _cells(view)
    return f"{view.name}: {state}, epoch {epoch}, Dice {dice} of the selection patients, {time}"
