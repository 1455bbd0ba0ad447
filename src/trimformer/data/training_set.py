"""Slices of several patients as one set to train on."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.slices import PatientSlices
from trimformer.records.errors import UserError

Sample = tuple[Float[Tensor, "channels rows columns"], Int64[Tensor, "rows columns"]]


class SliceDataset(Dataset[Sample]):
    """All slices of some patients, each an image (channels, rows, columns) float32 and its labels int64.

    A slice is read when it is asked for, from where its patient's arrays lie, in memory or on disk. Draw number d gives
    slice d modulo the length, so that the draws of epoch e begin at e times the length; with `augment` it is changed as
    `seed` and d alone decide.

    Raises:
        UserError: There is no patient, or one of them has no labels.
    """

    def __init__(self, patients: Sequence[PatientSlices], augment: Augmentation | None = None, seed: int = 0) -> None:
        unlabelled = [patient.patient_id for patient in patients if patient.labels is None]
        if unlabelled or not patients:
            raise UserError(
                "A model is trained on patients that have labels",
                f"no labels for {', '.join(unlabelled)}" if unlabelled else "no patient",
                "Leave those patients out or label them.",
            )
        self._patient_ids = [patient.patient_id for patient in patients]
        self._images = [patient.images for patient in patients]
        self._labels = [patient.labels for patient in patients if patient.labels is not None]
        self._ends = list(accumulate(map(len, self._images)))
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, draw: int) -> Sample:
        image, labels = self._slice(draw % len(self))
        if self._augment is not None:
            image, labels = self._augment(image, labels, draw_seed(self._seed, draw))
        return image, labels.long()

    def classes_of_slices(self) -> Bool[Tensor, "slices classes"]:
        """Which classes every slice shows, background first; all labels are read for it once."""
        shown = [torch.from_numpy(np.bincount(one.ravel()) > 0) for labels in self._labels for one in labels]
        return pad_sequence(shown, batch_first=True)

    def origin(self, draw: int) -> tuple[str, int]:
        """The patient of a draw, and which of the patient's slices it is, from 0."""
        patient, place = self._place(draw % len(self))
        return self._patient_ids[patient], len(self._images[patient]) + place

    def _place(self, index: int) -> tuple[int, int]:
        patient = bisect_right(self._ends, index)
        return patient, index - self._ends[patient]  # counted from the patient's end

    def _slice(self, index: int) -> tuple[Tensor, Tensor]:
        patient, place = self._place(index)
        # Copied, for what is mapped from disk cannot be written to; torch then widens it faster than NumPy would.
        image = torch.from_numpy(np.array(self._images[patient][place])).float()
        return image, torch.from_numpy(np.array(self._labels[patient][place]))


def draw_seed(seed: int, draw: int) -> int:
    """The augmentation's seed (64 bits) for one draw of a training: other draws and other trainings have others."""
    return int(np.random.SeedSequence((seed, draw)).generate_state(1, np.uint64)[0])
