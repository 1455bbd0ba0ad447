"""The programs of docs/compress-your-own-model.md run, and print what stands below them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from trimformer.records.experiment import parse_experiment

PAGE = (Path(__file__).parents[2] / "docs/compress-your-own-model.md").read_text()

Sections = dict[str, str]
SECTIONS: Sections = {part.partition("\n")[0]: part for part in re.split(r"\n## ", PAGE)[1:]}

DECIMAL = re.compile(r"\d\.\d+")


def run(title: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run a section's programs one after the other; what each prints is what stands behind it."""
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    for program, printed in re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", SECTIONS[title], re.DOTALL):
        exec(program, names)
        found = capsys.readouterr().out
        assert DECIMAL.sub("x", found) == DECIMAL.sub("x", printed)
        told = [float(number) for number in DECIMAL.findall(printed)]
        assert [float(number) for number in DECIMAL.findall(found)] == pytest.approx(told, abs=0.1)
    return names


def test_the_unetr_goes_from_start_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("A MONAI UNETR on volumes", capsys)
    # By hand, a block of 48 channels: norms 4 * 48 (and MONAI's unused one, 2 * 48), attention 4 * 48 * 48 + 48,
    # MLP 2 * 48 * 96 + 96 + 48.
    block = 6 * 48 + 4 * 48 * 48 + 48 + 2 * 48 * 96 + 96 + 48
    counts = [sum(weight.numel() for weight in names[name].parameters()) for name in ("model", "smaller")]
    assert counts[0] - counts[1] == 9 * block


def test_the_timm_vit_goes_from_start_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    run("A timm ViT with a head", capsys)


def test_the_adapter_is_about_ten_lines_and_gives_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    lines = SECTIONS["An adapter"].partition("# the adapter\n")[2].partition("```")[0].strip().split("\n")
    assert len(lines) <= 10
    names = run("An adapter", capsys)
    network, tokens = names["network"], torch.randn(1, 5, 16)
    expected = network.deep(network.shallow({"tokens": tokens, "step": 0}))["tokens"]
    assert torch.equal(names["smaller"](tokens), expected)


def test_the_experiment_is_valid() -> None:
    text = re.findall(r"```toml\n(.*?)```", SECTIONS["In an experiment"], re.DOTALL)[0]
    experiment = parse_experiment(tomllib.loads(text), source="the page")
    assert experiment.model.kept_blocks == (0, 1)
