import pytest

from trimformer.records.paper import CLASSES, ROWS, paper_figures

IBSR18 = ("CSF", "gray matter", "white matter")


def test_a_row_of_table_1_as_it_is_printed() -> None:
    figures = paper_figures("ibsr18", IBSR18, "unetr", None, 3, "compressed")
    assert figures is not None
    assert figures.by_class == {"CSF": 0.814, "gray matter": 0.902, "white matter": 0.877}
    assert (figures.table, figures.mean, figures.dice_change_percent) == (1, 0.864, -0.21)
    assert (figures.parameters_saved_percent, figures.parameters) == (75.12, 27_814_020)


@pytest.mark.parametrize("row", ROWS)
def test_the_average_is_that_of_the_classes_and_the_change_follows_from_it(row: tuple[object, ...]) -> None:
    dataset, model, trunk, blocks, by_class, mean, change, saved, parameters = row
    assert isinstance(by_class, tuple)
    assert len(by_class) == len(CLASSES[str(dataset)])
    assert sum(by_class) / len(by_class) == pytest.approx(mean, abs=0.0015)
    full = next(other for other in ROWS if other[:4] == (dataset, model, trunk, 12))
    if blocks == 12:
        assert (change, saved) == (None, None)
    else:
        # The print had more digits than the averages that it shows.
        assert 100 * (mean - full.mean) / full.mean == pytest.approx(change, abs=0.13)  # type: ignore[operator]
        assert 100 * (full.parameters - parameters) / full.parameters == pytest.approx(saved, abs=0.011)  # type: ignore[operator]


def test_the_paper_has_21_rows() -> None:
    assert len({row[:4] for row in ROWS}) == len(ROWS) == 21


def test_transunets_decoder_is_the_same_in_both() -> None:
    full, compressed = (
        paper_figures("ibsr18", IBSR18, "transunet", None, 3, decoder) for decoder in ("full", "compressed")
    )
    assert full == compressed is not None


@pytest.mark.parametrize(
    "asked",
    [
        ("brain", IBSR18, "unetr", None, 3, "compressed"),
        ("ibsr18", IBSR18[:2], "unetr", None, 3, "compressed"),
        ("ibsr18", IBSR18, "unetr", None, 3, "full"),
        ("ibsr18", IBSR18, "unetr", None, 4, "compressed"),
        ("ibsr18", IBSR18, "cats", "resnet34", 3, "compressed"),
        ("ibsr18", IBSR18, "unet", None, None, "full"),
    ],
)
def test_what_the_paper_did_not_train_has_no_figures(asked: tuple[object, ...]) -> None:
    assert paper_figures(*asked) is None  # type: ignore[arg-type]
