"""The datasets that can be asked for by name: one list."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from trimformer.data.brain.cohort import find_brain
from trimformer.data.cache_folder import cache_folder
from trimformer.data.dataset import Dataset
from trimformer.data.layout import Layout
from trimformer.data.layouts.emidec import find_emidec
from trimformer.data.layouts.ibsr18 import find_ibsr18
from trimformer.data.layouts.nnunet import find_nnunet
from trimformer.data.layouts.synapse import find_synapse
from trimformer.data.phantom.cohort import find_phantom, refuse_other_hops
from trimformer.data.preparation.index import PreparedIndex
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preparation.store import read_slices
from trimformer.data.splitting.sides import deal_sides
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent
from trimformer.records.settings import DataSettings

FINDERS: dict[str, Callable[[DataSettings], Layout]] = {
    "ibsr18": find_ibsr18,
    "emidec": find_emidec,
    "synapse": find_synapse,
    "nnunet": find_nnunet,
    "brain": find_brain,
    "phantom": find_phantom,
}
"""Name -> who finds its cases. A new dataset is a file in `layouts` and a line here."""


def find_layout(settings: DataSettings) -> Layout:
    """The cases of the dataset that `settings` name, found by their names alone.

    Raises:
        UserError: No dataset has that name, or its root is not there or in no layout that is known.
    """
    refuse_unknown_dataset(settings)
    return FINDERS[settings.dataset](settings)


def refuse_unknown_dataset(settings: DataSettings) -> None:
    """Look the name of the dataset up.

    Raises:
        UserError: No dataset has that name.
    """
    if settings.dataset not in FINDERS:
        raise UserError(
            "A dataset is one of the catalogue",
            f"data.dataset = {settings.dataset!r}",
            f"Valid names: {', '.join(FINDERS)}.",
        )


def load_dataset(settings: DataSettings, progress: Progress = silent) -> Dataset:
    """The dataset that `settings` name, its patients dealt to training, selection and validation.

    Patients are prepared in the user's cache folder where that has not been done, or read from `settings.prepared`.

    Raises:
        UserError: No dataset has that name, a file breaks a rule, or the patients are too few for three sides.
    """
    if settings.prepared is None:
        layout = find_layout(settings)
        folder = cache_folder() / "prepared" / f"{layout.dataset}-{_digest(layout, settings)}"
        index = prepare_dataset(layout, folder, progress)
    else:
        folder = Path(settings.prepared)
        index = PreparedIndex.load(folder)
        index.refuse_other_settings(settings)
        if settings.hops is not None:
            refuse_other_hops(index.layout, settings)
    return _dealt(index, folder, settings)


def _dealt(index: PreparedIndex, folder: Path, settings: DataSettings) -> Dataset:
    folders = {patient.patient_id: folder / patient.folder for patient in index.patients}

    def patients(side: tuple[str, ...]) -> tuple[PatientSlices, ...]:
        return tuple(read_slices(folders[patient_id]) for patient_id in side)

    sides = deal_sides(index.roster, settings)
    return Dataset(
        index.dataset,
        dict(index.class_names),
        index.note,
        training=patients(sides["training"]),
        selection=patients(sides["selection"]),
        validation=patients(sides["validation"]),
        num_channels=index.num_channels,
        layout=index.layout,
        preprocessing=index.preprocessing,
        has_geometry=bool(index.has_geometry),
    )


def _digest(layout: Layout, settings: DataSettings) -> str:
    """Tells apart the folders of one dataset in the cache: by root, settings and number of simulated patients."""
    root = str(Path(settings.root).resolve()) if settings.root else None
    told: list[object] = [root, layout.name, layout.preprocessing.document(), settings.num_patients]
    told += [sorted(layout.label_values.items()), sorted(layout.class_names.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
