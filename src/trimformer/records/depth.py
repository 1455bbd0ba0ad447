"""The chosen depth and why."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json


class DepthChoice(BaseModel):
    """The content of `depth.json`.

    `num_blocks` is None when the status is "inconclusive"; `reason` says in words why. `evidence` holds the numbers
    the rule looked at, one entry a block and one a gate. `sensitivity` is the first global block at other tau.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["chosen", "inconclusive"]
    num_blocks: int | None
    reason: str
    criterion: str
    evidence: dict[str, Any]
    sensitivity: dict[str, int | None]

    def save(self, path: Path) -> None:
        """Write the choice as JSON."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "DepthChoice":
        """Read a choice.

        Raises:
            UserError: The file is missing or is not a depth choice.
        """
        next_step = "Run trimformer choose on that run."
        try:
            return cls.model_validate(read_json(path, next_step))
        except ValidationError as error:
            raise UserError("The file must be a depth choice", f"{path}: {error}", next_step) from None
