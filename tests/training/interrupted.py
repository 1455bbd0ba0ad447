"""A training of less than a second that can be interrupted everywhere, and what of it must be the same in the end."""

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trimformer.records.experiment import Experiment, parse_experiment
from trimformer.records.history import read_history
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder
from trimformer.training.train import train

ONLY_NOISE = {"enabled": True, "rotation_degrees": 0, "scaling": [1, 1], "elastic_px": 0, "gamma": [1, 1], "bias": 0}
"""The augmentation that costs least."""


class FragileNetwork(nn.Module):
    """A network with all that a resumed run can get wrong: running statistics, randomness, and mishaps on demand."""

    def __init__(self, in_channels: int, num_classes: int, fails_at: int = -1, mishap: str = "nan") -> None:
        super().__init__()
        layers = (nn.Conv2d(in_channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.3))
        self.layers = nn.Sequential(*layers)
        self.mixed = nn.Linear(6, num_classes)  # which Muon moves, where it is asked for
        self._fails_at = fails_at
        self._mishap = mishap
        self._calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self._calls += self.training
        if self.training and self._calls == self._fails_at:
            return self._fail(images)
        noise = random.random() + np.random.rand() if self.training else 1.0  # noqa: NPY002
        return self._logits(images * noise)

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.mixed(self.layers(images).movedim(1, -1)).movedim(-1, 1)
        return logits

    def _fail(self, images: Tensor) -> Tensor:
        if self._mishap == "memory":
            torch.empty(2**50)
        if self._mishap == "gpu memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        if self._mishap == "ctrl-c":
            raise KeyboardInterrupt
        logits = self._logits(images)
        if self._mishap == "sigterm":
            terminate()
        if self._mishap == "gradient":
            logits.register_hook(lambda gradient: gradient * float("inf"))
        return logits * float("nan") if self._mishap == "nan" else logits


def small_training(options: dict[str, Any] | None = None, **training: Any) -> Experiment:
    """Three epochs of five batches, a schedule and augmentation."""
    defaults = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "schedule": "one_cycle", "precision": "32"}
    return parse_experiment(
        {
            "name": "interrupted",
            "data": {"dataset": "brain", "image_size": 16, "num_patients": 4, "selection_patients": 1},
            "model": {"target": f"{__name__}:FragileNetwork", "options": options or {}},
            "training": {**defaults, "deterministic": True, **training},
            "augmentation": ONLY_NOISE,
        },
        source="the tests",
    )


def at_step(step: int, act: Callable[[], object]) -> Progress:
    """Let something happen after a training step, inside the loop."""

    def progress(task: str, done: int, _: int) -> None:
        if done == step and task.startswith("training"):
            act()

    return progress


def terminate() -> None:
    """What Slurm sends."""
    os.kill(os.getpid(), signal.SIGTERM)


def train_and_die(experiment: Experiment, folder: Path, renames: int, done: bool) -> None:
    """Train in a process that is killed at one of its renames, before it or when it is done."""
    rename, left = Path.replace, renames

    def replace(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0 and not done:
            os.kill(os.getpid(), signal.SIGKILL)
        renamed = rename(path, target)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return renamed

    Path.replace = replace  # type: ignore[method-assign,assignment]
    train(experiment, folder)


def ending(run: RunFolder) -> dict[str, Any]:
    """All that a run ends with but the time it took: files, rows, and the state of both checkpoints."""
    history = {name: column.tolist() for name, column in read_history(run.history_file).items() if name != "seconds"}
    states = {name: _state(run.checkpoints / f"{name}.ckpt") for name in ("last", "best")}
    files = {path.name: path.read_bytes() for path in (run.weights_file, run.last_weights_file, run.model_file)}
    # A kill between the last rename and the end leaves an empty folder, which a done run is not searched for.
    found = (path for path in run.path.rglob("*") if not path.name.startswith(".model"))
    names = sorted(str(path.relative_to(run.path)) for path in found)
    return {"files": files, "history": history, "names": names, **states, "manifest": json.dumps(run.manifest())}


def _state(path: Path) -> dict[str, Any]:
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["callbacks"]["HistoryWriter"]["seconds"]
    kept = ("epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers", "callbacks")
    return {name: checkpoint[name] for name in kept}


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two endings differ, bit by bit."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return [] if torch.equal(one, other) else [where]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for place, pair in pairs for found in differences(*pair, f"{where}/{place}")]
    return [] if one == other else [where]
