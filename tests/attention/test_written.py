from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from trimformer.attention.calls.fused import Heads, see_functions
from trimformer.attention.calls.written import AttentionReader


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def seen(run: Callable[[], object]) -> list[Heads]:
    """The heads of every attention that runs."""
    found: list[Heads] = []
    reader = AttentionReader()

    def see(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if heads := reader.heads(function, args, kwargs):
            found.append(heads)

    with see_functions(see, reader.ran):
        run()
    return found


SCORES, VALUES = draw(2, 3, 5, 4), draw(2, 3, 4, 6)  # batch, heads, queries, keys or depth
MAPS = SCORES.softmax(dim=-1)

ATTENTIONS: dict[str, Callable[[], Tensor]] = {
    "operator": lambda: SCORES.softmax(dim=-1) @ VALUES,
    "functions": lambda: torch.matmul(torch.softmax(SCORES, 3), VALUES),
    "nn.Softmax, einsum": lambda: torch.einsum("b h i j, b h j d -> b h i d", F.softmax(SCORES, dim=-1), VALUES),
    "values first": lambda: torch.einsum("bjhd,bhij->bihd", VALUES.transpose(1, 2), SCORES.softmax(-1)).transpose(1, 2),
    "maps transposed": lambda: (VALUES.mT @ SCORES.softmax(-1).transpose(-2, -1)).mT,
    "mT": lambda: (VALUES.mT @ SCORES.softmax(-1).mT).mT,
    "maps permuted": lambda: (VALUES.mT @ SCORES.softmax(-1).permute(0, 1, 3, 2)).mT,
    "maps permuted, by name": lambda: (VALUES.mT @ torch.permute(input=SCORES.softmax(-1), dims=(0, 1, -1, -2))).mT,
    "heads in the batch": lambda: torch.bmm(SCORES.softmax(-1).view(6, 5, 4), VALUES.view(6, 4, 6)).view(2, 3, 5, 6),
    "dropout, other types": lambda: F.dropout(SCORES.softmax(-1, dtype=torch.float64).float(), 0.0) @ VALUES,
    "by name": lambda: torch.matmul(input=F.softmax(input=SCORES, dim=3), other=VALUES),
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_a_softmax_whose_product_with_values_follows_is_attention(name: str) -> None:
    outputs: list[Tensor] = []
    (heads,) = seen(lambda: outputs.append(ATTENTIONS[name]()))
    assert torch.equal(heads.scores(), SCORES)
    torch.testing.assert_close(heads.maps(), MAPS)
    torch.testing.assert_close(heads.value, VALUES)
    torch.testing.assert_close(heads.maps() @ heads.value, outputs[0])


def test_values_that_all_heads_share_are_those_of_each() -> None:
    shared = VALUES[:, :1]
    for run in (
        lambda: SCORES.softmax(-1) @ shared,
        lambda: torch.einsum("bhij,bjd->bhid", SCORES.softmax(-1), shared[:, 0]),
    ):
        (heads,) = seen(run)
        torch.testing.assert_close(heads.value, shared.expand(2, 3, 4, 6))


def test_windows_are_counted_with_the_batch() -> None:
    scores, values = draw(2, 7, 3, 5, 4), draw(2, 7, 3, 4, 6)
    (heads,) = seen(lambda: scores.softmax(-1) @ values)
    assert torch.equal(heads.scores(), scores.flatten(0, 1))
    assert torch.equal(heads.value, values.flatten(0, 1))


def test_without_an_axis_of_heads_there_is_one() -> None:
    (heads,) = seen(lambda: SCORES[:, 0].softmax(-1) @ VALUES[:, 0])
    assert heads.maps().shape == (2, 1, 5, 4)
    assert heads.value.shape == (2, 1, 4, 6)


def test_masked_keys_get_nothing_and_no_number_is_spoilt() -> None:
    scores = SCORES.masked_fill(torch.arange(4) == 3, -torch.inf)
    (heads,) = seen(lambda: scores.softmax(-1) @ VALUES)
    assert torch.equal(heads.maps()[..., 3], torch.zeros(2, 3, 5))
    assert torch.equal(heads.scores(), scores)


def test_maps_whose_heads_are_brought_elsewhere_are_not_followed() -> None:
    square = draw(2, 3, 4, 4)
    assert seen(lambda: square.softmax(-1).transpose(0, 1) @ draw(3, 2, 4, 6)) == []
    assert seen(lambda: square.softmax(-1).permute(0, 2, 1, 3) @ draw(2, 4, 4, 6)) == []


def linear_attention() -> Tensor:
    query, key = draw(2, 3, 5, 6).softmax(dim=-1), draw(2, 3, 5, 6).softmax(dim=-2)
    return query @ (key.mT @ draw(2, 3, 5, 7))


NO_ATTENTION: dict[str, Callable[[], object]] = {
    "a classifier": lambda: SCORES.softmax(dim=-1).argmax(dim=-1),
    "a label map": lambda: torch.matmul(SCORES.softmax(dim=1), VALUES),
    "two axes": lambda: SCORES[0, 0].softmax(dim=-1) @ VALUES[0, 0],
    "a gate over channels": lambda: SCORES.softmax(dim=-1) * SCORES,
    "masks of classes": lambda: torch.einsum("bqc,bqxy->bcxy", SCORES[:, 0].softmax(-1), draw(2, 5, 8, 8)),
    "a mixture of experts": lambda: torch.einsum("bnk,bknd->bnd", SCORES[:, 0].softmax(-1), draw(2, 4, 5, 6)),
    "a sum over queries": lambda: SCORES.softmax(dim=-1).mT @ draw(2, 3, 5, 6),
    "a projection of what it is multiplied with": lambda: VALUES @ draw(6, 5) @ SCORES.softmax(dim=-1),
    "linear attention": linear_attention,
    "no einsum of two": lambda: torch.einsum("bhij->bhj", SCORES.softmax(dim=-1)),
    "part of the maps": lambda: SCORES.softmax(dim=-1)[..., :2] @ VALUES[..., :2, :],
}


@pytest.mark.parametrize("run", NO_ATTENTION.values(), ids=NO_ATTENTION)
def test_a_softmax_that_sums_no_values_over_keys_is_none(run: Callable[[], object]) -> None:
    assert seen(run) == []


def test_values_that_are_a_product_are_values_where_the_scores_are_one_too() -> None:
    tokens, weight = draw(2, 5, 6), draw(6, 6)
    (heads,) = seen(lambda: (tokens @ tokens.mT / 6**0.5).softmax(-1) @ (tokens @ weight))
    torch.testing.assert_close(heads.value[:, 0], tokens @ weight)


def test_maps_that_meet_two_values_are_one_attention() -> None:
    def run() -> None:
        maps = SCORES.softmax(-1)
        _ = maps @ VALUES, maps @ VALUES

    assert len(seen(run)) == 1


def test_nothing_is_kept_when_the_network_has_let_go() -> None:
    reader = AttentionReader()
    with see_functions(lambda *_: None, reader.ran):
        maps = F.dropout(SCORES.softmax(-1), 0.0)
        assert len(reader._maps) == 1  # the softmax itself is gone already
        del maps
    assert len(reader._maps) == 0
