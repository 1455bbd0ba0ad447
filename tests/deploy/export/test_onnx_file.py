"""Networks as ONNX files, run by ONNX Runtime itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from made_export import made_run

from trimformer.deploy.export import onnx_file
from trimformer.deploy.export.agreement import refuse_difference
from trimformer.deploy.export.onnx_file import write_onnx
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.exported.onnx_file import open_onnx
from trimformer.records.errors import UserError

NETWORKS: dict[str, dict[str, Any]] = {
    "transunet": {"name": "transunet", "num_blocks": 0},
    "cats": {"name": "cats", "decoder": "compressed", "trunk": "resnet10t", "channels": 4},
}
"""Beside UNETR, which is trained: tracing takes seconds, and other depths and decoders repeat the same operations."""


@pytest.fixture(scope="module", params=["unetr", *NETWORKS])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Path]:
    if request.param == "unetr":
        run, file = request.getfixturevalue("trained_run"), request.getfixturevalue("exported_run")
        return Subject.of(run, "fp32"), file
    folder = tmp_path_factory.mktemp(request.param)
    subject = Subject.of(made_run(folder / "run", **NETWORKS[request.param]), "fp32")
    write_onnx(subject, folder / "made.onnx")
    return subject, folder / "made.onnx"


def test_onnx_runtime_gives_the_networks_logits_at_any_batch_size(written: tuple[Subject, Path]) -> None:
    subject, file = written
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for count in (1, 2, 7):
        images = subject.noise(count, seed=count)
        with torch.inference_mode():
            expected = subject.model(images).numpy()
        (logits,) = session.run(["logits"], {"image": images.numpy()})
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
        assert expected.std() > 0.05


def test_a_file_is_sound_and_says_nothing_of_the_machine(written: tuple[Subject, Path]) -> None:
    _, file = written
    onnx.checker.check_model(onnx.load(file), full_check=True)
    content = file.read_bytes()
    for path in (onnx_file.__file__, torch.__file__, str(file.parent)):
        assert str(Path(path).parent).encode() not in content


def test_an_export_carries_what_its_subject_does(written: tuple[Subject, Path]) -> None:
    subject, file = written
    deployed = open_onnx(file)
    assert deployed.trained_on == subject.carried.trained_on()
    assert deployed.name == subject.run.name


def test_an_export_that_differs_is_refused(written: tuple[Subject, Path]) -> None:
    subject, file = written
    network = open_onnx(file).network
    refuse_difference(subject, network, file)
    for network_of_another in (lambda images: network(images) + 2e-3, lambda images: network(images) * torch.nan):
        with pytest.raises(UserError, match="differs by"):
            refuse_difference(subject, network_of_another, file)


class FixedBatch(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.repeat(1, 3, 1, 1).reshape(len(images), 3, 32, 32)


def test_a_network_that_fixes_the_number_of_slices_is_refused(tmp_path: Path) -> None:
    subject = replace(Subject.of(made_run(tmp_path / "run"), "fp32"), model=FixedBatch().eval())
    with pytest.raises(UserError, match=r"any number of slices.*2"):
        write_onnx(subject, tmp_path / "made.onnx")
    assert not (tmp_path / "made.onnx").exists()


def test_what_the_exporter_does_not_know_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, **__: object) -> None:
        raise torch.onnx.OnnxExporterError("no decomposition\nof this")

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(UserError, match="told in ONNX's operations; found OnnxExporterError: no decomposition of this"):
        write_onnx(Subject.of(made_run(tmp_path / "run"), "fp32"), tmp_path / "made.onnx")
