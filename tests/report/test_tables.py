import csv
import io

from made_comparison import make_results, make_row

from trimformer.report.tables import Cell, columns, to_csv, to_markdown

ROWS = (
    make_row(),
    make_row("chosen depth", "unetr-3", 3, 0.868, "not inferior"),
    make_row("intensity", "grey", None, 0.6),
)
RESULTS = make_results(*ROWS)


def cell(title: str, row: int) -> Cell:
    return next(column for column in columns(RESULTS) if column.title == title).cell(ROWS[row])


def test_the_columns_are_those_the_issue_asks_for() -> None:
    assert [column.title for column in columns(RESULTS)] == [
        "Model", "Blocks", "Parameters", "Saved", "Mean Dice", "CSF", "gray matter", "white matter",
        "Change", "Against reference", "Empty masks", "Last epoch", "ms per slice",
    ]  # fmt: skip
    assert all(len(column.explanation) > 20 for column in columns(RESULTS))


def test_a_row_in_cells() -> None:
    assert cell("Model", 1) == Cell("unetr-3", "chosen depth")
    assert cell("Blocks", 1) == Cell("3", "full decoder")
    assert cell("Parameters", 1) == Cell("3.00 M", "1.35 M transformer")
    assert cell("Saved", 1) == Cell("57.4 %", "57.4 % by blocks")
    assert cell("Mean Dice", 1) == Cell("0.868", "0.856 – 0.880")
    assert cell("Against reference", 1) == Cell("−0.002", "not inferior")
    assert cell("Empty masks", 1) == Cell("0 / 0 / 0")


def test_a_baseline_without_network_shows_dashes() -> None:
    titles = ("Blocks", "Parameters", "Saved", "Against reference", "ms per slice")
    assert [cell(title, 2) for title in titles] == [Cell("–")] * 5


def test_the_reference_saves_nothing_against_itself() -> None:
    assert cell("Saved", 0) == cell("Change", 0) == Cell("–")


def test_csv_keeps_every_figure_unrounded() -> None:
    records = list(csv.DictReader(io.StringIO(to_csv(RESULTS))))
    assert [record["name"] for record in records] == ["unetr-12", "unetr-3", "grey"]
    assert float(records[1]["parameters_saved_percent"]) == 100 * 9 * 450_000 / 7_050_000
    assert records[1]["paired_verdict"] == "not inferior"
    assert float(records[1]["paired_difference_low"]) == -0.006
    assert records[2]["parameters"] == ""


def test_markdown_has_one_line_a_model_and_escapes_bars() -> None:
    lines = to_markdown(make_results(make_row(name="a|b"))).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| a\\|b (reference) | 12 (full decoder) |")
    assert lines[1].count("---") == len(columns(RESULTS))
