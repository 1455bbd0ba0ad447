from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import IMAGES, AsSegmentation, foreign, traces
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.measures.relevance import class_relevance
from trimformer.records.errors import UserError

HEADS, WIDTH = 3, 24
MASK = torch.zeros(2, 32, 32, dtype=torch.bool)
MASK[0, 4:12, 10:30] = True
MASK[1, 20:, :5] = True


def model(name: str) -> AsSegmentation:
    torch.manual_seed(3)
    return AsSegmentation(foreign(name)).double().eval()


Mix = Callable[[Tensor], Tensor]
"""Queries, keys and values (batch, tokens, 3 width) to what the heads give, side by side."""


def timm_attention(module: Any, mix: Mix) -> Callable[..., Tensor]:
    return lambda tokens, **_: module.proj(mix(module.qkv(tokens)))


def own_block(module: Any, mix: Mix) -> Callable[..., Tensor]:
    def forward(*, tokens: Tensor) -> Tensor:
        tokens = tokens + module.merge(mix(module.qkv(module.norm(tokens))))
        return torch.add(tokens, module.mlp(tokens))

    return forward


def multi_head(module: Any, mix: Mix) -> Callable[..., tuple[Tensor, None]]:
    def forward(query: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        tokens = query if module.batch_first else query.transpose(0, 1)
        merged = module.out_proj(mix(F.linear(tokens, module.in_proj_weight, module.in_proj_bias)))
        return (merged if module.batch_first else merged.transpose(0, 1)), None

    return forward


def maps_with_gradient(network: nn.Module) -> list[Tensor]:
    """Replace the attention of every block by one written out here, and keep its maps as part of the graph."""
    kept: list[Tensor] = []
    modules: list[Any] = list(network.modules())

    def mix(packed: Tensor) -> Tensor:
        query, key, value = packed.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        maps = (query @ key.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5).softmax(dim=-1)
        kept.append(maps)
        mixed: Tensor = (maps @ value).transpose(1, 2).flatten(2)
        return mixed

    for module in modules:
        if isinstance(module, nn.MultiheadAttention):
            module.forward = multi_head(module, mix)  # type: ignore[method-assign]
        elif hasattr(module, "merge"):
            module.forward = own_block(module, mix)
        elif hasattr(module, "qkv"):
            module.forward = timm_attention(module, mix)
    return kept


def relevance_by_hand(network: AsSegmentation, class_index: int) -> Tensor:
    """R of each image, with gradients at maps that are part of the graph."""
    kept = maps_with_gradient(network)
    logits = network(IMAGES.double()[:, :1].requires_grad_(True))
    target = (logits[:, class_index] * MASK).sum()
    gradients = torch.autograd.grad(target, kept)
    found = []
    for image in range(2):
        full = np.eye(kept[0].shape[-1])
        for maps, gradient in zip(kept, gradients, strict=True):
            products = gradient[image].numpy() * maps[image].detach().numpy()
            full = full + np.mean(np.maximum(products, 0), axis=0) @ full
        found.append(torch.from_numpy(full))
    return torch.stack(found)


@pytest.mark.parametrize("name", ["vit", "dinov2", "own", "encoder", "encoder, tokens first"])
def test_relevance_equals_gradients_at_maps_that_are_part_of_the_graph(name: str) -> None:
    network = model(name)
    found = class_relevance(network, IMAGES.double()[:, :1], 2, MASK)
    assert traces(network) == 0
    assert all(weight.requires_grad for weight in network.parameters())
    assert all(weight.grad is None for weight in network.parameters())
    expected = relevance_by_hand(model(name), 2)
    assert (expected - torch.eye(expected.shape[-1])).abs().max() > 1e-3
    assert found.full.numpy() == pytest.approx(expected.numpy(), rel=1e-8, abs=1e-10)
    rows = (expected - torch.eye(expected.shape[-1]))[:, -16:, -16:]
    # Rows 4-11 and columns 10-29 touch patches 1, 2, 3 of the first two rows; rows 20-31 the third and fourth.
    assert found.patches[0].numpy() == pytest.approx(rows[0, [1, 2, 3, 5, 6, 7]].mean(dim=0).numpy(), rel=1e-8)
    assert found.patches[1].numpy() == pytest.approx(rows[1, [8, 12]].mean(dim=0).numpy(), rel=1e-8)


def test_a_slice_without_the_class_has_no_relevance_and_the_other_keeps_its_own() -> None:
    network, mask = model("own"), MASK.clone()
    both = class_relevance(network, IMAGES.double()[:, :1], 1, MASK)
    mask[1] = False
    one = class_relevance(network, IMAGES.double()[:, :1], 1, mask)
    assert one.patches[1].isnan().all()
    assert one.patches[0].numpy() == pytest.approx(both.patches[0].numpy(), rel=1e-9)
    assert torch.equal(one.full[1], torch.eye(16, dtype=torch.float64))


def test_errors_name_what_is_missing() -> None:
    network = model("own")
    images = IMAGES.double()[:, :1]
    with pytest.raises(UserError, match="for class 3 on a mask"):
        class_relevance(network, images, 3, MASK)
    with pytest.raises(UserError, match="on the grid of the mask"):
        class_relevance(network, images, 1, MASK[:, :16])
    without: Any = model("own")
    without.network.forward = torch.no_grad()(without.network.forward)
    with pytest.raises(UserError, match="0 of 2 blocks seen"):
        class_relevance(without, images, 1, MASK)
