"""MONAI alone, with a bundle's files, draws the labels that `trimformer predict` draws."""

import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_bundle import write_scan
from made_export import made_run
from monai.bundle import ConfigWorkflow

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.deployed import open_run
from trimformer.deploy.export.bundle.bundle import write_bundle
from trimformer.deploy.export.bundle.inference import inference_config
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.outputs import place_outputs
from trimformer.deploy.predict import predict_scans
from trimformer.deploy.sources import find_sources
from trimformer.deploy.trained_on import TrainedOn, trained_on
from trimformer.deploy.written import Wanted
from trimformer.records.run_folder import RunFolder

SIZE = 32
MOST_DIFFERING = 1e-3
"""Of the voxels; sums in another order may tip one whose two best classes are as good as equal."""


def predicted(run: RunFolder, scans: Path, out: Path) -> None:
    known = trained_on(run)
    sources = find_sources(scans, known.num_channels)
    outcomes = list(predict_scans(open_run(run, known), sources, place_outputs(out, is_batch=True), Wanted()))
    assert [outcome.state for outcome in outcomes] == ["predicted"] * len(sources)


def run_bundle(bundle: Path, scans: Path, out: Path) -> None:
    """`monai.bundle run` in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's and torch's own, of which tests would make errors
        workflow = ConfigWorkflow(
            str(bundle / "configs" / "inference.json"),
            logging_file=False,
            workflow_type="inference",
            bundle_root=str(bundle),
            dataset_dir=str(scans),
            output_dir=str(out),
        )
        workflow.initialize()
        assert workflow.check_properties() == []
        workflow.run()


@pytest.mark.parametrize(
    ("preprocessing", "channels", "shape"),
    [
        (Preprocessing(SIZE, slice_axis=1, clip=(-100.0, 800.0)), 1, (41, 25, 17)),  # one of the two scans is turned
        (
            Preprocessing(SIZE, slice_axis=2, orientation="RAS", crop=36),
            2,
            (41, 31, 9),
        ),  # cropped one way, padded the other
    ],
)
def test_labels_and_geometry_are_those_of_predict(
    preprocessing: Preprocessing, channels: int, shape: tuple[int, ...], tmp_path: Path
) -> None:
    run, scans = made_run(tmp_path / "run", channels=channels, preprocessing=preprocessing), tmp_path / "scans"
    for codes in ("LAS", "PIR"):
        write_scan(scans / f"{codes}.nii.gz", shape, codes, channels)
    (tmp_path / "bundle").mkdir()
    write_bundle(Subject.of(run, "fp32"), tmp_path / "bundle")
    run_bundle(tmp_path / "bundle", scans, tmp_path / "theirs")
    predicted(run, scans, tmp_path / "ours")
    for scan in scans.iterdir():
        theirs = nibabel.load(tmp_path / "theirs" / scan.name.replace(".nii.gz", "_seg.nii.gz"))
        ours, labels = nibabel.load(tmp_path / "ours" / scan.name), np.asarray(theirs.dataobj)
        assert (theirs.get_data_dtype(), labels.shape) == (np.uint8, ours.shape)
        np.testing.assert_allclose(theirs.affine, ours.affine, rtol=0, atol=1e-5)
        assert np.mean(labels != np.asarray(ours.dataobj)) <= MOST_DIFFERING
        assert len(np.unique(labels)) == 3


def texts_in(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in texts_in(value)]
    if isinstance(document, list):
        return [text for value in document for text in texts_in(value)]
    return [document] if isinstance(document, str) else []


def test_no_text_of_a_run_gets_among_what_monai_evaluates() -> None:
    preprocessing = Preprocessing(SIZE, crop=30, clip=(0.0, 9.0), label_order="$order")
    known = TrainedOn({1: "$label"}, 1, preprocessing, ("LAS", "RAS"), None)
    assert not [text for text in texts_in(inference_config(known)) if "$order" in text or "$label" in text]
