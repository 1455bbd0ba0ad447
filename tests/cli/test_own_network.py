"""A user's own network goes through the whole product as ours do: the one in `examples`, as it stands there."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trimformer.models import load_model
from trimformer.records.profile import AttentionProfile

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALLER = ("data.image_size=48", "data.selection_patients=1", "training.epochs=2", "training.precision=32")

Typed = Callable[..., tuple[int, str, str]]


def test_it_trains_evaluates_profiles_chooses_and_compares(
    trimformer: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    changes = [word for change in SMALLER for word in ("--set", change)]
    deep, shallow = tmp_path / "deep", tmp_path / "shallow"
    for run, num_blocks in ((deep, 3), (shallow, 1)):
        typed = ("train", "own-network.toml", *changes, "--set", f"model.num_blocks={num_blocks}", "--out", run)
        assert trimformer(*typed)[0] == 0
        assert trimformer("evaluate", run)[0] == 0
    assert trimformer("inspect", deep, "--field-slices", 1, "--explorer-slices", 1)[0] == 0
    assert trimformer("choose", deep, "--json")[0] == 0
    code, printed, _ = trimformer("compare", deep, shallow, "--out", tmp_path / "comparison", "--json")
    assert code == 0

    reference, smaller = json.loads(printed)["models"]
    assert reference["num_blocks"] == 3
    assert smaller["parameters_saved_percent"] > 0
    assert smaller["dice"]["mean"] is not None
    profile = AttentionProfile.load(deep / "attention.json", deep / "attention.npz")
    assert profile.num_blocks == 3
    assert np.isfinite(profile.model["foreground/mixing"]).all()
    assert json.loads((deep / "model.json").read_text())["settings"]["target"] == "own_network:vit_segmenter"
    assert load_model(deep).settings["num_blocks"] == 3
