"""What becomes of BatchNorm's statistics: of which slices they are taken, or that they stay as they are."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trimformer.processes.group import num_processes
from trimformer.records.choices import BatchNorm


def freeze_statistics(model: nn.Module) -> None:
    """Let every BatchNorm normalise by the statistics that it has, and leave them; its scale and shift are trained."""
    for module in _batch_norms(model):
        module.eval()


def are_synchronised(setting: BatchNorm) -> bool:
    """Whether statistics are taken over the slices of all processes, which torch can do on GPUs alone."""
    return setting == "batch" and num_processes() > 1 and torch.cuda.is_available()


def describe_statistics(model: nn.Module, setting: BatchNorm) -> str:
    """One sentence for the manifest."""
    if not any(True for _ in _batch_norms(model)):
        return "the model has no BatchNorm"
    if setting == "frozen":
        return "frozen: the statistics that the weights came with"
    if num_processes() == 1:
        return "of each batch"
    if are_synchronised(setting):
        return "of each joint batch, synchronised over the processes (SyncBatchNorm)"
    return (
        "of each process's own share of a batch, since torch synchronises them on GPUs alone: a training in one process"
        " has others"
    )


def _batch_norms(model: nn.Module) -> "filter[nn.Module]":
    return filter(lambda module: isinstance(module, _BatchNorm), model.modules())
