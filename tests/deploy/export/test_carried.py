import json
from pathlib import Path
from typing import Any

import pytest
from made_export import LABELS, made_carried, made_run

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.carried import Carried, read_carried
from trimformer.deploy.trained_on import TrainedOn, trained_on
from trimformer.models.weights.report import WeightsFile, WeightsReport
from trimformer.records.errors import UserError

FILE = Path("model.onnx")


def test_it_goes_through_json_and_leads_to_what_the_run_says(tmp_path: Path) -> None:
    preprocessing = Preprocessing(64, 1, clip=(-100.0, 200.0), spacing_mm=(1.0, 2.0, 0.1), crop=96)
    run = made_run(tmp_path / "made", channels=2, preprocessing=preprocessing)
    carried = Carried.of(run, trained_on(run))
    again = read_carried(carried.document(), FILE)
    assert again == carried
    assert again.trained_on() == trained_on(run)
    spans = ((0.0, 900.0), (0.0, 900.0))
    assert again.trained_on() == TrainedOn(LABELS, 2, preprocessing, ("LAS", "RAS"), spans)
    assert (again.num_classes, again.image_size) == (3, 64)


def test_no_path_of_the_machine_goes_with_an_export(tmp_path: Path) -> None:
    run = made_run(tmp_path / "made")
    weights = WeightsReport("/home/anna/ViT.npz", (WeightsFile("/home/anna/ViT.npz", "a" * 64),)).document()
    run.manifest_file.write_text(json.dumps(run.manifest() | {"weights": weights}))
    document = Carried.of(run, trained_on(run)).document()
    assert Carried.model_validate_json(document).provenance.weights_files == {"ViT.npz": "a" * 64}
    assert "anna" not in document
    assert str(tmp_path) not in document


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {}},
        {"labels": {"0": "background"}},
        {"labels": {"256": "a"}},
        {"num_channels": 0},
        {"num_channels": 10**6},
        {"orientations": []},
        {"orientations": ["LLS"]},
        {"intensities": []},
        {"intensities": [[0, float("nan")]]},
        {"precision": "fp8"},
        {"unheard_of": 1},
        {"format": 0},
        *(
            {"preprocessing": Preprocessing(32).document() | told}
            for told in (
                {"image_size": 10**6},
                {"slice_axis": 3},
                {"crop": 0},
                {"clip": [1.0, 1.0]},
                {"clip": [0.0, float("inf")]},
                {"spacing_mm": [1.0, 0.0, 1.0]},
                {"orientation": "XYZ"},
                {"spacing_from": "nobody"},
                {"unheard_of": 1},
            )
        ),
    ],
)
def test_what_no_scan_could_follow_is_refused(changes: dict[str, Any]) -> None:
    document = json.loads(made_carried().document()) | changes
    with pytest.raises(UserError, match=r"model\.onnx: \w+"):
        read_carried(json.dumps(document), FILE)


@pytest.mark.parametrize("document", ["", "{", "[]", "3", "null", "{}", '{"format": "x"}', "[" * 100_000])
def test_damaged_metadata_are_one_message(document: str) -> None:
    with pytest.raises(UserError, match=r"model\.onnx"):
        read_carried(document, FILE)


def test_exports_of_other_programs_and_of_newer_versions_are_told_as_such() -> None:
    with pytest.raises(UserError, match="another program"):
        read_carried(None, FILE)
    newer = json.loads(made_carried().document()) | {"format": 2, "from_the_future": 1}
    with pytest.raises(UserError, match=r"format 2\. Install a newer trimformer"):
        read_carried(json.dumps(newer), FILE)
