"""What every place that shows runs can do."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from trimformer.records.slice_pixels import Pixels

Parameter = str | int | float | bool
Cell = str | int | float | None
Status = Literal["FINISHED", "FAILED"]


@runtime_checkable
class Store(Protocol):
    """One run in one store; every method raises whatever the store's own library raises."""

    run_id: str
    """Under which name or number the store keeps the run."""

    def parameters(self, values: Mapping[str, Parameter]) -> None:
        """What the run was made with."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point of each curve."""

    def text(self, name: str, content: str) -> None:
        """A file of text, such as experiment.toml."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table."""

    def picture(self, name: str, pixels: Pixels) -> None:
        """A picture; `name` is a path without an ending."""

    def flush(self) -> None:
        """Everything before this is in the store when it returns."""

    def end(self, status: Status) -> None:
        """Say how the run has ended; the last thing that is done with the store."""
