"""The chosen depth and why."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, ValidationError, model_validator

from trimformer.records.errors import UserError
from trimformer.records.files import read_json
from trimformer.records.frozen import Frozen, read_record


class DepthChoice(Frozen):
    """The content of `depth.json`.

    `num_blocks` is None when the status is "inconclusive"; `reason` says in words why. `evidence` holds the numbers
    the criterion looked at, one entry a block or depth and one a gate. `sensitivity` is the answer at other thresholds.
    `verdict` says in words whether these data need a transformer at all, as far as what was measured carries that.
    """

    status: Literal["chosen", "inconclusive"]
    num_blocks: Annotated[int, Field(ge=0)] | None
    reason: str
    criterion: str
    evidence: dict[str, Any]
    sensitivity: dict[str, int | None]
    verdict: str = ""

    @model_validator(mode="after")
    def _has_a_depth_if_chosen(self) -> "DepthChoice":
        if (self.status == "chosen") != (self.num_blocks is not None):
            raise ValueError(f"the status is {self.status} and num_blocks {self.num_blocks}")
        return self

    @classmethod
    def load(cls, path: Path) -> "DepthChoice":
        """Read a depth choice.

        Raises:
            UserError: The file is missing or is not a depth choice.
        """
        return read_record(cls, path, "a depth choice", "Run trimformer choose on that run.")


class _Choices(RootModel[dict[str, DepthChoice]]):
    """The content of `criteria.json`: choices by the criterion's name."""


def read_choices(path: Path) -> dict[str, DepthChoice]:
    """Read what every criterion chose, by its name.

    Raises:
        UserError: The file is missing or holds something else.
    """
    next_step = "Run trimformer choose --criterion all on that run."
    try:
        return _Choices.model_validate(read_json(path, next_step)).root
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise UserError("The file must hold the choices of criteria", found, next_step) from None
