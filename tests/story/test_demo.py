"""The whole story, fast; the page it ends in is opened by `tests/report/test_page_in_browser.py`."""

import json
from pathlib import Path

import pytest

from trimformer.records.results import Results

pytestmark = pytest.mark.slow


def test_results_hold_what_the_interface_names(fast_demo: Path) -> None:
    results = json.loads((fast_demo / "results.json").read_text())
    assert results["dataset"] == "brain"
    assert results["patients"] == {"train": 7, "validation": 3}
    names = [row["name"] for row in results["models"]]
    assert names[0] == "unetr-6"
    assert names[2:] == ["unetr-0", "unet", "intensity"]
    assert [row["num_blocks"] for row in results["models"]][-3:] == [0, None, None]
    for row in results["models"][:-1]:
        assert 0 < row["dice"]["mean"] < 1
        assert set(row["dice"]["by_class"]) == {"csf", "gray_matter", "white_matter"}
        assert row["parameters"] > row["parameters_transformer"]
        assert row["milliseconds_per_slice"] > 0
    assert results["models"][-1]["dice"]["mean"] < 0.75
    assert results["depth"]["status"] in {"chosen", "inconclusive"}
    assert results["seconds"]["total"] > 0


def test_every_run_folder_is_complete(fast_demo: Path) -> None:
    for name in ("unetr-6", "unetr-0", "unet"):
        files = {path.name for path in (fast_demo / "runs" / name).iterdir()}
        assert files >= {"experiment.toml", "manifest.json", "history.csv", "model.safetensors", "evaluation.json"}
        assert "volumes.npz" in files
    assert (fast_demo / "volumes.html").is_file()
    profiled = {path.name for path in (fast_demo / "runs" / "unetr-6").iterdir()}
    assert profiled >= {"attention.json", "attention.npz", "depth.json"}


def test_the_page_says_that_the_anatomy_is_one_averaged_brain(fast_demo: Path) -> None:
    assert "one averaged brain" in (fast_demo / "report.html").read_text()
    assert "one averaged brain" in Results.load(fast_demo / "results.json").dataset_note
