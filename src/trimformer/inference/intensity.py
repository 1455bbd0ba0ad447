"""The baseline that knows no anatomy: tissue from intensity alone."""

import numpy as np

from trimformer.data.patient import Patient

NUM_TISSUES = 3


def predict_by_intensity(patient: Patient, seed: int = 0) -> np.ndarray:
    """Label map (x, y, z) uint8 from a mixture of three Gaussians fitted to this patient's own intensities.

    The components become 1, 2, 3 in the order of their means: on T1, CSF is darker than gray matter and gray
    matter darker than white. The mixture is shown the true brain mask (`labels > 0`), an advantage that no
    network gets.
    """
    from sklearn.mixture import GaussianMixture

    assert patient.labels is not None, "the mixture is shown the true brain mask"
    brain = patient.labels > 0
    intensities = patient.image[brain][:, None]
    mixture = GaussianMixture(NUM_TISSUES, random_state=seed, max_iter=1000).fit(intensities)
    rank = np.argsort(np.argsort(mixture.means_[:, 0]))
    prediction = np.zeros(patient.image.shape, np.uint8)
    prediction[brain] = rank[mixture.predict(intensities)] + 1
    return prediction
