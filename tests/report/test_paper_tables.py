import csv
import io

import pytest
from made_comparison import make_results, make_row
from made_paper import paper_rows

from trimformer.records.experiment import Experiment, parse_experiment
from trimformer.records.results import ModelRow
from trimformer.report.sources import ModelSources, Sources
from trimformer.report.tables.paper import paper_tables
from trimformer.report.tables.paper_flat import paper_csv
from trimformer.report.tables.table import Cell


def made(*rows: ModelRow, experiment: Experiment | None = None) -> Sources:
    results = make_results(*rows).model_copy(update={"dataset": "ibsr18"})
    return Sources(results, tuple(ModelSources(row, experiment=experiment) for row in rows), None, None)


def experiment(epochs: int, image_size: int = 224) -> Experiment:
    sections = {
        "data": {"dataset": "ibsr18", "root": "there", "image_size": image_size},
        "training": {"epochs": epochs},
    }
    return parse_experiment(sections, "the tests")


def test_ours_stand_beside_the_papers_figures() -> None:
    (table,) = paper_tables(made(*paper_rows(), experiment=experiment(80)))
    assert table.title == "Table 1 of the paper beside ours: ibsr18"
    assert list(table.titles) == [
        "Model", "Blocks", "Weights", "Ours", "CSF", "gray matter", "white matter", "Average", "Change", "Saved",
        "Parameters",
    ]  # fmt: skip
    assert [row[0] for row in table.rows] == [Cell("unetr-12"), Cell("unetr-3")]
    smaller = dict(zip(table.titles, table.rows[1], strict=True))
    assert smaller["Ours"] == Cell("tiny", "80 epochs, seed 0")
    assert smaller["CSF"] == Cell("0.838", "paper 0.814")
    assert smaller["Average"] == Cell("0.868", "paper 0.864")
    assert smaller["Change"] == Cell("−0.23 %", "paper −0.21 %")
    assert smaller["Saved"] == Cell("57.45 %", "paper 75.12 %")
    assert smaller["Parameters"] == Cell("3.00 M", "paper 27.81 M")
    assert dict(zip(table.titles, table.rows[0], strict=True))["Change"] == Cell("–")


@pytest.mark.parametrize(
    ("size", "run", "told"),
    [
        ("base", experiment(80), ""),
        ("tiny", experiment(80), "tiny models in place of base ones."),
        ("base", experiment(1), "trained for 1 epoch in place of 80."),
        ("base", experiment(80, 48), "given slices of 48 pixels in place of 224."),
        (
            "base",
            experiment(80).with_changes(training={"patience": 5, "schedule": "cosine"}),
            "trained with schedule = cosine and trained with patience = 5.",
        ),
        (
            "tiny",
            experiment(2, 48),
            "tiny models in place of base ones, trained for 2 epochs in place of 80 and given slices of 48 pixels "
            "in place of 224.",
        ),
    ],
)
def test_what_is_no_reproduction_is_called_none(size: str, run: Experiment, told: str) -> None:
    rows = [row.model_copy(update={"size": size, "weights": "pretrained"}) for row in paper_rows()]
    (table,) = paper_tables(made(*rows, experiment=run))
    found = [note for note in table.notes if note.startswith("Not a reproduction")]
    assert found == ([f"Not a reproduction of the paper's figures: ours are {told}"] if told else [])


def test_data_that_the_paper_has_not_have_no_such_table() -> None:
    assert paper_tables(made(make_row())) == []
    assert paper_csv([made(make_row())]) == "\n"


def test_a_change_against_another_model_than_the_papers_is_not_put_beside_it() -> None:
    _, smaller, _ = paper_rows()
    (table,) = paper_tables(made(make_row(name="other"), smaller.model_copy(update={"reference": "other"})))
    alone = dict(zip(table.titles, table.rows[0], strict=True))
    assert (alone["Change"], alone["Saved"]) == (Cell("–", "paper −0.21 %"), Cell("–", "paper 75.12 %"))


def test_full_models_of_several_kinds_have_no_change_as_in_the_paper() -> None:
    full, smaller, _ = paper_rows()
    other = full.model_copy(update={"name": "cats-12", "reference": "unetr-12", "dice_change_percent": -1.0})
    (table,) = paper_tables(made(full, smaller, other))
    assert [row[list(table.titles).index("Change")] for row in table.rows] == [
        Cell("–"), Cell("–"), Cell("−0.23 %", "paper −0.21 %"),
    ]  # fmt: skip


def test_rows_stand_in_the_papers_order_and_the_missing_ones_are_named() -> None:
    full, smaller, unet = paper_rows()
    (table,) = paper_tables(made(smaller, unet, full))
    assert [row[0].text for row in table.rows] == ["unetr-12", "unetr-3"]
    assert (
        "Of the paper's rows, not here: transunet with 12 blocks, transunet with 3 blocks, transunet with 1 block, "
        "cats with 12 blocks and cats with 3 blocks." in table.notes
    )


def test_csv_has_a_line_a_figure() -> None:
    records = list(csv.DictReader(io.StringIO(paper_csv([made(*paper_rows())]))))
    assert len(records) == 2 * (3 + 4)
    (average,) = [line for line in records if (line["model"], line["figure"]) == ("unetr-3", "dice_average")]
    assert (average["table"], average["ours"], average["paper"]) == ("1", "0.868", "0.864")
    (saved,) = [line for line in records if (line["model"], line["figure"]) == ("unetr-3", "parameters_saved_percent")]
    assert float(saved["ours"]) == 100 * 9 * 450_000 / 7_050_000
