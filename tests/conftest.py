"""Shapes in signatures are checked while the tests run; every test works on data it makes itself."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("trimformer", "beartype.beartype")

from trimformer.records.experiment import Experiment, parse_experiment  # noqa: E402 - after the hook
from trimformer.records.run_folder import RunFolder  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Simulated patients are cached for this session alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
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
def trained_run(small_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained run that tests read and do not change."""
    from trimformer.training import train

    return train(small_experiment, tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="session")
def fast_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `trimformer demo --fast` made, typed as a user types it."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    command = [str(Path(sys.executable).parent / "trimformer"), "demo", "--fast", "--json", "--out", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == json.loads((folder / "results.json").read_text())
    return folder


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
