"""Records that a hand or a full disk has changed: refused when they are read, before anything is computed of them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.files import write_text

SCORE = {"dice": 0.5, "hd95_mm": 1.0, "surface_dice": 0.5, "case": "both"}
EVALUATION: dict[str, Any] = {
    "labels": {"1": "wall", "2": "scar"},
    "grid": "native",
    "split": "validation",
    "checkpoint": "best",
    "patients": {"one": {"wall": SCORE, "scar": SCORE}},
    "summary": {
        name: {"mean": 0.5, "ci95": None, "absent": 0, "missed": 0, "false_alarm": 0} for name in ("wall", "scar")
    },
    "mean": 0.5,
    "ci95": None,
}
CHOICE = {"status": "chosen", "num_blocks": 3, "reason": "", "criterion": "", "evidence": {}, "sensitivity": {}}

Change = Callable[[dict[str, Any]], object]


def written(document: object, path: Path) -> Path:
    """As Python writes it, which is not always JSON."""
    write_text(path, json.dumps(document))
    return path


def test_whole_records_are_read(tmp_path: Path) -> None:
    assert Evaluation.load(written(EVALUATION, tmp_path / "evaluation.json")).mean == 0.5
    assert DepthChoice.load(written(CHOICE, tmp_path / "depth.json")).num_blocks == 3


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda one: one["patients"]["one"].pop("scar"), "one and the labels differ in scar"),
        (lambda one: one["summary"].pop("wall"), "the summary and the labels differ in wall"),
        (lambda one: one["patients"].clear(), "no patient"),
        (lambda one: one["patients"]["one"]["wall"].update(dice=float("nan")), "patients.one.wall.dice"),
        (lambda one: one["patients"]["one"]["wall"].update(dice=7.5), "less than or equal to 1"),
        (lambda one: one["patients"]["one"]["wall"].update(hd95_mm=float("inf")), "finite"),
        (lambda one: one.update(mean=float("nan")), "mean: input should be a finite number"),
    ],
)
def test_a_damaged_evaluation_is_told(change: Change, found: str, tmp_path: Path) -> None:
    document = copy.deepcopy(EVALUATION)
    change(document)
    with pytest.raises(UserError, match=f"must be an evaluation.*{found}"):
        Evaluation.load(written(document, tmp_path / "evaluation.json"))


@pytest.mark.parametrize("change", [{"num_blocks": None}, {"num_blocks": -1}, {"status": "inconclusive"}])
def test_a_damaged_choice_is_told(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a depth choice"):
        DepthChoice.load(written(CHOICE | change, tmp_path / "depth.json"))
