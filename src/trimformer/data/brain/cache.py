"""Patients that were costly to make, kept on disk; what is damaged there is made again."""

import contextlib
import hashlib
import json
from collections.abc import Callable

import numpy as np

from trimformer.data.cache_folder import cache_folder
from trimformer.data.patient import Patient
from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, write_arrays


def cached_patient(patient_id: str, settings: object, make: Callable[[], Patient]) -> Patient:
    """The patient that `make` gives, read from disk if the same `settings` (any JSON) made it before.

    Two commands may make the same patient at once: each writes a whole file of the same content.
    """
    file = cache_folder() / f"{patient_id}-{_digest(settings)}.npz"
    with contextlib.suppress(UserError, KeyError):
        arrays = read_arrays(file, "It is made again.")
        # Scans hold whole numbers, which int16 keeps at half the size.
        return Patient(patient_id, arrays["image"].astype(np.float32), arrays["labels"], arrays["affine"])
    patient = make()
    assert patient.labels is not None, "only labelled patients are cached"
    arrays = {"image": patient.image.astype(np.int16), "labels": patient.labels, "affine": patient.affine}
    # A cache that cannot be written costs time, not the result.
    with contextlib.suppress(UserError, OSError):
        write_arrays(file, arrays)
    return patient


def _digest(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
