import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_deployed import KNOWN

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.trained_on import TrainedOn, trained_on
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

DATA: dict[str, Any] = {
    "dataset": "made",
    "labels": {"1": "bright"},
    "channels": 2,
    "preprocessing": Preprocessing(64, slice_axis=1, clip=(-100.0, 200.0)).document(),
    "orientations": {"LAS": 3, "RAS": 5},
    "intensities": [[0.0, 100.0], [-5.0, 5.0]],
    "fingerprint": "f",
    "training": [],
    "selection": [],
    "validation": [],
}


def run_with(folder: Path, **changes: Any) -> RunFolder:
    (folder / "manifest.json").write_text(json.dumps({"data": DATA | changes}))
    return RunFolder(folder)


def test_everything_stands_in_the_manifest(tmp_path: Path) -> None:
    known = trained_on(run_with(tmp_path))
    preprocessing = Preprocessing(64, slice_axis=1, clip=(-100.0, 200.0))
    assert known == TrainedOn({1: "bright"}, 2, preprocessing, ("RAS", "LAS"), ((0.0, 100.0), (-5.0, 5.0)))


def test_a_scan_stays_if_some_training_scan_lay_so_and_is_turned_to_most_of_them_otherwise(tmp_path: Path) -> None:
    known = trained_on(run_with(tmp_path))
    assert known.preprocessing_of(np.diag([-1.0, 1, 1, 1])).orientation == "LAS"
    assert known.preprocessing_of(np.diag([-1.0, -1, 1, 1])).orientation == "RAS"
    turned = trained_on(run_with(tmp_path), "PIL")
    assert turned.preprocessing_of(np.diag([-1.0, 1, 1, 1])).orientation == "PIL"


@pytest.mark.parametrize("orientations", [None, {}])
def test_a_run_that_does_not_say_how_its_scans_lay_needs_to_be_told(orientations: Any, tmp_path: Path) -> None:
    run = run_with(tmp_path, orientations=orientations)
    with pytest.raises(UserError, match=r"data\.orientations.*--orientation RAS"):
        trained_on(run)
    assert trained_on(run, "RAS").preprocessing.orientation == "RAS"
    settled = DATA["preprocessing"] | {"orientation": "LPS"}
    assert trained_on(run_with(tmp_path, orientations=orientations, preprocessing=settled)).orientations == ()


@pytest.mark.parametrize("codes", ["RA", "RAA", "ras", "RASL", "XYZ", "RLA"])
def test_codes_that_are_none_are_refused(codes: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="three letters"):
        trained_on(run_with(tmp_path), codes)


@pytest.mark.parametrize("preprocessing", [None, {"slice_axis": 2}, DATA["preprocessing"] | {"resampled": True}])
def test_a_run_without_its_preprocessing_is_refused(preprocessing: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="how its scans were prepared"):
        trained_on(run_with(tmp_path, preprocessing=preprocessing))


@pytest.mark.parametrize(
    ("span", "doubts"),
    [((-1000.0, 2000.0), 0), ((-2400.0, 3400.0), 0), ((-2600.0, 0.0), 1), ((0.0, 3600.0), 1), ((0.0, 1.0), 0)],
)
def test_intensities_far_outside_those_of_training_are_doubted(span: tuple[float, float], doubts: int) -> None:
    found = KNOWN.doubts((span,))
    assert len(found) == doubts
    assert all("-1000 to 2000" in doubt for doubt in found)


def test_a_doubt_names_its_channel_and_a_run_of_old_cannot_tell() -> None:
    known = TrainedOn({1: "a"}, 2, Preprocessing(16), ("RAS",), ((0.0, 1.0), (0.0, 1.0)))
    assert known.doubts(((0.0, 1.0), (-1024.0, 900.0)))[0].startswith("Intensities of channel 1 from -1024 to 900")
    silent = TrainedOn({1: "a"}, 1, Preprocessing(16), ("RAS",), None)
    assert "does not say" in silent.doubts(((0.0, 1.0),))[0]
