"""Arrays without geometry, as TransUNet's authors hand out Synapse: a slice an npz file, or a volume an h5 file."""

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from trimformer.data.layout import Case
from trimformer.data.reading.labels import model_labels
from trimformer.data.reading.whole import LARGEST_DEFLATION
from trimformer.data.rules import (
    FILE_EXISTS,
    FINITE,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    THREE_AXES,
)
from trimformer.data.scan import Scan, Volume

KEYS = ("image", "label")

Pair = tuple[np.ndarray, np.ndarray]
"""An image as float32, and its labels, which are uint8 wherever that holds their values."""

DAMAGED = (
    *(OSError, EOFError, KeyError, IndexError, ValueError, TypeError, RuntimeError),
    *(OverflowError, MemoryError, SyntaxError, TokenError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy, zipfile and h5py raise for damaged bytes."""


def read_slices(case: Case, label_values: Mapping[int, int]) -> Scan:
    """Stack the slices of a case, one npz file each, along the first axis; voxels are 1 mm wide, for want of better.

    Slices are looked at one by one, since only their own file tells where a rule is broken.

    Raises:
        FileError: A file is missing or damaged, its arrays are not two planes of the first slice's shape, its image has
            pixels that are not finite, or its labels are no whole numbers or none of `label_values`.
    """
    planes: list[Pair] = []
    for path in case.images:
        plane = _read(path, _npz_pair)
        shape = planes[0][0].shape if planes else plane[0].shape
        _check_slice(path, plane, shape, label_values)
        planes.append(plane)
    image = np.stack([image for image, _ in planes])
    return Scan((Volume(image, np.eye(4)),), Volume(np.stack([labels for _, labels in planes]), np.eye(4)))


def read_slice_volume(case: Case) -> Scan:
    """Read a case from one h5 file, slices along the first axis; voxels are 1 mm wide, for want of better.

    Raises:
        FileError: The file is missing or damaged, or its arrays have no voxels.
    """
    image, labels = _read(case.images[0], _h5_pair)
    return Scan((Volume(image, np.eye(4)),), Volume(labels, np.eye(4)))


def _read(path: Path, read: Callable[[Path], Pair]) -> Pair:
    if not path.is_file():
        raise FILE_EXISTS.broken(path, "no such file")
    try:
        image, labels = read(path)
    except DAMAGED as error:
        reason = str(error).strip("'\" \n").splitlines()
        raise READABLE.broken(path, reason[0] if reason else type(error).__name__) from None
    if image.size == 0 or labels.size == 0:
        raise NOT_EMPTY.broken(path, f"shapes {image.shape} and {labels.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        return image.astype(np.float32, copy=False), _compact(labels)


def _npz_pair(path: Path) -> Pair:
    # Opened here, since NumPy leaves a damaged archive open; a pickle inside could run anything.
    with path.open("rb") as file, _archive(np.load(file, allow_pickle=False)) as arrays:
        image, labels = (_numbers(key, _key(arrays, key)) for key in KEYS)
    return image, labels


def _archive(loaded: Any) -> Any:
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise ValueError("one array, where an archive of two is meant")
    return loaded


def _h5_pair(path: Path) -> Pair:
    import h5py

    with h5py.File(path, "r") as file:
        image, labels = (_numbers(key, _h5_array(path, _key(file, key))) for key in KEYS)
    return image, labels


def _key(arrays: Any, key: str) -> Any:
    if key not in arrays:
        raise ValueError(f"no array {key}; there are: {', '.join(arrays) or 'none'}")
    return arrays[key]


def _h5_array(path: Path, dataset: Any) -> np.ndarray:
    """All of an array; a damaged header may promise more than memory holds, or than was ever written."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise TypeError(f"{dataset.name} is no array")
    if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)):
        raise ValueError(f"{dataset.name} holds numbers of no usual kind")  # their exponents may be damaged
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > stored * LARGEST_DEFLATION or (dataset.chunks is None and dataset.nbytes > stored):
        raise EOFError(f"shape {dataset.shape} needs {dataset.nbytes} bytes, {stored} are stored in {path.name}")
    return np.asarray(dataset[()])


def _numbers(key: str, array: Any) -> np.ndarray:
    if not isinstance(array, np.ndarray):  # NumPy hands on the bytes of a member that does not begin as an array
        raise TypeError(f"{key} is no array")
    if array.dtype.kind not in "iufb":
        raise TypeError(f"{key} holds {array.dtype}, where numbers are meant")
    return array


def _compact(labels: np.ndarray) -> np.ndarray:
    """Labels in one byte a voxel, wherever no value is lost."""
    small = labels.astype(np.uint8)
    return small if np.array_equal(small, labels) else labels


def _check_slice(path: Path, plane: Pair, shape: tuple[int, ...], label_values: Mapping[int, int]) -> None:
    image, labels = plane
    if image.ndim != 2:
        raise THREE_AXES.broken(path, f"a slice of shape {image.shape}")
    if image.shape != shape:
        raise SAME_SHAPE.broken(path, f"{image.shape} in a case whose first slice has {shape}")
    if labels.shape != image.shape:
        raise SAME_SHAPE.broken(path, f"labels {labels.shape} beside an image of {image.shape}")
    if not np.isfinite(image).all():
        raise FINITE.broken(path, f"{np.count_nonzero(~np.isfinite(image))} of {image.size} pixels are not")
    model_labels(path, labels[..., None], label_values)
