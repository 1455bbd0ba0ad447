import pickle
from pathlib import Path

import pytest
import torch

from trimformer.models import create_model
from trimformer.records.errors import UserError
from trimformer.training.checkpoints import load_checkpoint_weights, read_checkpoint


def tiny(num_blocks: int) -> torch.nn.Module:
    return create_model("unetr", num_classes=2, num_blocks=num_blocks, size="tiny", image_size=32, patch_size=8)


def saved(model: torch.nn.Module, path: Path) -> Path:
    torch.save({"state_dict": {f"model.{name}": tensor for name, tensor in model.state_dict().items()}}, path)
    return path


def test_weights_come_back_from_a_checkpoint(tmp_path: Path) -> None:
    source, target = tiny(1), tiny(1)
    load_checkpoint_weights(target, saved(source, tmp_path / "a.ckpt"))
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    path = saved(tiny(0), tmp_path / "a.ckpt")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"a\.ckpt"):
        read_checkpoint(path)


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harmed"),))


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Harmful()}, tmp_path / "a.ckpt")
    (tmp_path / "b.ckpt").write_bytes(pickle.dumps(Harmful()))
    for name in ("a.ckpt", "b.ckpt"):
        with pytest.raises(UserError, match="nothing but tensors"):
            read_checkpoint(tmp_path / name)
    assert not Path("harmed").exists()


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must fit"):
        load_checkpoint_weights(tiny(0), saved(tiny(1), tmp_path / "a.ckpt"))
