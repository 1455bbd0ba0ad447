"""Shapes in signatures are checked while the tests run; every test works on data it makes itself."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from jaxtyping import install_import_hook

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread a worker, for its children too: more would wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

install_import_hook("trimformer", "beartype.beartype")

from trimformer.records.experiment import Experiment, parse_experiment  # noqa: E402 - after the hook
from trimformer.records.run_folder import RunFolder  # noqa: E402

COSTLY = ("fast_demo", "paper_study", "exported_run", "trained_run")
"""Fixtures of minutes, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no worker is left with it at the end."""
    files: dict[Path, int] = {}
    for item in items:
        costly = [COSTLY.index(name) for name in getattr(item, "fixturenames", ()) if name in COSTLY]
        place = min(costly, default=len(COSTLY) + (item.get_closest_marker("slow") is None))
        files[item.path] = min(place, files.get(item.path, place))
    items.sort(key=lambda item: files[item.path])


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that all workers see."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@contextmanager
def made_once(folder: Path) -> Iterator[bool]:
    """Whether the folder is still to be made by whoever asks; workers that come later wait until it is there."""
    folder.parent.mkdir(exist_ok=True)
    done = folder.with_suffix(".done")
    with FileLock(folder.with_suffix(".lock")):
        yield not done.exists()
        done.touch()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(shared_folder: Path) -> Iterator[None]:
    """Simulated patients are cached for this session alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared_folder / "cache"))
        yield


@pytest.fixture(scope="session")
def small_experiment() -> Experiment:
    """A training of seconds: 12 patients, 6 x 6 tokens, two blocks."""
    return parse_experiment(
        {
            "name": "small",
            "data": {"dataset": "brain", "image_size": 48, "num_patients": 12, "selection_patients": 1},
            "model": {"name": "unetr", "size": "tiny", "num_blocks": 2, "patch_size": 8, "weights": "none"},
            "training": {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "precision": "32"},
        },
        source="the tests",
    )


@pytest.fixture(scope="session")
def trained_run(small_experiment: Experiment, shared_folder: Path) -> RunFolder:
    """A trained run that tests read and do not change."""
    from trimformer.training import train

    folder = shared_folder / "runs" / "small"
    with made_once(folder) as is_new:
        return train(small_experiment, folder) if is_new else RunFolder(folder)


@pytest.fixture(scope="session")
def exported_run(trained_run: RunFolder, shared_folder: Path) -> Path:
    """The trained run as an ONNX file, with its model card beside it."""
    from trimformer.deploy.export.export import export_run

    file = shared_folder / "exports" / "small.onnx"
    with made_once(file.parent) as is_new:
        return export_run(trained_run, "onnx", file) if is_new else file


@pytest.fixture(scope="session")
def fast_demo(shared_folder: Path) -> Path:
    """The folder that `trimformer demo --fast` made, typed as a user types it."""
    folder = shared_folder / "demo"
    with made_once(folder) as is_new:
        if is_new:
            _run_fast_demo(folder)
    return folder


def _run_fast_demo(folder: Path) -> None:
    command = [str(Path(sys.executable).parent / "trimformer"), "demo", "--fast", "--json", "--out", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == json.loads((folder / "results.json").read_text())


@pytest.fixture
def trimformer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Type a command: its exit code, what it prints for people and what it complains."""
    from trimformer.cli.app import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["trimformer", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run
