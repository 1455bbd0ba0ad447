"""What all frozen results have in common: no field can change, none can be unknown, and each reads back."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json

Record = TypeVar("Record", bound="Frozen")


class Frozen(BaseModel):
    """A record that is written once and read as it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def save(self, path: Path) -> None:
        """Write the record as JSON."""
        write_json(path, self.model_dump(mode="json"))


def read_record(kind: type[Record], path: Path, what: str, next_step: str) -> Record:
    """Read a record from JSON.

    Args:
        kind: The record's class.
        path: The file.
        what: What the file must be, for the message.
        next_step: How a user gets such a file.

    Raises:
        UserError: The file is missing or holds something else.
    """
    try:
        return kind.model_validate(read_json(path, next_step))
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise UserError(f"The file must be {what}", found, next_step) from None
