"""Weighted means per patient that grow slice by slice and merge exactly."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor


class PatientMeans:
    """A weighted mean of every measure for every patient; holds one sum a patient, however many slices pass."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, np.ndarray]] = {}
        self._weights: dict[str, dict[str, np.ndarray]] = {}

    def add(self, patient_ids: Sequence[str], values: Mapping[str, Tensor], weights: Tensor) -> None:
        """Add one batch of slices.

        Args:
            patient_ids: Whose slice each row is.
            values: Measures, each (batch, ...); a NaN does not count.
            weights: How much each slice counts, (batch,), or each of its blocks, (batch, blocks).
        """
        amounts = weights.double().cpu().numpy()
        for name, tensor in values.items():
            rows = tensor.double().cpu().numpy()
            for patient_id, row, amount in zip(patient_ids, rows, amounts, strict=True):
                weight = np.where(np.isnan(row), 0.0, amount.reshape(amount.shape + (1,) * (row.ndim - amount.ndim)))
                self._grow(patient_id, name, np.asarray(np.nan_to_num(row) * weight), weight)

    def merge(self, other: "PatientMeans") -> None:
        """Add everything that `other` has seen."""
        for patient_id, sums in other._sums.items():
            for name, total in sums.items():
                self._grow(patient_id, name, total, other._weights[patient_id][name])

    def meet(self, patient_ids: Sequence[str]) -> None:
        """Put patients in their order before anything is added of them."""
        for patient_id in patient_ids:
            for store in (self._sums, self._weights):
                store.setdefault(patient_id, {})

    def forget(self, patient_id: str, prefix: str) -> None:
        """Drop what was added of one patient under names that begin so."""
        for store in (self._sums, self._weights):
            entries = store.get(patient_id, {})
            for name in [name for name in entries if name.startswith(prefix)]:
                del entries[name]

    @property
    def patient_ids(self) -> tuple[str, ...]:
        """The patients in the order of their first slice."""
        return tuple(self._sums)

    def means(self) -> dict[str, np.ndarray]:
        """Every measure as (patients, ...); NaN for a patient without a slice that counts."""
        names = dict.fromkeys(name for sums in self._sums.values() for name in sums)
        return {name: np.stack([self._mean(patient_id, name) for patient_id in self._sums]) for name in names}

    def weights(self) -> dict[str, np.ndarray]:
        """What every mean counts when means are merged, (patients, ...); axes along which it is the same have size 1.

        An axis of blocks or heads is kept whole where any patient's weights differ along it.
        """
        names = dict.fromkeys(name for sums in self._sums.values() for name in sums)
        stacked = {name: np.stack([weights[name] for weights in self._weights.values()]) for name in names}
        return {name: _compact(weights) for name, weights in stacked.items()}

    def _mean(self, patient_id: str, name: str) -> np.ndarray:
        total, weight = self._sums[patient_id][name], self._weights[patient_id][name]
        return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)

    def _grow(self, patient_id: str, name: str, total: np.ndarray, weight: np.ndarray) -> None:
        for store, amount in ((self._sums, total), (self._weights, weight)):
            entries = store.setdefault(patient_id, {})
            entries[name] = np.asarray(entries[name] + amount) if name in entries else amount


def _compact(weights: np.ndarray) -> np.ndarray:
    for axis in range(1, weights.ndim):
        first = weights.take([0], axis=axis)
        weights = first if (weights == first).all() else weights
    return weights
