"""What to change where a training does not fit into memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment

CPU_MESSAGES = ("can't allocate memory", "not enough memory", "bad_alloc")
"""What torch's errors say where the processor's memory is at an end; they have no class of their own."""


@contextmanager
def shortage_named(experiment: Experiment) -> Iterator[None]:
    """Turn a lack of memory, of the processor or a GPU, into an error that names the settings.

    Raises:
        UserError: There was not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            "A training must fit into memory",
            f"{_size(experiment)}: {reason}",
            f"{_what_helps(experiment)} in a new folder.",
        ) from error


def _is_shortage(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(message in str(error) for message in CPU_MESSAGES)


def _size(experiment: Experiment) -> str:
    return f"training.batch_size={experiment.training.batch_size}, data.image_size={experiment.data.image_size}"


def _what_helps(experiment: Experiment) -> str:
    settings = experiment.training
    halved = "Lower training.batch_size and raise training.accumulate as much, " if settings.batch_size > 1 else ""
    recomputed = "" if settings.checkpoint_blocks else "set training.checkpoint_blocks=true, "
    helps = f"{halved}{recomputed}lower data.image_size, or take a smaller model.size,"
    return helps[0].upper() + helps[1:]
