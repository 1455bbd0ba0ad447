"""`phantom`, patients whose slices are riddles of pointers: how many hops lead to a class is a setting."""

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.phantom.board import NUM_CLASSES, draw_board
from trimformer.data.phantom.paint import paint_image, paint_labels
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.scan import Scan, Volume
from trimformer.data.splitting.cohort import cohort_sides
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings

LABELS = {value: f"class_{value}" for value in range(1, 1 + NUM_CLASSES)}

NOTE = "These are no patients but drawn riddles: the class of a patch stands at the end of a chain of pointers."

VERSION = 2
"""To be raised when the drawing changes in any way."""

HOPS = 1
NUM_PATIENTS = 60
SLICES = 16
"""Of each patient; each slice is a riddle of its own."""


def find_phantom(settings: DataSettings) -> Layout:
    """The cohort as a layout whose cases are drawn when they are read.

    Raises:
        UserError: The patients are too few for three sides.
    """
    hops = hops_of(settings)
    num_patients = NUM_PATIENTS if settings.num_patients is None else settings.num_patients
    patient_ids = [f"hops-{hops}-{index:03d}" for index in range(num_patients)]

    def read(case: Case) -> Scan:
        patient = make_phantom_patient(case.patient_id)
        assert patient.labels is not None
        return Scan((Volume(patient.image[0], patient.affine),), Volume(patient.labels, patient.affine))

    return Layout(
        dataset="phantom",
        name=_layout_name(hops),
        note=NOTE,
        cases=tuple(Case(patient_id, (), (), recipe=f"{patient_id}, version {VERSION}") for patient_id in patient_ids),
        class_names=LABELS,
        label_values={value: value for value in (0, *LABELS)},
        preprocessing=Preprocessing.of(settings),
        read=read,
        listed=cohort_sides(patient_ids, settings),
    )


def hops_of(settings: DataSettings) -> int:
    """How many hops the riddles of these settings take at most."""
    return HOPS if settings.hops is None else settings.hops


def refuse_other_hops(layout_name: str, settings: DataSettings) -> None:
    """Check that riddles that were prepared, in a layout of this name, have as many hops as the settings ask for.

    Raises:
        UserError: They have another number.
    """
    assert settings.hops is not None, "nobody asks for a number"
    if layout_name != _layout_name(settings.hops):
        raise UserError(
            "An experiment asks for the data as they were prepared",
            f"data.hops = {settings.hops}, and {layout_name} in {settings.prepared}",
            "Leave data.hops out, or prepare the data once more into another folder.",
        )


def make_phantom_patient(patient_id: str, num_slices: int = SLICES) -> Patient:
    """One patient of cubic voxels of 1 mm, with the labels of `LABELS`; the same id gives the same bytes.

    An id is `hops-`, the number of hops, `-` and a number: riddles of other hops are other patients. Boards and noise
    do not depend on how many patients there are.
    """
    hops, index = map(int, patient_id.removeprefix("hops-").split("-"))
    random = np.random.default_rng((VERSION, hops, index))
    boards = [draw_board(random, hops) for _ in range(num_slices)]
    image = np.stack([paint_image(board, random) for board in boards], axis=-1)
    labels = np.stack([paint_labels(board) for board in boards], axis=-1)
    return Patient(patient_id, image, labels, np.eye(4))


def _layout_name(hops: int) -> str:
    return f"hops-{hops}"
