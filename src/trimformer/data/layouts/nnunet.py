"""A user's own folder: dataset.json, imagesTr and labelsTr, as nnU-Net and the Decathlon (MSD) have them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.layouts.description import Description, read_description
from trimformer.data.layouts.folders import dataset_root, the_one_folder
from trimformer.data.layouts.nnunet_cases import CHANNEL, FoundCase, find_cases, is_file, volume_files
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.data.reading.volume import PLANES, file_ending
from trimformer.data.rules import DESCRIPTION, FILE_EXISTS, LISTED, WHOLE_LABELS
from trimformer.data.scan import Scan, Volume
from trimformer.records.choices import SpacingFrom
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings

PARTS = ("dataset.json", "imagesTr", "labelsTr")


def find_nnunet(settings: DataSettings) -> Layout:
    """Read dataset.json and find the files of its cases; a model learns the classes in the order of their values.

    Cases that lack a file are no cases but problems. Pictures stay as they are stored, volumes are turned to RAS.

    Raises:
        FileError: There is no such folder, no dataset.json or no imagesTr in it, or dataset.json is damaged.
    """
    root = the_one_folder(dataset_root(settings), _is_meant, ", ".join(PARTS[:2]) + f" and {PARTS[2]}")
    description = read_description(root / "dataset.json")
    found = find_cases(root, description)
    classes = {value: learned for learned, value in enumerate(value for value in description.labels if value > 0)}
    preprocessing = Preprocessing.of(
        settings, slice_axis=2, orientation=None if description.ending in PLANES else "RAS"
    )
    return Layout(
        dataset="nnunet",
        name=_layout_name(found),
        note=_note(root, description, found),
        cases=tuple(_case(case) for case in found if not case.problems),
        class_names={learned + 1: description.labels[value] for value, learned in classes.items()},
        label_values={0: 0} | {value: learned + 1 for value, learned in classes.items()},
        preprocessing=preprocessing,
        read=partial(_read, channels=description.channels, spacing_from=preprocessing.spacing_from),
        num_channels=len(description.channels),
        has_geometry=description.ending not in PLANES,
        problems=(*(problem for case in found for problem in case.problems), *_disagreements(description, found)),
    )


def _is_meant(folder: Path) -> bool:
    return all((folder / part).exists() for part in PARTS)


def _case(found: FoundCase) -> Case:
    return Case(found.patient_id, found.images, None if found.label is None else (found.label,))


def _read(case: Case, channels: tuple[str, ...], spacing_from: SpacingFrom) -> Scan:
    """Read one file a channel, or one file whose last axis, or whose colours, are the channels."""
    in_one_file = len(channels) > len(case.images)
    scan = read_pair(case, spacing_from, channels_last=in_one_file)
    volumes = scan.channels if in_one_file else tuple(_without_colours(volume) for volume in scan.channels)
    found = volumes[0].voxels.shape[3] if _has_colours(volumes[0]) else len(volumes)
    if found != len(channels):
        text = f"{found} channels, where dataset.json names {len(channels)}"
        fix = "Name every channel in dataset.json, or save the image with these channels alone."
        raise FileError(case.images[0], DESCRIPTION.sentence, text, fix)
    labels = None if scan.labels is None else _without_colours(scan.labels)
    if case.labels and labels and _has_colours(labels):
        fix = "Save the labels as a grey picture, each class with its value."
        raise FileError(case.labels[0], WHOLE_LABELS.sentence, "colours", fix)
    return Scan(volumes, labels)


def _has_colours(volume: Volume) -> bool:
    return volume.voxels.ndim == 4 and volume.voxels.shape[2] == 1


def _without_colours(volume: Volume) -> Volume:
    """A grey picture that its format keeps as equal colours, as BMP does, is one channel; all else stays."""
    voxels = volume.voxels
    if _has_colours(volume) and np.array_equal(np.broadcast_to(voxels[..., :1], voxels.shape), voxels):
        return Volume(voxels[..., 0], volume.affine)
    return volume


def _disagreements(description: Description, found: tuple[FoundCase, ...]) -> Iterator[FileError]:
    """What is wrong with the folder as a whole."""
    if not found:
        yield FILE_EXISTS.broken(description.file.parent / "imagesTr", f"no file that ends in {description.ending}")
    elif description.listed is None and description.num_cases not in (None, len(found)):
        counts = f"numTraining is {description.num_cases}, the folders have {len(found)} cases"
        fix = "Download the dataset again, or correct numTraining."
        yield FileError(description.file, LISTED.sentence, counts, fix)


def _layout_name(found: tuple[FoundCase, ...]) -> str:
    stems = [file.name[: -len(file_ending(file) or "")] for case in found for file in case.images]
    return "nnU-Net" if any(CHANNEL.fullmatch(stem) for stem in stems) else "Decathlon"


def _note(root: Path, description: Description, found: tuple[FoundCase, ...]) -> str:
    """One sentence: which data they are, and what lies there and is not used."""
    used = {file.resolve() for case in found for file in case.images if is_file(file)}
    counts = {
        "imagesTr": sum(file.resolve() not in used for file in volume_files(root / "imagesTr")),
        "imagesTs": len(volume_files(root / "imagesTs")),
    }
    left_out = " and ".join(f"{count} of {folder}" for folder, count in counts.items() if count)
    told = f"; files left out: {left_out}" if left_out else ""
    return f"{description.title}, as its dataset.json describes it{told}."
