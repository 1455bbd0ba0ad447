"""How much Dice remains when the blocks after the first k are the identity, without training again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json
from trimformer.records.intervals import as_lists, change_in_words, mean_interval, summarise_patients

NEXT_STEP = "Delete that file: trimformer choose measures it again."

WORTH_TELLING = 0.01
"""A smaller loss of Dice counts as none in the words."""


@dataclass(frozen=True)
class SkippedBlocks:
    """Dice per patient, on the model's grid, (patients, depths): after 0, 1, ... blocks the others are skipped.

    The last column is the model as it is. A patient without any class is NaN.
    """

    patient_ids: tuple[str, ...]
    block_names: tuple[str, ...]
    dice: np.ndarray

    @property
    def change(self) -> np.ndarray:
        """Dice minus that of the whole model on the same patient: (patients, depths)."""
        return self.dice - self.dice[:, -1:]

    def words(self) -> str:
        """After how many blocks the Dice is that of the whole model, as far as the patients show, in one sentence."""
        means = np.array([mean_interval(column)[0] for column in self.change.T])
        lost = np.flatnonzero(means <= -WORTH_TELLING)
        first, count = (int(lost[-1]) + 1 if lost.size else 0), len(self.block_names)
        if first == count:
            change = change_in_words(self.change[:, -2])
            return f"No block can be skipped without training again: without the last of {count}, {change}."
        needed = f"the first {first}" if first else "none"
        return f"Without training again, {needed} of {count} blocks must run: {change_in_words(self.change[:, first])}."

    def save(self, path: Path) -> None:
        """Write values per patient, and means with 95 % intervals over patients, of the Dice and of its change."""
        write_json(
            path,
            {
                "patient_ids": self.patient_ids,
                "block_names": self.block_names,
                "dice": as_lists(self.dice),
                "words": self.words(),
                "summary": {"dice": summarise_patients(self.dice), "change": summarise_patients(self.change)},
            },
        )

    @classmethod
    def load(cls, path: Path) -> "SkippedBlocks":
        """Read what `save` wrote.

        Raises:
            UserError: The file is missing or damaged.
        """
        document = read_json(path, NEXT_STEP)
        try:
            dice = np.array(document["dice"], dtype=float)
            record = cls(tuple(document["patient_ids"]), tuple(document["block_names"]), dice)
        except (KeyError, TypeError, ValueError):
            record = None
        if record is None or record.dice.shape != (len(record.patient_ids), len(record.block_names) + 1):
            raise UserError("The file must hold the Dice after every number of blocks", path, NEXT_STEP)
        return record
