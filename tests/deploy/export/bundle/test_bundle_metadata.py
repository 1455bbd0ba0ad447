"""A bundle's metadata hold what MONAI asks for, and no text that MONAI would run."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from made_bundle import schema
from made_export import PROVENANCE, made_carried
from monai.bundle import ConfigParser, verify_metadata

from trimformer.deploy.export.bundle.metadata import bundle_metadata, inert


def verify(document: dict[str, Any], folder: Path) -> None:
    """`verify_metadata` with a schema that is there already, so that none is fetched."""
    (folder / "metadata.json").write_text(json.dumps(document))
    rules = json.dumps(schema())
    (folder / "schema.json").write_text(rules)
    verify_metadata(
        meta_file=str(folder / "metadata.json"),
        filepath=str(folder / "schema.json"),
        hash_val=sha256(rules.encode()).hexdigest(),
        hash_type="sha256",
    )


def test_monai_accepts_them(tmp_path: Path) -> None:
    verify(bundle_metadata(made_carried()), tmp_path)
    verify(bundle_metadata(made_carried(reported=None, num_channels=2, intensities=None)), tmp_path)


def test_monai_does_not_accept_just_anything(tmp_path: Path) -> None:
    document = bundle_metadata(made_carried())
    del document["network_data_format"]["inputs"]["image"]["num_channels"]
    with pytest.raises(ValueError, match="Failed validating"):
        verify(document, tmp_path)


def test_channels_are_the_classes_by_their_names() -> None:
    formats = bundle_metadata(made_carried(labels={1: "myocardium", 3: "infarct"}))["network_data_format"]
    names = {"0": "background", "1": "myocardium", "2": "not used", "3": "infarct"}
    assert formats["outputs"]["pred"]["channel_def"] == names
    assert formats["outputs"]["pred"]["num_channels"] == len(names)
    assert formats["post_processed_outputs"]["pred"]["value_range"] == [0, 3]


def test_scores_are_those_of_the_evaluation() -> None:
    assert bundle_metadata(made_carried())["eval_metrics"] == {
        "mean_dice": 0.8,
        "mean_dice_ci95": [0.7, 0.9],
        "mean_dice_1": 0.75,
        "mean_dice_2": 0.85,
    }
    assert bundle_metadata(made_carried(reported=None))["eval_metrics"] == {}


EVIL = "$__import__('pathlib').Path('reached').touch()"


@pytest.mark.parametrize("text", [EVIL, "@run", "%metadata.json", "_target_"])
def test_no_name_from_a_file_is_run_when_monai_reads_them(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    carried = made_carried(
        name=text, labels={1: text, 2: f" {text}"}, provenance=PROVENANCE.model_copy(update={"dataset": text})
    )
    parser = ConfigParser(bundle_metadata(carried))
    content = parser.get_parsed_content("network_data_format")
    assert content["outputs"]["pred"]["channel_def"]["1"] == inert(text)
    assert parser.get_parsed_content("name") == inert(text)
    assert list(tmp_path.iterdir()) == []
