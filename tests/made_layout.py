"""A small dataset of NIfTI pairs, for tests of what comes after finding them."""

from pathlib import Path

import nibabel
import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair

SHAPE = (20, 24, 6)


def write_case(root: Path, patient_id: str, seed: int) -> Case:
    random = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:15, 6:18, 1:5] = random.integers(0, 3, (10, 12, 4))
    image = labels * 100 + random.normal(size=SHAPE)
    affine = np.diag([-1.5, 2.0, 4.0, 1.0])
    files = []
    for name, voxels in (("image", image.astype(np.float32)), ("labels", labels)):
        files.append(root / f"{patient_id}_{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(voxels, affine), files[-1])
    return Case(patient_id, (files[0],), (files[1],))


def made_layout(root: Path, count: int = 3, image_size: int = 16) -> Layout:
    root.mkdir(parents=True, exist_ok=True)
    return Layout(
        dataset="made",
        name="pairs",
        note="Made up.",
        cases=tuple(write_case(root, f"p{index}", index) for index in range(count)),
        class_names={1: "one", 2: "two"},
        label_values={0: 0, 1: 1, 2: 2},
        preprocessing=Preprocessing(image_size),
        read=lambda case: read_pair(case, "affine"),
    )
