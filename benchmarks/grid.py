"""What it costs to run a study two runs at a time, here and on Ray: `python benchmarks/grid.py`.

Runs of one thread are timed alone, then four of them two at a time; ideal is the sum of their times alone over two.
Both are executed in the same way: processes of this machine, or tasks of a Ray cluster of two CPUs that is there
already. Wants two idle cores and about eleven minutes. Ends with 1 where a bound is broken.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from data import Figure, seconds

from trimformer.records.study import read_study
from trimformer.study.cluster import on_ray
from trimformer.study.execute import Executor
from trimformer.study.plan import plan_study
from trimformer.study.processes import on_this_machine

STUDY = """
name = "grid"
seed = [0, 1, 2, 3]
[data]
dataset = "brain"
image_size = 64
num_patients = 16
[model]
name = "unetr"
size = "tiny"
patch_size = 8
num_blocks = 3
weights = "none"
[training]
epochs = {epochs}
[[run]]
"""

WORKERS = 2


def main() -> None:
    """Time runs alone and two at a time, and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--epochs", type=int, default=6, help="of a run, so that it lasts more than ten seconds")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    given = arguments.parse_args()
    torch.set_num_threads(1)  # which the workers share, and each gets at least one
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "grid.toml"
        file.write_text(STUDY.format(epochs=given.epochs))
        figures = [of_this_machine(file), *of_ray(file)]
    if given.json:
        print(json.dumps([figure.__dict__ | {"holds": figure.holds} for figure in figures], indent=2))
    else:
        print(*figures, sep="\n")
    sys.exit(not all(figure.holds for figure in figures))


def of_this_machine(file: Path) -> Figure:
    """Two processes beside one; the server that forks them and the prepared patients are there before."""
    seconds(lambda: run(file, "warm", on_this_machine(), only="*-seed0"))
    _, ratio = compared(file, "here", on_this_machine)
    return Figure(f"{WORKERS} processes on {WORKERS} cores, in times of ideal", ratio, 1.1, is_floor=False)


def of_ray(file: Path) -> list[Figure]:
    """Two tasks beside one; each begins with a Python of its own that imports the libraries, and so does one alone."""
    with ray_cluster() as address:
        alone, ratio = compared(file, "ray", lambda _: on_ray(address))
    return [
        Figure(f"{WORKERS} Ray tasks on {WORKERS} cores, in times of ideal", ratio, 1.1, is_floor=False),
        Figure("seconds of one such run alone on Ray, its start counted", alone, 60, is_floor=False),
    ]


def compared(file: Path, place: str, executor: Callable[[int], Executor]) -> tuple[float, float]:
    """Mean seconds of a run alone, and those of all runs side by side over the ideal."""
    alone = [seconds(lambda: run(file, f"{place}-{seed}", executor(1), f"*-seed{seed}")) for seed in range(2)]  # noqa: B023
    together = seconds(lambda: run(file, place, executor(WORKERS)))
    mean = sum(alone) / len(alone)
    return mean, together / (4 * mean / WORKERS)


def run(file: Path, folder: str, execute: Executor, only: str | None = None) -> None:
    """All runs of the study that are wanted, into a folder of their own."""
    outcomes = list(execute(plan_study(read_study(file), file.parent / folder, only=only).to_execute))
    assert all(outcome.problem is None for outcome in outcomes), outcomes


@contextmanager
def ray_cluster() -> Iterator[str]:
    """The address of a cluster of one node with two CPUs, which tells nobody of its use."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    cluster.add_node(num_cpus=WORKERS, include_dashboard=False)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
