import csv
import io

from made_comparison import make_results, make_row

from trimformer.records.results import ModelRow
from trimformer.report.tables.flat import to_csv
from trimformer.report.tables.markdown import to_markdown
from trimformer.report.tables.models import model_tables, summary_table
from trimformer.report.tables.table import Cell, Column, make_table, meanings

ROWS = (
    make_row(),
    make_row("chosen depth", "unetr-3", 3, 0.868, "not inferior"),
    make_row("intensity", "grey", None, 0.6),
)
RESULTS = make_results(*ROWS)
IDENTITY = ["Model", "Blocks", "Weights"]
COSTS = ["MACs", "ms per slice", "Slices/s", "Peak MB", "File MB"]


def cell(table: str, title: str, row: int, *rows: ModelRow) -> Cell:
    found = next(made for made in model_tables(make_results(*(rows or ROWS))) if made.name == table)
    return found.rows[row][found.titles.index(title)]


def test_four_tables_hold_what_is_asked_of_a_comparison() -> None:
    tables = {table.name: list(table.titles) for table in model_tables(RESULTS)}
    classes = ["CSF", "gray matter", "white matter"]
    surfaces = [f"HD95 {name}" for name in classes]
    assert tables == {
        "dice": [*IDENTITY, "Mean Dice", *classes, "Last epoch"],
        "comparison": [*IDENTITY, "Compared with", "Change", "Difference", "p (Holm)", "Verdict"],
        "cost": [*IDENTITY, "Parameters", "Saved", "by blocks", "by decoder", *COSTS],
        "boundary": [*IDENTITY, "HD95 mm", "Surface Dice at 1 mm", *surfaces, "Missed", "False alarms", "Absent"],
    }
    for table in model_tables(RESULTS):
        assert all(len(explanation) > 20 for explanation in table.explanations)


def test_a_row_in_cells() -> None:
    assert cell("dice", "Model", 1) == Cell("unetr-3", "chosen depth")
    assert cell("dice", "Blocks", 1) == Cell("3", "full decoder")
    assert cell("dice", "Weights", 1) == Cell("scratch", "seed 0")
    assert cell("dice", "Mean Dice", 1) == Cell("0.868", "0.856 – 0.880")
    assert cell("dice", "CSF", 1) == Cell("0.838", "0.838 – 0.898")
    assert cell("comparison", "Compared with", 1) == Cell("unetr-12")
    assert cell("comparison", "Change", 1) == Cell("−0.23 %")
    assert cell("comparison", "Difference", 1) == Cell("−0.002", "−0.006 to +0.002")
    assert cell("comparison", "p (Holm)", 1) == Cell("0.210", "6 patients")
    assert cell("comparison", "Verdict", 1) == Cell("not inferior")
    assert cell("cost", "Parameters", 1) == Cell("3.00 M", "1.35 M transformer")
    costs = [Cell("1.30 G", "1.30 G"), Cell("6.9", "p95 8.2"), Cell("175.4"), Cell("53"), Cell("12.0")]
    assert [cell("cost", title, 1) for title in COSTS] == costs
    assert cell("boundary", "HD95 mm", 1) == Cell("2.10")
    assert cell("boundary", "HD95 CSF", 1) == Cell("3.00", "0.900")
    assert [cell("boundary", title, 1) for title in ("Missed", "False alarms", "Absent")] == [
        Cell("1"),
        Cell("2"),
        Cell("4"),
    ]


def test_an_export_has_the_memory_of_a_process_and_one_without_dice_has_costs_alone() -> None:
    exported = make_row("ONNX fp32", "unetr-3.onnx", 3).model_copy(
        update={"run": None, "exports": ("unetr-3.onnx",), "peak_memory_mb": None, "resident_mb": 210.0}
    )
    nothing = exported.dice.model_copy(update={"mean": None, "by_class": {}, "ci95": None})
    bare = exported.model_copy(update={"name": "x.xml", "dice": nothing, "unscored": "No run.", "parameters": None})
    rows = make_row(), exported, bare
    assert [cell("cost", title, 1, *rows).text for title in ("Peak MB", "Process MB")] == ["–", "210"]
    assert cell("cost", "Model", 2, *rows) == Cell("x.xml", "ONNX fp32")
    for table in model_tables(make_results(*rows)):
        assert len(table.rows) == (3 if table.name == "cost" else 2)
    for table in (model_tables(make_results(*rows))[0], summary_table(make_results(*rows))):
        assert "x.xml has costs, but no Dice: No run." in table.notes
    assert "unetr-3.onnx" in to_csv([make_results(*rows)])


