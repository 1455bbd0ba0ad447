"""Patients of a few small slices with two classes, made in memory."""

import numpy as np

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing

LABELS = {1: "disc", 2: "bar"}


def made_patient(name: str, seed: int, classes: tuple[int, ...] = (1, 2), slices: int = 3) -> PatientSlices:
    """Noise in which the classes are brighter; 32 x 32 pixels of 1.5 x 2 mm."""
    random = np.random.default_rng(seed)
    labels = np.zeros((32, 32, slices), np.uint8)
    if 1 in classes:
        labels[4 + seed : 14 + seed, 6:18] = 1
    if 2 in classes:
        labels[20:28, 8 + seed : 26] = 2
    image = (labels + 0.3 * random.standard_normal(labels.shape)).astype(np.float32)
    patient = Patient(name, image[None], labels, np.diag([2.0, 1.5, 3.0, 1.0]))
    return to_slices(patient, Preprocessing(32))
