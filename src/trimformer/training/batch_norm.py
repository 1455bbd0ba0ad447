"""What becomes of BatchNorm's statistics: of which slices they are taken, or that they stay as they are."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trimformer.processes.group import num_processes
from trimformer.records.choices import BatchNorm

PRECISE_SLICES = 256
"""Training slices of which precise statistics are taken."""


def freeze_statistics(model: nn.Module) -> None:
    """Let every BatchNorm normalise by the statistics that it has, and leave them; its scale and shift are trained."""
    for module in batch_norms(model):
        module.eval()


def are_synchronised(setting: BatchNorm) -> bool:
    """Whether statistics are taken over the slices of all processes, which torch can do on GPUs alone."""
    return setting != "frozen" and num_processes() > 1 and torch.cuda.is_available()


def describe_statistics(model: nn.Module, setting: BatchNorm) -> str:
    """One sentence for the manifest."""
    if not any(True for _ in batch_norms(model)):
        return "the model has no BatchNorm"
    if setting == "frozen":
        return "frozen: the statistics that the weights came with"
    told = _described_in_training()
    return f"{told}; in predictions, of {PRECISE_SLICES} training slices" if setting == "precise" else told


def _described_in_training() -> str:
    if num_processes() == 1:
        return "of each batch"
    if are_synchronised("batch"):
        return "of each joint batch, synchronised over the processes (SyncBatchNorm)"
    return (
        "of each process's own share of a batch, since torch synchronises them on GPUs alone: a training in one process"
        " has others"
    )


def batch_norms(model: nn.Module) -> Iterator[_BatchNorm]:
    """Every BatchNorm of a model."""
    return (module for module in model.modules() if isinstance(module, _BatchNorm))
