"""The snippets of docs/attention-models.md run, and say what they say."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from trimformer.attention.recording.record import record_attention
from trimformer.records.errors import UserError

PAGE = (Path(__file__).parents[2] / "docs/attention-models.md").read_text()
EXAMPLES = [snippet for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "# the adapter" in snippet]


@pytest.fixture(params=range(2), ids=["maps beside tokens", "queries, keys and values"])
def example(request: pytest.FixtureRequest) -> dict[str, Any]:
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(EXAMPLES[request.param], names)
    return names


def test_there_are_two_examples_of_about_ten_lines() -> None:
    adapters = [snippet.partition("# the adapter\n")[2].split("\n") for snippet in EXAMPLES]
    assert [len([line for line in lines if line.strip()]) <= 10 for lines in adapters] == [True, True]


def test_without_the_adapter_nothing_is_seen(example: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="AttentionAdapter"), record_attention(example["model"]):
        example["model"](example["images"])


def test_the_maps_of_the_examples_are_those_of_their_blocks(example: dict[str, Any]) -> None:
    model, recording = example["model"], example["recording"]
    tokens: Any = None
    if hasattr(model, "layers"):
        tokens = model.patches(example["images"]).flatten(2).mT
        powers = (tokens.double() @ tokens.double().mT).square()
        expected = (powers / powers.sum(dim=-1, keepdim=True)).unsqueeze(1)
        name, last_patch = "layers.0", [28.0, 28.0]
    else:
        tokens = model.down(example["images"]).flatten(2).mT
        query, key, value = model.blocks[0].split(tokens).double()
        expected = (query @ key.mT / 6**0.5).softmax(dim=-1)
        name, last_patch = "blocks.0", [28.0, 28.0, 12.0]
        torch.testing.assert_close(recording.outputs[name].double(), expected @ value, atol=1e-5, rtol=0)
    torch.testing.assert_close(recording.maps[name].double(), expected, atol=1e-5, rtol=0)
    assert recording.grids[name].query_px[0, -1].tolist() == last_patch
    assert len(recording.maps) == 2
