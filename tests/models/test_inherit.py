from typing import Any

import pytest
import torch

from trimformer.models import create_model, inherit_weights
from trimformer.records.errors import UserError

HYBRIDS = ("transunet", "cats", "unetr")


def tiny(name: str = "unetr", **settings: Any) -> Any:
    return create_model(name, **{"num_classes": 3, "num_blocks": 4, "size": "tiny", "image_size": 32, **settings})


@pytest.mark.parametrize("name", HYBRIDS)
def test_all_blocks_kept_give_identical_logits(name: str) -> None:
    source, target = tiny(name), tiny(name)
    source(torch.randn(4, 1, 32, 32))  # moves the running statistics, which are inherited too
    report = inherit_weights(target, source, range(4))
    images = torch.randn(2, 1, 32, 32)
    assert torch.equal(target.eval()(images), source.eval()(images))
    assert report.initialised == ()
    assert set(report.copied) == set(source.state_dict())


def test_each_block_comes_from_the_index_named() -> None:
    source, target = tiny(), tiny(num_blocks=2)
    inherit_weights(target, source, [1, 3])
    for own, theirs in ((0, 1), (1, 3)):
        for mine, kept in zip(
            target.transformer.blocks[own].parameters(), source.transformer.blocks[theirs].parameters(), strict=True
        ):
            assert torch.equal(mine, kept)
    assert torch.equal(target.transformer.pos_embed, source.transformer.pos_embed)
    assert torch.equal(target.head.weight, source.head.weight)


def test_the_source_is_left_as_it_is() -> None:
    source, target = tiny(num_blocks=1), tiny(num_blocks=1)
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    inherit_weights(target, source, [0])
    torch.nn.init.zeros_(target.head.weight)
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.state_dict().items())


@pytest.mark.parametrize("name", ["unetr", "cats"])
def test_another_kind_of_decoder_stays_initialised_with_its_head(name: str) -> None:
    source, target = tiny(name), tiny(name, num_blocks=1, decoder="compressed")
    head = target.head.weight.clone()
    report = inherit_weights(target, source, [0])
    assert {key.split(".")[0] for key in report.initialised} == {"decoder", "head"}
    assert {key.split(".")[0] for key in report.copied} == {"transformer"} | ({"trunk"} if name == "cats" else set())
    assert torch.equal(target.head.weight, head)


def test_transunet_has_one_decoder_and_inherits_it() -> None:
    report = inherit_weights(tiny("transunet", num_blocks=1, decoder="compressed"), tiny("transunet"), [0])
    assert report.initialised == ()


def test_no_block_at_all_can_be_kept() -> None:
    source, target = tiny(num_blocks=1), tiny(num_blocks=0)
    inherit_weights(target, source, [])
    assert torch.equal(target.transformer.patch_embed.proj.weight, source.transformer.patch_embed.proj.weight)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "transunet"}, "trunk.root.0.weight, shape (16, 3, 7, 7), has no place in the model"),
        ({"name": "cats"}, "trunk.network.conv1.weight, shape (64, 3, 7, 7), has no place in the model"),
        ({"size": "small"}, "shape (1, 4, 384) in the file, shape (1, 4, 192) in the model"),
        ({"num_classes": 5}, "head.weight in the model to inherit from: shape (5, 16, 3, 3) in the file"),
        ({"name": "unet"}, "Blocks are inherited by a hybrid from a hybrid"),
    ],
)
def test_models_of_different_kinds_are_refused_with_the_tensor(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        inherit_weights(tiny(), tiny(**{"name": "unetr", **changes}), range(4))
    assert told in str(caught.value)


def test_another_trunk_is_refused() -> None:
    with pytest.raises(UserError, match=r"trunk\.network\.layer1\.0\.conv3\.weight .* nothing in the file"):
        inherit_weights(tiny("cats"), tiny("cats", trunk="resnet34"), range(4))


def test_another_image_size_resamples_the_positions() -> None:
    report = inherit_weights(tiny(), tiny(image_size=48), range(4))
    assert report.resampled == ("transformer.pos_embed",)
    assert report.initialised == ()


@pytest.mark.parametrize(
    ("num_blocks", "indices", "told"),
    [(2, [0, 4], "from 0 to 3"), (2, [-1, 0], "from 0 to 3"), (2, [0], "Create it with num_blocks = 1")],
)
def test_indices_that_do_not_fit_are_refused(num_blocks: int, indices: list[int], told: str) -> None:
    with torch.device("meta"):
        target, source = tiny(num_blocks=num_blocks), tiny()
    with pytest.raises(UserError, match=told):
        inherit_weights(target, source, indices)
