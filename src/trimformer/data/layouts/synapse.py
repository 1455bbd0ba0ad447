"""Synapse multi-organ, abdominal CT of 30 patients: TransUNet's npz and h5 files, or the raw NIfTI files of BTCV."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from trimformer.data.layout import Case, Layout
from trimformer.data.layouts.folders import dataset_root, entries, missing_files, nifti, side_of, the_one_folder
from trimformer.data.layouts.synapse_arrays import find_array_cases, has_arrays, read_arrays
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.data.splitting.roster import Side
from trimformer.records.settings import DataSettings

RAW_ORGANS = (
    *("spleen", "right kidney", "left kidney", "gallbladder", "esophagus", "liver", "stomach", "aorta"),
    *("inferior vena cava", "portal and splenic vein", "pancreas", "right adrenal gland", "left adrenal gland"),
)
"""BTCV's labels 1 to 13."""

ORDERS: Mapping[str, tuple[str, ...]] = {
    "transunet": (
        *("aorta", "gallbladder", "left kidney", "right kidney"),
        *("liver", "pancreas", "spleen", "stomach"),
    ),
    "spleen-first": (
        *("spleen", "right kidney", "left kidney", "gallbladder"),
        *("liver", "stomach", "aorta", "pancreas"),
    ),
}
"""The eight organs that are learned, in the two orders in which they are numbered from 1."""

USUAL_ORDER = "transunet"
"""That of the paper's tables."""

RAW_CLIP = (-125.0, 275.0)
"""Hounsfield units; TransUNet's files are clipped to them already."""

RAW_FILE = re.compile(r"(?:img|label)(\d{4})\.nii(?:\.gz)?", re.IGNORECASE)
RAW_PLACES = ("", "Training", "RawData/Training")


def _ids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"case{number:04d}" for number in numbers)


LISTED: Mapping[Side, tuple[str, ...]] = {
    "training": _ids(5, 6, 7, 9, 10, 21, 23, 24, 26, 27, 28, 30, 31, 33, 34, 37, 39, 40),
    "validation": _ids(1, 2, 3, 4, 8, 22, 25, 29, 32, 35, 36, 38),
}


def find_synapse(settings: DataSettings) -> Layout:
    """List Synapse in whichever of its two layouts the root, or the one folder in it, has.

    Raises:
        FileError: The root is no folder, or holds neither of the layouts, or several.
    """
    expected = "train_npz, no test_vol_h5 and no RawData/Training with img and label"
    folder = the_one_folder(
        dataset_root(settings), lambda place: has_arrays(place) or _raw_folder(place) is not None, expected
    )
    raw = _raw_folder(folder)
    return _array_layout(folder, settings) if raw is None else _raw_layout(raw, settings)


def _array_layout(folder: Path, settings: DataSettings) -> Layout:
    preprocessing = Preprocessing.of(settings, slice_axis=0, label_order=USUAL_ORDER)
    order = str(preprocessing.label_order)
    cases, problems = find_array_cases(folder, LISTED)
    label_values = {value: value for value in range(len(ORDERS[order]) + 1)}
    return Layout(
        dataset="synapse",
        name=f"TransUNet npz and h5, labels {order}",
        note=f"Synapse as TransUNet hands it out: {_numbered(order)}; voxel sizes are not stored, 1 mm is assumed.",
        cases=cases,
        class_names=dict(enumerate(ORDERS[order], start=1)),
        label_values=label_values,
        preprocessing=preprocessing,
        read=partial(read_arrays, label_values=label_values),
        listed=LISTED,
        has_geometry=False,
        problems=(*problems, *missing_files(cases)),
    )


def _raw_folder(folder: Path) -> Path | None:
    """Where img and label lie side by side."""
    places = [folder / place for place in RAW_PLACES]
    return next((place for place in places if (place / "img").is_dir() and (place / "label").is_dir()), None)


def _raw_layout(folder: Path, settings: DataSettings) -> Layout:
    preprocessing = Preprocessing.of(settings, slice_axis=2, clip=RAW_CLIP, label_order=USUAL_ORDER)
    order = str(preprocessing.label_order)
    cases = _raw_cases(folder)
    return Layout(
        dataset="synapse",
        name=f"raw BTCV NIfTI, labels {order}",
        note=f"Synapse from BTCV's raw scans: {_numbered(order)}; BTCV's other five structures count as background.",
        cases=cases,
        class_names=dict(enumerate(ORDERS[order], start=1)),
        label_values=_raw_label_values(order),
        preprocessing=preprocessing,
        read=partial(read_pair, spacing_from=preprocessing.spacing_from),
        listed=LISTED,
        problems=tuple(missing_files(cases)),
    )


def _raw_cases(folder: Path) -> tuple[Case, ...]:
    """One case for every number that an image or a label file bears."""
    images, labels = folder / "img", folder / "label"
    files = (*entries(images), *entries(labels))
    numbers = sorted({match[1] for file in files if (match := RAW_FILE.fullmatch(file.name))})
    return tuple(
        Case(
            f"case{number}",
            (nifti(images, f"img{number}"),),
            (nifti(labels, f"label{number}"),),
            side_of(f"case{number}", LISTED),
        )
        for number in numbers
    )


def _raw_label_values(order: str) -> dict[int, int]:
    """What a model learns for BTCV's labels 0 to 13.

    Example:
        >>> _raw_label_values("transunet")[8], _raw_label_values("spleen-first")[8]
        (1, 7)
    """
    learned = {organ: value for value, organ in enumerate(ORDERS[order], start=1)}
    return {0: 0} | {value: learned.get(organ, 0) for value, organ in enumerate(RAW_ORGANS, start=1)}


def _numbered(order: str) -> str:
    organs = ", ".join(f"{value} {organ}" for value, organ in enumerate(ORDERS[order], start=1))
    return f"labels in the order {order} ({organs})"
