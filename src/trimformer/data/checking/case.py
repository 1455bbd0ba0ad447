"""One case looked at: what its files hold if they break no rule, and otherwise which rules they break."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.case import read_case
from trimformer.data.reading.labels import model_labels
from trimformer.data.reading.volume import file_ending, read_volume
from trimformer.data.rules import NOT_CONSTANT, THREE_AXES
from trimformer.data.scan import axis_codes
from trimformer.records.data_check import CheckedCase
from trimformer.records.errors import FileError, UserError


@dataclass(frozen=True)
class CheckedFiles:
    """A case that can be used, or the errors that stand against it."""

    case: CheckedCase | None
    errors: tuple[UserError, ...] = ()


def check_case(layout: Layout, case: Case, split: str, look: Callable[[Case, str, Patient], None]) -> CheckedFiles:
    """Read one case; where its image is at fault, its labels are read all the same."""
    try:
        patient = read_case(layout, case)
        _check_clip(case, patient, layout.preprocessing)
    except UserError as error:
        return CheckedFiles(None, (error, *_label_errors(layout, case, error)))
    look(case, split, patient)
    return CheckedFiles(_checked(layout, patient, split))


def _check_clip(case: Case, patient: Patient, preprocessing: Preprocessing) -> None:
    """Clipping keeps the order of values, so an image is constant afterwards if its two ends are."""
    if preprocessing.clip is None:
        return
    for lowest, highest in _intensities(patient):
        low, high = np.clip((lowest, highest), *preprocessing.clip)
        if low == high:
            file = case.images[0] if case.images else case.patient_id
            limits = " to ".join(f"{limit:g}" for limit in preprocessing.clip)
            found = f"{lowest:g} to {highest:g}, all {low:g} between the limits of data.clip, {limits}"
            raise NOT_CONSTANT.broken(file, found)


def _label_errors(layout: Layout, case: Case, error: UserError) -> tuple[UserError, ...]:
    """What is wrong with a file of labels whose image broke a rule before it was their turn."""
    if case.labels is None or len(case.labels) != 1 or file_ending(case.labels[0]) is None:
        return ()
    if isinstance(error, FileError) and error.file == str(case.labels[0]):
        return ()
    try:
        labels = read_volume(case.labels[0], layout.preprocessing.spacing_from)
        if labels.voxels.ndim != 3:
            raise THREE_AXES.broken(case.labels[0], f"shape {labels.voxels.shape}")
        model_labels(case.labels[0], labels.voxels, layout.label_values)
    except UserError as second:
        return (second,)
    return ()


def _checked(layout: Layout, patient: Patient, split: str) -> CheckedCase:
    shape = patient.image.shape[1:]
    grid = NativeGrid.of(shape, patient.affine, layout.preprocessing)
    return CheckedCase(
        patient_id=patient.patient_id,
        split=split,
        shape=shape,
        spacing_mm=patient.spacing_mm,
        axes=axis_codes(patient.affine),
        slices=grid.num_slices,
        intensities=_intensities(patient),
        voxels=None if patient.labels is None else _voxels(patient.labels, (0, *layout.class_names)),
    )


def _intensities(patient: Patient) -> tuple[tuple[float, float], ...]:
    return tuple((float(channel.min()), float(channel.max())) for channel in patient.image)


def _voxels(labels: np.ndarray, values: Iterable[int]) -> dict[int, int]:
    counts = np.zeros(256, np.int64)
    for plane in labels:  # one at a time, since counting takes eight bytes a voxel
        counts += np.bincount(plane.ravel(), minlength=256)
    return {value: int(counts[value]) for value in values}
