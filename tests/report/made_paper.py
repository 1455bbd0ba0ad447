"""Three rows of the paper's Table 1 with made-up figures of ours beside them."""

from made_comparison import make_row

from trimformer.records.results import ModelRow, PaperFigures

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
