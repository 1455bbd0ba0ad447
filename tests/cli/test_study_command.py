import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made_datasets import write_ibsr18_misa

Typed = Callable[..., tuple[int, str, str]]

BASE = """
name = "made"
[data]
dataset = "ibsr18"
root = "ibsr18"
image_size = 32
[model]
size = "tiny"
num_blocks = 1
patch_size = 8
weights = "none"
[training]
epochs = 1
batch_size = 16
precision = 32
"""

FAILING = """
[[run]]
name = "bad"
model.target = "deadly:broken"
[[run]]
name = "after"
model.weights = "study:bad"
[[run]]
name = "killed"
model.target = "deadly:network"
[[run]]
name = "good"
"""

DEADLY = """
import multiprocessing, os, signal
from torch import nn

def network(num_classes, num_blocks):
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return nn.Conv2d(1, num_classes, 1)

def broken(num_classes, num_blocks):
    if multiprocessing.parent_process() is not None:
        raise ValueError("nowhere")
    return nn.Conv2d(1, num_classes, 1)
"""


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_ibsr18_misa(tmp_path / "ibsr18", shape=(32, 3, 32))
    file = tmp_path / "made.toml"
    file.write_text(BASE + "[[run]]\nmodel.num_blocks = [1, 3]\n")
    return file


@pytest.mark.slow
def test_runs_that_fail_are_named_and_stop_nothing(trimformer: Typed, study_file: Path) -> None:
    study_file.write_text(BASE + FAILING)
    Path("deadly.py").write_text(DEADLY)
    code, printed, complaint = trimformer("study", study_file, "--retries", 1)
    assert code == 3, complaint
    runs = Path("study-made", "runs")
    assert (runs / "good" / "evaluation.json").is_file()
    assert "Failed: bad: " in printed
    assert "Failed: after: It needs bad, which failed." in printed
    assert "Failed: killed: Its process was ended by SIGKILL" in printed
    assert "nowhere" in (runs / "bad" / "failure.txt").read_text()
    for words in ("bad: failed: ", "after: failed: It needs bad", "good: done, epoch 1 of 1, Dice"):
        assert words in complaint
    results = json.loads(Path("study-made", "results.json").read_text())
    assert results["done"] == 1
    assert [failure["run"] for failure in results["failed"]] == ["bad", "after", "killed"]
    assert [comparison["folder"] for comparison in results["comparisons"]] == ["ibsr18"]
    for name in ("bad", "killed"):
        assert name in Path("study-made", "report.html").read_text()

    states = json.loads(trimformer("study", study_file, "--dry-run", "--json")[1])["runs"]
    assert [(run["name"], run["state"]) for run in states] == [
        ("bad", "failed"),
        ("after", "new"),
        ("killed", "failed"),
        ("good", "done"),
    ]


def test_a_dry_run_tells_parameters_operations_and_time_and_writes_nothing(trimformer: Typed, study_file: Path) -> None:
    code, printed, complaint = trimformer("study", study_file, "--dry-run", "--json", "--out", "out")
    assert code == 0, complaint
    small, large = json.loads(printed)["runs"]
    assert (small["name"], large["name"]) == ("unetr-1", "unetr-3")
    assert small["seconds"] > 0 < large["seconds"]
    assert small["multiply_accumulates"] < large["multiply_accumulates"]
    # Two more blocks of width 192, each 12 d^2 weights, 9 d biases and 4 d of its norms.
    assert large["parameters"] - small["parameters"] == 2 * (12 * 192**2 + 13 * 192)
    printed = trimformer("study", study_file, "--dry-run")[1]
    for words in ("unetr-3", f"{large['parameters']:,}", f"1 × {large['steps_per_epoch']}", "as one of its model"):
        assert words in printed
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.toml"], ["nowhere.toml"]),
        (["made.toml", "--root", "ibsr18"], ["--root takes DATASET=DIR", "ibsr18"]),
        (["made.toml", "--root", "emidec=x"], ["a dataset of the study", "emidec"]),
        (["made.toml", "--only", "vit*"], ["'vit*'", "unetr-1, unetr-3"]),
        (["made.toml", "--set", "model.num_blocks=2"], ["tells them apart", "[[run]] 1"]),
        (["made.toml", "--set", "model.depth=2"], ["unknown keys", "model.depth"]),
        (["made.toml", "--set", "data.image_size=50"], ["multiple of 8", "50"]),
        (["made.toml", "--set", "model.name=resnet"], ["catalogue", "resnet"]),
        (["made.toml", "--set", "data.dataset=ibsr19"], ["ibsr19", "brain"]),
        (["made.toml", "--root", "ibsr18=elsewhere"], ["a folder that exists", "elsewhere", "in unetr-1, unetr-3"]),
        (["made.toml", "--set", "model.weights=nowhere.npz"], ["must exist", "nowhere.npz", "in unetr-1, unetr-3"]),
        (["made.toml", "--set", "model.weights=vit_of_nobody"], ["Weights are none", "vit_of_nobody"]),
        (["made.toml", "--workers", "2", "--ray", "auto"], ["--workers 2 with --ray auto", "--cpus-per-run"]),
        (["made.toml", "--gpus-per-run", "1"], ["shares of a cluster", "no --ray"]),
        (["made.toml", "--ray", "127.0.0.1:1"], ["A Ray cluster answers", "127.0.0.1:1", "ray start --head"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_in_a_study_is_told_before_anything_runs(
    trimformer: Typed, study_file: Path, arguments: list[str], words: list[str]
) -> None:
    code, printed, complaint = trimformer("study", *arguments)
    assert (code, printed) == (2, "")
    for word in words:
        assert word in complaint
    assert {path.name for path in study_file.parent.iterdir()} == {"made.toml", "ibsr18"}


IMPOSSIBLE = """
[[run]]
name = "deep"
model.num_blocks = [1, 13, 14]
training = { epochs = 0, speed = 3 }
[[run]]
name = "unknown"
data.dataset = "ibsr19"
[[run]]
name = "uneven"
data.image_size = 50
[[run]]
name = "elsewhere"
data.root = "elsewhere"
model.name = "resnet"
[[run]]
name = "linked"
model.weights = "study:nobody"
[[run]]
name = "unpublished"
model = { name = "transunet", weights = "imagenet21k" }
[[run]]
name = "good"
"""


@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
def test_all_faults_of_a_study_are_told_at_once(trimformer: Typed, study_file: Path, options: list[str]) -> None:
    study_file.write_text(BASE + IMPOSSIBLE)
    code, printed, complaint = trimformer("study", study_file, *options)
    assert (code, printed) == (2, "")
    faults = {
        "deep-13": ["num_blocks", "13"],
        "deep-14": ["num_blocks", "14"],
        "deep-1, deep-13, deep-14": ["epochs", "greater than or equal to 1"],
        "unknown": ["ibsr19", "brain"],
        "uneven": ["multiple of 8", "50"],
        "elsewhere": ["resnet"],
        "linked": ["no run nobody"],
        "unpublished": ["imagenet21k exists for unetr"],
    }
    lines = [told.strip() for told in complaint.splitlines()]
    for run, words in faults.items():
        told = [line for line in lines if line.startswith(f"{run}: ")]
        assert any(all(word in line for word in words) for line in told), (run, lines)
    assert any("training.speed" in line for line in lines)
    assert "good" not in {line.partition(":")[0] for line in lines}
    assert not Path("study-made").exists()
