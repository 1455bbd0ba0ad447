import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trimformer.records.run_folder import RunFolder

Command = Callable[..., tuple[int, str, str]]


def test_several_runs_are_measured_and_drawn_side_by_side(
    trimformer: Command, trained_run: RunFolder, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    shutil.copytree(trained_run.path, second)
    code, printed, _ = trimformer(
        "inspect", trained_run.path, second, "--figures", "--format", "svg", "--out", tmp_path / "figures", "--json"
    )
    told = json.loads(printed)
    files = [Path(file) for file in told["figures"]]
    assert code == 0
    assert list(told["runs"]) == [trained_run.name, "second"]
    assert all(file.is_file() for file in files)
    compared = {file.stem for file in files if file.parent == tmp_path / "figures"}
    assert compared == {"compared-measures", "compared-maps", "compared-rollout"}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--block", "1", "--slice", "0"], "--block, --slice without --figures"),
        (["--figures", "--format", "gif"], "gif"),
        (["--figures", "--block", "3"], "block 3"),
        (["--figures", "--head", "9"], "head 9"),
        (["--figures", "--patient", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_is_measured(
    trimformer: Command, trained_run: RunFolder, options: list[str], found: str
) -> None:
    code, _, complaint = trimformer("inspect", trained_run.path, *options)
    assert code == 2
    assert found in complaint


def test_a_run_named_twice_is_told(trimformer: Command, trained_run: RunFolder) -> None:
    code, _, complaint = trimformer("inspect", trained_run.path, trained_run.path)
    assert code == 2
    assert "Leave one out" in complaint
