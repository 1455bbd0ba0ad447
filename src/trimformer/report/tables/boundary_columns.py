"""How far boundaries lie from the true ones, and how many masks were empty: written once for every format."""

from trimformer.records.results import SurfaceSummary
from trimformer.report.formats import number, plain
from trimformer.report.tables.columns import ModelColumn
from trimformer.report.tables.table import NONE, Cell, Column


def surface_columns(tolerance_mm: float | None, names: list[str]) -> list[ModelColumn]:
    """How far drawn boundaries lie from the true ones: the mean, and HD95 of each class."""
    within = "" if tolerance_mm is None else f" at {tolerance_mm:g} mm"
    return [
        Column(
            "HD95 mm",
            "Distance in millimetres within which 95 % of both boundaries lie from each other, mean over patients and "
            "classes; smaller is better, and a missed class counts with the volume's diagonal.",
            lambda row: Cell(number(row.surface.hd95_mm if row.surface else None, 2)),
        ),
        Column(
            f"Surface Dice{within}",
            f"Share of both boundaries that lie within the tolerance{within} of each other: 0 none to 1 all.",
            lambda row: Cell(number(row.surface.surface_dice if row.surface else None)),
        ),
        *(_class_surface_column(name) for name in names),
    ]


def _class_surface_column(name: str) -> ModelColumn:
    return Column(
        f"HD95 {plain(name)}",
        "HD95 of this class alone in millimetres; below, its surface Dice.",
        lambda row: _class_surface(row.surface, name),
    )


def _class_surface(surface: SurfaceSummary | None, name: str) -> Cell:
    if surface is None:
        return Cell(NONE)
    dice = surface.surface_dice_by_class.get(name)
    return Cell(number(surface.hd95_mm_by_class.get(name), 2), "" if dice is None else number(dice))


def count_columns() -> list[ModelColumn]:
    """The empty masks, which a mean alone hides."""
    return [
        Column(
            "Missed",
            "Times that a class was there and nothing of it was drawn: Dice 0.",
            lambda row: Cell(str(row.dice.missed)),
        ),
        Column(
            "False alarms",
            "Times that a class was not there and something was drawn: Dice 0.",
            lambda row: Cell(str(row.dice.false_alarm)),
        ),
        Column(
            "Absent",
            "Times that a class was neither there nor drawn: left out of the mean.",
            lambda row: Cell(str(row.dice.absent)),
        ),
    ]
