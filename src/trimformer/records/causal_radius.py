"""How much Dice remains when attention beyond a radius is masked: is the distance that is looked at used?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json
from trimformer.records.intervals import as_lists, change_in_words, mean_interval, summarise_patients

NEXT_STEP = "Measure the causal radius of that run again."

WORTH_TELLING = 0.01
"""A smaller loss of Dice counts as none in the words."""


@dataclass(frozen=True)
class CausalRadius:
    """Dice per patient, on the model's grid, for every radius and block.

    `unlimited` (patients,) is the Dice of the model as it is. `only` and `up_to`, both (patients, radii, blocks), are
    the Dice when attention beyond that radius is masked in block l alone, or in all blocks up to l. A patient without
    any class is NaN. Radii are in mm between the centres of tokens.
    """

    patient_ids: tuple[str, ...]
    radii_mm: tuple[float, ...]
    block_names: tuple[str, ...]
    num_prefix_tokens: int
    """Class and register tokens, which are never masked: with any, information may still cross the image by them."""
    unlimited: np.ndarray
    only: np.ndarray
    up_to: np.ndarray

    def change(self, dice: np.ndarray) -> np.ndarray:
        """Dice minus that of the same patient without a limit: (patients, radii, blocks)."""
        return dice - self.unlimited[:, None, None]

    def words(self) -> list[str]:
        """What the numbers say, a sentence a block and one for all blocks together.

        Told is the largest radius at which half of the Dice is lost, or, where none is, `WORTH_TELLING` or more.
        """
        count = len(self.block_names)
        told = [self._sentence(f"block {block + 1} sees", self.only[:, :, block]) for block in range(count)]
        if count > 1:
            told.append(self._sentence(f"all {count} blocks see", self.up_to[:, :, -1]))
        if self.num_prefix_tokens:
            told.append("Class and register tokens were not limited: what they carry across the image remains.")
        return told

    def _sentence(self, who: str, dice: np.ndarray) -> str:
        """On the Dice (patients, radii) that remains."""
        loss = self.unlimited[:, None] - dice
        means = np.array([mean_interval(column)[0] for column in loss.T])
        half = mean_interval(self.unlimited)[0] / 2
        for least, amount in ((half, "Half or more of the Dice is lost"), (WORTH_TELLING, "{:.2f} Dice is lost")):
            if half > 0 and (found := np.flatnonzero(means >= least)).size:
                radius = int(found[np.argmax(np.array(self.radii_mm)[found])])
                return f"{amount.format(means[radius])} {self._when(who, radius, loss)}"
        return f"No loss of Dice is seen {self._when(who, int(np.argmin(self.radii_mm)), loss)}"

    def _when(self, who: str, radius: int, loss: np.ndarray) -> str:
        return f"when {who} {_reach(self.radii_mm[radius])} ({_certainty(loss[:, radius])})."

    def save(self, path: Path) -> None:
        """Write values per patient, and means with 95 % intervals over patients, of the Dice and of its change."""
        limited = {"only": self.only, "up_to": self.up_to}
        write_json(
            path,
            {
                "patient_ids": self.patient_ids,
                "radii_mm": self.radii_mm,
                "block_names": self.block_names,
                "num_prefix_tokens": self.num_prefix_tokens,
                "unlimited": as_lists(self.unlimited),
                **{name: as_lists(dice) for name, dice in limited.items()},
                "words": self.words(),
                "summary": {"unlimited": summarise_patients(self.unlimited)}
                | {
                    name: {"dice": summarise_patients(dice), "change": summarise_patients(self.change(dice))}
                    for name, dice in limited.items()
                },
            },
        )

    @classmethod
    def load(cls, path: Path) -> "CausalRadius":
        """Read what `save` wrote.

        Raises:
            UserError: The file is missing or damaged.
        """
        document = read_json(path, NEXT_STEP)
        try:
            unlimited, only, up_to = (np.array(document[name], dtype=float) for name in ("unlimited", "only", "up_to"))
            record = cls(
                tuple(document["patient_ids"]),
                tuple(document["radii_mm"]),
                tuple(document["block_names"]),
                document["num_prefix_tokens"],
                unlimited,
                only,
                up_to,
            )
        except (KeyError, TypeError, ValueError):
            record = None
        if record is None or not record._fits():
            raise UserError("The file must hold the Dice for every radius and block", path, NEXT_STEP)
        return record

    def _fits(self) -> bool:
        shape = (len(self.patient_ids), len(self.radii_mm), len(self.block_names))
        return self.unlimited.shape == shape[:1] and self.only.shape == self.up_to.shape == shape


def _reach(radius_mm: float) -> str:
    return f"no further than {radius_mm:.3g} mm" if radius_mm > 0 else "only the patch itself"


def _certainty(loss: np.ndarray) -> str:
    """The change of the Dice with its interval, so that no sentence claims more than the patients show."""
    count = int(np.isfinite(loss).sum())
    return f"{change_in_words(-loss)}, {count} patient{'' if count == 1 else 's'}"
