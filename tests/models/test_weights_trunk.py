"""The trunk of CATS takes a classifier's weights: all that it has, under timm's names, or none."""

from pathlib import Path
from typing import Any

import made_weights
import pytest
import timm
import torch

from trimformer.models import create_model
from trimformer.records.errors import UserError


def cats(trunk: str, trunk_weights: Path | str | None, **settings: Any) -> Any:
    wanted = {"num_classes": 3, "num_blocks": 0, "size": "base", "image_size": 48, "patch_size": 16, **settings}
    return create_model("cats", trunk=trunk, trunk_weights=trunk_weights and str(trunk_weights), **wanted)


def saved(name: str, folder: Path, **settings: Any) -> tuple[dict[str, torch.Tensor], Path]:
    state = made_weights.randomised(timm.create_model(name, **settings)).state_dict()
    torch.save({"state_dict": state}, folder / f"{name}.pth")
    return state, folder / f"{name}.pth"


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenetv3_small_050", "convnext_atto"])
@pytest.mark.parametrize("num_classes", [1000, 7])
def test_every_tensor_is_the_classifiers(tmp_path: Path, name: str, num_classes: int) -> None:
    state, file = saved(name, tmp_path, num_classes=num_classes)
    model = cats(name, file)
    by_flat_name = {key.replace(".", "_"): tensor for key, tensor in state.items()}
    for key, tensor in model.trunk.network.state_dict().items():
        assert torch.equal(tensor, by_flat_name[key.replace(".", "_")]), key
    assert model.weights_report.parts()["trunk"] == "loaded"
    assert any(key.startswith(("fc", "classifier", "head")) for key in model.weights_report.unused)


def test_a_trunk_for_another_number_of_channels(tmp_path: Path) -> None:
    state, file = saved("resnet18", tmp_path)
    model = cats("resnet18", file, in_channels=4)
    expected = state["conv1.weight"][:, [0, 1, 2, 0]] * 3 / 4
    torch.testing.assert_close(model.trunk.network.conv1.weight.data, expected)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state, file = saved("resnet18", tmp_path)
    del state["layer2.0.conv1.weight"]
    torch.save(state, file)
    with pytest.raises(UserError, match=r"those of resnet18; found .*resnet18\.pth: .*layer2\.0\.conv1\.weight"):
        cats("resnet18", file)


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    _, file = saved("resnet18", tmp_path)
    with pytest.raises(UserError, match="those of resnet34"):
        cats("resnet34", file)


def test_a_narrower_trunk_has_no_published_weights(tmp_path: Path) -> None:
    _, file = saved("resnet18", tmp_path)
    with pytest.raises(
        UserError, match=r"at its own width.*shape \(64, 64, 3, 3\) in the file, shape \(16, 64, 3, 3\)"
    ):
        cats("resnet18", file, size="tiny")


@pytest.mark.parametrize("asked", [{"weights": "imagenet21k"}, {"trunk_weights": "imagenet"}])
def test_that_is_told_before_anything_is_fetched(asked: dict[str, str]) -> None:
    wanted: dict[str, Any] = {"num_classes": 3, "num_blocks": 1, "size": "tiny", "image_size": 48, **asked}
    with pytest.raises(UserError, match=r"published for resnet50 at its own width.*size tiny.*trunk_weights"):
        create_model("cats", **wanted)


def test_a_vits_file_leaves_the_trunk_random_and_says_so(tmp_path: Path) -> None:
    file = made_weights.original_npz(tmp_path / "vit.npz", grid=3)
    with pytest.warns(UserWarning, match=r"vit\.npz: trunk left random"):
        model = cats("resnet18", None, size="tiny", weights=str(file))
    assert model.weights_report.parts()["trunk"] == "random"


@pytest.mark.parametrize("name", ["unetr", "transunet", "unet"])
def test_only_cats_has_a_trunk_of_its_own(name: str) -> None:
    with pytest.raises(UserError, match="Only cats"):
        create_model(name, num_classes=3, num_blocks=0, size="tiny", image_size=48, trunk_weights="imagenet")
