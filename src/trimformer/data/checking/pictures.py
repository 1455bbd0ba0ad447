"""One slice of some patients, kept for a contact sheet while the patients themselves are let go."""

from collections.abc import Sequence

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.upright import upright, way_to_ras
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
            self._pictures[case.patient_id] = _picture(patient, split, grid, self._preprocessing.clip)

    @property
    def pictures(self) -> Sequence[CasePicture]:
        """What was kept, in the order of the dataset."""
        return [self._pictures[patient_id] for patient_id in self._wanted if patient_id in self._pictures]


def _picture(patient: Patient, split: str, grid: NativeGrid, clip: tuple[float, float] | None) -> CasePicture:
    images = grid.slices_of(patient.image[0])
    labels = None if patient.labels is None else grid.slices_of(patient.labels)
    index = len(images) // 2 if labels is None else _most_labelled(labels)
    image = images[index] if clip is None else np.clip(images[index], *clip)
    (row, column), _, swap = way_to_ras(grid)
    spacing = grid.slice_spacing_mm
    # Copies: a view would keep its whole volume in memory.
    return CasePicture(
        patient_id=patient.patient_id,
        split=split,
        image=upright(image, grid).copy(),
        labels=None if labels is None else upright(labels[index], grid).copy(),
        towards=(column, row) if swap else (row, column),
        spacing_mm=(spacing[1], spacing[0]) if swap else spacing,
        slice_index=index,
        num_slices=len(images),
    )


def _most_labelled(labels: np.ndarray) -> int:
    """The slice with the most foreground, the middle one of several."""
    counts = np.array([np.count_nonzero(plane) for plane in labels])
    best = np.flatnonzero(counts == counts.max())
    return int(best[len(best) // 2])
