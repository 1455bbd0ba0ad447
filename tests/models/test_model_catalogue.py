from typing import Any

import pytest
import torch

from trimformer.models import create_model
from trimformer.records.errors import UserError

HYBRIDS = ("transunet", "cats", "unetr")


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


def test_settings_hold_every_word_and_none_where_it_means_nothing() -> None:
    with torch.device("meta"):
        cats, unet = (create_model(name, num_classes=4, patch_size=8) for name in ("cats", "unet"))
    assert cats.settings == {
        "name": "cats", "target": None, "num_classes": 4, "num_blocks": 12, "decoder": "full", "size": "base",
        "image_size": 224, "patch_size": 8, "in_channels": 1, "trunk": "resnet50", "options": {},
        "kept_blocks": None,
    }  # fmt: skip
    assert unet.settings == {
        "name": "unet", "target": None, "num_classes": 4, "num_blocks": None, "decoder": None, "size": "base",
        "image_size": 224, "patch_size": None, "in_channels": 1, "trunk": None, "options": {},
        "kept_blocks": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_hybrid_for_other_channels_has_first_convolutions_of_exactly_those(name: str) -> None:
    with torch.device("meta"):
        ours, of_two = (create_model(name, num_classes=4, size="tiny", in_channels=count) for count in (3, 2))
    pairs = zip(ours.named_parameters(), of_two.parameters(), strict=True)
    differing = {key: (one.shape[1], other.shape[1]) for (key, one), other in pairs if one.shape != other.shape}
    assert set(differing.values()) == {(3, 2)}
    first = {"transunet": 1, "cats": 3, "unetr": 2}  # root; trunk, patches and image branch; patches and image branch
    assert len(differing) == first[name]


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("unetrr", {}, "'unetrr'. Choose one of transunet, cats, unetr, unet. Similar names: unetr"),
        ("unetr", {"num_blocks": 13}, "num_blocks must be a whole number from 0 to 12; found 13"),
        ("unetr", {"num_blocks": -1}, "found -1"),
        ("unetr", {"num_blocks": True}, "found True"),
        ("unetr", {"num_classes": 1}, "num_classes must be a whole number from 2"),
        ("unetr", {"decoder": "half"}, "decoder must be full or compressed; found 'half'"),
        ("unetr", {"size": "huge"}, "size must be base, small or tiny; found 'huge'"),
        ("unetr", {"patch_size": 14}, "patch_size must be 16 or 8; found 14"),
        ("unetr", {"in_channels": 0}, "in_channels must be a whole number from 1 on; found 0"),
        ("unetr", {"image_size": 100}, "multiple of 16; found 100"),
        ("unetr", {"image_size": 0}, "found 0"),
        ("unetr", {"trunk": "resnet50"}, "trunk can be chosen for cats only, not for unetr"),
        ("unetr", {"options": {"depth": 3}}, "options can be chosen for unet, MONAI's networks and targets only"),
        ("cats", {"trunk": "vgg15"}, "found 'vgg15'. Similar names: vgg1"),
        ("unet", {"size": "huge"}, "size must be"),
    ],
)
def test_what_no_model_can_have(name: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        create_model(name, **{"num_classes": 4, **changes})
    assert told in str(caught.value)


def test_no_weights_can_be_said_in_words() -> None:
    assert create_model("unet", num_classes=2, size="tiny", weights="none").settings["num_classes"] == 2
