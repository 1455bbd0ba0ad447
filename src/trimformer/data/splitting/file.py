"""Splits in a file that people read and edit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from trimformer.data.splitting.roster import Side, Split
from trimformer.records.errors import FileError
from trimformer.records.files import read_json, write_json

SIDES: tuple[Side, ...] = get_args(Side)

RULE = "A split file holds a list of patients for training and one for validation, and may hold one for selection"
NEXT_STEP = "Write it anew with `trimformer data split`, and edit that."

NAMES_OF_NNUNET = {"train": "training", "val": "validation"}
"""nnU-Net's splits_final.json is read as well."""


def write_split(path: Path, splits: Sequence[Split]) -> None:
    """Write one split, or one for each fold, as a JSON list of sides."""
    write_json(path, [{side: list(split.get(side, ())) for side in SIDES} for split in splits])


def read_split(path: Path, fold: int) -> Split:
    """Read the entry `fold` of a split file; selection may be missing or empty there.

    Raises:
        UserError: The file is missing or is not such a list, or it has no such entry.
    """
    document = read_json(path, NEXT_STEP)
    entries = document if isinstance(document, list) else [document]
    if not fold < len(entries):
        raise FileError(path, "data.fold counts from 0 in a split file", f"{fold}, of {len(entries)}", "Lower it.")
    entry = entries[fold]
    if not isinstance(entry, Mapping):
        raise FileError(path, RULE, type(entry).__name__, NEXT_STEP)
    named = {NAMES_OF_NNUNET.get(str(key), str(key)): value for key, value in entry.items()}
    _check_sides(path, named)
    return {side: tuple(sorted(named[side])) for side in SIDES if named.get(side)}


def _check_sides(path: Path, named: Mapping[str, Any]) -> None:
    unknown = set(named) - set(SIDES)
    if unknown:
        raise FileError(path, RULE, f"the key {min(unknown)!r}", NEXT_STEP)
    for side, patients in named.items():
        if not (isinstance(patients, list) and all(isinstance(patient, str) for patient in patients)):
            raise FileError(path, RULE, f"{side}: not a list of patient ids", NEXT_STEP)
    for side in ("training", "validation"):
        if not named.get(side):
            raise FileError(path, RULE, f"nobody on the side {side}", NEXT_STEP)
