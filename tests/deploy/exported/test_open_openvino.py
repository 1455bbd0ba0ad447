"""Exports to OpenVINO that were damaged or made elsewhere: one message each. The networks are a few operations."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_export import SIZE, made_carried

from trimformer.deploy.export import extra
from trimformer.deploy.exported.open import is_export, open_export
from trimformer.deploy.exported.openvino_file import open_openvino
from trimformer.deploy.exported.openvino_library import load_openvino
from trimformer.records.errors import UserError


def made_file(file: Path, carried: str | None = None, weights: tuple[int, ...] = (0, 1, 2), **given: Any) -> Path:
    """A 1 x 1 convolution from one channel to three classes."""
    openvino = load_openvino()
    operations = openvino.opset13
    image = operations.parameter([-1, 1, given.get("rows", SIZE), SIZE], np.float32)
    kernel = np.array(weights, np.float32).reshape(-1, 1, 1, 1)
    logits = operations.convolution(image, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    model = openvino.Model([logits], [image], "made")
    model.inputs[0].get_tensor().set_names({given.get("name", "image")})
    model.outputs[0].get_tensor().set_names({"logits"})
    digest = hashlib.sha256(kernel.tobytes()).hexdigest()
    key = given.get("key", "trimformer")
    model.set_rt_info(made_carried().document() if carried is None else carried, [key, "carried"])
    model.set_rt_info(digest, [key, "weights_sha256"])
    openvino.save_model(model, file, compress_to_fp16=False)
    assert file.with_suffix(".bin").read_bytes() == kernel.tobytes()
    return file


def test_an_export_gives_scores_of_any_number_of_slices(tmp_path: Path) -> None:
    file = made_file(tmp_path / "made.xml", made_carried(name='"Åsa" <b>&').document())
    assert is_export(file)
    deployed = open_export(file)
    images = torch.randn(5, 1, SIZE, SIZE)
    np.testing.assert_array_equal(deployed.network(images), torch.cat([images * 0, images, images * 2], dim=1))
    assert deployed.network(images[:2]).shape == (2, 3, SIZE, SIZE)
    assert deployed.trained_on == made_carried().trained_on()
    assert deployed.name == '"Åsa" <b>&'
    assert deployed.digest != open_export(made_file(tmp_path / "other.xml", weights=(0, 1, 3))).digest


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def text(file: Path) -> None:
    file.write_text("no model at all")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def unknown_operation(file: Path) -> None:
    file.write_text(file.read_text().replace('type="Convolution"', 'type="Execute"'))


def beyond_the_numbers(file: Path) -> None:
    file.write_text(file.read_text().replace('offset="0"', 'offset="4000000000"'))


def missing_numbers(file: Path) -> None:
    file.with_suffix(".bin").unlink()


def cut_numbers(file: Path) -> None:
    file.with_suffix(".bin").write_bytes(file.with_suffix(".bin").read_bytes()[:-4])


def numbers_of_another(file: Path) -> None:
    made_file(file.with_name("other.xml"), weights=(0, 1, 3)).with_suffix(".bin").replace(file.with_suffix(".bin"))


@pytest.mark.parametrize(
    "damage",
    [cut, text, folder, unknown_operation, beyond_the_numbers, missing_numbers, cut_numbers, numbers_of_another],
)
def test_a_damaged_file_is_one_message(damage: Callable[[Path], None], tmp_path: Path, capfd: Any) -> None:
    file = made_file(tmp_path / "made.xml")
    damage(file)
    with pytest.raises(UserError, match=r"made\.(xml|bin)") as error:
        open_openvino(file)
    assert len(str(error.value)) < 600
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 2 * SIZE},
        {"name": "images"},
        {"weights": (0, 1)},
        {"carried": made_carried(num_channels=2, intensities=None).document()},
        {"carried": "{}"},
        {"key": "another"},
    ],
)
def test_a_file_that_contradicts_itself_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"made\.xml"):
        open_openvino(made_file(tmp_path / "made.xml", **changes))


def test_what_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r'openvino not installed.*pip install "trimformer\[export\]"'):
        open_openvino(tmp_path / "made.xml")
