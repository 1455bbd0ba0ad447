"""Checkpoints that are whole or absent, and the weights that are taken from them."""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import nn

from trimformer.records.errors import UserError
from trimformer.records.files import write_whole
from trimformer.records.run_folder import RunFolder

PREFIX = "model."


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, moved into place in one step once the disk has them."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write beside the target first, so that a kill or a full disk leaves the last good checkpoint.

        Raises:
            NotWritableError: The disk is full.
        """
        write_whole(Path(path), lambda temporary: _write(checkpoint, temporary))


def last_checkpoint(run: RunFolder) -> Path:
    """What a run goes on from, there once its first epoch is done or it was asked to end."""
    return run.checkpoints / "last.ckpt"


def _write(checkpoint: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())  # else a machine that goes away may leave the name without the content
    except RuntimeError as error:  # what torch makes of a failed write
        raise OSError(str(error).splitlines()[0]) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running any code in it.

    Raises:
        UserError: The file is missing, truncated, or holds anything but tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*pickle protocol.*")  # the error that follows says more
            checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            "A checkpoint must be whole and hold nothing but tensors and plain values",
            f"{path}: {reason}",
            "Delete it to train again from the start, or restore it from a copy.",
        ) from None
    return checkpoint


def load_checkpoint_weights(model: nn.Module, path: Path) -> None:
    """Put the weights of a checkpoint into the model.

    Raises:
        UserError: As `read_checkpoint`, or the checkpoint is of another model.
    """
    state = read_checkpoint(path).get("state_dict", {})
    weights = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(
            "A checkpoint must fit the run's model",
            f"{path}: {str(error).splitlines()[-1].strip()}",
            "Use a new folder.",
        ) from None
