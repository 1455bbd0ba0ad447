"""One slice of some patients, kept for a contact sheet while the patients themselves are let go."""

from collections.abc import Sequence

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.slice_picture import slice_picture
from trimformer.records.case_picture import CasePicture

LARGEST_SHEET = 36


class SlicePictures:
    """Collects pictures of at most `most` cases, spread evenly over the dataset, as `check_dataset` shows them."""

    def __init__(self, layout: Layout, most: int = LARGEST_SHEET) -> None:
        places = np.linspace(0, len(layout.cases) - 1, min(most, len(layout.cases))).round().astype(int)
        self._wanted = [layout.cases[place].patient_id for place in places]
        self._preprocessing = layout.preprocessing
        self._pictures: dict[str, CasePicture] = {}

    def look(self, case: Case, split: str, patient: Patient) -> None:
        """Keep a slice of this patient if it is one of those wanted; may be called from several threads."""
        if case.patient_id in self._wanted:
            grid = NativeGrid.of(patient.image.shape[1:], patient.affine, self._preprocessing)
            index = grid.num_slices // 2 if patient.labels is None else _most_labelled(grid.slices_of(patient.labels))
            self._pictures[case.patient_id] = slice_picture(patient, split, grid, self._preprocessing.clip, index)

    @property
    def pictures(self) -> Sequence[CasePicture]:
        """What was kept, in the order of the dataset."""
        return [self._pictures[patient_id] for patient_id in self._wanted if patient_id in self._pictures]


def _most_labelled(labels: np.ndarray) -> int:
    """The slice with the most foreground, the middle one of several."""
    counts = np.array([np.count_nonzero(plane) for plane in labels])
    best = np.flatnonzero(counts == counts.max())
    return int(best[len(best) // 2])
