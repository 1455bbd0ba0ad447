"""How much Dice remains when one block sees no further than its neighbours, without training again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json
from trimformer.records.intervals import as_lists, summarise_patients

NEXT_STEP = "Delete that file: trimformer choose measures it again."


@dataclass(frozen=True)
class FarSight:
    """Dice per patient, on the model's grid, with one block near-sighted: its attention beyond a radius is masked.

    `unlimited` (patients,) is the Dice of the model as it is, `near_sighted` (patients, blocks) that with this block
    near-sighted. A patient without any class is NaN.
    """

    patient_ids: tuple[str, ...]
    block_names: tuple[str, ...]
    radius_mm: float
    num_prefix_tokens: int
    """Class and register tokens, which are never masked: with any, information may still cross the image by them."""
    unlimited: np.ndarray
    near_sighted: np.ndarray

    @property
    def change(self) -> np.ndarray:
        """Dice minus that of the same patient without a limit: (patients, blocks)."""
        return self.near_sighted - self.unlimited[:, None]

    def save(self, path: Path) -> None:
        """Write values per patient, and means with 95 % intervals over patients, of the change of Dice."""
        write_json(
            path,
            {
                "patient_ids": self.patient_ids,
                "block_names": self.block_names,
                "radius_mm": self.radius_mm,
                "num_prefix_tokens": self.num_prefix_tokens,
                "unlimited": as_lists(self.unlimited),
                "near_sighted": as_lists(self.near_sighted),
                "summary": {
                    "unlimited": summarise_patients(self.unlimited),
                    "change": summarise_patients(self.change),
                },
            },
        )

    @classmethod
    def load(cls, path: Path) -> "FarSight":
        """Read what `save` wrote.

        Raises:
            UserError: The file is missing or damaged.
        """
        document = read_json(path, NEXT_STEP)
        try:
            unlimited, near_sighted = (np.array(document[name], dtype=float) for name in ("unlimited", "near_sighted"))
            record = cls(
                tuple(document["patient_ids"]),
                tuple(document["block_names"]),
                float(document["radius_mm"]),
                int(document["num_prefix_tokens"]),
                unlimited,
                near_sighted,
            )
        except (KeyError, TypeError, ValueError):
            record = None
        if record is None or not record._fits():
            raise UserError("The file must hold the Dice with every block near-sighted", path, NEXT_STEP)
        return record

    def _fits(self) -> bool:
        shape = (len(self.patient_ids), len(self.block_names))
        return self.unlimited.shape == shape[:1] and self.near_sighted.shape == shape
