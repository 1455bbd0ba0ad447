"""From each dataset's own folder to scores, as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import made_datasets
import pytest

EXPERIMENT = """
name = "story"
[data]
dataset = "{dataset}"
prepared = "{prepared}"
image_size = 32
selection_patients = 1
{more}
[model]
name = "unet"
size = "tiny"
[training]
epochs = 1
batch_size = 4
precision = "32"
"""

SYNAPSE = ("aorta", "gallbladder", "left kidney", "right kidney", "liver", "pancreas", "spleen", "stomach")


@pytest.mark.parametrize(
    ("dataset", "write", "split", "classes"),
    [
        ("ibsr18", made_datasets.write_ibsr18_misa, None, ("CSF", "gray matter", "white matter")),
        ("emidec", made_datasets.write_emidec, None, ("myocardium", "infarction", "no-reflow")),
        ("synapse", made_datasets.write_synapse_npz, (("case0005", "case0006", "case0007"), ("case0001",)), SYNAPSE),
        ("synapse", made_datasets.write_synapse_raw, (("case0001", "case0005", "case0006"), ("case0002",)), SYNAPSE),
    ],
)
def test_raw_files_become_scores(
    tmp_path: Path,
    trimformer: Callable[..., tuple[int, str, str]],
    dataset: str,
    write: Callable[[Path], Path],
    split: tuple[tuple[str, ...], tuple[str, ...]] | None,
    classes: tuple[str, ...],
) -> None:
    root, prepared, more = write(tmp_path / "raw"), tmp_path / "prepared", ""
    if split:  # of the published list only these were downloaded
        sides = tmp_path / "split.json"
        sides.write_text(json.dumps(dict(zip(("training", "validation"), split, strict=True))))
        more = f'split = "{sides}"'
    settings = ["--set", "image_size=32", *(["--set", more.replace('"', "").replace(" ", "")] if split else [])]
    code, printed, _ = trimformer("data", "check", dataset, root, "--json", *settings)
    checked = json.loads(printed)
    assert (code, checked["problems"]) == (0, [])
    assert [checked["labels"][str(value + 1)]["name"] for value in range(len(classes))] == list(classes)
    assert trimformer("data", "prepare", dataset, root, "--out", prepared, *settings)[0] == 0
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.format(dataset=dataset, prepared=prepared, more=more))
    run = tmp_path / "run"
    assert trimformer("train", experiment, "--out", run)[0] == 0
    code, printed, _ = trimformer("evaluate", run, "--json")
    evaluation = json.loads(printed)
    assert code == 0
    assert tuple(evaluation["labels"].values()) == classes
    assert len(evaluation["patients"]) == checked["cases"]["validation"]
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["data"]["layout"] == checked["layout"]
    assert manifest["data"]["preprocessing"] == checked["preprocessing"]
