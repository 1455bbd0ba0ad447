"""One slice of a patient as a picture that can be drawn."""

import numpy as np

from trimformer.data.patient import Patient
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.upright import upright, way_to_ras
from trimformer.records.case_picture import CasePicture


def slice_picture(
    patient: Patient, split: str, grid: NativeGrid, clip: tuple[float, float] | None, index: int
) -> CasePicture:
    """The slice of this number along the grid's slice axis, with its labels where there are some.

    Args:
        patient: The scan; its first channel is shown.
        split: What stands below the picture, before the number of the slice.
        grid: How the scan is cut into slices.
        clip: Intensities outside are set to these limits.
        index: Of the slice, from 0.
    """
    image = grid.slices_of(patient.image[0])[index]
    image = image if clip is None else np.clip(image, *clip)
    labels = None if patient.labels is None else grid.slices_of(patient.labels)[index]
    (row, column), _, swap = way_to_ras(grid)
    spacing = grid.slice_spacing_mm
    # Copies: a view would keep its whole volume in memory.
    return CasePicture(
        patient_id=patient.patient_id,
        split=split,
        image=upright(image, grid).copy(),
        labels=None if labels is None else upright(labels, grid).copy(),
        towards=(column, row) if swap else (row, column),
        spacing_mm=(spacing[1], spacing[0]) if swap else spacing,
        slice_index=index,
        num_slices=grid.num_slices,
    )
