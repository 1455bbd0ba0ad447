"""Small folders in the true layouts of IBSR 18, EMIDEC and Synapse, traps included, for every test that needs patients.

Each function writes under `root`, which it makes, and returns it. Sizes and counts are arguments; the same arguments
give the same voxels. `shape` is that of the array as it is stored, `patients` are the numbers in the files' names.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import nibabel
import numpy as np

IBSR_TRAINING = (1, 3, 4, 5, 6, 7, 8, 9, 16, 18)
IBSR_VALIDATION = (11, 12, 13, 14, 17)
IBSR_TEST = (2, 10, 15)
IBSR_ALL = tuple(sorted(IBSR_TRAINING + IBSR_VALIDATION + IBSR_TEST))
IBSR_SHAPE = (32, 8, 32)

SYNAPSE_TRAINING = (5, 6, 7, 9, 10, 21, 23, 24, 26, 27, 28, 30, 31, 33, 34, 37, 39, 40)
SYNAPSE_VALIDATION = (1, 2, 3, 4, 8, 22, 25, 29, 32, 35, 36, 38)
SYNAPSE_ALL = tuple(sorted(SYNAPSE_TRAINING + SYNAPSE_VALIDATION))


def shells(shape: Sequence[int], values: Sequence[int], seed: int) -> np.ndarray:
    """Labels (*shape) uint8: nested shells of the given values from outside to inside, background around them."""
    rng = np.random.default_rng(seed)
    axes = [np.linspace(-1, 1, size) + rng.uniform(-0.1, 0.1) for size in shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    labels = np.zeros(tuple(shape), np.uint8)
    for value, edge in zip(values, np.linspace(0.95, 0.45, len(values)), strict=True):
        labels[radius < edge] = value
    # Where the shells are thinner than a voxel, every value stands somewhere all the same.
    labels.flat[labels.size // 2 : labels.size // 2 + len(values)] = values
    return labels


def intensities(labels: np.ndarray, highest: float, seed: int) -> np.ndarray:
    """An image (as labels) float64 from 0 to `highest` that is brighter where labels are higher, with noise."""
    noise = np.random.default_rng(seed).uniform(0, 0.5, labels.shape)
    image = labels / labels.max() + noise * (labels > 0)
    return np.asarray(image * (highest / image.max()))


def write_ibsr18_misa(
    root: Path,
    shape: tuple[int, int, int] = IBSR_SHAPE,
    training: Sequence[int] = IBSR_TRAINING,
    validation: Sequence[int] = IBSR_VALIDATION,
    test: Sequence[int] = IBSR_TEST,
) -> Path:
    """Training_Set, Validation_Set and an unlabelled Test_Set: 10, 5 and 3 patients unless told otherwise."""
    sets = {"Training_Set": training, "Validation_Set": validation, "Test_Set": test}
    for name, patients in sets.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for patient in patients:
            folder = root / name / f"IBSR_{patient:02d}"
            image, labels = ibsr_volumes(patient, shape)
            save_ibsr(image, folder / f"{folder.name}.nii.gz", patient)
            if name != "Test_Set":
                save_ibsr(labels, folder / f"{folder.name}_seg.nii.gz", patient)
    return root


def write_ibsr18_nitrc(
    root: Path,
    shape: tuple[int, int, int] = IBSR_SHAPE,
    patients: Sequence[int] = IBSR_ALL,
    labels: Sequence[str] = ("segTRI_ana", "segTRI_fill_ana"),
) -> Path:
    """IBSR_nifti_stripped with its six files a patient; `labels` are the variants of tissue labels that are written."""
    for patient in patients:
        folder = root / "IBSR_nifti_stripped" / f"IBSR_{patient:02d}"
        image, drawn = ibsr_volumes(patient, shape)
        brain = image > 0
        filled = np.where((drawn == 0) & brain, 1, drawn).astype(np.uint8)
        files = {"ana": image + 5, "ana_strip": image, "ana_brainmask": brain.astype(np.uint8), "seg_ana": drawn * 10}
        tissues = {"segTRI_ana": drawn, "segTRI_fill_ana": filled}
        for name, voxels in (files | {name: tissues[name] for name in labels}).items():
            save_ibsr(voxels, folder / f"{folder.name}_{name}.nii.gz", patient)
    return root


def write_ibsr18_analyze(
    root: Path, shape: tuple[int, int, int] = IBSR_SHAPE, patients: Sequence[int] = IBSR_ALL
) -> Path:
    """The original V2.0: big-endian Analyze 7.5 pairs of whole heads and their tissue labels."""
    for patient in patients:
        folder = root / f"IBSR_{patient:02d}"
        image, labels = ibsr_volumes(patient, shape)
        for kind, name, voxels in (("images", "ana", image), ("segmentation", "segTRI_ana", labels)):
            path = folder / kind / "analyze" / f"{folder.name}_{name}.hdr"
            path.parent.mkdir(parents=True)
            header = nibabel.AnalyzeHeader(endianness=">")
            header.set_data_dtype(voxels.dtype)
            header.set_data_shape((*voxels.shape, 1))
            header.set_zooms((*ibsr_spacing(patient), 0.0))
            header["glmax"] = voxels.max()
            pair = nibabel.AnalyzeImage(voxels[..., None], None, header)
            nibabel.save(pair, path)
    return root


def ibsr_volumes(patient: int, shape: tuple[int, int, int] = IBSR_SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """A scan int16 whose brightest voxel is between 79 and 1289, and labels uint8 with zeros inside the brain too."""
    labels = shells(shape, (1, 2, 3), patient)
    highest = 79 + (patient - 1) * (1289 - 79) // 17
    image = intensities(labels, highest, patient).astype(np.int16)
    holes = (np.random.default_rng(patient).random(shape) < 0.05) & (labels == 1)
    labels[holes] = 0
    return image, labels


def ibsr_spacing(patient: int) -> tuple[float, float, float]:
    """In-plane voxel sizes differ between patients; slices are 1.5 mm apart along the second axis."""
    in_plane = (0.9375, 1.0, 0.837)[patient % 3]
    return (in_plane, 1.5, in_plane)


def save_ibsr(voxels: np.ndarray, path: Path, patient: int) -> None:
    """NIfTI with a trailing axis of length one whose voxel size is zero."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, thickness, height = ibsr_spacing(patient)
    image = nibabel.Nifti1Image(voxels[..., None], np.diag([-width, thickness, height, 1.0]))
    image.header.set_zooms((width, thickness, height, 0.0))
    nibabel.save(image, path)


