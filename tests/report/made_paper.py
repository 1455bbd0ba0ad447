"""A study with three rows of the paper's Table 1 with made-up figures of ours beside them."""

from pathlib import Path

from made_comparison import demo_rows, make_results, make_row

from trimformer.records.results import ModelRow, PaperFigures
from trimformer.records.study_results import FailedRun, StudyComparison, StudyResults

PRINTED = {
    "unetr-12": PaperFigures(
        table=1,
        mean=0.866,
        by_class={"CSF": 0.815, "gray matter": 0.901, "white matter": 0.883},
        dice_change_percent=None,
        parameters_saved_percent=None,
        parameters=111_814_148,
    ),
    "unetr-3": PaperFigures(
        table=1,
        mean=0.864,
        by_class={"CSF": 0.814, "gray matter": 0.902, "white matter": 0.877},
        dice_change_percent=-0.21,
        parameters_saved_percent=75.12,
        parameters=27_814_020,
    ),
}


def paper_rows() -> tuple[ModelRow, ...]:
    """UNETR with 12 and 3 blocks as the paper has them, and a U-Net that it has not."""
    full, smaller = make_row(), make_row("3 blocks", "unetr-3", 3, 0.868, "not inferior", weights="pretrained")
    return (
        full.model_copy(update={"paper": PRINTED["unetr-12"]}),
        smaller.model_copy(update={"paper": PRINTED["unetr-3"]}),
        make_row("plain U-Net", "unet", None, 0.881, "not inferior"),
    )


def write_study(folder: Path, *failed: FailedRun) -> StudyResults:
    """A study of two datasets, one of them the paper's; the comparisons without pages."""
    results = {"brain": make_results(*demo_rows()), "ibsr18": make_results(*paper_rows())}
    for dataset, comparison in results.items():
        comparison.model_copy(update={"dataset": dataset}).save(folder / dataset / "results.json")
    comparisons = tuple(StudyComparison(dataset=dataset, folder=dataset) for dataset in results)
    study = StudyResults(study="paper", comparisons=comparisons, failed=failed, done=9)
    study.save(folder / "results.json")
    return study
