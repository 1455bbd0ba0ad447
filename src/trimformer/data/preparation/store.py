"""The slices of one patient in a folder of their own: there whole, or not there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from trimformer.data.preparation.intensities import Span
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, read_json, write_arrays, write_json, write_whole_folder

NEXT_STEP = "Run `trimformer data prepare` again."

DESCRIPTION = "patient.json"


def write_slices(folder: Path, patient: PatientSlices) -> None:
    """Write one patient into a new `folder`, in one step.

    `images.npy` and `labels.npy` can be mapped into memory; the labels on the patient's own grid are compressed.

    Raises:
        UserError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    write_whole_folder(folder, lambda temporary: _fill(temporary, patient))


def read_slices(folder: Path) -> PatientSlices:
    """Map one patient's arrays from the folder that `write_slices` made.

    Raises:
        UserError: A file is missing, cut short or not what it was.
    """
    document = read_json(folder / DESCRIPTION, NEXT_STEP)
    labelled = document["labelled"]
    return PatientSlices(
        document["patient_id"],
        _mapped(folder / "images.npy"),
        _mapped(folder / "labels.npy") if labelled else None,
        NativeGrid.from_document(document["grid"]),
        tuple(document["spacing_mm"]),
        _true_labels(folder / "true_labels.npz") if labelled else None,
        document["key"],
        _spans(document.get("intensities")),
    )


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a patient, all that is told of them, and every file of theirs in its full length."""
    try:
        document = read_json(folder / DESCRIPTION, NEXT_STEP)
    except UserError:
        return False
    return bool("intensities" in document and document["bytes"] == _sizes(folder))


def _fill(folder: Path, patient: PatientSlices) -> None:
    np.save(folder / "images.npy", patient.images, allow_pickle=False)
    if patient.labels is not None and patient.true_labels is not None:
        np.save(folder / "labels.npy", patient.labels, allow_pickle=False)
        write_arrays(folder / "true_labels.npz", {"labels": patient.true_labels()})
    document = {
        "patient_id": patient.patient_id,
        "key": patient.key,
        "labelled": patient.labels is not None,
        "spacing_mm": list(patient.spacing_mm),
        "grid": patient.grid.document(),
        "intensities": patient.intensities,
        "bytes": _sizes(folder),
    }
    write_json(folder / DESCRIPTION, document)


def _spans(document: "list[list[float]] | None") -> tuple[Span, ...] | None:
    return None if document is None else tuple((low, high) for low, high in document)


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.name != DESCRIPTION}


def _mapped(path: Path) -> np.ndarray:
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError("A prepared array is whole", f"{path}: {error}", NEXT_STEP) from None
    return mapped


def _true_labels(path: Path) -> Callable[[], np.ndarray]:
    return lambda: read_arrays(path, NEXT_STEP)["labels"]