def write_emidec(
    root: Path,
    pathological: int = 4,
    normal: int = 2,
    shape: tuple[int, int, int] = (104, 100, 3),
    small_shape: tuple[int, int, int] = (90, 92, 3),
) -> Path:
    """emidec-dataset-1.0.1: float64 files, an affine without voxel sizes, text files that are not UTF-8.

    The first pathological case is smaller than the crop of 96.
    """
    folder = root / "emidec-dataset-1.0.1"
    letters = "P" * pathological + "N" * normal
    for patient, letter in enumerate(letters, start=1):
        name = f"Case_{letter}{patient:03d}"
        values = (1, 2, 3, 4) if letter == "P" else (1, 2)
        labels = shells(small_shape if patient == 1 else shape, values, patient)
        zooms = (1.458, 1.458, 10.0) if patient % 2 else (1.406, 1.406, 13.0)
        save_emidec(intensities(labels, 700, patient), folder / name / "Images" / f"{name}.nii.gz", zooms)
        save_emidec(labels.astype(np.float64), folder / name / "Contours" / f"{name}.nii.gz", zooms)
        text = f"{name.replace('_', ' ')}\n\nGap between slices† : {zooms[2]:g} mm\nHypertension artérielle : N\n"
        (folder / f"{name.replace('_', ' ')}.txt").write_bytes(text.encode("cp1252"))
    (folder / "Readme.txt").write_bytes("Université de Bourgogne\n".encode("latin-1"))
    return root


def save_emidec(voxels: np.ndarray, path: Path, zooms: tuple[float, float, float]) -> None:
    """NIfTI whose affine is diag(-1, -1, 1) while the header's voxel sizes are right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, np.diag([-1.0, -1.0, 1.0, 1.0]))
    image.header.set_zooms(zooms)
    nibabel.save(image, path)


def write_synapse_npz(
    root: Path,
    training: Sequence[int] = (5, 6, 7),
    validation: Sequence[int] = (1, 2),
    size: int = 32,
    slices: int = 4,
) -> Path:
    """TransUNet's train_npz and test_vol_h5: float32 in [0, 1], labels as float32, slices first."""
    for folder in ("train_npz", "test_vol_h5"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for patient in training:
        image, labels = synapse_volumes(patient, size, slices)
        for number in range(slices):
            path = root / "train_npz" / f"case{patient:04d}_slice{number:03d}.npz"
            np.savez(path, image=image[number], label=labels[number])
    for patient in validation:
        image, labels = synapse_volumes(patient, size, slices)
        with h5py.File(root / "test_vol_h5" / f"case{patient:04d}.npy.h5", "w") as file:
            file["image"], file["label"] = image, labels
    return root


def synapse_volumes(patient: int, size: int = 32, slices: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A scan and its labels 0 to 8, both (slices, rows, columns) float32 as TransUNet's files hold them."""
    labels = shells((slices, size, size), tuple(range(1, 9)), patient)
    return intensities(labels, 1.0, patient).astype(np.float32), labels.astype(np.float32)


def write_synapse_raw(
    root: Path, patients: Sequence[int] = (1, 2, 5, 6, 7), shape: tuple[int, int, int] = (32, 30, 4)
) -> Path:
    """RawData/Training with img and label, 13 structures, and an unlabelled scan in RawData/Testing."""
    training, testing = root / "RawData" / "Training", root / "RawData" / "Testing"
    for folder in (training / "img", training / "label", testing / "img"):
        folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-0.75, 0.75, 3.0, 1.0])
    for patient in patients:
        labels = shells(shape, tuple(range(1, 14)), patient)
        image = (intensities(labels, 4095, patient) - 1024).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(image, affine), training / "img" / f"img{patient:04d}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, affine), training / "label" / f"label{patient:04d}.nii.gz")
    nibabel.save(
        nibabel.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), affine), testing / "img" / "img0061.nii.gz"
    )
    return root
