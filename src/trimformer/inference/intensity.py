"""The baseline that knows no anatomy: tissue from intensity alone."""

from collections.abc import Callable

import numpy as np

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.predict import Predictor

NUM_TISSUES = 3


def predict_by_intensity(patient: Patient, seed: int = 0) -> np.ndarray:
    """Label map (x, y, z) uint8 from a mixture of three Gaussians fitted to this patient's own intensities.

    The components become 1, 2, 3 in the order of their means: on T1, CSF is darker than gray matter and gray
    matter darker than white. The mixture is shown the true brain mask (`labels > 0`), an advantage that no
    network gets.
    """
    from sklearn.mixture import GaussianMixture

    assert patient.labels is not None, "the mixture is shown the true brain mask"
    image, brain = patient.image[0], patient.labels > 0
    intensities = image[brain][:, None]
    mixture = GaussianMixture(NUM_TISSUES, random_state=seed, max_iter=1000).fit(intensities)
    rank = np.argsort(np.argsort(mixture.means_[:, 0]))
    prediction = np.zeros(brain.shape, np.uint8)
    prediction[brain] = rank[mixture.predict(intensities)] + 1
    return prediction


def intensity_predictor(scan_of: Callable[[str], Patient]) -> Predictor:
    """`predict_by_intensity` on the patients' own scans, which `scan_of` gives by patient id."""

    def predict(patient: PatientSlices) -> np.ndarray:
        return predict_by_intensity(scan_of(patient.patient_id))

    return predict
