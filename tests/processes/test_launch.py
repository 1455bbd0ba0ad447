import pytest

from trimformer.processes.launch import Launch, read_launch
from trimformer.records.errors import UserError

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node-a",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
    "SLURM_JOB_ID": "4123456",
    "SLURM_STEP_ID": "2",
}


def test_what_torchrun_says_is_read_and_said_again() -> None:
    launch = read_launch(TORCHRUN)
    assert launch == Launch(5, 8, num_nodes=2, local_rank=1, address="node-a", port=29500)
    assert launch.num_local == 4
    assert launch.variables() == TORCHRUN | {"GROUP_RANK": "1"}


def test_a_step_of_srun_is_told_as_torchrun_would() -> None:
    launch = read_launch(SRUN)
    assert launch == Launch(5, 8, num_nodes=2, local_rank=1, address="gpu03", port=15_000 + 3458)
    assert read_launch(launch.variables()) == launch
    assert read_launch(SRUN | {"MASTER_ADDR": "head", "MASTER_PORT": "1234"}) == Launch(5, 8, 2, 1, "head", 1234)


def test_torchrun_inside_a_step_of_srun_counts() -> None:
    assert read_launch(SRUN | TORCHRUN) == read_launch(TORCHRUN)


@pytest.mark.parametrize(
    "variables",
    [{}, {"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_ID": "7"}, {"WORLD_SIZE": "4"}],
    ids=["a shell", "the script of sbatch", "a stray variable"],
)
def test_one_process_is_alone(variables: dict[str, str]) -> None:
    assert read_launch(variables) == Launch()


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(UserError, match="RANK=first"):
        read_launch(TORCHRUN | {"RANK": "first"})


def test_nodes_have_as_many_processes() -> None:
    with pytest.raises(UserError, match="7 processes on 2 nodes"):
        read_launch(SRUN | {"SLURM_STEP_NUM_TASKS": "7"})
