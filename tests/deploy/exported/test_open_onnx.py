"""Exports that were damaged, made elsewhere, or made to harm: one message each. The networks are a few operations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from made_export import SIZE, made_carried, made_onnx, made_run
from onnx import TensorProto, helper, numpy_helper

from trimformer.deploy.export import extra
from trimformer.deploy.exported.onnx_file import open_onnx
from trimformer.deploy.exported.open import is_export, open_export
from trimformer.deploy.open_model import open_model
from trimformer.records.errors import UserError


def external(place: str, folder: Path) -> Any:
    """Weights that stand in another file, at `place` as seen from the model's folder."""
    (folder / "secret.bin").write_bytes(np.array([0, 1, 2], np.float32).tobytes())
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[3, 1, 1, 1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def test_an_export_gives_scores_of_any_number_of_slices(tmp_path: Path) -> None:
    deployed = open_export(made_onnx(tmp_path / "MADE.ONNX"))
    images = torch.randn(5, 1, SIZE, SIZE)
    np.testing.assert_array_equal(deployed.network(images), torch.cat([images * 0, images, images * 2], dim=1))
    assert deployed.network(images[:2]).shape == (2, 3, SIZE, SIZE)
    assert deployed.trained_on == made_carried().trained_on()
    assert (
        deployed.digest
        != open_export(made_onnx(tmp_path / "other.onnx", carried=made_carried(name="b").document())).digest
    )


@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "{folder}/secret.bin"])
def test_numbers_are_never_taken_from_other_files(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    outside = external(place.format(folder=tmp_path), tmp_path)
    file = made_onnx(tmp_path / "in" / "made.onnx", weights=outside)
    with pytest.raises(UserError, match=r"made\.onnx, which takes numbers from other files"):
        open_onnx(file)


def test_nor_by_operations_inside_of_operations(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["inside"], value=external("secret.bin", tmp_path))
    inner = helper.make_graph([constant], "inner", [], [])
    file = made_onnx(tmp_path / "made.onnx")
    model = onnx.load(file)
    model.graph.node.append(helper.make_node("If", ["image"], ["more"], then_branch=inner, else_branch=inner))
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="takes numbers from other files"):
        open_onnx(file)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def text(file: Path) -> None:
    file.write_text("no model at all")


def empty(file: Path) -> None:
    file.write_bytes(b"")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def unknown_operation(file: Path) -> None:
    model = onnx.load(file)
    model.graph.node[0].op_type = "Execute"
    file.write_bytes(model.SerializeToString())


def missing_weights(file: Path) -> None:
    model = onnx.load(file)
    del model.graph.initializer[:]
    file.write_bytes(model.SerializeToString())


def no_text(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"logits", b"log\x89ts"))


@pytest.mark.parametrize("damage", [cut, text, empty, folder, unknown_operation, missing_weights, no_text])
def test_a_damaged_file_is_one_message(damage: Callable[[Path], None], tmp_path: Path, capfd: Any) -> None:
    file = made_onnx(tmp_path / "made.onnx")
    damage(file)
    with pytest.raises(UserError, match=r"made\.onnx") as error:
        open_onnx(file)
    assert len(str(error.value)) < 600
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (1, SIZE, 2 * SIZE)},
        {"shape": (3, SIZE, SIZE)},
        {"weights": numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "weights")},
        {"carried": made_carried(num_channels=2, intensities=None).document()},
        {"key": "another"},
        {"carried": "{}"},
    ],
)
def test_a_file_that_contradicts_itself_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"made\.onnx"):
        open_onnx(made_onnx(tmp_path / "made.onnx", **changes))


def test_a_file_that_makes_other_shapes_than_it_says_is_refused_when_it_does(tmp_path: Path) -> None:
    file = made_onnx(tmp_path / "made.onnx")
    model = onnx.load(file)
    model.graph.node[0].output[0] = "all"
    kept = numpy_helper.from_array(np.array([True, False, True]), "kept")
    model.graph.initializer.append(kept)
    model.graph.node.append(helper.make_node("Compress", ["all", "kept"], ["logits"], axis=1))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=r"makes \(2, 2, 32, 32\) of \(2, 1, 32, 32\)"):
        open_onnx(file).network(torch.zeros(2, 1, SIZE, SIZE))


def test_what_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(UserError, match=r'onnxruntime not installed.*pip install "trimformer\[export\]"'):
        open_onnx(made_onnx(tmp_path / "made.onnx"))


def test_a_run_and_an_export_are_opened_alike(tmp_path: Path) -> None:
    run, file = made_run(tmp_path / "run.onnx"), made_onnx(tmp_path / "made.onnx")
    assert not is_export(run.path)
    assert is_export(file)
    assert open_model(run.path).name == "run.onnx"
    for path in (run.path, file):
        assert open_model(path, "PIL").trained_on.preprocessing.orientation == "PIL"
        with pytest.raises(UserError, match="three letters"):
            open_model(path, "PPL")
    with pytest.raises(UserError, match="must exist"):
        open_model(tmp_path / "none.onnx")
