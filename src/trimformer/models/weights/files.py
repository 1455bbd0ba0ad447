"""Weights files as plain tensors by key; nothing in them is ever run."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Under which key training programs put a model's weights beside their own state."""

PREFIXES = ("module.", "model.", "backbone.")
"""What wrappers such as DataParallel and Lightning put before every key."""

NEXT_STEP = "Download the file again, or export its tensors as safetensors."


def read_weights(path: Path) -> dict[str, Tensor]:
    """Every tensor of a `.safetensors`, `.npz`, `.pth`, `.pt`, `.bin` or `.ckpt` file, by its key.

    Checkpoints that hold a model's weights beside other state, or under one prefix, are unwrapped.

    Raises:
        UserError: The file is missing, truncated, of another kind, or holds objects that only code could rebuild.
    """
    if not path.is_file():
        raise UserError("The weights file must exist", path, "Check the path.")
    if path.suffix not in READERS:
        raise UserError(f"A weights file ends in {', '.join(READERS)}", path, "Give such a file.")
    tensors = READERS[path.suffix](path)
    if not tensors:
        raise UserError("A weights file holds tensors by name", f"none in {path}", NEXT_STEP)
    return _without_prefix(tensors)


def hash_file(path: Path) -> str:
    """The SHA-256 of the file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError("The file must be whole safetensors", f"{path}: {error}", NEXT_STEP) from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    arrays = read_arrays(path, NEXT_STEP)
    try:
        return {key: torch.from_numpy(array) for key, array in arrays.items()}
    except TypeError as error:
        raise UserError("The arrays of an npz file must be numbers", f"{path}: {error}", NEXT_STEP) from None


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            "A checkpoint may hold tensors only, since anything else could run code",
            f"{path}: {_reason(error)}",
            "Save its state_dict alone with torch.save, or as safetensors.",
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError("The file must be a whole torch checkpoint", f"{path}: {_reason(error)}", NEXT_STEP) from None
    return {key: value for key, value in _unwrapped(content).items() if isinstance(value, Tensor)}


def _reason(error: Exception) -> str:
    """What torch found, without its advice to load the file unsafely."""
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line.strip() for line in lines if "unsupported" in line.lower()), lines[0])


def _unwrapped(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        return {}
    inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), None)
    return content if inner is None else inner


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            return _without_prefix({key.removeprefix(prefix): tensor for key, tensor in tensors.items()})
    return tensors


READERS: dict[str, Callable[[Path], dict[str, Tensor]]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    **dict.fromkeys((".pth", ".pt", ".bin", ".ckpt"), _read_checkpoint),
}
