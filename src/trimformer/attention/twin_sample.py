"""The slices that the permuted twin sees: a sample that is the same however the slices are dealt out."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trimformer.attention.measures.region_measures import Values
from trimformer.attention.measures.sums import PatientMeans
from trimformer.data.batch import Batch
from trimformer.records.profile import REGIONS, TWIN_SHARE

NO_TOKENS = 1.0
"""The draw of a slice that has no tokens in a region: it is seen only where no slice has any."""


@dataclass
class _Taken:
    """The slices of one batch that count in one region."""

    indices: list[int] = field(default_factory=list)
    anew: set[str] = field(default_factory=set)
    """Patients whose earlier slices no longer count."""


class TwinMeans:
    """Means over a sample of slices, drawn from what each slice is and not from when it comes.

    A slice counts in a region where its draw, a number from 0 to 1 made from its pixels and its patient, is below
    `TWIN_SHARE`; of a patient without such a slice, the slice with the lowest draw counts. So parts of the data,
    measured anywhere, have the sample of the whole between them.
    """

    def __init__(self) -> None:
        self.means = PatientMeans()
        self._lowest: dict[str, dict[str, float]] = {region: {} for region in REGIONS}
        self._seen: Counter[str] = Counter()
        self._taken: dict[str, _Taken] = {}

    def choose(self, batch: Batch, weights: Mapping[str, Tensor]) -> tuple[Batch, list[int]] | None:
        """The slices that the twin has to see, as a batch of their own, and which of the batch they are.

        Args:
            batch: The slices, of named patients.
            weights: How much each counts in each region, (batch,) or (batch, blocks).
        """
        self.means.meet(batch.patient_ids)
        drawn = [slice_draw(image, name) for image, name in zip(batch.images, batch.patient_ids, strict=True)]
        for region in REGIONS:
            has_tokens = (weights[region].flatten(1) if weights[region].ndim > 1 else weights[region][:, None]) > 0
            draws = np.where(has_tokens.any(dim=1).cpu().numpy(), drawn, NO_TOKENS)
            self._taken[region] = self._take(region, batch.patient_ids, draws.tolist())
        indices = sorted({index for taken in self._taken.values() for index in taken.indices})
        if not indices:
            return None
        chosen = torch.tensor(indices, device=batch.images.device)
        foreground = None if batch.foreground is None else batch.foreground[chosen]
        names = tuple(batch.patient_ids[index] for index in indices)
        return Batch(batch.images[chosen], None, names, batch.spacing_mm, foreground), indices

    def add(self, batch: Batch, indices: Sequence[int], values: Values, weights: Mapping[str, Tensor]) -> None:
        """Add what the twin did on the slices that were chosen last."""
        for region, taken in self._taken.items():
            for patient_id in taken.anew:
                self.means.forget(patient_id, f"{region}/")
            rows = [row for row, index in enumerate(indices) if index in taken.indices]
            of_region = {name: value[rows] for name, value in values.items() if name.startswith(f"{region}/")}
            self.means.add([batch.patient_ids[row] for row in rows], of_region, weights[region][rows])

    def lowest_draws(self) -> dict[str, np.ndarray]:
        """The lowest draw of each patient's slices, by region."""
        return {region: np.array(list(lowest.values())) for region, lowest in self._lowest.items()}

    def num_slices(self) -> tuple[int, ...]:
        """How many slices of each patient count, of those that have tokens at all."""
        return tuple(self._seen[patient_id] for patient_id in self._lowest["all"])

    def _take(self, region: str, patient_ids: Sequence[str], draws: Sequence[float]) -> _Taken:
        taken, lowest = _Taken(), self._lowest[region]
        for index, (patient_id, draw) in enumerate(zip(patient_ids, draws, strict=True)):
            before = lowest.get(patient_id, np.inf)
            if draw >= max(before, TWIN_SHARE):
                continue
            if before >= TWIN_SHARE:  # what counted so far did so for want of a better one
                taken.anew.add(patient_id)
                taken.indices = [each for each in taken.indices if patient_ids[each] != patient_id]
            taken.indices.append(index)
            lowest[patient_id] = min(before, draw)
            if region == "all":
                self._seen[patient_id] = 1 if before >= TWIN_SHARE else self._seen[patient_id] + 1
        return taken


def slice_draw(image: Tensor, patient_id: str) -> float:
    """A number from 0 to 1 that looks random, always the same for the same pixels of the same patient."""
    pixels = image.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    digest = hashlib.blake2b(pixels.data, digest_size=8, key=patient_id.encode()[:64])
    return int.from_bytes(digest.digest(), "big") / 2**64
