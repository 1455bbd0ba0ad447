"""Patients for the volumes page whose every voxel is known, in whichever orientation a file may have."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from made_comparison import make_results, make_row
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from trimformer.records.evaluation import Evaluation, LabelSummary, Score
from trimformer.records.run_folder import RunFolder
from trimformer.records.shown_volumes import ShownVolume, write_volumes

LABELS = {1: "liver", 2: "left_kidney"}
SIZE, SPACING = (40, 50, 30), (2.0, 2.0, 4.0)
"""In RAS+, before a volume is turned to the orientation of its file."""

RIGHT = (slice(26, 34), slice(20, 30), slice(10, 20))
"""Where label 1 is: on the patient's right."""

LEFT = (slice(6, 12), slice(20, 30), slice(12, 18))
"""Where label 2 is: on the patient's left."""


def made_volume(patient_id: str = "sub-01", axes: str = "LPS", **changes: Any) -> ShownVolume:
    """An even body with two organs; the prediction has the right one a voxel further forward, and not the left one."""
    scan, truth = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    scan[4:36, 4:46, 2:28] = 100
    truth[RIGHT], truth[LEFT] = 1, 2
    prediction = np.where(truth == 1, truth, 0)
    arrays = {"scan": scan, "truth": truth, "prediction": np.roll(prediction, 1, axis=1)}
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -30, -40, -20
    turned: dict[str, Any] = {name: np.ascontiguousarray(apply_orientation(a, turn)) for name, a in arrays.items()}
    volume = ShownVolume(
        patient_id=patient_id, low=-1024.0, high=1000.0, unit="HU", affine=affine @ inv_ornt_aff(turn, SIZE),
        has_geometry=True, step=(1, 1, 1), outside=0, num_channels=1, **turned,
    )  # fmt: skip
    return replace(volume, **changes)


def made_evaluation(*patient_ids: str) -> Evaluation:
    scores = {
        "liver": Score(dice=0.9, hd95_mm=2.0, surface_dice=0.9, case="both"),
        "left_kidney": Score(dice=0.0, hd95_mm=90.0, surface_dice=0.0, case="missed"),
    }
    summary = {name: LabelSummary(mean=0.9, ci95=None, absent=0, missed=0, false_alarm=0) for name in LABELS.values()}
    return Evaluation(
        labels=LABELS, grid="native", split="validation", checkpoint="best",
        patients=dict.fromkeys(patient_ids, scores), summary=summary, mean=0.45, ci95=None,
    )  # fmt: skip


def write_volume_runs(folder: Path, models: dict[str, Sequence[ShownVolume]]) -> None:
    """A comparison whose runs have been evaluated on these patients, before its report."""
    rows = [make_row(name=name) for name in models]
    rows = [row.model_copy(update={"run": f"runs/{place}"}) for place, row in enumerate(rows)]
    make_results(*rows).save(folder / "results.json")
    for row, volumes in zip(rows, models.values(), strict=True):
        assert row.run
        run = RunFolder(folder / row.run)
        made_evaluation("sub-01", *(volume.patient_id for volume in volumes)).save(run.evaluation_file)
        write_volumes(run.volumes_file, volumes)
