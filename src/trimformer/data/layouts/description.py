"""dataset.json, as both versions of nnU-Net and the Medical Segmentation Decathlon write it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimformer.data.reading.volume import file_ending
from trimformer.data.rules import DESCRIPTION, ONE_CASE_AN_ID
from trimformer.records.errors import FileError

MOST_CLASSES = 255
"""Labels are kept in eight bits."""


@dataclass(frozen=True)
class ListedCase:
    """One patient as dataset.json names it: paths as they are written there."""

    patient_id: str
    images: tuple[str, ...]
    label: str | None


@dataclass(frozen=True)
class Description:
    """What a dataset.json says.

    `channels` are names in the order of the files; `labels` maps every value that may stand in a file to its name,
    background included; `listed` is None where the folder alone says which cases there are.
    """

    file: Path
    title: str
    channels: tuple[str, ...]
    labels: Mapping[int, str]
    ending: str
    num_cases: int | None
    listed: tuple[ListedCase, ...] | None


def read_description(file: Path) -> Description:
    """Read and check a dataset.json.

    Raises:
        FileError: It is no JSON, or an entry is missing, of another type or of a kind that no model here can learn.
    """
    document = _document(file)
    second_version = "channel_names" in document
    return Description(
        file,
        title=str(document.get("name") or file.parent.name),
        channels=_channels(file, document, "channel_names" if second_version else "modality"),
        labels=_labels(file, document.get("labels")),
        ending=_ending(file, document, ".nii.gz" if not second_version else None),
        num_cases=_count(file, document.get("numTraining")),
        listed=_listed(file, document),
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DESCRIPTION.broken(file, error.strerror) from None
    except (ValueError, RecursionError) as error:
        raise DESCRIPTION.broken(file, f"no JSON: {error}") from None
    if not isinstance(document, dict):
        raise DESCRIPTION.broken(file, f"a {type(document).__name__}, where named entries are meant")
    return document


def _channels(file: Path, document: dict[str, Any], key: str) -> tuple[str, ...]:
    names = document.get(key)
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise _entry(file, key, names, 'Write the channels as {"0": "T1", "1": "T2"}.')
    if not names or set(names) != {str(number) for number in range(len(names))}:
        raise _entry(file, key, names, 'Number the channels "0", "1" and so on, from 0 and without a gap.')
    return tuple(names[str(number)] for number in range(len(names)))


def _labels(file: Path, labels: Any) -> dict[int, str]:
    """Value -> name; {"liver": 1} is the second version's way to write it, {"1": "liver"} the older one."""
    fix = 'Write the labels as {"background": 0, "liver": 1}.'
    if not isinstance(labels, dict) or not labels:
        raise _entry(file, "labels", labels, fix)
    if any(isinstance(value, list) for value in labels.values()):
        raise _entry(file, "labels", labels, "Regions overlap, which is not supported: give each class one value.")
    if all(isinstance(name, str) and value.isdecimal() for value, name in labels.items()):
        pairs = [(int(value), name) for value, name in labels.items()]
    elif all(type(value) is int for value in labels.values()):
        pairs = [(value, name) for name, value in labels.items()]
    else:
        raise _entry(file, "labels", labels, fix)
    return _checked_labels(file, pairs)


def _checked_labels(file: Path, pairs: list[tuple[int, str]]) -> dict[int, str]:
    named = dict(pairs)
    background = [value for value, name in pairs if name.strip().lower() == "background"]
    if any(name.strip().lower() == "ignore" for name in named.values()):
        fix = "A label to be ignored is not supported: correct those voxels and take it out."
        raise _entry(file, "labels", named, fix)
    if len(named) < len(pairs) or min(named) < 0:
        raise _entry(file, "labels", pairs, "Give each class a value of its own, 1 or more.")
    if 0 not in named or background not in ([], [0]):
        raise _entry(file, "labels", named, "Give the background the value 0.")
    if not 1 < len(named) <= MOST_CLASSES + 1:
        raise _entry(file, "labels", f"{len(named)} values", f"Name 1 to {MOST_CLASSES} classes beside the background.")
    return dict(sorted(named.items()))


def _ending(file: Path, document: dict[str, Any], default: str | None) -> str:
    ending = document.get("file_ending", default)
    if not isinstance(ending, str) or file_ending(Path(f"name{ending}")) != ending.lower():
        raise _entry(file, "file_ending", ending, "Name an ending that can be read, such as .nii.gz, .nrrd or .png.")
    return ending


def _count(file: Path, count: Any) -> int | None:
    if count is not None and (type(count) is not int or count < 0):
        raise _entry(file, "numTraining", count, "Write the number of training cases, or leave it out.")
    return count


def _listed(file: Path, document: dict[str, Any]) -> tuple[ListedCase, ...] | None:
    """The second version's "dataset" {id: {images, label}}, or the older "training" [{image, label}]."""
    if "dataset" in document and "channel_names" in document:
        cases = _named_cases(file, document["dataset"])
    elif document.get("training"):
        cases = _training_cases(file, document["training"])
    else:
        return None
    for patient_id, count in Counter(case.patient_id for case in cases).items():
        if count > 1:
            raise ONE_CASE_AN_ID.broken(file, f"{patient_id} is listed {count} times")
    return tuple(sorted(cases, key=lambda case: case.patient_id))


def _named_cases(file: Path, entries: Any) -> list[ListedCase]:
    fix = 'Write the cases as {"ID": {"images": ["imagesTr/ID_0000.nii.gz"], "label": "labelsTr/ID.nii.gz"}}.'
    if not isinstance(entries, dict) or not entries:
        raise _entry(file, "dataset", entries, fix)
    cases = []
    for patient_id, entry in entries.items():
        images, label = (entry.get("images"), entry.get("label")) if isinstance(entry, dict) else (None, None)
        if not (isinstance(images, list) and images and _are_paths(images if label is None else [*images, label])):
            raise _entry(file, f"dataset.{patient_id}", entry, fix)
        cases.append(ListedCase(patient_id, tuple(images), label))
    return cases


def _training_cases(file: Path, entries: Any) -> list[ListedCase]:
    fix = 'Write the cases as [{"image": "imagesTr/ID.nii.gz", "label": "labelsTr/ID.nii.gz"}].'
    if not isinstance(entries, list):
        raise _entry(file, "training", entries, fix)
    cases = []
    for entry in entries:
        paths: list[Any] = [entry.get("image"), entry.get("label")] if isinstance(entry, dict) else [entry]
        if not (_are_paths(paths) and len(paths) == 2):
            raise _entry(file, "training", entry, fix)
        image, label = paths
        cases.append(ListedCase(_without_ending(label), (image,), label))
    return cases


def _are_paths(values: list[Any]) -> bool:
    return all(isinstance(value, str) and file_ending(Path(value)) is not None for value in values)


def _without_ending(path: str) -> str:
    name = Path(path).name
    return name[: -len(file_ending(Path(path)) or "")]


def _entry(file: Path, key: str, found: Any, fix: str) -> FileError:
    shown = "nothing" if found is None else json.dumps(found, default=str)
    return FileError(file, DESCRIPTION.sentence, f"{key}: {shown[:120]}{'...' if len(shown) > 120 else ''}", fix)
