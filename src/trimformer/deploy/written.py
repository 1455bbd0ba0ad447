"""Everything that is written of one scan: label map, probabilities, pictures, and the description of them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.scan import axis_codes
from trimformer.data.slice_picture import slice_picture
from trimformer.deploy.deployed import Deployed
from trimformer.deploy.label_map import grid_header, write_labels
from trimformer.deploy.opened import OpenedScan
from trimformer.deploy.outputs import Outputs
from trimformer.deploy.probabilities import ProbabilityFile, pack
from trimformer.deploy.trained_on import TrainedOn
from trimformer.inference.predict import predict_labels
from trimformer.records.case_picture import CasePicture
from trimformer.records.files import write_together
from trimformer.records.prediction import Prediction
from trimformer.records.progress import Progress, under_name

MOST_PICTURES = 6

Draw = Callable[[Sequence[CasePicture], Path], None]
"""Draws slices with their labels into a .png file."""


@dataclass(frozen=True)
class Wanted:
    """What is written beside label map and description, and what may be lost or kept.

    `draw` is None where nobody wants a picture; `keep_metadata` lets free texts of NIfTI headers and what DICOM says
    about the patient into the outputs.
    """

    probabilities: bool = False
    draw: Draw | None = None
    keep_metadata: bool = False
    overwrite: bool = False

    def files(self, outputs: Outputs) -> tuple[Path, ...]:
        """What is to be written, the description first and the label map last."""
        extra = (outputs.probabilities, self.probabilities), (outputs.preview, self.draw is not None)
        return (outputs.description, *(file for file, wanted in extra if wanted), outputs.label_map)


@dataclass(frozen=True, eq=False)
class PreparedScan:
    """A scan on the model's grid, whose own voxels are let go, and a NIfTI `header` of its own grid."""

    scan: OpenedScan
    slices: PatientSlices
    header: Any
    clip: tuple[float, float] | None

    @classmethod
    def of(cls, scan: OpenedScan, known: TrainedOn, keep_texts: bool) -> "PreparedScan":
        """Read a scan, turn it as the training scans were lying, and cut it into slices.

        Raises:
            UserError: The scan is damaged or breaks a rule.
        """
        patient = scan.read_patient(known)
        header = grid_header(scan.header_file, patient.affine, patient.image.shape[1:], keep_texts)
        preprocessing = known.preprocessing_of(patient.affine)
        return cls(scan, to_slices(patient, preprocessing), header, preprocessing.clip)


def write_outputs(
    outputs: Outputs, deployed: Deployed, prepared: PreparedScan, wanted: Wanted, digest: str, progress: Progress
) -> None:
    """Predict a prepared scan and write all that is wanted, whole or not at all.

    Args:
        outputs: Where to.
        deployed: The model.
        prepared: The scan.
        wanted: What is written.
        digest: Of scan and model.
        progress: Told after each batch, in slices.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written.
    """
    files = wanted.files(outputs)
    names = {*outputs.own_files(digest), *(file.name for file in files)}

    def write(folder: Path) -> None:
        labels = _predict(folder, outputs, deployed, prepared, wanted, progress)
        write_labels(folder / outputs.label_map.name, labels, prepared.header)
        if wanted.draw is not None:
            wanted.draw(_pictures(prepared, deployed.trained_on, labels), folder / outputs.preview.name)
        described = _described(deployed, prepared, labels, digest, tuple(sorted(names)), wanted.keep_metadata)
        described.save(folder / outputs.description.name)

    write_together(files, write)


def _predict(
    folder: Path, outputs: Outputs, deployed: Deployed, prepared: PreparedScan, wanted: Wanted, progress: Progress
) -> np.ndarray:
    told = under_name(progress, f"predicting {prepared.scan.name}")
    if not wanted.probabilities:
        return predict_labels(deployed.network, prepared.slices, told)
    num_classes = 1 + max(deployed.trained_on.labels)
    file = folder / outputs.probabilities.name
    plain = file.with_suffix("") if file.suffix == ".gz" else file
    with ProbabilityFile(plain, prepared.header, prepared.slices.grid, num_classes) as probabilities:
        labels = predict_labels(deployed.network, prepared.slices, told, probabilities.look)
    if plain != file:
        pack(plain, file)
        plain.unlink()
    return labels


def _pictures(prepared: PreparedScan, known: TrainedOn, labels: np.ndarray) -> list[CasePicture]:
    """Some slices that have labels, evenly over them; the middle one where no slice has. The scan is read again."""
    grid = prepared.slices.grid
    patient = replace(prepared.scan.read_patient(known), labels=labels)
    labelled = [index for index, plane in enumerate(grid.slices_of(labels)) if plane.any()] or [grid.num_slices // 2]
    places = np.linspace(0, len(labelled) - 1, min(MOST_PICTURES, len(labelled))).round().astype(int)
    return [slice_picture(patient, "prediction", grid, prepared.clip, labelled[place]) for place in places]


def _described(
    deployed: Deployed, prepared: PreparedScan, labels: np.ndarray, digest: str, files: tuple[str, ...], personal: bool
) -> Prediction:
    grid, known = prepared.slices.grid, deployed.trained_on
    return Prediction(
        name=prepared.scan.name,
        run=deployed.name,
        trimformer=version("trimformer"),
        digest=digest,
        files=files,
        labels=dict(known.labels),
        volumes_ml=_volumes_ml(labels, grid.affine, known),
        shape=grid.shape,
        spacing_mm=grid.spacing_mm,
        axes=axis_codes(grid.affine),
        doubts=known.doubts(prepared.slices.intensities or ()),
        metadata=prepared.scan.personal if personal else None,
    )


def _volumes_ml(labels: np.ndarray, affine: np.ndarray, known: TrainedOn) -> dict[str, float]:
    counts = np.zeros(256, np.int64)
    for plane in labels:  # one at a time, since counting takes eight bytes a voxel
        counts += np.bincount(plane.ravel(), minlength=256)
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    return {name: round(int(counts[value]) * voxel_ml, 6) for value, name in known.labels.items()}
