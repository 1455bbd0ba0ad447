"""A run in TensorBoard: event files in the folder `tensorboard` of the run."""

from collections.abc import Mapping, Sequence

from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from trimformer.records.run_folder import RunFolder
from trimformer.records.slice_pixels import Pixels
from trimformer.training.tracking.store import Cell, Parameter, Status

SHOWN_BESIDE_PARAMETERS = ("selection_dice", "dice/mean")
"""The curves whose last points stand beside the parameters in a table of many runs."""


class TensorBoardStore:
    """Event files, written by Lightning's logger; its identity is the oldest of them.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(self, run: RunFolder) -> None:
        self._writer = TensorBoardLogger(run.path, name="", version=run.tensorboard.name).experiment
        self._files = sorted(run.tensorboard.glob("events.*"))
        self.run_id = self._files[0].name

    def parameters(self, values: Mapping[str, Parameter]) -> None:
        """The tab HPARAMS."""
        self._must_be_there()
        for summary in hparams(dict(values), dict.fromkeys(SHOWN_BESIDE_PARAMETERS, 0.0)):
            self._writer.file_writer.add_summary(summary)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """The tab SCALARS."""
        self._must_be_there()
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def text(self, name: str, content: str) -> None:
        """The tab TEXT."""
        self._must_be_there()
        self._writer.add_text(name, "".join(f"    {line}\n" for line in content.splitlines()))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table in the tab TEXT."""
        self._must_be_there()
        lines = [columns, ["---"] * len(columns), *rows]
        self._writer.add_text(name, "\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines))

    def picture(self, name: str, pixels: Pixels) -> None:
        """The tab IMAGES."""
        self._must_be_there()
        self._writer.add_image(name, pixels, dataformats="HWC")

    def flush(self) -> None:
        """Wait for the writing thread."""
        self._writer.flush()

    def end(self, _: Status) -> None:
        """Close the file."""
        self._must_be_there()
        self._writer.close()

    def _must_be_there(self) -> None:
        """A file that is gone is told here: the writing thread would print a traceback of its own."""
        for file in self._files:
            with file.open("r+b"):
                pass


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else str(cell).replace("|", "\\|")
