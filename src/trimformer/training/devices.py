"""On what a training runs: one device, or one for each of the processes that work together."""

from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from trimformer.models.foreign import ForeignNetwork
from trimformer.processes.group import num_nodes, num_processes
from trimformer.records.choices import BatchNorm
from trimformer.records.errors import UserError
from trimformer.training.batch_norm import are_synchronised, describe_statistics


def lightning_devices(model: nn.Module, batch_norm: BatchNorm, checkpoints: CheckpointIO) -> dict[str, Any]:
    """What Lightning's `Trainer` is told of devices and processes.

    It starts no process itself, and takes one device where nobody started several: it would otherwise take all GPUs, or
    wait for the tasks of a Slurm job that was given several and runs one.
    """
    if num_processes() == 1:
        return {"devices": 1, "plugins": [checkpoints, LightningEnvironment()]}
    return {
        "accelerator": "gpu" if torch.cuda.is_available() else "cpu",
        "devices": num_processes() // num_nodes(),
        "num_nodes": num_nodes(),
        # Ours have no parameter that is not trained. BatchNorm's running statistics are those of the first process.
        "strategy": DDPStrategy(find_unused_parameters=isinstance(model, ForeignNetwork)),
        "use_distributed_sampler": False,  # each process's sampler knows its share
        "sync_batchnorm": are_synchronised(batch_norm),
        "plugins": [checkpoints, TorchElasticEnvironment()],
    }


def describe_processes(model: nn.Module, batch_norm: BatchNorm) -> dict[str, Any]:
    """For the manifest: how many processes on how many nodes, how they speak, and what that means for BatchNorm."""
    backend = ("nccl" if torch.cuda.is_available() else "gloo") if num_processes() > 1 else None
    return {
        "count": num_processes(),
        "nodes": num_nodes(),
        "backend": backend,
        "batch_norm": describe_statistics(model, batch_norm),
    }


def refuse_uneven_shares(batch_size: int) -> None:
    """Refuse a batch of which the processes cannot take as many slices each.

    Raises:
        UserError: With the nearest sizes that can be shared.
    """
    count = num_processes()
    if batch_size % count:
        smaller = batch_size // count * count
        sizes = " or ".join(str(size) for size in (smaller, smaller + count) if size)
        raise UserError(
            "training.batch_size counts the slices of all processes together, of which each takes as many",
            f"batches of {batch_size} for {count} processes",
            f"Set training.batch_size to {sizes}, or start another number of processes.",
        )
