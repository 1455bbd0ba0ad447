"""Tables 1 to 3 of the paper as data, to stand beside one's own.

Hasany, Petitjean, Meriaudeau: A study of attention information from transformer layers in hybrid medical image
segmentation networks, SPIE Medical Imaging 2023.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from trimformer.records.choices import Decoder
from trimformer.records.results import PaperFigures

TABLES = {"ibsr18": 1, "emidec": 2, "synapse": 3}

CLASSES = {
    "ibsr18": ("csf", "gray_matter", "white_matter"),
    "emidec": ("myocardium", "infarction", "no_reflow"),
    "synapse": (
        *("aorta", "gallbladder", "left_kidney", "right_kidney"),
        *("liver", "pancreas", "spleen", "stomach"),
    ),
}
"""In the order of the columns."""


class _Row(NamedTuple):
    """As printed: Dice by class and on average, % change (equation 4), % saved (equation 5); parameters as counted."""

    dataset: str
    model: str
    trunk: str | None
    num_blocks: int
    by_class: tuple[float, ...]
    mean: float
    dice_change_percent: float | None
    parameters_saved_percent: float | None
    parameters: int


# fmt: off
ROWS = (
    _Row("ibsr18", "transunet", None, 12, (0.816, 0.894, 0.87), 0.86, None, None, 105_276_356),
    _Row("ibsr18", "transunet", None, 3, (0.809, 0.897, 0.874), 0.86, 0.0, 60.59, 41_485_508),
    _Row("ibsr18", "transunet", None, 1, (0.828, 0.896, 0.873), 0.865, 0.58, 74.06, 27_309_764),
    _Row("ibsr18", "cats", "resnet50", 12, (0.82, 0.893, 0.873), 0.862, None, None, 136_810_564),
    _Row("ibsr18", "cats", "resnet50", 3, (0.812, 0.902, 0.877), 0.864, 0.19, 61.15, 53_150_724),
    _Row("ibsr18", "unetr", None, 12, (0.815, 0.901, 0.883), 0.866, None, None, 111_814_148),
    _Row("ibsr18", "unetr", None, 3, (0.814, 0.902, 0.877), 0.864, -0.21, 75.12, 27_814_020),
    _Row("emidec", "transunet", None, 12, (0.846, 0.654, 0.774), 0.758, None, None, 105_276_356),
    _Row("emidec", "transunet", None, 3, (0.853, 0.676, 0.749), 0.76, 0.25, 60.59, 41_485_508),
    _Row("emidec", "transunet", None, 1, (0.859, 0.68, 0.767), 0.769, 1.46, 74.05, 27_309_764),
    _Row("emidec", "cats", "resnet34", 12, (0.855, 0.569, 0.674), 0.699, None, None, 107_135_300),
    _Row("emidec", "cats", "resnet34", 3, (0.846, 0.661, 0.652), 0.72, 2.9, 65.42, 37_046_020),
    _Row("emidec", "unetr", None, 12, (0.841, 0.593, 0.723), 0.719, None, None, 111_814_148),
    _Row("emidec", "unetr", None, 3, (0.83, 0.617, 0.663), 0.703, -2.16, 75.12, 27_814_020),
    _Row("synapse", "transunet", None, 12,
         (0.873, 0.662, 0.869, 0.826, 0.944, 0.612, 0.912, 0.843),
         0.818, None, None, 105_277_081),
    _Row("synapse", "transunet", None, 3,
         (0.878, 0.667, 0.874, 0.842, 0.948, 0.665, 0.891, 0.826),
         0.824, 0.73, 60.59, 41_486_233),
    _Row("synapse", "transunet", None, 1,
         (0.881, 0.643, 0.859, 0.831, 0.947, 0.618, 0.916, 0.836),
         0.816, -0.15, 74.05, 27_310_489),
    _Row("synapse", "cats", "densenet121", 12,
         (0.848, 0.664, 0.857, 0.818, 0.935, 0.626, 0.893, 0.838),
         0.81, None, None, 132_537_545),
    _Row("synapse", "cats", "densenet121", 3,
         (0.862, 0.671, 0.855, 0.803, 0.939, 0.567, 0.879, 0.732),
         0.788, -2.65, 63.12, 48_877_705),
    _Row("synapse", "unetr", None, 12,
         (0.853, 0.693, 0.861, 0.773, 0.947, 0.603, 0.903, 0.768),
         0.8, None, None, 111_817_033),
    _Row("synapse", "unetr", None, 3,
         (0.853, 0.656, 0.832, 0.76, 0.95, 0.568, 0.888, 0.783),
         0.786, -1.72, 75.12, 27_816_905),
)
# fmt: on
"""The parameters are those of the base size that give the printed savings; 74.05 and 74.06 are the print's own."""


def paper_figures(
    dataset: str, labels: Iterable[str], model: str | None, trunk: str | None, num_blocks: int | None, decoder: Decoder
) -> PaperFigures | None:
    """What the paper prints for a model on a dataset; None where it has no such row.

    The paper's models with all 12 blocks have the full decoder and the others the compressed one; TransUNet's is the
    same in both. CATS has the trunk that the paper took for the dataset.

    Args:
        dataset: The dataset's name.
        labels: The names of all its classes, background left out: other classes are another task.
        model: The network's name.
        trunk: CATS's trunk.
        num_blocks: Transformer blocks.
        decoder: `full` or `compressed`.
    """
    names = {_plain(label): label for label in labels}
    row = next((row for row in ROWS if row[:4] == (dataset, model, trunk, num_blocks)), None)
    papers_decoder = "full" if num_blocks == 12 else "compressed"
    if row is None or set(names) != set(CLASSES[dataset]) or (model != "transunet" and decoder != papers_decoder):
        return None
    return PaperFigures(
        table=TABLES[dataset],
        mean=row.mean,
        by_class={names[name]: dice for name, dice in zip(CLASSES[dataset], row.by_class, strict=True)},
        dice_change_percent=row.dice_change_percent,
        parameters_saved_percent=row.parameters_saved_percent,
        parameters=row.parameters,
    )


def _plain(label: str) -> str:
    return re.sub(r"[^a-z]+", "_", label.lower())
