"""On a real cluster of two nodes on this machine, which lose a node, a process and the command."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from slow_runs import EPOCHS, STEPS, is_alive, is_done, kill, processes, start, until, write_slow_study

from trimformer.records.errors import UserError
from trimformer.records.study import read_study
from trimformer.study.cluster import Share, _fitting, on_ray
from trimformer.study.plan import plan_study

# Ray leaves the files of its processes' output to the garbage collector, and opens its own processes without waiting.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class Nodes:
    """What Ray tells of the nodes of a cluster."""

    def __init__(self, *resources: dict[str, float], alive: bool = True) -> None:
        self._resources, self._alive = resources, alive

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Resources": resources, "Alive": self._alive} for resources in self._resources]


def test_a_run_gets_a_gpu_where_there_is_one_and_nothing_else_is_said() -> None:
    assert _fitting(Share(2), Nodes({"CPU": 4.0})) == Share(2, 0.0)
    assert _fitting(Share(2), Nodes({"CPU": 4.0}, {"CPU": 8.0, "GPU": 2.0})) == Share(2, 1.0)
    assert _fitting(Share(2, 0.5), Nodes({"CPU": 8.0, "GPU": 2.0})) == Share(2, 0.5)
    assert _fitting(Share(2, 0.0), Nodes({"CPU": 8.0, "GPU": 2.0})) == Share(2, 0.0)


@pytest.mark.parametrize(
    ("share", "nodes"),
    [
        (Share(5), Nodes({"CPU": 4.0})),
        (Share(1, 1.0), Nodes({"CPU": 4.0})),
        (Share(3), Nodes({"CPU": 2.0, "GPU": 1.0}, {"CPU": 4.0})),
        (Share(1), Nodes({"CPU": 4.0}, alive=False)),
    ],
)
def test_a_share_that_no_node_has_is_refused(share: Share, nodes: Nodes) -> None:
    with pytest.raises(UserError, match="A node has room for one run"):
        _fitting(share, nodes)


def test_without_ray_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "made.toml"
    file.write_text("[[run]]\n")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"trimformer\[cluster\]"):
        next(on_ray("auto")(plan_study(read_study(file), tmp_path).jobs))


def processes_of(node: Any) -> list[Any]:
    """What Ray has opened for a node; whoever ends the node waits for them, since Ray does not."""
    return [opened.process for several in node.all_processes.values() for opened in several]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        from ray.cluster_utils import Cluster

        started = Cluster()
        opened = processes_of(started.add_node(num_cpus=1, include_dashboard=False))
        yield started
        started.shutdown()
        for process in opened:
            process.wait()


@pytest.mark.slow
def test_a_lost_node_and_a_killed_process_lose_no_run(cluster: Any, tmp_path: Path) -> None:
    file = write_slow_study(tmp_path, ["a", "b", "c"])
    node = cluster.add_node(num_cpus=1)
    of_node = processes_of(node)
    study = start(file, "--ray", cluster.address)
    until(lambda: all(len(processes(tmp_path, name)) > STEPS for name in "ab"), "two nodes train", study)
    cluster.remove_node(node, allow_graceful=False)
    for process in of_node:
        process.wait()
    until(lambda: any(is_gone(tmp_path, name) for name in "ab"), "the process of the lost node ends with it", study)
    (lost,) = [name for name in "ab" if is_gone(tmp_path, name)]
    before = len(processes(tmp_path, lost))
    until(lambda: len(processes(tmp_path, lost)) > before, "the run of the lost node goes on", study)
    kill(processes(tmp_path, lost)[-1])
    assert study.wait(400) == 0, (tmp_path / "said.txt").read_text()
    steps = {name: processes(tmp_path, name) for name in "abc"}
    assert all(is_done(tmp_path, name) for name in steps)
    assert len(set(steps[lost])) == 3
    assert EPOCHS * STEPS <= len(steps.pop(lost)) <= (EPOCHS + 2) * STEPS
    assert [(len(set(of_run)), len(of_run)) for of_run in steps.values()] == [(1, EPOCHS * STEPS)] * 2


def is_gone(folder: Path, name: str) -> bool:
    """Whether the process that a run was last seen in has ended."""
    return not is_alive(processes(folder, name)[-1])


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(cluster: Any, tmp_path: Path) -> None:
    file = write_slow_study(tmp_path, ["a", "b"])
    study = start(file, "--ray", cluster.address)
    until(lambda: is_done(tmp_path, "a") and len(processes(tmp_path, "b")) > STEPS, "the second run trains", study)
    kill(study.pid)
    study.wait()
    until(partial(is_gone, tmp_path, "b"), "Ray ends the run")
    assert start(file, "--ray", cluster.address).wait(400) == 0, (tmp_path / "said.txt").read_text()
    first, second = processes(tmp_path, "a"), processes(tmp_path, "b")
    assert is_done(tmp_path, "b")
    assert (len(set(first)), len(first)) == (1, EPOCHS * STEPS)
    assert len(set(second)) == 2
    assert len(second) <= (EPOCHS + 1) * STEPS


def test_where_no_cluster_answers_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "made.toml"
    file.write_text("[[run]]\n")
    with pytest.raises(UserError, match=r"A Ray cluster answers at --ray ADDRESS.*127.0.0.1:1"):
        next(on_ray("127.0.0.1:1")(plan_study(read_study(file), tmp_path).jobs))
