from typing import Any

import pytest
import torch

from trimformer.compression import keep_blocks
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError

IMAGES = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def tiny(name: str, num_blocks: int = 4, decoder: str = "full") -> SegmentationModel:
    torch.manual_seed(0)
    model = create_model(
        name, num_classes=3, num_blocks=num_blocks, size="tiny", image_size=64, patch_size=8, decoder=decoder
    )
    return model.eval()


@pytest.mark.parametrize("kept", [[0, 1], [2, 3], [1, 3], []])
def test_a_cut_transformer_runs_the_kept_blocks_in_their_order(kept: list[int]) -> None:
    model = tiny("unetr")
    smaller = keep_blocks(model, kept)
    assert smaller.settings["num_blocks"] == len(kept)
    transformer = model.transformer
    tokens = transformer.patch_embed(IMAGES.expand(-1, 3, -1, -1)).flatten(2).transpose(1, 2) + transformer.pos_embed
    for index in kept:
        tokens = transformer.blocks[index](tokens)
    expected = transformer.norm(tokens)
    found = smaller.transformer(IMAGES.expand(-1, 3, -1, -1))[-1].flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected)


def test_the_original_is_untouched_and_shares_nothing_with_the_smaller_model() -> None:
    model = tiny("unetr")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    smaller = keep_blocks(model, [0])
    with torch.no_grad():
        for parameter in smaller.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_smaller_model_stays_in_its_mode() -> None:
    assert not keep_blocks(tiny("unetr"), [0]).training
    assert keep_blocks(tiny("unetr").train(), [0]).training


@pytest.mark.parametrize("blocks", [[4], [-1], [1, 0], [0, 0]])
def test_blocks_that_are_not_there_or_out_of_order_are_refused(blocks: list[int]) -> None:
    with pytest.raises(UserError, match="rising numbers from 0 to 3"):
        keep_blocks(tiny("unetr"), blocks)


@pytest.mark.parametrize(
    ("settings", "found"), [({"name": "unet"}, "UNet"), ({"target": f"{__name__}:OwnNetwork"}, "OwnNetwork")]
)
def test_a_network_without_a_transformer_has_no_blocks_to_keep(settings: dict[str, Any], found: str) -> None:
    model = create_model(**settings, num_classes=3, size="tiny", image_size=32)
    with pytest.raises(UserError, match=f"with attention inside; found none in {found}"):
        keep_blocks(model, [0])


class OwnNetwork(torch.nn.Conv2d):
    def __init__(self, num_classes: int, num_blocks: int = 3) -> None:
        super().__init__(1, num_classes, 2 * num_blocks + 1, padding=num_blocks)