def test_the_saving_is_parted_between_blocks_and_decoder() -> None:
    smaller = make_row("3 blocks", "unetr-3", 3).model_copy(
        update={"parameters_saved_percent": 75.12, "parameters_saved_by_blocks_percent": 57.05}
    )
    parts = [cell("cost", title, 1, make_row(), smaller).text for title in ("Saved", "by blocks", "by decoder")]
    assert parts == ["75.1 %", "57.0 %", "18.1 %"]


def test_a_baseline_without_network_shows_dashes_and_has_no_cost() -> None:
    assert cell("dice", "Blocks", 2) == cell("dice", "Weights", 2) == Cell("–")
    assert cell("comparison", "Verdict", 2) == Cell("–")
    assert [row[0].text for row in model_tables(RESULTS)[2].rows] == ["unetr-12", "unetr-3"]


def test_the_reference_saves_nothing_against_itself() -> None:
    assert cell("cost", "Saved", 0) == cell("comparison", "Change", 0) == Cell("–")
    assert cell("comparison", "Compared with", 0) == Cell("–")


def test_an_undecided_verdict_says_how_many_patients_would_decide() -> None:
    row = make_row("3 blocks", "unetr-3", 3, verdict="undecided")
    assert row.versus_reference is not None
    for needed, told in ((15, "power 42 %, 15 patients needed"), (6, "power 42 %"), (None, "power 42 %")):
        powered = row.versus_reference.model_copy(update={"power": 0.42, "patients_needed": needed})
        powered_row = row.model_copy(update={"versus_reference": powered})
        assert cell("comparison", "Verdict", 1, make_row(), powered_row) == Cell("undecided", told)


def test_without_surface_scores_the_counts_still_stand() -> None:
    bare = make_row().model_copy(update={"surface": None})
    table = model_tables(make_results(bare))[3]
    assert (table.title, list(table.titles)) == ("Empty masks", [*IDENTITY, "Missed", "False alarms", "Absent"])


def test_tables_in_which_weights_differ_say_so() -> None:
    smaller = make_row("3 blocks", "unetr-3", 3, weights="inherited")
    tables = {table.name: table for table in model_tables(make_results(make_row(), smaller))}
    assert any(note.startswith("Weights differ: unetr-12 from scratch") for note in tables["comparison"].notes)
    assert summary_table(make_results(make_row(), smaller)).notes[0].startswith("Weights differ")


def test_csv_keeps_every_figure_unrounded() -> None:
    records = list(csv.DictReader(io.StringIO(to_csv([RESULTS, RESULTS]))))
    assert [record["name"] for record in records] == ["unetr-12", "unetr-3", "grey"] * 2
    assert float(records[1]["parameters_saved_percent"]) == 100 * 9 * 450_000 / 7_050_000
    assert records[1]["paired_verdict"] == "not inferior"
    assert float(records[1]["paired_difference_low"]) == -0.006
    assert float(records[1]["hd95_mm_CSF"]) == 3.0
    assert records[1]["seeds"] == "0"
    assert records[1]["dataset"] == "brain"
    assert records[2]["parameters"] == ""


def test_csv_has_a_column_for_every_figure_of_a_row() -> None:
    (record, *_) = csv.DictReader(io.StringIO(to_csv([RESULTS])))
    nested = {"dice", "surface", "versus_reference", "paper"}
    assert set(ModelRow.model_fields) - nested <= set(record)


def test_markdown_has_one_line_a_model_and_escapes_bars() -> None:
    first, *_ = model_tables(make_results(make_row(name="a|b")))
    lines = to_markdown([first]).splitlines()
    assert lines[0] == "## Dice"
    assert lines[-1].startswith("| a\\|b (reference) | 12 (full decoder) | scratch (seed 0) |")
    assert lines[-2].count("---") == 1
    assert lines[-2].count("--:") == len(first.titles) - 1


def test_columns_with_the_same_meaning_share_their_explanation() -> None:
    columns = [
        Column[int](title, text, lambda row: Cell(str(row))) for title, text in (("a", "x"), ("b", "y"), ("c", "x"))
    ]
    table = make_table("t", "T", columns, [1])
    assert meanings([table, table]) == [("a, c", "x"), ("b", "y")]
