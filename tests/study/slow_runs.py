"""A study whose runs do little and take their time, and the command that runs it, to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from made_datasets import write_ibsr18_misa

Started = subprocess.Popen[bytes]

EPOCHS = 6
STEPS = 2
"""Of an epoch."""

STUDY = f"""
name = "grid"
[data]
dataset = "ibsr18"
root = "ibsr18"
image_size = 32
[model]
target = "slow:network"
weights = "none"
[training]
epochs = {EPOCHS}
batch_size = 16
precision = 32
"""

NETWORK = """
import os, time
from torch import nn

class Slow(nn.Conv2d):
    def forward(self, images):
        if self.training:
            with open(f"{self.label}.steps", "a") as told:
                told.write(f"{os.getpid()}\\n")
            time.sleep(0.3)
        return super().forward(images)

def network(num_classes, label):
    made = Slow(1, num_classes, 1)
    made.label = label
    return made
"""
"""Every training step is told in a file, with its process."""


def write_slow_study(folder: Path, names: Sequence[str]) -> Path:
    """The file of a study of such runs, with the module of its network and its data beside it."""
    write_ibsr18_misa(folder / "ibsr18", shape=(32, 4, 32))
    (folder / "slow.py").write_text(NETWORK)
    tables = [f'[[run]]\nname = "{name}"\nmodel.options = {{ label = "{name}" }}\n' for name in names]
    file = folder / "grid.toml"
    file.write_text(STUDY + "".join(tables))
    return file


def start(file: Path, *options: str) -> Started:
    """Type the command; what it says stands in said.txt."""
    command = [str(Path(sys.executable).parent / "trimformer"), "study", file.name, *options]
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test in the background would ignore Ctrl-C
    with (file.parent / "said.txt").open("a") as said:
        return subprocess.Popen(command, cwd=file.parent, stdout=said, stderr=said, preexec_fn=listening)  # noqa: PLW1509


def processes(folder: Path, name: str) -> list[int]:
    """The process of every training step of a run."""
    told = folder / f"{name}.steps"
    return list(map(int, told.read_text().split())) if told.exists() else []


def is_done(folder: Path, name: str) -> bool:
    """Whether that run is trained and evaluated."""
    return (folder / "study-grid" / "runs" / name / "evaluation-last.json").exists()


def until(holds: Callable[[], object], what: str, study: Started | None = None, seconds: float = 300) -> None:
    """Wait until something holds, while the study runs."""
    end = time.monotonic() + seconds
    while not holds():
        assert study is None or study.poll() is None, f"the study ended before {what}"
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.2)


def kill(process: int) -> None:
    """End it without a word."""
    os.kill(process, signal.SIGKILL)


def is_alive(process: int) -> bool:
    """Whether there is such a process that is no zombie."""
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False
