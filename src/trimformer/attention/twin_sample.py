"""The slices that the permuted twin sees: a sample that is the same however the slices are dealt out."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from trimformer.attention.measures.region_measures import Values
from trimformer.attention.measures.regions import foreground_of
from trimformer.attention.measures.sums import PatientMeans
from trimformer.data.batch import Batch
from trimformer.records.profile import REGIONS, TWIN_SHARE

NO_TOKENS = 1.0
"""The draw of a slice that has no tokens in a region: it is seen only where no slice has any."""


class Watched(Protocol):
    """What was measured of one batch."""

    def values(self) -> Values:
        """Every measure, slices first."""

    def weights(self) -> Mapping[str, Tensor]:
        """How much each slice counts in each region, (batch,) or (batch, blocks)."""


@dataclass(frozen=True)
class _Waiting:
    """A slice that the twin has to see, as a batch of its own, and the regions in which it counts."""

    batch: Batch
    regions: set[str]


class TwinMeans:
    """Means over a sample of slices, drawn from what each slice is and not from when it comes.

    A slice counts in a region where its draw, a number from 0 to 1 made from its pixels and its patient, is below
    `TWIN_SHARE`; of a patient without such a slice, the slice with the lowest draw counts. So parts of the data,
    measured anywhere, have the sample of the whole between them. Slices wait until they fill a batch: one that no
    longer counts by then is never seen.
    """

    def __init__(self, watch: Callable[[Batch], Watched]) -> None:
        """Make means of what `watch` measures when the twin sees a batch."""
        self.means = PatientMeans()
        self._watch = watch
        self._lowest: dict[str, dict[str, float]] = {region: {} for region in REGIONS}
        self._seen: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    def consider(self, batch: Batch, weights: Mapping[str, Tensor]) -> None:
        """Choose the slices that the twin has to see, and show it those that wait when they are as many as these.

        Args:
            batch: The slices, of named patients.
            weights: How much each counts in each region, (batch,) or (batch, blocks).
        """
        self.means.meet(batch.patient_ids)
        drawn = [slice_draw(image, name) for image, name in zip(batch.images, batch.patient_ids, strict=True)]
        has_tokens = {name: (weights[name].reshape(len(drawn), -1) > 0).any(dim=1).tolist() for name in REGIONS}
        for index, patient_id in enumerate(batch.patient_ids):
            draws = {name: drawn[index] if has_tokens[name][index] else NO_TOKENS for name in REGIONS}
            if regions := {name for name in REGIONS if self._counts(name, patient_id, draws[name])}:
                self._wait(_Waiting(_one_slice(batch, index), regions))
        if len(self._waiting) >= len(drawn):
            self.see()

    def see(self) -> None:
        """Show the twin the slices that wait, and add what it does."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        batch = _together([each.batch for each in waiting])
        watched = self._watch(batch)
        values, weights = watched.values(), watched.weights()
        for region in REGIONS:
            rows = [row for row, each in enumerate(waiting) if region in each.regions]
            of_region = {name: value[rows] for name, value in values.items() if name.startswith(f"{region}/")}
            self.means.add([batch.patient_ids[row] for row in rows], of_region, weights[region][rows])

    def lowest_draws(self) -> dict[str, np.ndarray]:
        """The lowest draw of each patient's slices, by region."""
        return {region: np.array(list(lowest.values())) for region, lowest in self._lowest.items()}

    def num_slices(self) -> tuple[int, ...]:
        """How many slices of each patient count, of those that have tokens at all."""
        return tuple(self._seen[patient_id] for patient_id in self._lowest["all"])

    def _counts(self, region: str, patient_id: str, draw: float) -> bool:
        lowest = self._lowest[region]
        before = lowest.get(patient_id, math.inf)
        if draw >= max(before, TWIN_SHARE):
            return False
        if before >= TWIN_SHARE:  # what counted so far did so for want of a better one
            self._forget(region, patient_id)
        lowest[patient_id] = min(before, draw)
        if region == "all":
            self._seen[patient_id] = 1 if before >= TWIN_SHARE else self._seen[patient_id] + 1
        return True

    def _forget(self, region: str, patient_id: str) -> None:
        self.means.forget(patient_id, f"{region}/")
        for each in self._waiting:
            if each.batch.patient_ids == (patient_id,):
                each.regions.discard(region)
        self._waiting = [each for each in self._waiting if each.regions]

    def _wait(self, one: _Waiting) -> None:
        """Slices wait together where they can be one batch."""
        if self._waiting:
            other = self._waiting[0].batch
            if (other.images.shape, other.spacing_mm) != (one.batch.images.shape, one.batch.spacing_mm):
                self.see()
        self._waiting.append(one)


def _one_slice(batch: Batch, index: int) -> Batch:
    """A copy of one slice: a view would keep the whole batch."""
    foreground = None if batch.foreground is None else batch.foreground[index : index + 1].clone()
    images = batch.images[index : index + 1].clone()
    return Batch(images, None, batch.patient_ids[index : index + 1], batch.spacing_mm, foreground)


def _together(batches: Sequence[Batch]) -> Batch:
    names = tuple(name for batch in batches for name in batch.patient_ids)
    foreground = torch.cat([foreground_of(batch) for batch in batches])
    return Batch(torch.cat([batch.images for batch in batches]), None, names, batches[0].spacing_mm, foreground)


def slice_draw(image: Tensor, patient_id: str) -> float:
    """A number from 0 to 1 that looks random, always the same for the same pixels of the same patient."""
    pixels = image.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    digest = hashlib.blake2b(pixels.data, digest_size=8, key=patient_id.encode()[:64])
    return int.from_bytes(digest.digest(), "big") / 2**64
