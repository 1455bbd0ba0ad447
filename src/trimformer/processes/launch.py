"""How many processes were started on one task, as torchrun or Slurm's srun say it; imports no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from trimformer.records.errors import UserError

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""The variables by which torchrun, and whatever imitates it, tells a process who it is."""

SRUN = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES", "SLURM_STEP_NODELIST")
"""Of a step of srun alone: the script that sbatch runs has SLURM_NTASKS as well, and is one process."""

FIRST_PORT, PORTS = 15_000, 10_000
"""Jobs that share a node listen at different ports, as their numbers say."""


@dataclass(frozen=True)
class Launch:
    """One of the processes that were started together.

    Raises:
        UserError: The nodes run different numbers of processes.
    """

    rank: int = 0
    """Of this process, from 0."""
    num_processes: int = 1
    num_nodes: int = 1
    local_rank: int = 0
    """Of this process among those of its node, which is the number of its GPU."""
    address: str = "localhost"
    """Of the node of the first process."""
    port: int = FIRST_PORT

    def __post_init__(self) -> None:
        """Refuse nodes that differ."""
        if self.num_processes % self.num_nodes:
            raise UserError(
                "Every node runs as many processes as every other",
                f"{self.num_processes} processes on {self.num_nodes} nodes",
                "Start the same number on each, one for each GPU.",
            )

    @property
    def num_local(self) -> int:
        """How many of the processes run on each node."""
        return self.num_processes // self.num_nodes

    def variables(self) -> dict[str, str]:
        """The same as torchrun says it, which torch and Lightning read."""
        values = (self.rank, self.num_processes, self.local_rank, self.address, self.port)
        named = dict(zip(TORCHRUN, map(str, values), strict=True))
        return named | {"LOCAL_WORLD_SIZE": str(self.num_local), "GROUP_RANK": str(self.rank // self.num_local)}


def read_launch(variables: Mapping[str, str]) -> Launch:
    """Who this process is, from the variables of its environment; one alone where they say nothing.

    Raises:
        UserError: A variable that should be a number is none, or the nodes run different numbers of processes.
    """
    if all(name in variables for name in TORCHRUN):
        rank, num_processes, local_rank, port = (_number(variables, name) for name in (*TORCHRUN[:3], "MASTER_PORT"))
        num_local = _number(variables, "LOCAL_WORLD_SIZE") if "LOCAL_WORLD_SIZE" in variables else num_processes
        num_nodes = -(-num_processes // num_local)
        return Launch(rank, num_processes, num_nodes, local_rank, variables["MASTER_ADDR"], port)
    if all(name in variables for name in SRUN):
        rank, local_rank, num_processes, num_nodes = (_number(variables, name) for name in SRUN[:4])
        address = variables.get("MASTER_ADDR") or first_node(variables["SLURM_STEP_NODELIST"])
        return Launch(rank, num_processes, num_nodes, local_rank, address, _slurm_port(variables))
    return Launch()


def first_node(nodes: str) -> str:
    """The first name of a list of nodes as Slurm writes it.

    Example:
        >>> first_node("gpu[007-009,012],login"), first_node("gpu-a,gpu-b"), first_node("rack[1-2]node[3,5]")
        ('gpu007', 'gpu-a', 'rack1node3')
    """
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", nodes).split(",")[0]


def _slurm_port(variables: Mapping[str, str]) -> int:
    if "MASTER_PORT" in variables:
        return _number(variables, "MASTER_PORT")
    numbers = [_number(variables, name) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID") if name in variables]
    return FIRST_PORT + sum(numbers) % PORTS


def _number(variables: Mapping[str, str], name: str) -> int:
    try:
        return int(variables[name])
    except ValueError:
        raise UserError(
            "The variables that torchrun and srun set are numbers",
            f"{name}={variables[name]}",
            "Start the command with torchrun or srun, or unset that variable.",
        ) from None
