from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.calls.fused import Heads, heads_of, see_functions
from trimformer.records.errors import UserError

TOKENS = torch.randn(5, 2, 12, generator=torch.Generator().manual_seed(0))
PADDING = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)
BIAS = torch.linspace(-1, 1, 25).view(5, 5)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def seen(run: Any) -> list[Heads]:
    """The heads of every attention that runs."""
    found: list[Heads] = []

    def tell(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if heads := heads_of(function, args, kwargs):
            found.append(heads)

    with see_functions(tell):
        run()
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attn_mask": ~CAUSAL},
        {"attn_mask": BIAS},
        {"is_causal": True},
        {"scale": 0.3},
    ],
    ids=["plain", "allowed", "bias", "causal", "scale"],
)
@pytest.mark.parametrize("key_heads", [4, 2])
def test_scaled_dot_product_attention_mixes_by_the_maps(options: dict[str, Any], key_heads: int) -> None:
    query, key, value = draw(2, 4, 5, 3), draw(2, key_heads, 5, 3), draw(2, key_heads, 5, 6)
    outputs: list[Tensor] = []

    def run() -> None:
        outputs.append(F.scaled_dot_product_attention(query, key, value, **options, enable_gqa=key_heads == 2))

    (heads,) = seen(run)
    torch.testing.assert_close(heads.maps() @ heads.value, outputs[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(heads.maps().sum(dim=-1), torch.ones(2, 4, 5))


def test_attention_without_an_axis_of_heads_is_one_head() -> None:
    tokens = draw(2, 5, 3)
    (heads,) = seen(lambda: F.scaled_dot_product_attention(tokens, tokens, tokens))
    assert heads.maps().shape == (2, 1, 5, 5)


@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"attn_mask": CAUSAL},
        {"attn_mask": BIAS},
        {"key_padding_mask": PADDING},
        {"attn_mask": CAUSAL, "key_padding_mask": PADDING},
        {"attn_mask": torch.stack([BIAS * number for number in range(6)])},
    ],
    ids=["none", "causal", "bias", "padding", "both", "a bias a head"],
)
@pytest.mark.parametrize("own_widths", [False, True], ids=["packed", "separate"])
@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_attention_has_the_maps_that_torch_returns(
    masks: dict[str, Any], own_widths: bool, bias: bool
) -> None:
    torch.manual_seed(0)
    widths: dict[str, Any] = {"kdim": 7, "vdim": 9} if own_widths else {}
    attention = nn.MultiheadAttention(12, 3, bias=bias, **widths)
    if bias:
        nn.init.normal_(attention.in_proj_bias)
    inputs = (TOKENS, TOKENS[..., :7], TOKENS[..., :9]) if own_widths else (TOKENS, TOKENS, TOKENS)
    (heads,) = seen(lambda: attention(*inputs, **masks))
    _, expected = attention(*inputs, **masks, average_attn_weights=False)
    torch.testing.assert_close(heads.maps(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_multi_head_attention_is_seen_once_in_evaluation_mode_without_gradients(
    need_weights: bool, batch_first: bool
) -> None:
    attention = nn.MultiheadAttention(12, 2, batch_first=batch_first).eval()
    with torch.inference_mode():
        (heads,) = seen(lambda: attention(TOKENS, TOKENS, TOKENS, need_weights=need_weights))
    assert heads.maps().shape == ((5, 2, 2, 2) if batch_first else (2, 2, 5, 5))


def test_tokens_without_a_batch_are_a_batch_of_one() -> None:
    attention = nn.MultiheadAttention(12, 2)
    (heads,) = seen(lambda: attention(TOKENS[:, 0], TOKENS[:, 0], TOKENS[:, 0]))
    assert heads.maps().shape == (1, 2, 5, 5)


@pytest.mark.parametrize("options", [{"add_zero_attn": True}, {"add_bias_kv": True}])
def test_keys_that_are_no_tokens_are_an_error(options: dict[str, bool]) -> None:
    attention = nn.MultiheadAttention(12, 2, **options)
    with pytest.raises(UserError, match="add_zero_attn"):
        seen(lambda: attention(TOKENS, TOKENS, TOKENS))


@pytest.mark.parametrize("mask", [None, draw(2, 7, 1, 5, 5), ~CAUSAL], ids=["none", "of windows", "of all"])
def test_windows_between_batch_and_heads_are_counted_with_the_batch(mask: Tensor | None) -> None:
    tokens = draw(2, 7, 3, 5, 4)
    outputs: list[Tensor] = []
    (heads,) = seen(lambda: outputs.append(F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=mask)))
    assert heads.query.shape == (14, 3, 5, 4)
    torch.testing.assert_close(heads.maps() @ heads.value, outputs[0].flatten(0, 1), atol=1e-5, rtol=0)


def test_a_mask_without_an_axis_of_heads_belongs_to_tokens_without_one() -> None:
    tokens, mask = draw(6, 5, 4), draw(6, 5, 5)
    outputs: list[Tensor] = []
    (heads,) = seen(lambda: outputs.append(F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=mask)))
    assert heads.maps().shape == (6, 1, 5, 5)
    torch.testing.assert_close((heads.maps() @ heads.value)[:, 0], outputs[0], atol=1e-5, rtol=0)
