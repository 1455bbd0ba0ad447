from collections.abc import Sequence

from rich.console import Console

from trimformer.cli.run_table import line, runs_table
from trimformer.study.watch import RunView

VIEWS = [
    RunView("unetr-12", "done", "", 4, 4, 0.8125, 90.0, None),
    RunView("unetr-3", "waiting", "", 0, 4, None, None, None),
    RunView("unetr-1", "running", "training 30%", 1, 4, 0.5, 35.0, 7200.0),
    RunView("unetr-0", "failed", "It broke.", 0, 4, None, None, None),
]


def drawn(views: Sequence[RunView], height: int) -> list[str]:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(runs_table(views, height))
    return capture.get().splitlines()


def test_every_run_has_a_row_with_how_far_it_is() -> None:
    lines = drawn(VIEWS, 40)
    assert lines[0].strip().split(", ") == ["1 running", "1 failed", "1 waiting", "1 done"]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in lines if row.startswith("│")]
    assert cells == [
        ["unetr-12", "done", "", "4 of 4", "0.812", "1.5 min", "-"],
        ["unetr-3", "waiting", "", "0 of 4", "-", "-", "-"],
        ["unetr-1", "running", "training 30%", "1 of 4", "0.500", "35.0 s", "2.0 h"],
        ["unetr-0", "failed", "It broke.", "0 of 4", "-", "-", "-"],
    ]


def test_where_there_are_more_runs_than_lines_those_at_work_are_seen() -> None:
    names = [row.split()[1] for row in drawn(VIEWS, 10) if row.startswith("│")]
    assert names == ["unetr-1", "unetr-0"]


def test_elsewhere_than_on_a_terminal_it_is_a_line_a_run() -> None:
    assert line(VIEWS[0]) == "unetr-12: done, epoch 4 of 4, Dice 0.812 of the selection patients, 1.5 min"
    assert line(VIEWS[3]) == "unetr-0: failed: It broke."
