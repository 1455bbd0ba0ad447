"""Networks as OpenVINO's two files, run by OpenVINO itself."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_export import made_run

from trimformer.deploy.export import openvino_file
from trimformer.deploy.export.agreement import refuse_other_labels
from trimformer.deploy.export.openvino_file import openvino_model, write_openvino
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.exported.openvino_file import open_openvino
from trimformer.deploy.exported.openvino_library import load_openvino
from trimformer.inference.predict import model_network
from trimformer.records.errors import UserError

NETWORKS: dict[str, dict[str, Any]] = {
    "unetr": {"channels": 2},
    "transunet": {"name": "transunet", "num_blocks": 0},
    "cats": {"name": "cats", "decoder": "compressed", "trunk": "resnet34"},
}
"""One of each; all depths and decoders of the three hybrids are the same operations, repeated."""


@pytest.fixture(scope="module", params=NETWORKS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    subject = Subject.of(made_run(folder / "run", **NETWORKS[request.param]), "fp32")
    write_openvino(subject, folder / "made.xml")
    return subject, folder / "made.xml"


def test_openvino_gives_the_networks_logits_at_any_batch_size(written: tuple[Subject, Path]) -> None:
    subject, file = written
    model = load_openvino().Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for count in (1, 2, 7):
        images = subject.noise(count, seed=count)
        with torch.inference_mode():
            expected = subject.model(images).numpy()
        np.testing.assert_allclose(model({"image": images.numpy()})["logits"], expected, rtol=0, atol=1e-4)
        assert expected.std() > 0.05


def test_what_is_carried_comes_back_and_nothing_of_the_machine(written: tuple[Subject, Path]) -> None:
    subject, file = written
    deployed = open_openvino(file)
    assert deployed.trained_on == subject.carried.trained_on()
    assert deployed.name == subject.run.name
    for path in (openvino_file.__file__, torch.__file__, str(file)):
        assert str(Path(path).parent) not in file.read_text()


class FixedBatch(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.repeat(1, 3, 1, 1).reshape(len(images), 3, 32, 32)


class Undecided(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images if float(images.mean()) > 0 else -images


@pytest.mark.parametrize("network", [FixedBatch(), Undecided()])
def test_a_network_that_cannot_be_told_is_refused(network: torch.nn.Module) -> None:
    with pytest.raises(UserError, match="told in OpenVINO's operations, for any number of slices"):
        openvino_model(network.eval(), torch.zeros(2, 1, 32, 32))


def test_in_int8_the_same_pixels_get_the_same_labels_from_a_file_of_a_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[int] = []
    subject = replace(
        Subject.of(made_run(tmp_path / "run", num_blocks=2), "int8"), progress=lambda _, done, __: told.append(done)
    )
    monkeypatch.setattr(openvino_file, "calibration_slices", lambda *_, **__: subject.noise(16, seed=5))
    write_openvino(subject, tmp_path / "made.xml")
    assert told[:16] == [*range(1, 17)]
    assert capfd.readouterr() == ("", "")
    images, network = subject.noise(6), open_openvino(tmp_path / "made.xml").network
    logits, expected = network(images), model_network(subject.model)(images)
    assert float((logits.argmax(1) == expected.argmax(1)).float().mean()) > 0.95
    assert not torch.allclose(logits, expected, atol=1e-4)
    integers = [op for op in load_openvino().Core().read_model(tmp_path / "made.xml").get_ops() if _is_rounding(op)]
    made_of = {op.input_value(0).get_node().get_type_name() for op in integers}
    assert len(integers) > 10
    assert not made_of & {"Parameter", "Broadcast"}, "the image itself is rounded"
    assert (tmp_path / "made.bin").stat().st_size < 0.35 * subject.run.weights_file.stat().st_size
    with pytest.raises(UserError, match=r"keep the label.*training slices.*--precision fp32"):
        refuse_other_labels(subject, lambda images: network(-images), images)


def _is_rounding(operation: Any) -> bool:
    return bool(operation.get_type_name() == "FakeQuantize")


def test_nobody_is_told_that_it_was_used() -> None:
    """In a process of its own, where no test library has switched anything off."""
    code = (
        "import json, socket, sys, urllib.request\n"
        "called = []\n"
        "socket.getaddrinfo = urllib.request.urlopen = lambda *given, **_: called.append(str(given))\n"
        "from trimformer.deploy.exported.openvino_library import load_nncf, load_openvino\n"
        "load_openvino(), load_nncf()\n"
        "print(json.dumps([called, sorted(name for name in sys.modules if name.startswith('openvino_telemetry.'))]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == [[], []]
    assert not ended.stderr
