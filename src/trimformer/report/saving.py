"""A figure as a file: PNG, SVG or PDF by its suffix, the same bytes each time."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from trimformer.records.errors import UserError
from trimformer.records.files import write_whole

SUFFIXES = (".png", ".svg", ".pdf")
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
EMBEDDED_FONTS: dict[Any, Any] = {"pdf.fonttype": 42}
"""TrueType, which journals ask for; matplotlib's Type 3 is refused by many."""


def check_suffix(path: Path) -> None:
    """Refuse a drawing in a format that is not written.

    Raises:
        UserError: The suffix is none of png, svg and pdf.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError("A figure is a .png, .svg or .pdf file", path, "Change the file's name.")


def save_figure(figure: Figure, path: Path, dots_per_inch: int, facecolor: str = "white") -> None:
    """Write a figure, whole or not at all; a PNG has `dots_per_inch`, and no file holds a date.

    Raises:
        UserError: The suffix is none of png, svg and pdf, or the file cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    with matplotlib.rc_context(EMBEDDED_FONTS):
        write_whole(
            path,
            lambda temporary: figure.savefig(
                temporary, format=suffix[1:], dpi=dots_per_inch, facecolor=facecolor, metadata=UNDATED.get(suffix)
            ),
        )
