import json
from pathlib import Path

import numpy as np
import pytest

from trimformer.records.errors import UserError
from trimformer.records.profile import AttentionProfile


def profile() -> AttentionProfile:
    values = {"foreground/mixing": np.random.default_rng(0).random((3, 2, 2))}
    twin = {"foreground/mixing": values["foreground/mixing"] / 2}
    example = {"maps": np.full((2, 4, 4), 0.25, np.float16)}
    return AttentionProfile(
        ("a", "b", "c"), ("blocks.0", "blocks.1"), 2, (2, 2), values, twin, {"foreground/mixing": np.ones(3)}, example
    )


def test_a_profile_reads_back_and_its_summary_has_means_with_intervals(tmp_path: Path) -> None:
    saved = profile()
    saved.save(tmp_path / "attention.json", tmp_path / "attention.npz")
    read = AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz")
    assert (read.patient_ids, read.num_blocks, read.grid_size) == (saved.patient_ids, 2, (2, 2))
    for group in ("model", "twin", "uniform", "example"):
        assert {k: v.tolist() for k, v in getattr(read, group).items()} == {
            k: v.tolist() for k, v in getattr(saved, group).items()
        }
    summary = json.loads((tmp_path / "attention.json").read_text())["model"]["foreground/mixing"]
    assert np.array(summary["mean"]) == pytest.approx(saved.model["foreground/mixing"].mean(axis=0))
    assert (np.array(summary["low"]) < np.array(summary["high"])).all()


def test_a_damaged_profile_is_named(tmp_path: Path) -> None:
    profile().save(tmp_path / "attention.json", tmp_path / "attention.npz")
    (tmp_path / "attention.json").write_text("{}")
    with pytest.raises(UserError, match="attention profile"):
        AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz")
