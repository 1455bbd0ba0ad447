"""One slice of a case, as a contact sheet shows it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class CasePicture:
    """One slice with its labels.

    `image` (x, y) float32 and `labels` (x, y) uint8, None where nobody drew them, are indexed so that both axes grow
    towards `towards`, two of R, A and S: right and anterior in an axial slice. `spacing_mm` is along the two.
    `slice_index` counts from 0 along the slice axis of `num_slices`.
    """

    patient_id: str
    split: str
    image: np.ndarray
    labels: np.ndarray | None
    towards: tuple[str, str]
    spacing_mm: tuple[float, float]
    slice_index: int
    num_slices: int
