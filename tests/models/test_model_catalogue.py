import json
from typing import Any

import pytest
import torch

from trimformer.models import CATALOGUE, create_model
from trimformer.records.errors import UserError

HYBRIDS = ("transunet", "cats", "unetr")


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize("decoder", ["full", "compressed"])
@pytest.mark.parametrize("num_blocks", [0, 1, 3, 12])
@pytest.mark.parametrize("patch_size", [16, 8])
def test_logits_lie_on_the_images_grid(name: str, decoder: str, num_blocks: int, patch_size: int) -> None:
    image_size = 2 * patch_size
    model: Any = create_model(
        name,
        num_classes=5,
        num_blocks=num_blocks,
        decoder=decoder,
        size="tiny",
        image_size=image_size,
        patch_size=patch_size,
    ).eval()
    logits = model(torch.randn(2, 1, image_size, image_size))
    assert logits.shape == (2, 5, image_size, image_size)
    assert logits.isfinite().all()
    assert len(model.transformer.blocks) == num_blocks


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize(("image_size", "patch_size"), [(224, 16), (112, 8), (208, 16), (72, 8)])
@pytest.mark.parametrize("size", ["base", "small"])
def test_any_size_that_the_patches_divide(name: str, image_size: int, patch_size: int, size: str) -> None:
    with torch.device("meta"):
        model: Any = create_model(name, num_classes=4, size=size, image_size=image_size, patch_size=patch_size)
        logits = model(torch.empty(1, 3, image_size, image_size))
    assert logits.shape == (1, 4, image_size, image_size)
    assert model.transformer.grid_size == (image_size // patch_size, image_size // patch_size)


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_grey_slice_is_worth_its_repetition(name: str) -> None:
    model = create_model(name, num_classes=4, num_blocks=1, size="tiny", image_size=32).eval()
    grey = torch.randn(1, 1, 32, 32)
    assert torch.equal(model(grey), model(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("name", CATALOGUE)
def test_settings_rebuild_the_same_network(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, num_classes=9, num_blocks=3, decoder="compressed", size="small", in_channels=3)
        rebuilt = create_model(**json.loads(json.dumps(model.settings)))
    assert rebuilt.settings == model.settings
    assert str(rebuilt) == str(model)


def test_settings_hold_every_word_and_none_where_it_means_nothing() -> None:
    with torch.device("meta"):
        cats, unet = (create_model(name, num_classes=4, patch_size=8) for name in ("cats", "unet"))
    assert cats.settings == {
        "name": "cats", "num_classes": 4, "num_blocks": 12, "decoder": "full", "size": "base", "image_size": 224,
        "patch_size": 8, "in_channels": 1, "trunk": "resnet50",
    }  # fmt: skip
    assert unet.settings == {
        "name": "unet", "num_classes": 4, "num_blocks": None, "decoder": None, "size": "base", "image_size": 224,
        "patch_size": None, "in_channels": 1, "trunk": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("unetrr", {}, "'unetrr'. Choose one of transunet, cats, unetr, unet"),
        ("unetr", {"num_blocks": 13}, "num_blocks must be a whole number from 0 to 12; found 13"),
        ("unetr", {"num_blocks": -1}, "found -1"),
        ("unetr", {"num_blocks": None}, "found None"),
        ("unetr", {"num_blocks": True}, "found True"),
        ("unetr", {"num_classes": 1}, "num_classes must be a whole number from 2"),
        ("unetr", {"decoder": "half"}, "decoder must be full or compressed; found 'half'"),
        ("unetr", {"size": "huge"}, "size must be base, small or tiny; found 'huge'"),
        ("unetr", {"patch_size": 14}, "patch_size must be 16 or 8; found 14"),
        ("unetr", {"in_channels": 2}, "in_channels must be 1 or 3; found 2"),
        ("unetr", {"image_size": 100}, "multiple of 16; found 100"),
        ("unetr", {"image_size": 0}, "found 0"),
        ("unetr", {"weights": "imagenet21k"}, "weights = none; found 'imagenet21k'"),
        ("unetr", {"trunk": "resnet50"}, "trunk can be chosen for cats only, not for unetr"),
        ("cats", {"trunk": "vgg16"}, "found 'vgg16'. Choose one of resnet50, resnet34, densenet121"),
        ("unet", {"size": "huge"}, "size must be"),
    ],
)
def test_what_no_model_can_have(name: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        create_model(name, **{"num_classes": 4, **changes})
    assert told in str(caught.value)


def test_no_weights_can_be_said_in_words() -> None:
    assert create_model("unet", num_classes=2, size="tiny", weights="none").settings["num_classes"] == 2
