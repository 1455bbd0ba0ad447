import shutil
from pathlib import Path

import numpy as np
import pytest
from made_comparison import make_results, make_row, write_comparison

from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.files import write_arrays
from trimformer.records.run_folder import RunFolder
from trimformer.report.sources import read_sources


def test_a_whole_comparison_is_read(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    sources = read_sources(tmp_path)
    assert [model.row.name for model in sources.models] == ["unetr-12", "unetr-3", "unetr-0", "unet", "intensity"]
    *networks, intensity = sources.models
    assert all(model.evaluation and model.examples and model.history and model.manifest for model in networks)
    assert (intensity.evaluation, intensity.examples, intensity.history) == (None, None, None)
    assert sources.profile is not None
    assert sources.depth is not None
    assert sources.profiled == "unetr-12"
    assert (sources.profile.num_blocks, sources.depth.num_blocks) == (12, 3)


def test_the_choice_is_that_of_the_profiled_model_and_else_names_its_own(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    full, smaller = (RunFolder(tmp_path / "runs" / name) for name in ("unetr-12", "unetr-3"))
    assert read_sources(tmp_path).chosen_for == "unetr-12"
    choice = DepthChoice.load(full.depth_file).model_copy(update={"num_blocks": 1})
    choice.save(smaller.depth_file)
    shutil.move(full.profile_file, smaller.profile_file)
    shutil.move(full.profile_arrays, smaller.profile_arrays)
    sources = read_sources(tmp_path)
    assert (sources.profiled, sources.chosen_for) == ("unetr-3", "unetr-3")
    assert sources.depth == choice
    smaller.depth_file.unlink()
    assert read_sources(tmp_path).chosen_for == "unetr-12"


def test_runs_that_wrote_nothing_leave_gaps(tmp_path: Path) -> None:
    make_results().save(tmp_path / "results.json")
    sources = read_sources(tmp_path)
    assert sources.models[0].row == make_row()
    assert (sources.models[0].evaluation, sources.profile, sources.depth) == (None, None, None)


def test_a_folder_without_a_comparison_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\.json"):
        read_sources(tmp_path)


def test_examples_without_truth_are_named(tmp_path: Path) -> None:
    make_results().save(tmp_path / "results.json")
    write_arrays(
        tmp_path / "runs/unetr-12/examples.npz", {"patient_ids": np.array(["a"]), "images": np.zeros((1, 2, 2))}
    )
    with pytest.raises(UserError, match=r"\['truth', 'prediction', 'slice_index'\]"):
        read_sources(tmp_path)
