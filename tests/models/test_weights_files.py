"""A weights file is read without running code, and a bad one is refused with its name."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trimformer.models.weights.files import hash_file, read_weights
from trimformer.records.errors import UserError

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


class Harmful:
    """What a pickle can do: a call of any function while it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".npz"])
def test_every_kind_gives_the_same_tensors(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(STATE, path)
    elif suffix == ".npz":
        np.savez(path, allow_pickle=False, **{key: tensor.numpy() for key, tensor in STATE.items()})
    else:
        torch.save(STATE, path)
    read = read_weights(path)
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.backbone."])
def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path, wrapper: str, prefix: str) -> None:
    wrapped = {prefix + key: tensor for key, tensor in STATE.items()}
    torch.save({wrapper: wrapped, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "c.pth")
    assert read_weights(tmp_path / "c.pth").keys() == STATE.keys()


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"a.weight": Harmful(tmp_path / "was-run")}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match=r"could run code; found .*evil\.pth: .*mkdir"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "was-run").exists()


def test_objects_in_an_npz_are_refused_and_not_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", weights=np.array([Harmful(tmp_path / "was-run")], dtype=object))
    with pytest.raises(UserError, match=r"npz archive; found .*evil\.npz"):
        read_weights(tmp_path / "evil.npz")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
@pytest.mark.parametrize("kept", [0, 7, 0.5, 0.98])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    test_every_kind_gives_the_same_tensors(tmp_path, suffix)
    path = tmp_path / f"weights{suffix}"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(UserError) as caught:
        read_weights(path)
    assert str(path) in caught.value.found


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.pth", None, "must exist"),
        ("weights.h5", b"x", "ends in .safetensors, .npz, .pth"),
        ("text.pth", b"hello", "torch checkpoint|tensors only"),
        ("text.npz", b"hello", "npz archive"),
    ],
)
def test_what_is_no_weights_file(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_weights(tmp_path / name)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(2)], torch.zeros(2)])
def test_a_checkpoint_without_named_tensors(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(UserError, match="holds tensors by name"):
        read_weights(tmp_path / "c.pth")


def test_words_in_an_npz_are_no_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", names=np.array(["a", "b"]))
    with pytest.raises(UserError, match="must be numbers"):
        read_weights(tmp_path / "w.npz")


def test_a_lone_array_under_the_name_of_an_archive(tmp_path: Path) -> None:
    with (tmp_path / "w.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match="npz archive"):
        read_weights(tmp_path / "w.npz")


def test_a_hash_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
