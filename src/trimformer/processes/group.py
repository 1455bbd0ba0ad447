"""The group of processes that work on one task: joined once, asked for everywhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from trimformer.processes.launch import Launch, read_launch
from trimformer.records.errors import UserError

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: while one of them prepares the data, the others have nothing to do."""

BACKENDS = "cpu:gloo,cuda:nccl"


class _Joined:
    """Who this process is, and where all of them can leave word; one alone until it joins others."""

    launch = Launch()
    store: distributed.Store | None = None


@contextmanager
def joined() -> Iterator[None]:
    """Work together with the processes that torchrun or srun started with this one, or alone where there are none.

    Each has a GPU of its own, or they share the processors where no GPU is seen. A process that fails leaves without a
    word to the others: whoever started them ends them.

    Raises:
        UserError: A node has fewer GPUs than processes.
    """
    launch = read_launch(os.environ)
    if launch.num_processes == 1:
        yield
        return
    os.environ.update(launch.variables())
    _take_gpu(launch)
    store, own_rank, size = next(rendezvous("env://", timeout=PATIENCE))
    backends = BACKENDS if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backends, store=store, rank=own_rank, world_size=size, timeout=PATIENCE)
    _Joined.launch, _Joined.store = launch, store
    try:
        yield
    except SystemExit as ended:
        if not ended.code:
            _leave()
        raise
    _leave()


def _leave() -> None:
    distributed.destroy_process_group()
    _Joined.launch, _Joined.store = Launch(), None


def _take_gpu(launch: Launch) -> None:
    if not torch.cuda.is_available():
        return
    if torch.cuda.device_count() < launch.num_local:
        raise UserError(
            "Every process of a node has a GPU of its own and sees those of the others",
            f"{launch.num_local} processes and {torch.cuda.device_count()} GPUs",
            "Start as many processes as there are GPUs; under Slurm ask with --gpus-per-node, not --gpus-per-task.",
        )
    torch.cuda.set_device(launch.local_rank)


def num_processes() -> int:
    """How many processes work together, 1 where nobody joined."""
    return _Joined.launch.num_processes


def num_nodes() -> int:
    """On how many machines they run, as many of them on each."""
    return _Joined.launch.num_nodes


def rank() -> int:
    """Which of them this one is, from 0."""
    return _Joined.launch.rank


def is_first() -> bool:
    """Whether this is the process that writes files and speaks."""
    return rank() == 0


def tells(message: str) -> bool:
    """Whether this process is the one to tell the user a message: of all that have the same one, the first to ask."""
    if _Joined.store is None:
        return read_launch(os.environ).rank == 0
    try:
        return _Joined.store.add(f"told/{message}", 1) == 1
    except RuntimeError:  # the first process keeps the store, and ends only after it has told why
        return False


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The mean of a tensor over all processes, without a gradient."""
    return summed(tensor.detach()) / num_processes() if num_processes() > 1 else tensor


def summed(tensor: Tensor) -> Tensor:
    """The sum of a tensor over all processes, for a loss whose gradients are then averaged over them.

    The gradient that passes back is that of the sum times the number of processes, so that the average of the weights'
    gradients, which `DistributedDataParallel` takes, is the gradient of a loss of the sum.
    """
    if num_processes() == 1:
        return tensor
    total = tensor.detach().clone()
    distributed.all_reduce(total)
    return total + num_processes() * (tensor - tensor.detach())
