"""Torch's deterministic algorithms, for the time of a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch


def lightning_deterministic(wanted: bool) -> bool | Literal["warn"] | None:
    """Lightning's word for the setting; on a GPU torch warns where an operation has no such algorithm, and goes on."""
    if not wanted:
        return None
    return "warn" if torch.cuda.is_available() else True


@contextmanager
def own_mode() -> Iterator[None]:
    """Leave torch's mode as it was, which Lightning changes for the whole process."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
