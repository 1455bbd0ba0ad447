"""Slices of several patients as one set to train on."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from trimformer.data.slices import PatientSlices
from trimformer.records.errors import UserError


class SliceDataset(Dataset[tuple[Tensor, Tensor]]):
    """All slices of some patients, in memory, each an image (1, rows, columns) and its labels (rows, columns) int64.

    Raises:
        UserError: There is no patient, or one of them has no labels.
    """

    def __init__(self, patients: Sequence[PatientSlices]) -> None:
        unlabelled = [patient.patient_id for patient in patients if patient.labels is None]
        if unlabelled or not patients:
            raise UserError(
                "A model is trained on patients that have labels",
                f"no labels for {', '.join(unlabelled)}" if unlabelled else "no patient",
                "Leave those patients out or label them.",
            )
        self.images = torch.cat([patient.images for patient in patients])
        self.labels = torch.cat([patient.labels for patient in patients if patient.labels is not None])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "1 rows columns"], Int[Tensor, "rows columns"]]:
        # Labels stay bytes until they are asked for: int64 would take eight times the memory.
        return self.images[index], self.labels[index].long()
